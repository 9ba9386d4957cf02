"""Conversion and funnel, and speed (KPIS B and C)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple

from config.declarations import Conversion
from tests.properties.oracle.answers import Dims, Grain, Sums, Table, aggregated, rate, zero_or_more
from tests.properties.oracle.base import Formulas, having
from tests.properties.oracle.ledger import paid_from
from tests.properties.oracle.merging import Entity
from tests.properties.oracle.world import World


class Exit(NamedTuple):
    """How a deal left a stage: forward, or lost."""

    deal: Entity
    stage: str
    at: int
    forward: bool


def exits_of(world: World) -> Iterator[Exit]:
    """Yield how each deal left each stage of its pipeline that it left."""
    for deal in world.deals:
        order = world.stages(deal)
        entered = {s: at for s, at in (deal["stage_entered_at"] or {}).items() if s in order}
        if deal["status"] == "cancelled":
            continue
        for stage, since in entered.items():
            onward = [at for later, at in entered.items() if order[later] > order[stage] and at > since]
            if deal["status"] == "won" and deal["closed_at"] >= since:
                onward.append(deal["closed_at"])
            if onward:
                yield Exit(deal, stage, min(onward), forward=True)
            elif deal["status"] == "lost" and stage == max(entered, key=lambda s: (entered[s], order[s])):
                yield Exit(deal, stage, deal["closed_at"], forward=False)


class Funnel(Formulas):
    """From lead and account to won deal."""

    def leads_generated(self, grain: Grain, token: str) -> Table:
        return zero_or_more(self._total("lead", self._in(token, self.w.leads, "created_at"), grain))

    def sales_ready_leads(self, grain: Grain, token: str) -> Table:
        qualified = self._in(token, self.w.leads, "qualified_at")
        return zero_or_more(self._total("lead", [e for e in qualified if e["status"] != "disqualified"], grain))

    def opportunities_generated(self, grain: Grain, token: str) -> Table:
        return zero_or_more(self._total("deal", self._in(token, self.w.deals, "created_at"), grain))

    def accounts_generated(self, grain: Grain, token: str) -> Table:
        created = {a["id"] for a in self._in(token, self.w.accounts, "created_at")}
        return zero_or_more(self._count([c for c in self.w.customers if c["id"] in created], grain))

    def opportunities_won(self, grain: Grain, token: str) -> Table:
        return zero_or_more(self._total("deal", self._won(token), grain))

    def opportunities_lost(self, grain: Grain, token: str) -> Table:
        return zero_or_more(self._total("deal", self._lost(token), grain))

    def win_rate(self, grain: Grain, token: str) -> Table:
        won, lost = self._won(token), self._lost(token)
        return rate(self._total("deal", won, grain), self._total("deal", [*won, *lost], grain))

    # ---- leads that win

    def _within(self, kpi: str) -> int:
        """Return the span that a conversion is given."""
        declared = self.w.declarations.kpis[kpi]
        assert isinstance(declared, Conversion)
        assert declared.within is not None
        return declared.within

    def _matured(self, token: str, span: int) -> list[Entity]:
        """Return the leads whose span since their creation ended in the window."""
        within = self.w.clock.has(token)
        return [e for e in self.w.leads if within(e["created_at"] + span)]

    def lead_conversion_rate(self, grain: Grain, token: str) -> Table:
        span = self._within("lead_conversion_rate")

        def converts(lead: Entity) -> bool:
            win = self.w.first_win(lead)
            return win is not None and 0 <= win - lead["created_at"] < span

        cohort = self._matured(token, span)
        return rate(self._total("lead", filter(converts, cohort), grain), self._total("lead", cohort, grain))

    def lead_conversion_rate_period(self, grain: Grain, token: str) -> Table:
        within = self.w.clock.has(token)
        won = [e for e in self.w.leads if within(self.w.first_win(e))]
        created = self._in(token, self.w.leads, "created_at")
        return rate(self._total("lead", won, grain), self._total("lead", created, grain))

    # ---- trials, stages, referrals

    def trial_conversion_rate(self, grain: Grain, token: str) -> Table:
        within = self.w.clock.has(token)
        trials = [s for s in self.w.subscriptions if s["trial_started_at"] is not None]
        paid = [s for s in trials if within(paid_from(s))]
        ended = [s for s in trials if paid_from(s) is None and within(s["trial_ended_at"])]
        return rate(self._total("subscription", paid, grain), self._total("subscription", [*paid, *ended], grain))

    def stage_conversion_rate(self, grain: Grain, token: str) -> Table:
        within = self.w.clock.has(token)
        forward, exits = Sums(Fraction), Sums(Fraction)
        for left in exits_of(self.w):
            if within(left.at):
                dims = self.w.dims_of("deal", {**left.deal, "stage": left.stage}, grain)
                forward[dims] += left.forward
                exits[dims] += 1
        return rate(forward, exits)

    def referral_rate(self, grain: Grain, token: str) -> Table:
        new = self._acquired(token)
        return rate(self._count(having(new, source="referral"), grain), self._count(new, grain))


class Speed(Funnel):
    """How fast deals are won, leads are answered and stages are left."""

    def sales_cycle_length(self, grain: Grain, token: str, agg: str) -> Table:
        samples: dict[Dims, list[Fraction]] = defaultdict(list)
        for deal in self._won(token):
            started = deal["created_at"] if deal["first_contact_at"] is None else deal["first_contact_at"]
            if deal["closed_at"] >= started:
                seconds = (deal["closed_at"] - started) // 1000
                samples[self.w.dims_of("deal", deal, grain)].append(Fraction(seconds))
        return aggregated(samples, agg)

    def _response_seconds(self, lead: Entity) -> int | None:
        answered = self.w.first_response(lead)
        return None if answered is None else max(0, (answered - lead["created_at"]) // 1000)

    def lead_response_time(self, grain: Grain, token: str, agg: str) -> Table:
        samples: dict[Dims, list[Fraction]] = defaultdict(list)
        for lead in self._in(token, self.w.leads, "created_at"):
            if (seconds := self._response_seconds(lead)) is not None:
                samples[self.w.dims_of("lead", lead, grain)].append(Fraction(seconds))
        return aggregated(samples, agg)

    def lead_response_within_sla(self, grain: Grain, token: str) -> Table:
        span = self._within("lead_response_within_sla")
        cohort = self._matured(token, span)
        answered = [e for e in cohort if (s := self._response_seconds(e)) is not None and s <= span // 1000]
        return rate(self._total("lead", answered, grain), self._total("lead", cohort, grain))

    def _waiting(self) -> Iterable[Entity]:
        leads = having(self.w.leads, status=("new", "working"))
        return [e for e in leads if self.w.exists(e) and self.w.first_response(e) is None]

    def leads_waiting(self, grain: Grain, _: str) -> Table:
        return zero_or_more(self._total("lead", self._waiting(), grain))

    def lead_waiting_age_max(self, grain: Grain, _: str) -> Table:
        ages: dict[Dims, list[Fraction]] = defaultdict(list)
        for lead in self._waiting():
            ages[self.w.dims_of("lead", lead, grain)].append(Fraction((self.w.as_of - lead["created_at"]) // 1000))
        return aggregated(ages, "max")

    def stage_age(self, grain: Grain, _: str, agg: str) -> Table:
        ages: dict[Dims, list[Fraction]] = defaultdict(list)
        for deal in having(self.w.deals, status="open"):
            entered = (deal["stage_entered_at"] or {}).get(deal["stage"])
            if self.w.exists(deal) and entered is not None and entered < self.w.as_of:
                age = self.w.as_of - entered
                ages[self.w.dims_of("deal", deal, grain)].append(
                    Fraction(age, 1000) if agg == "mean" else Fraction(age // 1000)
                )
        return aggregated(ages, agg)
