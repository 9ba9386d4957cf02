"""Customers, what they cost, and how long they stay; subscriptions; patients (KPIS F, G, H and J)."""

from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction

from tests.properties.oracle.answers import (
    Answer,
    Dims,
    Grain,
    Sums,
    Table,
    absent,
    divided,
    judged,
    per_count,
    rate,
    zero_or_more,
)
from tests.properties.oracle.base import Formulas, having
from tests.properties.oracle.ledger import is_active, per_month, phases_at
from tests.properties.oracle.merging import Entity

ACQUISITION = ("marketing", "sales")


class Customers(Formulas):
    """Who comes, who stays, who goes."""

    def _active(self, t: int, intervals: str = "intervals") -> list[Entity]:
        return [c for c in self.w.customers if is_active(c[intervals], t)]

    def _ends(self, token: str, intervals: str = "intervals") -> tuple[list[Entity], list[Entity]]:
        """Return the customers active at S and those active at E."""
        start, end = self.w.clock.bounds(token)
        return self._active(start, intervals), self._active(end, intervals)

    def new_customers(self, grain: Grain, token: str) -> Table:
        return zero_or_more(self._count(self._acquired(token), grain))

    def net_new_customers(self, grain: Grain, token: str) -> Table:
        before, after = (self._count(c, grain) for c in self._ends(token))
        return lambda dims: Answer(after[dims] - before[dims])

    def customers_active(self, grain: Grain, _: str) -> Table:
        return zero_or_more(self._count(self._active(self.w.as_of), grain))

    def customer_retention_rate(self, grain: Grain, token: str) -> Table:
        before, after = self._ends(token)
        return rate(self._count([c for c in before if c in after], grain), self._count(before, grain))

    def customer_churn_rate(self, grain: Grain, token: str) -> Table:
        before, after = self._ends(token)
        return rate(self._count([c for c in before if c not in after], grain), self._count(before, grain))

    def _shown(self, kpi: str, grain: Grain, token: str) -> Table:
        """Return another KPI as it is shown: absent with too few samples."""
        table, min_samples = getattr(self, kpi)(grain, token), self.w.declarations.kpis[kpi].min_samples
        return lambda dims: judged(table(dims), min_samples)

    def clv(self, grain: Grain, token: str) -> Table:
        booked, churned = self._booked(grain, token), self._shown("customer_churn_rate", grain, token)
        before, after = (self._count(c, grain) for c in self._ends(token))

        def value(dims: Dims) -> Answer:
            churn = churned(dims)
            if churn.value is None:
                return absent(str(churn.reason))
            return divided(booked[dims], (before[dims] + after[dims]) / 2 * churn.value)

        return value


class Cost(Formulas):
    """What is spent, and what a new customer costs."""

    def _spent(self, spend: list[Entity], grain: Grain) -> Table:
        """Return the sum of the amounts, each at its day's rate; without any record there is none."""
        records = self._total("spend", spend, grain)
        amounts = self._worth("spend", spend, grain, lambda s: s["incurred_on"])
        return lambda dims: Answer(amounts[dims]) if records[dims] else absent("no_source_records")

    def _acquisition(self, token: str) -> list[Entity]:
        return self._on(token, having(self.w.spend, category=ACQUISITION), "incurred_on")

    def acquisition_spend(self, grain: Grain, token: str) -> Table:
        return self._spent(self._acquisition(token), grain)

    def ad_spend(self, grain: Grain, token: str) -> Table:
        return self._spent(having(self._acquisition(token), subcategory="advertising"), grain)

    def cac(self, grain: Grain, token: str) -> Table:
        return self._per_customer(self._spent(self._acquisition(token), grain), self._acquired(token), grain)

    def patient_acquisition_cost(self, grain: Grain, token: str) -> Table:
        spent = self._spent(having(self._acquisition(token), segment="patient"), grain)
        return self._per_customer(spent, having(self._acquired(token), segment="patient"), grain)

    def _per_customer(self, spent: Table, acquired: list[Entity], grain: Grain) -> Table:
        new = self._count(acquired, grain)

        def cost(dims: Dims) -> Answer:
            amount = spent(dims)
            return amount if amount.value is None else per_count(amount.value, new[dims])

        return cost


class Saas(Customers):
    """Subscriptions."""

    def _monthly(self, customer: Entity, t: int) -> Iterator[tuple[Entity, str, int]]:
        """Yield (subscription, currency, amount for a month) of each phase that the customer pays at t."""
        for subscription in customer["subscriptions"]:
            for phase in phases_at(subscription, t):
                yield subscription, phase["currency"], per_month(phase)

    def _recurring(self, grain: Grain) -> Sums:
        found = Sums(Fraction)
        for customer in self.w.customers:
            for subscription, currency, amount in self._monthly(customer, self.w.as_of):
                worth = self.w.worth(currency, self.w.clock.today)
                if worth is not None:
                    found[self._dims_of_paid(customer, subscription, grain)] += amount * worth
        return found

    def _dims_of_paid(self, customer: Entity, subscription: Entity, grain: Grain) -> Dims:
        return tuple(
            self.w.dims_of(*(("subscription", subscription) if d == "product" else ("customer", customer)), (d,))[0]
            for d in grain
        )

    def mrr(self, grain: Grain, _: str) -> Table:
        return zero_or_more(self._recurring(grain))

    def mrr_churn_rate(self, grain: Grain, token: str) -> Table:
        start, end = self.w.clock.bounds(token)
        before_start = self.w.clock.date_of(start - 1)
        lost, paid = Sums(Fraction), Sums(Fraction)
        for customer in self.w.customers:
            before, after = self._by_currency(customer, start), self._by_currency(customer, end)
            for currency, amount in before.items():
                worth = self.w.worth(currency, before_start)
                if worth is not None:
                    dims = self.w.dims_of("customer", customer, grain)
                    lost[dims] += max(0, amount - after[currency]) * worth
                    paid[dims] += amount * worth
        return lambda dims: divided(lost[dims], paid[dims])

    def _by_currency(self, customer: Entity, t: int) -> dict[str, int]:
        amounts: dict[str, int] = defaultdict(int)
        for _, currency, amount in self._monthly(customer, t):
            amounts[currency] += amount
        return amounts

    def subscriber_churn_rate(self, grain: Grain, token: str) -> Table:
        before, after = self._ends(token, "subscribed")
        return rate(self._count([c for c in before if c not in after], grain), self._count(before, grain))

    def subscription_ltv(self, grain: Grain, _: str) -> Table:
        recurring, churned = self._recurring(grain), self._shown("subscriber_churn_rate", grain, "30d")
        subscribers = self._count(self._active(self.w.as_of, "subscribed"), grain)

        def value(dims: Dims) -> Answer:
            churn = churned(dims)
            if churn.value is None:
                return absent(str(churn.reason))
            return divided(recurring[dims], subscribers[dims] * churn.value)

        return value


class Patients(Customers):
    """Customers whose segment is `patient`."""

    def patient_referral_rate(self, grain: Grain, token: str) -> Table:
        new = having(self._acquired(token), segment="patient")
        return rate(self._count(having(new, source="referral"), grain), self._count(new, grain))

    def patient_engagement_rate(self, grain: Grain, token: str) -> Table:
        within = self.w.clock.has(token)
        _, end = self.w.clock.bounds(token)
        patients = having(self._active(end), segment="patient")
        engaged = [p for p in patients if any(map(within, p["contacted"]))]
        return rate(self._count(engaged, grain), self._count(patients, grain))
