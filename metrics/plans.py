"""Plans: quotas, targets and forecasts, looked up at the reading."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

Scope = frozenset[tuple[str, str]]
"""The (dimension, value) pairs a plan is for; empty for the company."""


class PlanRecord(NamedTuple):
    """One submission: money in minor units of `currency`, or a plain number without one."""

    plan_id: str
    kind: str
    metric: str
    period: str
    scope: Scope
    amount: Fraction
    currency: str | None
    submitted_at: int


class Plans:
    """All submissions, by what they are for."""

    def __init__(self, records: Iterable[PlanRecord] = ()) -> None:
        """Index `records`, the newest submission first."""
        newest_first = sorted(records, key=lambda r: (r.submitted_at, r.plan_id), reverse=True)
        self._submitted = sorted(r.submitted_at for r in newest_first)
        self._exact: dict[tuple[str, str, str, Scope], list[PlanRecord]] = {}
        self._by_scope: dict[tuple[str, str, str, Scope], list[PlanRecord]] = {}
        for record in newest_first:
            key = record.kind, record.metric, record.period
            self._exact.setdefault((*key, record.scope), []).append(record)
            for part in record.scope:
                self._by_scope.setdefault((*key, frozenset([part])), []).append(record)

    def changes_between(self, before: int, after: int) -> bool:
        """Return whether a submission counts as of one of these two instants and not as of the other."""
        return bisect_left(self._submitted, before) != bisect_left(self._submitted, after)

    def find(
        self, kind: str, metric: str, period: str, values: Mapping[str, str], before: int, scope: str | None = None
    ) -> PlanRecord | None:
        """Return the newest submission before an instant that is for exactly these dimension `values`.

        With a `scope`, only the value of that dimension must agree: what else the plan says of it is a remark.
        """
        wanted = frozenset(values.items() if scope is None else [(scope, values[scope])])
        index = self._exact if scope is None else self._by_scope
        submissions = index.get((kind, metric, period, wanted), ())
        return next((r for r in submissions if r.submitted_at < before), None)
