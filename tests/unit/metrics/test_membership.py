"""Who is a member at both ends of each window, drawn on a line of days, and when that changes by itself."""

import random
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

import pytest

from metrics.calendar import BusinessCalendar, parse_instant
from metrics.derived import NEVER
from metrics.membership import (
    Count,
    Interval,
    MembershipWindows,
    Weight,
    contacts_of,
    intervals_of,
    phases_of,
)

DAY = 86_400_000
AMSTERDAM = BusinessCalendar("Europe/Amsterdam")
TOKENS = (
    "now", "1h", "24h", "7d", "30d", "90d", "365d", "dtd", "wtd", "mtd", "qtd", "ytd",
    "prev_day", "prev_week", "prev_month", "prev_quarter",
)  # fmt: skip
WHOLE = TOKENS[3:]
NOON = parse_instant("2026-06-10T12:00+02:00")
"""A Wednesday."""


def at(text: str) -> int:
    return parse_instant(text)


def counts(
    tokens: Iterable[str], intervals: Sequence[Interval], now: int, contacts: Sequence[int] | None = None
) -> dict[str, tuple[int, int]]:
    """Return (at the start, at the end) by window; the windows in which it counts nowhere are left out."""
    found, _ = MembershipWindows(tokens, AMSTERDAM).counts(intervals, contacts, now, NEVER)
    assert all(isinstance(count, Count) for count in found)
    return {token: (start, end) for token, start, end in found}


# ------------------------------------------------------------------------------------------------------- which windows


@pytest.mark.parametrize(
    ("token", "start", "end"),
    [
        ("now", "2026-06-10T12:00+02:00", "2026-06-10T12:00+02:00"),
        ("1h", "2026-06-10T12:00+02:00", "2026-06-10T12:00+02:00"),  # only their end is known
        ("24h", "2026-06-10T12:00+02:00", "2026-06-10T12:00+02:00"),
        ("7d", "2026-06-04T00:00+02:00", "2026-06-10T12:00+02:00"),
        ("30d", "2026-05-12T00:00+02:00", "2026-06-10T12:00+02:00"),
        ("90d", "2026-03-13T00:00+01:00", "2026-06-10T12:00+02:00"),
        ("365d", "2025-06-11T00:00+02:00", "2026-06-10T12:00+02:00"),
        ("dtd", "2026-06-10T00:00+02:00", "2026-06-10T12:00+02:00"),
        ("wtd", "2026-06-08T00:00+02:00", "2026-06-10T12:00+02:00"),
        ("mtd", "2026-06-01T00:00+02:00", "2026-06-10T12:00+02:00"),
        ("qtd", "2026-04-01T00:00+02:00", "2026-06-10T12:00+02:00"),
        ("ytd", "2026-01-01T00:00+01:00", "2026-06-10T12:00+02:00"),
        ("prev_day", "2026-06-09T00:00+02:00", "2026-06-10T00:00+02:00"),
        ("prev_week", "2026-06-01T00:00+02:00", "2026-06-08T00:00+02:00"),
        ("prev_month", "2026-05-01T00:00+02:00", "2026-06-01T00:00+02:00"),
        ("prev_quarter", "2026-01-01T00:00+01:00", "2026-04-01T00:00+02:00"),
    ],
)
def test_a_member_counts_where_start_lies_before_and_the_end_not(token: str, start: str, end: str) -> None:
    """active(t) holds while start < t <= end, so each border of the interval is tried at each end of the window."""
    s, e = at(start), at(end)
    assert counts([token], [(s - 1, s)], NOON).get(token) == ((1, 1) if s == e else (1, 0))
    assert counts([token], [(s, e)], NOON).get(token) == (None if s == e else (0, 1))
    assert counts([token], [(s - 1, e)], NOON) == {token: (1, 1)}
    assert counts([token], [(s - 1, None)], NOON) == {token: (1, 1)}
    assert counts([token], [(e - 1, e)], NOON).get(token) == ((1, 1) if s == e else (0, 1))
    assert counts([token], [(e, None)], NOON) == {}
    assert counts([token], [(s - 2, s - 1)], NOON) == {}
    if s != e:
        assert counts([token], [(s, e - 1)], NOON) == {}  # within the window and at neither end
        assert counts([token], [(s - 1, s), (e - 1, None)], NOON) == {token: (1, 1)}
        assert counts([token], [(s - 1, s), (s - 5, s)], NOON) == {token: (1, 0)}  # once, however many intervals


def test_nobody_without_intervals_counts() -> None:
    assert counts(TOKENS, [], NOON) == {}
    assert MembershipWindows(TOKENS, AMSTERDAM).counts([], None, NOON, 5) == ([], 5)


@pytest.mark.parametrize(
    ("contacts", "expected"),
    [
        (None, {"7d": (1, 1), "prev_day": (1, 1)}),
        ([], {"7d": (1, 0), "prev_day": (1, 0)}),
        (["2026-06-04T00:00+02:00"], {"7d": (1, 1), "prev_day": (1, 0)}),  # the first instant of the window
        (["2026-06-03T23:59:59.999+02:00"], {"7d": (1, 0), "prev_day": (1, 0)}),
        (["2026-06-10T11:59:59.999+02:00"], {"7d": (1, 1), "prev_day": (1, 0)}),
        (["2026-06-10T12:00+02:00"], {"7d": (1, 0), "prev_day": (1, 0)}),  # not before T
        (["2026-06-09T00:00+02:00"], {"7d": (1, 1), "prev_day": (1, 1)}),
        (["2026-06-10T00:00+02:00"], {"7d": (1, 1), "prev_day": (1, 0)}),
        (["2020-01-01T00:00Z", "2026-06-09T08:00Z"], {"7d": (1, 1), "prev_day": (1, 1)}),
    ],
)
def test_only_the_contacted_count_at_the_end(contacts: list[str] | None, expected: dict[str, tuple[int, int]]) -> None:
    instants = None if contacts is None else [at(c) for c in contacts]
    assert counts(["7d", "prev_day"], [(0, None)], NOON, instants) == expected


def test_contacted_without_being_a_member_is_nothing() -> None:
    assert counts(["7d"], [(0, 1)], NOON, [NOON - 1]) == {}


# ---------------------------------------------------------------------------------------------------------- what weighs


def weights(
    tokens: Iterable[str], phases: Sequence[tuple[Any, Any]], *, by_part: bool = False
) -> set[tuple[Any, str, str, int, int, int]]:
    found, _ = MembershipWindows(tokens, AMSTERDAM).weights(phases, NOON, NEVER, by_part=by_part)
    assert all(isinstance(weight, Weight) for weight in found)
    assert len(found) == len(set(found))
    return {tuple(weight) for weight in found}


SEVEN = at("2026-06-04T00:00+02:00")
"""Where the last seven days begin."""


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        ([], set()),
        ([("p", (0, None, 50, "EUR"))], {(None, "EUR", "7d", 50, 50, 1)}),
        ([("p", (0, SEVEN, 50, "EUR"))], {(None, "EUR", "7d", 50, 0, 0)}),
        ([("p", (0, SEVEN - 1, 50, "EUR"))], set()),
        ([("p", (SEVEN, None, 50, "EUR"))], {(None, "EUR", "7d", 0, 50, 1)}),
        ([("p", (SEVEN - 1, NOON, 50, "EUR"))], {(None, "EUR", "7d", 50, 50, 1)}),
        ([("p", (NOON, None, 50, "EUR"))], set()),
        # Upgraded in the window: the next phase begins where the last one ended.
        (
            [("p", (0, SEVEN + 5, 50, "EUR")), ("p", (SEVEN + 5, None, 70, "EUR"))],
            {(None, "EUR", "7d", 50, 70, 1)},
        ),
        # Two contracts add up, in each currency.
        (
            [("p", (0, None, 50, "EUR")), ("q", (0, NOON - 1, 8, "EUR")), ("q", (5, None, 9, "USD"))],
            {(None, "EUR", "7d", 58, 50, 1), (None, "USD", "7d", 9, 9, 1)},
        ),
        ([("p", (0, None, 50, "EUR")), ("q", (0, None, 8, "EUR"))], {(None, "EUR", "7d", 58, 58, 2)}),
        ([("p", (0, None, 0, "EUR"))], {(None, "EUR", "7d", 0, 0, 1)}),  # rounded to nothing, and there
    ],
)
def test_what_a_member_weighs(
    phases: list[tuple[Any, Any]], expected: set[tuple[Any, str, str, int, int, int]]
) -> None:
    assert weights(["7d"], phases) == expected


def test_parts_weigh_by_themselves() -> None:
    phases = [("p", (0, None, 50, "EUR")), ("q", (0, NOON - 1, 8, "EUR")), (None, (SEVEN, None, 9, "EUR"))]
    assert weights(["7d", "now"], phases, by_part=True) == {
        ("p", "EUR", "7d", 50, 50, 1),
        ("q", "EUR", "7d", 8, 0, 0),
        (None, "EUR", "7d", 0, 9, 1),
        ("p", "EUR", "now", 50, 50, 1),
        (None, "EUR", "now", 9, 9, 1),
    }


# ------------------------------------------------------------------------------------------------ when it is otherwise


def changes(read: Callable[[int], tuple[object, int]], now: int, until: int, tries: Sequence[int]) -> tuple[int, int]:
    """Walk from one announced change to the next; return how many there were, and how many changed something.

    Between `now` and the change nothing may differ, at any of the instants to try.
    """
    announced = changed = 0
    while now < until:
        value, change = read(now)
        assert change > now
        for instant in [t for t in tries if now < t < change] + [min(change, until) - 1]:
            assert read(instant)[0] == value, f"changed at {instant}, before {change}"
        if change < until:
            announced, changed = announced + 1, changed + (read(change)[0] != value)
        now = change
    return announced, changed


def tries(calendar: BusinessCalendar, days: range, boundaries: Iterable[int]) -> list[int]:
    """Return the instants at which anything may change, with their neighbours."""
    points = {*boundaries, *(calendar.day_start(day) for day in days)}
    return sorted(point + i for point in points for i in (-1, 0, 1, 2))


ZONES = [
    ("Europe/Amsterdam", "2026-03-29"),  # 23 hours
    ("Europe/Amsterdam", "2026-10-25"),  # 25 hours
    ("Europe/Amsterdam", "2027-12-31"),
    ("America/Sao_Paulo", "2018-11-04"),  # no midnight
    ("America/Havana", "2026-11-01"),  # two of them
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Pacific/Apia", "2011-12-30"),  # no such day
]


@pytest.mark.parametrize(("zone", "on"), ZONES)
@pytest.mark.parametrize("offset", [0, 1, -1, 90 * 60_000])
def test_counts_change_at_the_announced_instants_and_at_no_other(zone: str, on: str, offset: int) -> None:
    calendar = BusinessCalendar(zone)
    day = date.fromisoformat(on).toordinal()
    begins = calendar.day_start(day) + offset
    ends = calendar.day_start(day + 40) + offset
    windows = MembershipWindows(TOKENS, calendar)
    days = range(day - 2, day + 420)
    everywhere = tries(calendar, days, (begins, ends))

    def read(now: int) -> tuple[object, int]:
        return windows.counts([(begins, ends)], None, now, NEVER)

    def read_open(now: int) -> tuple[object, int]:
        return windows.counts([(begins, None)], None, now, NEVER)

    until = calendar.day_start(days[-1])
    announced, changed = changes(read, begins - 2 * DAY, until, everywhere)
    assert announced >= changed > len(WHOLE)  # in vain where a window's start jumps over the whole interval
    announced, changed = changes(read_open, begins - 2 * DAY, until, everywhere)
    assert announced == changed > 8  # and none of the others is
    assert read(begins - 5)[1] == begins + 1
    assert read(calendar.day_start(day + 900)) == ([], NEVER)


@pytest.mark.parametrize("seed", range(4))
def test_counts_of_several_intervals_and_contacts_change_when_announced(seed: int) -> None:
    chance = random.Random(seed)
    day = date.fromisoformat("2026-03-20").toordinal()

    def instant() -> int:
        midnight = AMSTERDAM.day_start(day + chance.randrange(120))
        return midnight + chance.choice((0, 0, 1, -1, chance.randrange(DAY)))

    intervals = [(a, chance.choice((None, a + chance.randrange(60 * DAY)))) for a in (instant(), instant())]
    contacts = [instant() for _ in range(3)]
    windows = MembershipWindows(chance.sample(TOKENS, 8), AMSTERDAM)
    boundaries = [*contacts, *(b for interval in intervals for b in interval if b is not None)]
    everywhere = tries(AMSTERDAM, range(day - 2, day + 330), boundaries)

    def read(now: int) -> tuple[object, int]:
        return windows.counts(intervals, contacts, now, NEVER)

    assert changes(read, AMSTERDAM.day_start(day - 1), AMSTERDAM.day_start(day + 329), everywhere)[1] > 0


@pytest.mark.parametrize("seed", range(4))
def test_weights_change_when_announced(seed: int) -> None:
    chance = random.Random(seed)
    day = date.fromisoformat("2026-10-01").toordinal()
    first = AMSTERDAM.day_start(day + chance.randrange(30)) + chance.choice((0, 1, chance.randrange(DAY)))
    second = AMSTERDAM.day_start(day + chance.randrange(30, 60)) + chance.choice((0, -1, chance.randrange(DAY)))
    phases = [("p", (first, second, 50, "EUR")), ("p", (second, None, 70, "EUR")), ("q", (second, None, 9, "USD"))]
    windows = MembershipWindows(TOKENS, AMSTERDAM)
    everywhere = tries(AMSTERDAM, range(day - 2, day + 450), (first, second))

    def read(now: int) -> tuple[object, int]:
        found, change = windows.weights(phases, now, NEVER, by_part=True)
        return sorted(found, key=repr), change

    assert changes(read, first - DAY, AMSTERDAM.day_start(day + 449), everywhere)[1] > len(WHOLE)


@pytest.mark.parametrize(
    ("token", "begins", "expected"),
    [
        # (its start or its end passes the boundary: the first instant as of which that has happened)
        ("now", "2026-06-10T08:00Z", []),
        ("24h", "2026-06-10T08:00Z", []),
        ("dtd", "2026-06-10T08:00+02:00", ["2026-06-11T00:00+02:00"]),
        ("7d", "2026-06-10T08:00+02:00", ["2026-06-17T00:00+02:00"]),
        ("30d", "2026-06-10T00:00+02:00", ["2026-07-10T00:00+02:00"]),
        ("wtd", "2026-06-10T08:00+02:00", ["2026-06-15T00:00+02:00"]),
        ("mtd", "2026-06-10T08:00+02:00", ["2026-07-01T00:00+02:00"]),
        ("qtd", "2026-06-10T08:00+02:00", ["2026-07-01T00:00+02:00"]),
        ("ytd", "2026-06-10T08:00+02:00", ["2027-01-01T00:00+01:00"]),
        ("prev_day", "2026-06-10T08:00+02:00", ["2026-06-11T00:00+02:00", "2026-06-12T00:00+02:00"]),
        ("prev_week", "2026-06-10T08:00+02:00", ["2026-06-15T00:00+02:00", "2026-06-22T00:00+02:00"]),
        ("prev_month", "2026-06-10T08:00+02:00", ["2026-07-01T00:00+02:00", "2026-08-01T00:00+02:00"]),
        ("prev_quarter", "2026-06-10T08:00+02:00", ["2026-07-01T00:00+02:00", "2026-10-01T00:00+02:00"]),
    ],
)
def test_the_ends_of_a_window_pass_an_instant(token: str, begins: str, expected: list[str]) -> None:
    windows = MembershipWindows([token], AMSTERDAM)
    change, found = at(begins), []
    while True:
        change = windows.next_change([at(begins)], change + 1, NEVER)
        if change == NEVER:
            break
        found.append(change - 1)
    assert found == [at(text) for text in expected]


def test_a_change_that_is_known_already_stays_the_earlier_one() -> None:
    windows = MembershipWindows(["7d"], AMSTERDAM)
    assert windows.next_change([NOON], NOON, NEVER) == NOON + 1
    assert windows.next_change([NOON], NOON, NOON) == NOON
    assert windows.next_change([], NOON, NOON + 5) == NOON + 5


# ------------------------------------------------------------------------------------------------------- who is active

KEY = (1, 1, "e")
CHILDREN: Any = {
    "subscriptions": {"s1": (KEY, (10, 30)), "s2": (KEY, (20, None)), "s3": (KEY, None)},
    "wins": {"d1": (KEY, 5), "d2": (KEY, None)},
    "orders": {"o1": (KEY, 7)},
    "none": {"n1": (KEY, None)},
}


@pytest.mark.parametrize(
    ("own", "rules", "until", "expected"),
    [
        ([], [], None, []),
        ([(3, None)], [], None, [(3, None)]),
        ([(3, 8), (None, 9)], [], None, [(3, 8)]),
        ([], [(["subscriptions"], 1, None)], None, [(10, 30), (20, None)]),
        ([], [(["wins", "orders"], None, 100)], None, [(5, 105), (7, 107)]),
        ([], [(["wins"], None, None)], None, [(5, None)]),
        # The first rule that gives any interval is the only one.
        ([], [(["subscriptions"], 1, None), (["wins", "orders"], None, 100)], None, [(10, 30), (20, None)]),
        ([], [(["none"], 1, None), (["wins", "orders"], None, 100)], None, [(5, 105), (7, 107)]),
        ([], [(["unheard"], 1, None), (["wins"], None, 100)], None, [(5, 105)]),
        ([(3, 8)], [(["wins"], None, 100)], None, [(3, 8)]),
        ([(None, None)], [(["wins"], None, 100)], None, [(5, 105)]),
        # What began before `until` ends there.
        ([], [(["subscriptions"], 1, None)], 25, [(10, 25), (20, 25)]),
        ([], [(["subscriptions"], 1, None)], 40, [(10, 30), (20, 40)]),
        ([], [(["subscriptions"], 1, None)], 20, [(10, 20), (20, None)]),  # began there: after it
        ([], [(["subscriptions"], 1, None)], 10, [(10, 30), (20, None)]),
        ([], [(["wins", "orders"], None, 100)], 6, [(5, 6), (7, 107)]),
        ([(3, None)], [], 3, [(3, None)]),
    ],
)
def test_the_intervals_of_a_member(
    own: list[tuple[int | None, int | None]],
    rules: list[tuple[list[str], int | None, int | None]],
    until: int | None,
    expected: list[Interval],
) -> None:
    assert intervals_of(own, CHILDREN, rules, until) == expected


def test_no_children_are_no_intervals() -> None:
    assert intervals_of([], None, [(["wins"], None, 100)], 5) == []


def test_contacts_are_the_instants_of_children() -> None:
    assert contacts_of(CHILDREN, "subscriptions") == [10, 20]
    assert contacts_of(CHILDREN, "wins") == [5]
    assert contacts_of(None, "wins") == []


def test_phases_come_with_the_part_that_they_are_of() -> None:
    first, second = (10, 30, 50, "EUR"), (30, None, 70, "EUR")
    children: Any = {
        "subscriptions": {
            "s1": (KEY, (10, "p1", (first, second))),
            "s2": (KEY, (20, None, (second,))),
            "s3": (KEY, (20, "p2", None)),
            "s4": (KEY, None),
        }
    }
    assert phases_of(children, "subscriptions", 2, None) == [(None, first), (None, second), (None, second)]
    assert phases_of(children, "subscriptions", 2, 1) == [("p1", first), ("p1", second), (None, second)]
    assert phases_of(None, "subscriptions", 2, 1) == []
