"""Of the plans for one purpose the newest submission counts, once it is made."""

from fractions import Fraction

import pytest

from metrics.plans import PlanRecord, Plans

TEAM = frozenset({("team", "t1")})


def submission(plan_id: str, amount: int, at: int, scope: frozenset[tuple[str, str]] = frozenset()) -> PlanRecord:
    return PlanRecord(plan_id, "target", "revenue", "2026-06", scope, Fraction(amount), "EUR", at)


PLANS = Plans([submission("a", 1, 10), submission("b", 2, 20), submission("c", 3, 20), submission("d", 9, 5, TEAM)])


@pytest.mark.parametrize(("before", "expected"), [(10, None), (11, "a"), (20, "a"), (21, "c")])
def test_the_newest_before_an_instant(before: int, expected: str | None) -> None:
    found = PLANS.find("target", "revenue", "2026-06", frozenset(), before)
    assert (found and found.plan_id) == expected


@pytest.mark.parametrize(
    ("kind", "metric", "period", "scope"),
    [
        ("quota", "revenue", "2026-06", frozenset()),
        ("target", "win_rate", "2026-06", frozenset()),
        ("target", "revenue", "2026-Q2", frozenset()),
        ("target", "revenue", "2026-06", frozenset({("team", "t2")})),
    ],
)
def test_a_plan_for_something_else_does_not_count(
    kind: str, metric: str, period: str, scope: frozenset[tuple[str, str]]
) -> None:
    assert PLANS.find(kind, metric, period, scope, 100) is None


@pytest.mark.parametrize(
    ("before", "after", "changes"), [(0, 5, False), (5, 6, True), (21, 99, False), (11, 20, False)]
)
def test_submissions_ahead_of_their_time_change_what_counts(before: int, after: int, changes: bool) -> None:  # noqa: FBT001
    assert PLANS.changes_between(before, after) is changes
