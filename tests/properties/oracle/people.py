"""People: quotas, turnover and productivity of the sales representatives (KPIS E)."""

from fractions import Fraction

from tests.properties.oracle.answers import Answer, Dims, Grain, Sums, Table, absent, divided, rate
from tests.properties.oracle.base import Formulas, having
from tests.properties.oracle.merging import Entity

COUNTED = ("call", "email", "meeting")


class People(Formulas):
    """Of the representatives."""

    def _employed(self, t: int) -> list[Entity]:
        """Return who is employed in sales at t, seen from the left."""
        sales = having(self.w.reps, role="sales")
        return [r for r in sales if r["hired_at"] < t and (r["left_at"] is None or t <= r["left_at"])]

    def _quota(self, rep: str, token: str) -> Fraction | None:
        period, (first, _) = self.w.clock.period(token), self.w.clock.days(token)
        return self.w.planned("quota", period, first, {"rep": rep}, alone=True)

    def quota_attainment(self, grain: Grain, token: str) -> Table:
        booked = self._booked(("rep",), token)
        _, end = self.w.clock.bounds(token)
        quotas = {r["id"]: self._quota(r["id"], token) for r in self._employed(end)}
        members = [r for r in self._employed(end) if (quotas[r["id"]] or 0) > 0]
        reached = [r for r in members if round(booked[r["id"],]) >= round(quotas[r["id"]] or 0)]
        return rate(self._total("rep", reached, grain), self._total("rep", members, grain))

    def quota_attainment_rep(self, grain: Grain, token: str) -> Table:
        booked = self._booked(grain, token)

        def attained(dims: Dims) -> Answer:
            quota = self._quota(dims[grain.index("rep")], token)
            return absent("no_plan") if quota is None else divided(booked[dims], quota)

        return attained

    def sales_team_turnover(self, grain: Grain, token: str) -> Table:
        start, end = self.w.clock.bounds(token)
        left = self._total("rep", self._in(token, having(self.w.reps, role="sales"), "left_at"), grain)
        before, after = (self._total("rep", self._employed(t), grain) for t in (start, end))
        return lambda dims: divided(left[dims], (before[dims] + after[dims]) / 2)

    def _completed(self, grain: Grain, token: str) -> Sums:
        """Return how many calls, e-mails and meetings people completed."""
        ours = having(self.w.activities, actor="human", status="completed", kind=COUNTED)
        return self._total("activity", self._in(token, ours, "occurred_at"), grain, quantity)

    def sales_productivity(self, grain: Grain, token: str) -> Table:
        done = self._completed(grain, token)
        _, end = self.w.clock.bounds(token)
        of_reps = tuple(d for d in grain if d != "kind")
        employed = self._total("rep", self._employed(end), of_reps)

        def productivity(dims: Dims) -> Answer:
            team = tuple(v for d, v in zip(grain, dims, strict=True) if d != "kind")
            found = divided(done[dims], employed[team])
            return found._replace(samples=int(employed[team]))

        return productivity


def quantity(activity: Entity) -> int:
    return 1 if activity["quantity"] is None else int(activity["quantity"])
