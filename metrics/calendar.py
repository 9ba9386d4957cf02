"""Local days and windows of the business time zone, in milliseconds since the Unix epoch and date ordinals.

Windows follow KPIS 0.3: half-open [S, E), rolling hours over minute panes, everything longer over whole local days, and
"as of T" means strictly before T.
"""

from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

_SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_LAST_ORDINAL = date(_LAST_YEAR, 1, 1).toordinal()
EARLIEST_MS = 0
LATEST_MS = int(datetime(_LAST_YEAR, 1, 1, tzinfo=UTC).timestamp()) * 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORTEST_INSTANT, _LONGEST_INSTANT = len("2026-01-01T00:00Z"), 64

MINUTE, DAY, STOCK = "minute", "day", "stock"
_ROLLING_HOURS = ("1h", "24h")


class PaneRange(NamedTuple):
    """The panes first .. last - 1 of a tier."""

    first: int
    last: int


def to_ms(instant: datetime) -> int:
    """Return `instant` in whole milliseconds since the epoch, rounded down."""
    span = instant - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1000 + span.microseconds // 1000


def from_ms(ms: int) -> datetime:
    """Return the UTC instant `ms` milliseconds after the epoch."""
    return _EPOCH + timedelta(milliseconds=ms)


def parse_instant(text: str) -> int:
    """Return the milliseconds since the epoch that an RFC 3339 instant with an offset names, rounded down.

    Raises:
        ValueError: the text is no such instant, or lies outside the years 1970 to 2099.
    """
    span = timedelta()
    try:
        # A naive instant cannot be subtracted from; ISO 8601 forms that RFC 3339 does not know are shorter or lack the
        # T.
        span = datetime.fromisoformat(text) - _EPOCH
        well_formed = _SHORTEST_INSTANT <= len(text) <= _LONGEST_INSTANT and text[10] in "Tt "
    except (ValueError, TypeError):
        well_formed = False
    if not well_formed:
        raise ValueError(
            f"`{text}` is not an RFC 3339 instant; write one with its offset, like 2026-10-05T08:00:00.000Z"
        )
    ms = (span.days * 86_400 + span.seconds) * 1000 + span.microseconds // 1000
    if not EARLIEST_MS <= ms < LATEST_MS:
        raise ValueError(f"`{text}` lies outside the years {_FIRST_YEAR} to {_LAST_YEAR - 1}")
    return ms


class BusinessCalendar:
    """Local days of one IANA time zone."""

    def __init__(self, zone: str) -> None:
        """Precompute the offsets of `zone` for the years 1970 to 2100."""
        self.zone = ZoneInfo(zone)
        starts, offsets = _transitions(zone)
        self._starts = np.array(starts, dtype=np.int64)
        self._offsets = np.array(offsets, dtype=np.int64)
        self._start_list, self._offset_list = starts, offsets
        self._day_starts: dict[int, int] = {}

    def day_of(self, ms: int) -> int:
        """Return the ordinal of the local date at the instant `ms`."""
        offset = self._offset_list[bisect_right(self._start_list, ms) - 1]
        return (ms + offset) // DAY_MS + _EPOCH_ORDINAL

    def days_of(self, ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the ordinals of the local dates at many instants."""
        offsets = self._offsets[np.searchsorted(self._starts, ms, side="right") - 1]
        days: NDArray[np.int64] = (ms + offsets) // DAY_MS + _EPOCH_ORDINAL
        return days

    def day_start(self, day: int) -> int:
        """Return the instant at which local date `day` begins.

        A midnight that does not exist moves forward by the gap; of a repeated one the first is taken. A date that lies
        outside the years in which instants may lie begins at their ends: people write 9999-12-31 for never.
        """
        day = min(max(day, _EPOCH_ORDINAL), _LAST_ORDINAL)
        start = self._day_starts.get(day)
        if start is None:
            local = datetime.combine(date.fromordinal(day), datetime.min.time(), tzinfo=self.zone)
            start = to_ms(local.astimezone(UTC))
            self._day_starts[day] = start
        return start

    def current_day(self, as_of: int) -> int:
        """Return the local date of the instant just before `as_of`."""
        return self.day_of(as_of - 1)

    def next_day_start(self, as_of: int) -> int:
        """Return the first instant after `as_of` at which the current day is another one."""
        return self.day_start(self.current_day(as_of) + 1)


@lru_cache(maxsize=8)
def _transitions(zone: str) -> tuple[list[int], list[int]]:
    """Return the instants at which the offset changes, and the offset (ms) from each on."""
    info = ZoneInfo(zone)

    def offset_at(ms: int) -> int:
        offset = from_ms(ms).astimezone(info).utcoffset()
        return 0 if offset is None else int(offset.total_seconds()) * 1000

    starts, offsets = [-(2**62)], [offset_at(0)]
    for day_ms in range(0, LATEST_MS, DAY_MS):
        after = offset_at(day_ms + DAY_MS)
        if after != offsets[-1]:
            low, high = day_ms, day_ms + DAY_MS
            while high - low > _SECOND_MS:
                middle = (low + high) // (2 * _SECOND_MS) * _SECOND_MS
                low, high = (middle, high) if offset_at(middle) == offsets[-1] else (low, middle)
            starts.append(high)
            offsets.append(after)
    return starts, offsets


class Window(NamedTuple):
    """A window by its token, and whether the comparison window before it is meant."""

    token: str
    previous: bool = False

    @property
    def tier(self) -> str:
        """The pane tier that the window sums over."""
        if self.token == "now":  # noqa: S105 (the token of a window)
            return STOCK
        return MINUTE if self.token in _ROLLING_HOURS else DAY


class Bounds(NamedTuple):
    """One window as of T: its panes, its ends, and the calendar period it covers (None when rolling)."""

    panes: PaneRange
    start: int
    end: int
    period: str | None


def bounds(window: Window, as_of: int, calendar: BusinessCalendar) -> Bounds:
    """Return what `window` covers as of `as_of`.

    Rolling hours take whole minute panes, the oldest included; longer windows take whole local days.
    """
    token = window.token
    if token == "now":  # noqa: S105 (the token of a window)
        return Bounds(PaneRange(0, 2**62), as_of, as_of, None)
    if token in _ROLLING_HOURS:
        return _rolling_hours(int(token[:-1]), as_of, previous=window.previous)
    today = calendar.current_day(as_of)
    first, last, period = _days(token, today)
    if window.previous:
        first, last = _days_before(token, first, last)
        period = None
    end = min(as_of, calendar.day_start(last)) if last > today else calendar.day_start(last)
    return Bounds(PaneRange(first, last), calendar.day_start(first), end, period)


def _rolling_hours(hours: int, as_of: int, *, previous: bool) -> Bounds:
    end = as_of - hours * HOUR_MS if previous else as_of
    start = end - hours * HOUR_MS
    return Bounds(PaneRange(start // MINUTE_MS, (end - 1) // MINUTE_MS + 1), start, end, None)


def _days(token: str, today: int) -> tuple[int, int, str | None]:
    """Return the first day, the day after the last one, and the calendar period of a day-tier window."""
    if token.endswith("d") and token[:-1].isdigit():
        return today - int(token[:-1]) + 1, today + 1, None
    unit = _PERIODS[token.removesuffix("td") if token.endswith("td") else token.removeprefix("prev_")]
    start = period_start(unit, today)
    if token.endswith("td"):
        return start, today + 1, period_name(unit, start)
    before = period_start(unit, start - 1)
    return before, start, period_name(unit, before)


def _days_before(token: str, first: int, last: int) -> tuple[int, int]:
    """Return the comparison window of the days first .. last - 1."""
    if token.endswith("d") and token[:-1].isdigit():
        return first - (last - first), first
    unit = _PERIODS[token.removesuffix("td") if token.endswith("td") else token.removeprefix("prev_")]
    before = period_start(unit, first - 1)
    return before, min(before + last - first, first) if token.endswith("td") else first


def first_day_beyond(token: str, day: int, *, end: bool) -> int:
    """Return the first current day at which the start (or the `end`) of a window lies after all of `day`.

    Only complete periods have an end of their own; the other windows end at T.
    """
    if token.endswith("d") and token[:-1].isdigit():
        return day + int(token[:-1])
    unit = _PERIODS[token.removesuffix("td") if token.endswith("td") else token.removeprefix("prev_")]
    beyond = next_period_start(unit, day)
    return beyond if token.endswith("td") or end else next_period_start(unit, beyond)


_PERIODS = {
    "d": "day", "w": "week", "m": "month", "q": "quarter", "y": "year",
    "day": "day", "week": "week", "month": "month", "quarter": "quarter",
}  # fmt: skip


def period_start(unit: str, day: int) -> int:
    """Return the first day of the calendar `unit` (day, week, month, quarter, year) that `day` lies in."""
    d = date.fromordinal(day)
    match unit:
        case "day":
            return day
        case "week":
            return day - d.weekday()
        case "month":
            return d.replace(day=1).toordinal()
        case "quarter":
            return date(d.year, 3 * ((d.month - 1) // 3) + 1, 1).toordinal()
        case _:
            return date(d.year, 1, 1).toordinal()


def next_period_start(unit: str, day: int) -> int:
    """Return the first day of the calendar `unit` after the one that `day` lies in."""
    longest = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[unit]
    return period_start(unit, period_start(unit, day) + longest)


def year_before(day: int) -> int:
    """Return the same date of the year before; the 28th of February for its 29th."""
    d = date.fromordinal(day)
    last = 28 if (d.month, d.day) == (2, 29) else d.day
    return d.replace(year=d.year - 1, day=last).toordinal()


def period_name(unit: str, first_day: int) -> str | None:
    """Return how plans spell the period: ``2026-10``, ``2026-Q4``, ``2026``; None for days and weeks."""
    d = date.fromordinal(first_day)
    match unit:
        case "month":
            return f"{d:%Y-%m}"
        case "quarter":
            return f"{d.year}-Q{(d.month - 1) // 3 + 1}"
        case "year":
            return str(d.year)
        case _:
            return None
