"""T, the business time zone, and the windows as of T."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


@lru_cache(maxsize=10_000)
def ms(text: str | None) -> int | None:
    """Return the epoch milliseconds of an RFC 3339 instant."""
    return None if text is None else (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Clock:
    """T and the business time zone."""

    as_of: int
    zone: str

    def date_of(self, instant: int) -> date:
        return _date_of(instant, self.zone)

    def midnight(self, day: date) -> int:
        return _midnight(day, self.zone)

    @property
    def today(self) -> date:
        return self.date_of(self.as_of - 1)

    def days(self, token: str) -> tuple[date, date]:
        """Return the first day of a window and the day after its last."""
        today, tomorrow = self.today, self.today + timedelta(1)
        if token[0].isdigit():
            return today - timedelta(int(token[:-1]) - 1), tomorrow
        if token.endswith("td"):
            return begin(token[0], today), tomorrow
        unit = token.removeprefix("prev_")[0]
        end = begin(unit, today)
        return begin(unit, end - timedelta(1)), end

    def days_before(self, token: str) -> tuple[date, date]:
        """Return the comparison window of growth."""
        first, end = self.days(token)
        if token[0].isdigit():
            return first - (end - first), first
        if token.endswith("td"):
            before = begin(token[0], first - timedelta(1))
            return before, min(before + (end - first), first)
        return begin(token.removeprefix("prev_")[0], first - timedelta(1)), first

    def bounds(self, token: str, *, before: bool = False) -> tuple[int, int]:
        """Return [S, E)."""
        if token in ("1h", "24h"):  # whole minutes, the oldest one included
            return (self.as_of - int(token[:-1]) * HOUR) // MINUTE * MINUTE, self.as_of
        first, last = self.days_before(token) if before else self.days(token)
        return self.midnight(first), min(self.midnight(last), self.as_of)

    def has(self, token: str, *, before: bool = False) -> Callable[[int | None], bool]:
        """Return the test whether an instant lies in a window."""
        start, end = self.bounds(token, before=before)
        return lambda instant: instant is not None and start <= instant < end

    def has_day(self, token: str) -> Callable[[date | None], bool]:
        """Return the test whether a local date lies in a window."""
        first, end = self.days(token)
        return lambda day: day is not None and first <= day < end

    def period(self, token: str) -> str:
        """Return how plans spell the calendar period of a window."""
        first, _ = self.days(token)
        match token.removeprefix("prev_")[0]:
            case "m":
                return f"{first.year:04}-{first.month:02}"
            case "q":
                return f"{first.year:04}-Q{(first.month + 2) // 3}"
            case _:
                return f"{first.year:04}"


@lru_cache(maxsize=10_000)
def _date_of(instant: int, zone: str) -> date:
    return (EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=10_000)
def _midnight(day: date, zone: str) -> int:
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return (local.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


def begin(unit: str, day: date) -> date:
    """Return the first day of the day's day, week, month, quarter or year."""
    match unit:
        case "d":
            return day
        case "w":
            return day - timedelta(day.isoweekday() - 1)
        case "m":
            return date(day.year, day.month, 1)
        case "q":
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case _:
            return date(day.year, 1, 1)


def year_before(day: date) -> date:
    """Return the same day 12 months earlier; of 29 February it is the 28th."""
    last = (day.month, day.day) == (2, 29)
    return date(day.year - 1, day.month, 28 if last else day.day)
