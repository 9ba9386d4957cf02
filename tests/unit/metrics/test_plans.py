"""Of the plans for one purpose the newest submission counts, once it is made."""

from fractions import Fraction

import pytest

from metrics.plans import PlanRecord, Plans

TEAM = frozenset({("team", "t1")})


def submission(plan_id: str, amount: int, at: int, scope: frozenset[tuple[str, str]] = frozenset()) -> PlanRecord:
    return PlanRecord(plan_id, "target", "revenue", "2026-06", scope, Fraction(amount), "EUR", at)


REP = frozenset({("rep", "r1")})
PLANS = Plans(
    [
        submission("a", 1, 10),
        submission("b", 2, 20),
        submission("c", 3, 20),
        submission("d", 9, 5, TEAM),
        submission("e", 4, 30, REP),
        submission("f", 5, 40, REP | {("team", "t3")}),
    ]
)


@pytest.mark.parametrize(("before", "expected"), [(10, None), (11, "a"), (20, "a"), (21, "c")])
def test_the_newest_before_an_instant(before: int, expected: str | None) -> None:
    found = PLANS.find("target", "revenue", "2026-06", {}, before)
    assert (found and found.plan_id) == expected


@pytest.mark.parametrize(
    ("kind", "metric", "period", "values", "scope"),
    [
        ("quota", "revenue", "2026-06", {}, None),
        ("target", "win_rate", "2026-06", {}, None),
        ("target", "revenue", "2026-Q2", {}, None),
        ("target", "revenue", "2026-06", {"team": "t2"}, None),
        ("target", "revenue", "2026-06", {"team": "t3"}, None),  # it is for one of their reps
        ("target", "revenue", "2026-06", {"team": "t1", "rep": "r9"}, None),
        ("target", "revenue", "2026-06", {"rep": "r2"}, "rep"),
        ("quota", "revenue", "2026-06", {"rep": "r1"}, "rep"),
    ],
)
def test_a_plan_for_something_else_does_not_count(
    kind: str, metric: str, period: str, values: dict[str, str], scope: str | None
) -> None:
    assert PLANS.find(kind, metric, period, values, 100, scope) is None


@pytest.mark.parametrize(
    ("values", "scope", "before", "expected"),
    [
        ({"team": "t1"}, None, 100, "d"),
        ({"team": "t3", "rep": "r1"}, None, 100, "f"),
        ({"rep": "r1", "team": "t3"}, None, 100, "f"),
        ({"rep": "r1"}, None, 100, "e"),  # exactly for the rep, though another one is newer
        ({"rep": "r1"}, "rep", 100, "f"),  # whatever team it names
        ({"rep": "r1"}, "rep", 40, "e"),
        ({"team": "t3"}, "team", 100, "f"),
        ({"rep": "r1", "team": "elsewhere"}, "rep", 100, "f"),
    ],
)
def test_a_plan_is_for_exactly_these_values_or_for_that_of_its_scope(
    values: dict[str, str], scope: str | None, before: int, expected: str
) -> None:
    found = PLANS.find("target", "revenue", "2026-06", values, before, scope)
    assert found is not None
    assert found.plan_id == expected


@pytest.mark.parametrize(
    ("before", "after", "changes"), [(0, 5, False), (5, 6, True), (21, 30, False), (41, 99, False), (11, 20, False)]
)
def test_submissions_ahead_of_their_time_change_what_counts(before: int, after: int, changes: bool) -> None:  # noqa: FBT001
    assert PLANS.changes_between(before, after) is changes
