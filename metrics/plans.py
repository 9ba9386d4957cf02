"""Plans: quotas, targets and forecasts, looked up at the reading."""

from bisect import bisect_left
from collections.abc import Iterable
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
        self._by_key: dict[tuple[str, str, str, Scope], list[PlanRecord]] = {}
        for record in records:
            self._by_key.setdefault((record.kind, record.metric, record.period, record.scope), []).append(record)
        self._submitted = sorted(r.submitted_at for records in self._by_key.values() for r in records)
        for submissions in self._by_key.values():
            submissions.sort(key=lambda r: (r.submitted_at, r.plan_id), reverse=True)

    def changes_between(self, before: int, after: int) -> bool:
        """Return whether a submission counts as of one of these two instants and not as of the other."""
        return bisect_left(self._submitted, before) != bisect_left(self._submitted, after)

    def find(self, kind: str, metric: str, period: str, scope: Scope, before: int) -> PlanRecord | None:
        """Return the newest submission made before the instant `before`."""
        submissions = self._by_key.get((kind, metric, period, scope), ())
        return next((r for r in submissions if r.submitted_at < before), None)
