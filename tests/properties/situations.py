"""Where and when a history is seen from: zones, instants T, and the times and days near the ends of windows."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

Event = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
HOUR, DAY = 3_600_000, 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

AS_OF = {
    "Europe/Amsterdam": (
        "2026-03-29T03:30",  # the hour after the one that was left out
        "2026-10-25T00:00",
        "2026-10-25T02:30",
        "2026-10-26T00:00",  # the midnight that ends the day of 25 hours
        "2026-12-31T23:59",
        "2027-01-01T00:00",
        "2028-02-29T12:00",
        "2028-03-31T18:00",  # the 31st against the whole of February
    ),
    "America/New_York": ("2026-03-08T03:00", "2026-11-01T01:30", "2026-11-02T00:00", "2027-01-03T10:00"),
    "Australia/Lord_Howe": ("2026-04-05T01:45", "2026-04-06T00:00", "2026-10-04T02:30"),  # half an hour of summer time
    "America/Sao_Paulo": ("2018-11-04T01:00", "2018-11-05T00:00", "2018-02-18T00:00"),  # a midnight that does not exist
}
"""Local times at which the calendar is at its worst."""
_DAYS_BACK = (0, 1, 2, 6, 7, 13, 29, 30, 31, 59, 89, 90, 91, 179, 180, 364, 365, 366)
_MEMORY = 365 * DAY
"""How long a purchase makes a customer: what lies as far back ends today."""


def one_of(*values: object) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


@st.composite
def situations(draw: Draw) -> tuple[str, str, int]:
    """Draw (zone, reporting currency, T)."""
    zone = draw(st.sampled_from(sorted(AS_OF)))
    local = datetime.fromisoformat(draw(st.sampled_from(AS_OF[zone]))).replace(tzinfo=ZoneInfo(zone))
    off = draw(st.sampled_from((0, 0, 0, 1, -1, 30_500, 12 * HOUR)))
    currency = draw(st.sampled_from(("EUR", "EUR", "EUR", "KWD")))
    return zone, currency, (local.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1) + off


def spell(ms: int, zone: str = "UTC") -> str:
    """Return the RFC 3339 text of an instant, with the offset of a zone."""
    text = (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def today(as_of: int, zone: str) -> date:
    """Return the local date of the instant just before T."""
    return (EPOCH + timedelta(milliseconds=as_of - 1)).astimezone(ZoneInfo(zone)).date()


def midnight(day: date, zone: str) -> int:
    """Return the instant at which a local day begins."""
    local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))
    return (local.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)


@cache
def instants(as_of: int, zone: str) -> tuple[str, ...]:
    """Return instants near the ends of all windows as of T, a few of them after T."""
    local = (EPOCH + timedelta(milliseconds=as_of)).astimezone(ZoneInfo(zone))
    starts = [midnight(local.date() - timedelta(days), zone) for days in _DAYS_BACK]
    spans = (0, 1_000, 60_000, HOUR, 2 * HOUR, DAY, 25 * HOUR, 90 * DAY, _MEMORY)
    near = [as_of - span for span in spans] + [start - span for start in starts for span in (0, 90 * DAY)]
    near += [start - _MEMORY for start in starts[:7]]
    exact = {n + off for n in near for off in (-1, 0, 1, HOUR)} | {as_of + HOUR, as_of + DAY, as_of + 100 * DAY}
    return tuple(spell(e, zone if e % 2 else "UTC") for e in sorted(exact))


@cache
def often(as_of: int, zone: str) -> tuple[str, ...]:
    """Return those instants, most of them of today and of the days before."""
    anywhere = instants(as_of, zone)
    ages = {t: as_of - (datetime.fromisoformat(t) - EPOCH) // timedelta(milliseconds=1) for t in anywhere}
    of_today = [t for t, age in ages.items() if 0 <= age < DAY]
    yesterday = [t for t, age in ages.items() if DAY <= age < 3 * DAY]
    return (*anywhere, *of_today * (len(anywhere) // len(of_today)), *yesterday * (len(anywhere) // len(yesterday)))


@cache
def dates(as_of: int, zone: str) -> tuple[str, ...]:
    """Return the local dates near the ends of all windows, the end of the quarter, and tomorrow."""
    now = today(as_of, zone)
    month = date(now.year, now.month, 1)
    next_quarter = date(now.year + (now.month > 9), ((now.month - 1) // 3 * 3 + 3) % 12 + 1, 1)
    near = {now - timedelta(days) + timedelta(off) for days in _DAYS_BACK for off in (-1, 0, 1)}
    firsts = {month - timedelta(1), month, next_quarter - timedelta(1), next_quarter}
    recent = [now - timedelta(days) for days in (0, 1, 2, 6)]
    return tuple(d.isoformat() for d in (*sorted(near | firsts), *recent * 6))


@cache
def periods(as_of: int, zone: str) -> tuple[str, ...]:
    """Return the calendar periods that plans may be for: the current ones, and those before."""
    days = [today(as_of, zone) - timedelta(d) for d in (0, 31, 92)]
    return tuple(sorted({p for d in days for p in (month_of(d), quarter_of(d), str(d.year))}))


def firsts(day: date) -> tuple[date, date]:
    """Return the first days of the month and of the quarter of a day."""
    return date(day.year, day.month, 1), date(day.year, (day.month - 1) // 3 * 3 + 1, 1)


def month_of(day: date) -> str:
    return f"{day:%Y-%m}"


def quarter_of(day: date) -> str:
    return f"{day.year}-Q{(day.month + 2) // 3}"
