"""The awkward moments of four time zones, and ways of T over them.

A year has its changes of the clock, a week its number, February its length: these are the instants at which a window
that is nearly right goes wrong.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests.properties.situations import DAY, EPOCH, HOUR, Draw, midnight, one_of

ZONES = ("Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
YEARS_OF_CHANGES = (2024, 2026, 2028)
MINUTE = 60_000
DAYS = (
    *("2024-02-28", "2024-02-29", "2024-03-01", "2028-02-29", "2028-03-01"),  # leap days
    *("2027-02-28", "2027-03-01", "2025-02-28"),  # years without one, before and after
    *("2020-12-28", "2021-01-01", "2021-01-04"),  # week 53 of 2020 begins, is half over, has ended
    *("2026-12-28", "2027-01-01", "2027-01-04"),  # of 2026
    *("2032-12-27", "2033-01-01", "2033-01-03"),  # of 2032, a leap year
    *("2025-12-29", "2024-12-30", "2029-01-01"),  # a week 1 that begins in the year before; a year that begins with it
    *("2026-03-31", "2026-04-01", "2026-07-01", "2026-10-01", "2024-12-31", "2025-01-01"),  # quarters, a year of 366
)
"""Local days whose beginning is awkward in all zones."""
_NEAR = (
    *(-25 * HOUR, -DAY, -HOUR - 1, -HOUR, -HOUR // 2, -MINUTE, -1),
    *(0, 0, 1, MINUTE, HOUR // 2, HOUR, DAY, 25 * HOUR),
)
_FAR = (2 * DAY, 7 * DAY, 31 * DAY, 92 * DAY, 365 * DAY, 366 * DAY)


@cache
def moments(zone: str) -> tuple[int, ...]:
    """Return the awkward instants of a zone."""
    days = [midnight(date.fromisoformat(day), zone) for day in DAYS]
    changes = [instant for year in YEARS_OF_CHANGES for instant in _changes(zone, year)]
    noons = [day + 12 * HOUR for day in days]
    return tuple(sorted({*days, *noons, *changes}))


def _changes(zone: str, year: int) -> list[int]:
    """Return the changes of the clock, what lies beside them, and the midnights of their days."""
    found = []
    for change, gap in _transitions(zone, year):
        local = (EPOCH + timedelta(milliseconds=change)).astimezone(ZoneInfo(zone)).date()
        found += [change - gap, change - gap // 2, change, change + gap // 2, change + gap]
        found += [midnight(local, zone), midnight(local + timedelta(1), zone)]
    return found


def _transitions(zone: str, year: int) -> list[tuple[int, int]]:
    """Return (instant, how far the clock is put) of each change in a year, found by looking at every half-hour."""
    begin = datetime(year, 1, 1, tzinfo=UTC)
    instants = [begin + timedelta(minutes=30 * n) for n in range(366 * 48)]
    offsets = [t.astimezone(ZoneInfo(zone)).utcoffset() or timedelta() for t in instants]
    return [
        ((t - EPOCH) // timedelta(milliseconds=1), abs(after - before) // timedelta(milliseconds=1))
        for t, before, after in zip(instants[1:], offsets, offsets[1:], strict=False)
        if before != after
    ]


@st.composite
def ways(draw: Draw, moment: int) -> list[int]:
    """Draw the instants that T comes to on its way over a moment: in steps of a minute, an hour, a day, or a year.

    They lie less than 400 days apart, which is how long a deleted entity is remembered.
    """
    near = [moment + off for off in draw(st.lists(st.sampled_from(_NEAR), min_size=1, max_size=3))]
    far = [moment + draw(one_of(*_FAR)) * draw(one_of(-1, 1, 1)) for _ in range(draw(one_of(0, 1, 1)))]
    return sorted({*near, *far})
