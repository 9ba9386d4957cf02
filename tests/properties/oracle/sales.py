"""Revenue and growth, and the pipeline (KPIS A and D)."""

from datetime import timedelta
from fractions import Fraction

from tests.properties.oracle.answers import (
    Answer,
    Dims,
    Grain,
    Sums,
    Table,
    absent,
    divided,
    grown,
    quotient,
    rate,
    zero_or_more,
)
from tests.properties.oracle.base import Formulas, having
from tests.properties.oracle.clock import begin
from tests.properties.oracle.merging import Entity


class Revenue(Formulas):
    """Revenue and growth."""

    def revenue(self, grain: Grain, token: str) -> Table:
        return zero_or_more(self._booked(grain, token))

    def revenue_growth(self, grain: Grain, token: str) -> Table:
        now, before = self._booked(grain, token), self._booked(grain, token, before=True)
        return lambda dims: grown(now[dims], before[dims])

    monthly_revenue_growth = revenue_growth

    def avg_deal_size(self, grain: Grain, token: str) -> Table:
        closed_on = self._day("closed_at")
        valued = [d for d in self._won(token) if self.w.worth(d["currency"], closed_on(d)) is not None]
        return rate(self._booked(grain, token), self._total("deal", valued, grain))

    def avg_purchase_value(self, grain: Grain, token: str) -> Table:
        orders = self._in(token, having(self.w.orders, status=("placed", "fulfilled")), "ordered_at")
        ordered_on = self._day("ordered_at")
        valued = [o for o in orders if self.w.worth(o["currency"], ordered_on(o)) is not None]
        return rate(self._worth("order", orders, grain, ordered_on), self._total("order", valued, grain))

    def avg_profit_margin(self, grain: Grain, token: str) -> Table:
        def of_costed(part: str) -> Sums:
            return self._lines(
                self._won(token),
                grain,
                self._day("closed_at"),
                lambda line: 0 if line.get("cost_minor") is None else int(line[part]),
            )

        amounts, costs = of_costed("amount_minor"), of_costed("cost_minor")
        return lambda dims: divided(amounts[dims] - costs[dims], amounts[dims])

    def target_attainment(self, grain: Grain, token: str) -> Table:
        booked, period = self._booked(grain, token), self.w.clock.period(token)
        first, _ = self.w.clock.days(token)

        def attained(dims: Dims) -> Answer:
            target = self.w.planned("target", period, first, dict(zip(grain, dims, strict=True)))
            return absent("no_plan") if target is None else divided(booked[dims], target)

        return attained

    # ---- forecasts

    def _forecast(self, grain: Grain, token: str, dims: Dims) -> Fraction | None:
        """Return the last forecast that was submitted before the period began."""
        period, (first, _), (start, _) = (
            self.w.clock.period(token),
            self.w.clock.days(token),
            self.w.clock.bounds(token),
        )
        return self.w.planned("forecast", period, first, dict(zip(grain, dims, strict=True)), before=start)

    def forecast_bias(self, grain: Grain, token: str) -> Table:
        booked = self._booked(grain, token)

        def bias(dims: Dims) -> Answer:
            forecast, actual = self._forecast(grain, token, dims), booked[dims]
            return absent("no_plan") if forecast is None else divided(forecast - actual, actual)

        return bias

    def forecast_accuracy(self, grain: Grain, token: str) -> Table:
        biased = self.forecast_bias(grain, token)

        def accuracy(dims: Dims) -> Answer:
            bias = biased(dims)
            return bias if bias.value is None else Answer(max(Fraction(0), 1 - abs(bias.value)))

        return accuracy


class Pipeline(Formulas):
    """The pipeline as it stands."""

    def _open(self) -> list[Entity]:
        return [d for d in self.w.deals if d["status"] == "open" and self.w.exists(d)]

    def _open_value(self, grain: Grain) -> Sums:
        return self._lines(self._open(), grain, lambda _: self.w.clock.today)

    def _open_weighted(self, grain: Grain) -> Sums:
        found: Sums = Sums(Fraction)
        for dims, deal, lines in self.w.parts(self._open(), grain):
            worth, chance = self.w.worth(deal["currency"], self.w.clock.today), self.w.chance(deal)
            if worth is not None and chance is not None:
                found[dims] += round(sum(line["amount_minor"] for line in lines) * chance) * worth
        return found

    def pipeline_value(self, grain: Grain, _: str) -> Table:
        return zero_or_more(self._open_value(grain))

    def pipeline_weighted_value(self, grain: Grain, _: str) -> Table:
        return zero_or_more(self._open_weighted(grain))

    def pipeline_deals(self, grain: Grain, _: str) -> Table:
        return zero_or_more(self._total("deal", self._open(), grain))

    def pipeline_leads(self, grain: Grain, _: str) -> Table:
        leads = having(self.w.leads, status=("new", "working", "qualified"))
        return zero_or_more(self._total("lead", filter(self.w.exists, leads), grain))

    def pipeline_health(self, grain: Grain, _: str) -> Table:
        return quotient(self._open_weighted(grain), self._open_value(grain))

    def pipeline_coverage(self, grain: Grain, _: str) -> Table:
        today = self.w.clock.today
        first = begin("q", today)
        after = begin("q", first + timedelta(100))
        due = [d for d in self._open() if d["expected_close_date"] is not None and d["expected_close_date"] < after]
        expected, booked = self._lines(due, grain, lambda _: today), self._booked(grain, "qtd")

        def coverage(dims: Dims) -> Answer:
            target = self.w.planned("target", self.w.clock.period("qtd"), first, dict(zip(grain, dims, strict=True)))
            return absent("no_plan") if target is None else divided(expected[dims], target - booked[dims])

        return coverage

    def avg_open_deal_size(self, grain: Grain, _: str) -> Table:
        valued = [d for d in self._open() if self.w.worth(d["currency"], self.w.clock.today) is not None]
        return rate(self._open_value(grain), self._total("deal", valued, grain))
