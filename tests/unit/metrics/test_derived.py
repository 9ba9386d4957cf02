"""Derived fields, each as a function: what they are, and when they change by themselves."""

from itertools import permutations
from typing import Any

import msgspec
import pytest

from metrics.derived import (
    NEVER,
    Children,
    Exit,
    Phase,
    Ratios,
    Scaled,
    carried,
    compares,
    first_over,
    instant_in,
    least,
    per_month,
    round_half_even,
    stage_exits,
)

KEY = (1, 1, "e")


def told(**relations: dict[str, Any]) -> Children:
    """Return children that all were told under one key."""
    return {relation: {child: (KEY, what) for child, what in of.items()} for relation, of in relations.items()}


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (5, 2, 2),
        (7, 2, 4),
        (4, 3, 1),
        (5, 3, 2),
        (-5, 2, -2),
        (-7, 2, -4),
        (-4, 3, -1),
        (0, 7, 0),
        (6, 3, 2),
        (10**30 + 1, 2, 5 * 10**29),
        (3 * 10**30 + 3, 2, 15 * 10**29 + 2),
    ],
)
def test_halves_are_rounded_to_even(numerator: int, denominator: int, expected: int) -> None:
    assert round_half_even(numerator, denominator) == expected


@pytest.mark.parametrize(
    ("value", "units"),
    [
        ("1", 10**9),
        (1, 10**9),
        (0.1, 10**8),  # as it was written, not the binary fraction
        ("-2.5", -25 * 10**8),
        ("0.000000001", 1),
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.00000000250000000000000001", 3),
        ("999999999999999999", 999_999_999_999_999_999 * 10**9),
    ],
)
def test_decimals_are_whole_in_billionths(value: str | float, units: int) -> None:
    assert Scaled()[value] == units


def test_the_memory_of_decimals_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrics.derived._MEMO_SIZE", 2)
    scaled, ratios = Scaled(), Ratios()
    for value in ("1", "2", "3", "1"):
        assert scaled[value] == int(value) * 10**9
        assert ratios[value] == (int(value), 1)
    assert (len(scaled), len(ratios)) == (2, 2)


@pytest.mark.parametrize(
    ("value", "ratio"), [("0.25", (1, 4)), (0.1, (1, 10)), (1, (1, 1)), ("0", (0, 1)), ("0.3", (3, 10))]
)
def test_chances_are_exact_fractions(value: str | float, ratio: tuple[int, int]) -> None:
    assert Ratios()[value] == ratio


# ------------------------------------------------------------------------------------------------------------- children


def test_children_that_were_removed_tell_nothing() -> None:
    children = told(r={"a": 3, "b": None, "c": (5, "x")})
    assert list(carried(children, "r")) == [("a", 3), ("c", (5, "x"))]
    assert list(carried(children, "s")) == list(carried(None, "r")) == list(carried({}, "r")) == []
    assert [instant_in(what) for _, what in carried(children, "r")] == [3, 5]


CHILDREN = told(r={str(i): at for i, at in enumerate((None, 3, 5, 7, 9, 11))}, s={"a": (4, "x"), "b": (20, "y")})


@pytest.mark.parametrize(
    ("relations", "own", "not_before", "now", "expected"),
    [
        (["r"], [], 4, 9, (5, 10)),  # at T itself is not before it: it counts a millisecond later
        (["r"], [], 5, 9, (5, 10)),  # not before includes that instant
        (["r"], [], 6, 9, (7, 10)),
        (["r"], [], 99, 999, (None, NEVER)),
        (["r"], [], 0, 3, (None, 4)),
        (["r"], [], 0, 4, (3, 6)),
        (["x"], [], 0, 9, (None, NEVER)),
        (["s"], [], 0, 9, (4, 21)),
        (["r", "s"], [], 4, 9, (4, 10)),
        ([], [None, 6, 8], -NEVER, 9, (6, NEVER)),
        ([], [None, None], -NEVER, 9, (None, NEVER)),
        ([], [6, 9], -NEVER, 6, (None, 7)),
        (["r"], [2], -NEVER, 9, (2, 10)),
        (["r"], [2], 3, 9, (3, 10)),  # the bound is for the own instants too
        (["r"], [4, 30], 4, 12, (4, 31)),
    ],
)
def test_the_least_instant_in_time_and_when_that_changes(
    relations: list[str], own: list[int | None], not_before: int, now: int, expected: tuple[int | None, int]
) -> None:
    assert least(CHILDREN, relations, own, not_before, now, NEVER) == expected
    best, change = expected
    assert least(CHILDREN, relations, own, not_before, now, 2) == (best, min(change, 2))


def test_the_least_of_nothing_is_nothing() -> None:
    assert least(None, ["r"], [], 0, 9, NEVER) == (None, NEVER)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (5, (None, 6)),
        (6, ("b", 8)),  # of a tie the least id
        (7, ("b", 8)),
        (8, ("b", 31)),
        (99, ("b", NEVER)),
    ],
)
def test_what_the_earliest_child_carries(now: int, expected: tuple[str | None, int]) -> None:
    of: dict[str, Any] = {
        "3": (7, 0, "a"),
        "2": (5, 0, "c"),
        "1": (5, 0, "b"),
        "0": None,
        "4": (30, 0, "d"),
    }
    for order in permutations(of.items()):
        assert first_over(told(r=dict(order)), "r", 2, now, NEVER) == expected


def test_the_earliest_child_may_carry_nothing_and_there_may_be_none() -> None:
    assert first_over(told(r={"1": (5, None), "2": (6, "x")}), "r", 1, 9, NEVER) == (None, NEVER)
    assert first_over(told(r={"1": (5, "x")}), "s", 1, 9, NEVER) == (None, NEVER)
    assert first_over(None, "r", 1, 9, 7) == (None, 7)
    assert first_over(told(r={"1": (9, "x")}), "r", 1, 9, 7) == (None, 7)


# ---------------------------------------------------------------------------------------------------------------- deals

ORDER = {"qualified": 1, "proposal": 2, "negotiation": 3, "legal": 3}


def exits(
    entered: dict[str, int | None] | None, status: str = "open", closed_at: int | None = None
) -> set[tuple[str, int, bool]]:
    found = stage_exits(entered, ORDER, status, closed_at)
    assert len({e.stage for e in found}) == len(found)
    return {(e.stage, e.at, e.forward) for e in found}


@pytest.mark.parametrize(
    ("entered", "status", "closed_at", "expected"),
    [
        # A forward exit is the earliest later entry into a stage of higher order.
        ({"qualified": 1, "proposal": 5}, "open", None, {("qualified", 5, True)}),
        ({"qualified": 1, "negotiation": 7}, "open", None, {("qualified", 7, True)}),
        (
            {"qualified": 1, "proposal": 5, "negotiation": 7},
            "open",
            None,
            {("qualified", 5, True), ("proposal", 7, True)},
        ),
        ({"qualified": 1, "negotiation": 5, "proposal": 7}, "open", None, {("qualified", 5, True)}),  # back: no exit
        ({"proposal": 5, "qualified": 9}, "open", None, set()),
        ({"qualified": 5, "proposal": 5}, "open", None, set()),  # entered at once: none is later
        ({"negotiation": 5, "legal": 6}, "open", None, set()),  # beside each other
        ({"proposal": 4, "negotiation": 6, "legal": 5}, "open", None, {("proposal", 5, True)}),
        # The win is a forward exit from every stage entered by then.
        ({"qualified": 1, "proposal": 5}, "won", 9, {("qualified", 5, True), ("proposal", 9, True)}),
        ({"qualified": 1}, "won", 9, {("qualified", 9, True)}),
        ({"qualified": 9}, "won", 9, {("qualified", 9, True)}),  # closed at the entry
        ({"qualified": 10}, "won", 9, set()),  # entered after the closing
        ({"qualified": 1, "proposal": 12}, "won", 9, {("qualified", 9, True)}),
        ({"negotiation": 3, "qualified": 6}, "won", 9, {("negotiation", 9, True), ("qualified", 9, True)}),
        ({"qualified": 1}, "won", None, set()),
        # A lost deal leaves the stage that it entered last.
        ({"qualified": 1, "proposal": 5}, "lost", 9, {("qualified", 5, True), ("proposal", 9, False)}),
        ({"negotiation": 3, "qualified": 6}, "lost", 9, {("qualified", 9, False)}),
        ({"qualified": 5, "proposal": 5}, "lost", 9, {("proposal", 9, False)}),  # of a tie the higher order
        ({"qualified": 1, "proposal": 5}, "lost", 2, {("qualified", 5, True), ("proposal", 2, False)}),
        ({"qualified": 1}, "lost", None, set()),
        # A deal that is neither has no exit by its closing.
        ({"qualified": 1, "proposal": 5}, "open", 9, {("qualified", 5, True)}),
        ({"qualified": 1, "proposal": 5}, "cancelled", 9, set()),
        # Stages of another pipeline, and entries that were taken back, are none.
        ({"qualified": 1, "unheard": 5}, "lost", 9, {("qualified", 9, False)}),
        ({"qualified": 1, "proposal": None}, "won", 9, {("qualified", 9, True)}),
        ({"qualified": None}, "lost", 9, set()),
        ({"unheard": 1}, "lost", 9, set()),
        ({}, "won", 9, set()),
        (None, "won", 9, set()),
    ],
)
def test_the_exits_of_a_deal_from_its_stages(
    entered: dict[str, int | None] | None, status: str, closed_at: int | None, expected: set[tuple[str, int, bool]]
) -> None:
    assert exits(entered, status, closed_at) == expected
    if entered:
        for order in permutations(entered.items()):
            assert exits(dict(order), status, closed_at) == expected


@pytest.mark.parametrize("order", [None, {}])
def test_a_deal_of_an_unknown_pipeline_has_no_exits(order: dict[str, int] | None) -> None:
    assert stage_exits({"qualified": 1}, order, "won", 9) == ()


def test_an_exit_is_named() -> None:
    assert stage_exits({"qualified": 1}, ORDER, "won", 9) == (Exit("qualified", 9, forward=True),)


# ------------------------------------------------------------------------------------------------------- subscriptions


class Given(msgspec.Struct):
    """A phase as an event has it."""

    amount_minor: int
    interval: str = "month"
    interval_count: int = 1
    from_: int = 10
    to: int | None = None
    currency: str = "EUR"


@pytest.mark.parametrize(
    ("amount", "interval", "count", "monthly"),
    [
        (4900, "month", 1, 4900),
        (300, "month", 3, 100),
        (100, "month", 3, 33),
        (100, "day", 1, 3042),  # 100 x 365/12 = 3041.67
        (12, "day", 1, 365),
        (12, "day", 2, 182),  # 182.5, half to even
        (36, "day", 2, 548),  # 547.5, half to even
        (100, "week", 1, 433),  # 433.33
        (3, "week", 1, 13),
        (3, "week", 2, 6),  # 6.5
        (15, "week", 2, 32),  # 32.5
        (45, "week", 2, 98),  # 97.5
        (300, "quarter", 1, 100),
        (3, "quarter", 2, 0),  # 0.5
        (9, "quarter", 2, 2),  # 1.5
        (1200, "year", 1, 100),
        (6, "year", 1, 0),  # 0.5
        (18, "year", 1, 2),  # 1.5
        (30, "year", 1, 2),  # 2.5
        (12, "year", 3, 0),
        (1, "year", 1, 0),  # it is paid, if little
    ],
)
def test_amounts_are_brought_to_a_month_half_even(amount: int, interval: str, count: int, monthly: int) -> None:
    assert per_month([Given(amount, interval, count)], None) == (Phase(10, None, monthly, "EUR"),)


def test_phases_without_an_amount_are_none() -> None:
    assert per_month([Given(0), Given(5, from_=20, to=30, currency="USD")], None) == (Phase(20, 30, 5, "USD"),)
    assert per_month([], None) == per_month(None, 50) == ()


@pytest.mark.parametrize(
    ("to", "ended_at", "expected"),
    [(None, None, None), (None, 50, 50), (30, None, 30), (30, 50, 30), (30, 20, 20), (30, 5, 5)],
)
def test_no_phase_goes_on_after_the_end(to: int | None, ended_at: int | None, expected: int | None) -> None:
    assert [phase.to for phase in per_month([Given(5, to=to)], ended_at)] == [expected]


# ---------------------------------------------------------------------------------------------------------- comparisons


@pytest.mark.parametrize(
    ("left", "right", "numerator", "denominator", "at_least", "at_most"),
    [
        (4, 5, 4, 5, True, True),
        (3, 5, 4, 5, False, True),
        (5, 5, 4, 5, True, False),
        (3, 4, 4, 5, False, True),  # 3 against 3.2
        (4, 4, 1, 1, True, True),
        (0, 0, 4, 5, True, True),
        (-1, 0, 1, 1, False, True),
        (None, 5, 1, 1, False, False),
        (5, None, 1, 1, False, False),
        (None, None, 1, 1, False, False),
    ],
)
def test_comparisons_are_exact(
    left: int | None, right: int | None, numerator: int, denominator: int, *, at_least: bool, at_most: bool
) -> None:
    assert compares(left, right, numerator, denominator, at_least=True) is at_least
    assert compares(left, right, numerator, denominator, at_least=False) is at_most
