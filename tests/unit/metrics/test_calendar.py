"""Windows as of T, at the days on which local time is at its worst."""

from datetime import date

import numpy as np
import pytest

from metrics.calendar import (
    BusinessCalendar,
    Window,
    bounds,
    first_day_beyond,
    from_ms,
    next_period_start,
    parse_instant,
    period_name,
    period_start,
    to_ms,
    year_before,
)

HOUR, DAY = 3_600_000, 86_400_000
AMSTERDAM = BusinessCalendar("Europe/Amsterdam")


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def days_of(token: str, as_of: str, *, previous: bool = False) -> tuple[str, str, str | None]:
    """Return (first day, last day, period) of a window in Amsterdam."""
    found = bounds(Window(token, previous), parse_instant(as_of), AMSTERDAM)
    first, last = (date.fromordinal(d).isoformat() for d in (found.panes.first, found.panes.last - 1))
    return first, last, found.period


@pytest.mark.parametrize(
    ("token", "as_of", "expected", "before"),
    [
        ("7d", "2026-11-01T00:00+01:00", ("2026-10-25", "2026-10-31", None), ("2026-10-18", "2026-10-24", None)),
        ("30d", "2026-11-01T00:00+01:00", ("2026-10-02", "2026-10-31", None), ("2026-09-02", "2026-10-01", None)),
        ("90d", "2028-03-01T12:00+01:00", ("2027-12-03", "2028-03-01", None), ("2027-09-04", "2027-12-02", None)),
        ("365d", "2028-12-31T12:00+01:00", ("2028-01-02", "2028-12-31", None), ("2027-01-02", "2028-01-01", None)),
        ("dtd", "2026-06-10T12:00+02:00", ("2026-06-10", "2026-06-10", None), ("2026-06-09", "2026-06-09", None)),
        ("wtd", "2026-06-10T12:00+02:00", ("2026-06-08", "2026-06-10", None), ("2026-06-01", "2026-06-03", None)),
        ("wtd", "2027-01-03T12:00+01:00", ("2026-12-28", "2027-01-03", None), ("2026-12-21", "2026-12-27", None)),
        ("mtd", "2026-11-10T13:00+01:00", ("2026-11-01", "2026-11-10", "2026-11"), ("2026-10-01", "2026-10-10", None)),
        ("mtd", "2026-03-31T13:00+02:00", ("2026-03-01", "2026-03-31", "2026-03"), ("2026-02-01", "2026-02-28", None)),
        ("mtd", "2028-03-31T13:00+02:00", ("2028-03-01", "2028-03-31", "2028-03"), ("2028-02-01", "2028-02-29", None)),
        ("mtd", "2028-03-29T13:00+02:00", ("2028-03-01", "2028-03-29", "2028-03"), ("2028-02-01", "2028-02-29", None)),
        ("mtd", "2028-03-28T13:00+02:00", ("2028-03-01", "2028-03-28", "2028-03"), ("2028-02-01", "2028-02-28", None)),
        ("qtd", "2026-12-31T13:00+01:00", ("2026-10-01", "2026-12-31", "2026-Q4"), ("2026-07-01", "2026-09-30", None)),
        ("qtd", "2026-04-01T13:00+02:00", ("2026-04-01", "2026-04-01", "2026-Q2"), ("2026-01-01", "2026-01-01", None)),
        ("ytd", "2028-12-31T13:00+01:00", ("2028-01-01", "2028-12-31", "2028"), ("2027-01-01", "2027-12-31", None)),
        ("ytd", "2029-12-31T13:00+01:00", ("2029-01-01", "2029-12-31", "2029"), ("2028-01-01", "2028-12-30", None)),
        ("prev_day", "2026-06-10T12:00+02:00", ("2026-06-09", "2026-06-09", None), ("2026-06-08", "2026-06-08", None)),
        ("prev_week", "2027-01-04T12:00+01:00", ("2026-12-28", "2027-01-03", None), ("2026-12-21", "2026-12-27", None)),
        (
            "prev_month",
            "2027-01-01T00:00:00.001+01:00",
            ("2026-12-01", "2026-12-31", "2026-12"),
            ("2026-11-01", "2026-11-30", None),
        ),
        (
            "prev_month",
            "2027-01-01T00:00+01:00",  # strictly before: December is not over yet
            ("2026-11-01", "2026-11-30", "2026-11"),
            ("2026-10-01", "2026-10-31", None),
        ),
        (
            "prev_quarter",
            "2026-02-10T12:00+01:00",
            ("2025-10-01", "2025-12-31", "2025-Q4"),
            ("2025-07-01", "2025-09-30", None),
        ),
    ],
)
def test_windows_are_whole_local_days(
    token: str, as_of: str, expected: tuple[str, str, str | None], before: tuple[str, str, str | None]
) -> None:
    assert days_of(token, as_of) == expected
    assert days_of(token, as_of, previous=True) == before


@pytest.mark.parametrize(
    ("token", "previous", "start", "end"),
    [
        ("dtd", False, "2026-10-24T22:00Z", "2026-10-25T22:30Z"),
        ("dtd", True, "2026-10-23T22:00Z", "2026-10-24T22:00Z"),
        ("mtd", False, "2026-09-30T22:00Z", "2026-10-25T22:30Z"),
        ("prev_day", False, "2026-10-23T22:00Z", "2026-10-24T22:00Z"),
        ("1h", False, "2026-10-25T21:30Z", "2026-10-25T22:30Z"),
        ("1h", True, "2026-10-25T20:30Z", "2026-10-25T21:30Z"),
        ("24h", False, "2026-10-24T22:30Z", "2026-10-25T22:30Z"),
        ("24h", True, "2026-10-23T22:30Z", "2026-10-24T22:30Z"),
        ("now", False, "2026-10-25T22:30Z", "2026-10-25T22:30Z"),
    ],
)
def test_ends_are_instants(token: str, previous: bool, start: str, end: str) -> None:  # noqa: FBT001 (a case)
    found = bounds(Window(token, previous), parse_instant("2026-10-25T22:30Z"), AMSTERDAM)
    assert (found.start, found.end) == (parse_instant(start), parse_instant(end))


@pytest.mark.parametrize(
    ("seconds", "first", "last"),
    [(0, -60, 0), (0.001, -60, 1), (59.999, -60, 1), (60, -59, 1)],
)
def test_rolling_hours_take_whole_minutes_the_oldest_included(seconds: float, first: int, last: int) -> None:
    noon = parse_instant("2026-06-10T12:00Z")
    panes = bounds(Window("1h"), noon + int(seconds * 1000), AMSTERDAM).panes
    assert (panes.first - noon // 60_000, panes.last - noon // 60_000) == (first, last)


@pytest.mark.parametrize(
    ("zone", "text", "start", "hours"),
    [
        ("Europe/Amsterdam", "2026-03-29", "2026-03-28T23:00Z", 23),
        ("Europe/Amsterdam", "2026-10-25", "2026-10-24T22:00Z", 25),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00Z", 25),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00Z", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30Z", 23.5),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00Z", 23),  # no midnight: the day begins at one
        ("America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00Z", 25),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00Z", 25),  # midnight comes twice: the first counts
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z", 0),  # a day that was left out
    ],
)
def test_days_last_as_long_as_local_time_says(zone: str, text: str, start: str, hours: float) -> None:
    calendar = BusinessCalendar(zone)
    begins, ends = calendar.day_start(day(text)), calendar.day_start(day(text) + 1)
    assert (from_ms(begins), ends - begins) == (from_ms(parse_instant(start)), int(hours * HOUR))
    if hours:
        assert calendar.day_of(begins) == calendar.day_of(ends - 1) == day(text)
        assert (calendar.day_of(begins - 1), calendar.day_of(ends)) == (day(text) - 1, day(text) + 1)
        assert calendar.next_day_start(ends) == ends
        assert calendar.next_day_start(begins + 1) == ends


@pytest.mark.parametrize("zone", ["Europe/Amsterdam", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"])
def test_days_of_many_instants_are_those_of_each(zone: str) -> None:
    calendar = BusinessCalendar(zone)
    instants = np.arange(parse_instant("2017-01-01T00:00Z"), parse_instant("2027-01-01T00:00Z"), 5 * HOUR + 1)
    expected = [from_ms(int(i)).astimezone(calendar.zone).date().toordinal() for i in instants]
    assert calendar.days_of(instants).tolist() == expected
    assert [calendar.day_of(int(i)) for i in instants] == expected


def test_the_current_day_is_that_of_the_instant_before() -> None:
    midnight = parse_instant("2026-06-10T00:00+02:00")
    assert AMSTERDAM.current_day(midnight) == day("2026-06-09")
    assert AMSTERDAM.current_day(midnight + 1) == day("2026-06-10")


@pytest.mark.parametrize(
    ("unit", "text", "first", "name"),
    [
        ("day", "2026-06-10", "2026-06-10", None),
        ("week", "2027-01-01", "2026-12-28", None),
        ("week", "2026-06-08", "2026-06-08", None),
        ("month", "2026-06-30", "2026-06-01", "2026-06"),
        ("quarter", "2026-06-30", "2026-04-01", "2026-Q2"),
        ("year", "2026-06-30", "2026-01-01", "2026"),
    ],
)
def test_calendar_periods(unit: str, text: str, first: str, name: str | None) -> None:
    assert period_start(unit, day(text)) == day(first)
    assert period_name(unit, day(first)) == name


@pytest.mark.parametrize(
    ("unit", "text", "expected"),
    [
        ("day", "2026-12-31", "2027-01-01"),
        ("week", "2026-06-08", "2026-06-15"),
        ("week", "2026-06-14", "2026-06-15"),
        ("week", "2026-12-31", "2027-01-04"),
        ("month", "2026-01-31", "2026-02-01"),
        ("month", "2028-02-01", "2028-03-01"),
        ("month", "2026-04-30", "2026-05-01"),
        ("month", "2026-12-01", "2027-01-01"),
        ("quarter", "2026-01-01", "2026-04-01"),
        ("quarter", "2026-09-30", "2026-10-01"),
        ("quarter", "2026-11-15", "2027-01-01"),
        ("year", "2027-01-01", "2028-01-01"),
        ("year", "2028-12-31", "2029-01-01"),
    ],
)
def test_the_next_period_begins_after_the_one_of_the_day(unit: str, text: str, expected: str) -> None:
    assert date.fromordinal(next_period_start(unit, day(text))).isoformat() == expected


@pytest.mark.parametrize(
    ("token", "start", "end"),
    [
        ("7d", "2026-06-17", None),
        ("365d", "2027-06-10", None),
        ("dtd", "2026-06-11", None),
        ("wtd", "2026-06-15", None),
        ("mtd", "2026-07-01", None),
        ("qtd", "2026-07-01", None),
        ("ytd", "2027-01-01", None),
        ("prev_day", "2026-06-12", "2026-06-11"),
        ("prev_week", "2026-06-22", "2026-06-15"),
        ("prev_month", "2026-08-01", "2026-07-01"),
        ("prev_quarter", "2026-10-01", "2026-07-01"),
    ],
)
def test_the_first_current_day_at_which_a_window_lies_after_a_day(token: str, start: str, end: str | None) -> None:
    wednesday = day("2026-06-10")
    found = first_day_beyond(token, wednesday, end=False)
    assert date.fromordinal(found).isoformat() == start
    first_on = [bounds(Window(token), AMSTERDAM.day_start(found + i) + 1, AMSTERDAM).start for i in (-1, 0)]
    assert first_on[0] < AMSTERDAM.day_start(wednesday + 1) <= first_on[1]
    if end is not None:
        found = first_day_beyond(token, wednesday, end=True)
        assert date.fromordinal(found).isoformat() == end
        last_on = [bounds(Window(token), AMSTERDAM.day_start(found + i) + 1, AMSTERDAM).end for i in (-1, 0)]
        assert last_on[0] < AMSTERDAM.day_start(wednesday + 1) <= last_on[1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-06-10", "2025-06-10"),
        ("2028-02-29", "2027-02-28"),
        ("2029-02-28", "2028-02-28"),
        ("2028-03-01", "2027-03-01"),
        ("2027-01-01", "2026-01-01"),
    ],
)
def test_the_same_date_of_the_year_before(text: str, expected: str) -> None:
    assert date.fromordinal(year_before(day(text))).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-10-05T08:00:00.000Z", "2026-10-05T08:00:00+00:00"),
        ("2026-10-05t08:00:00+02:00", "2026-10-05T06:00:00+00:00"),
        ("2026-10-05 08:00:00.9999999Z", "2026-10-05T08:00:00.999000+00:00"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:00"),
        ("2099-12-31T23:59:59.999Z", "2099-12-31T23:59:59.999000+00:00"),
    ],
)
def test_instants_are_whole_milliseconds_rounded_down(text: str, utc: str) -> None:
    parsed = parse_instant(text)
    assert from_ms(parsed).isoformat() == utc
    assert to_ms(from_ms(parsed)) == parsed


@pytest.mark.parametrize(
    "text", ["", "2026-10-05", "2026-10-05T08:00:00", "20261005T080000Z", "yesterday", "2026-13-01T00:00:00Z"]
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^`{text}` is not an RFC 3339 instant; write one with its offset"):
        parse_instant(text)


@pytest.mark.parametrize("text", ["1969-12-31T23:59:59.999Z", "2100-01-01T00:00:00Z", "0001-01-01T00:00:00Z"])
def test_an_instant_of_another_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"^`{text}` lies outside the years 1970 to 2099$"):
        parse_instant(text)
