"""Hospitality, manufacturing, and the market (KPIS I, K and L)."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any

from config.declarations import State
from tests.properties.oracle.answers import Answer, Dims, Grain, Sums, Table, absent, divided, grown, rate
from tests.properties.oracle.base import Formulas, having
from tests.properties.oracle.clock import DAY, year_before
from tests.properties.oracle.merging import Entity


def number(name: str) -> Callable[[Entity], Fraction]:
    """Return what reads a number of a measurement."""
    return lambda measurement: exact(measurement["values"][name])


def exact(value: Any) -> Fraction:
    """Return a number, a decimal text or a whole number as it is written."""
    return Fraction(str(value))


class Measured(Formulas):
    """What the formulas over measurements share."""

    def _measured(self, kind: str, token: str) -> list[Entity]:
        return self._on(token, having(self.w.measurements, kind=kind), "on_date")

    def _sums(self, kind: str, token: str, grain: Grain, what: Callable[[Entity], Any]) -> Sums:
        return self._total("measurement", self._measured(kind, token), grain, what)

    def _amounts(self, kind: str, token: str, grain: Grain, name: str) -> Sums:
        """Return the sum of an amount at the rate of each record's day."""
        return self._worth(
            "measurement", self._measured(kind, token), grain, lambda m: m["on_date"], number(name)
        )  # fmt: skip

    def _over_records(self, kind: str, token: str, grain: Grain, numerators: Sums, denominators: Sums) -> Table:
        """Divide; without any record there is no value."""
        records = self._sums(kind, token, grain, lambda _: 1)

        def share(dims: Dims) -> Answer:
            return divided(numerators[dims], denominators[dims]) if records[dims] else absent("no_source_records")

        return share


class Hospitality(Measured):
    """Nights of hotels."""

    def occupancy_rate(self, grain: Grain, token: str) -> Table:
        sold = self._sums("hotel_day", token, grain, number("rooms_sold"))
        available = self._sums("hotel_day", token, grain, number("rooms_available"))
        return self._over_records("hotel_day", token, grain, sold, available)

    def adr(self, grain: Grain, token: str) -> Table:
        return self._per_room(grain, token, "rooms_sold")

    def revpar(self, grain: Grain, token: str) -> Table:
        return self._per_room(grain, token, "rooms_available")

    def _per_room(self, grain: Grain, token: str, rooms: str) -> Table:
        """Divide the room revenue by rooms; a night whose revenue has no rate is in neither, as deals are (A4)."""
        revenue = self._amounts("hotel_day", token, grain, "room_revenue_minor")
        nights = self._measured("hotel_day", token)
        valued = [m for m in nights if self.w.worth(m["currency"], m["on_date"]) is not None]
        return self._over_records(
            "hotel_day", token, grain, revenue, self._total("measurement", valued, grain, number(rooms))
        )


class Manufacturing(Measured):
    """Production, orders and stock."""

    def production_efficiency(self, grain: Grain, token: str) -> Table:
        def ideal_seconds(run: Entity) -> Fraction:
            product = number("ideal_cycle_seconds")(run) * number("good_count")(run)
            return Fraction(round(product * 10**9), 10**9)

        ideal = self._sums("production_run", token, grain, ideal_seconds)
        planned = self._sums("production_run", token, grain, number("planned_seconds"))
        return self._over_records("production_run", token, grain, ideal, planned)

    def order_fulfillment_rate(self, grain: Grain, token: str) -> Table:
        due = [
            o
            for o in self._on(token, self.w.orders, "promised_on")
            if o["status"] != "cancelled" and (self._is_shipped(o) or o["promised_on"] < self.w.today)
        ]
        return rate(self._total("order", filter(self._on_time_in_full, due), grain), self._total("order", due, grain))

    def _is_shipped(self, order: Entity) -> bool:
        return order["fulfilled_at"] is not None and order["fulfilled_at"] < self.w.as_of

    def _on_time_in_full(self, order: Entity) -> bool:
        return (
            self._is_shipped(order)
            and self.w.clock.date_of(order["fulfilled_at"]) <= order["promised_on"]
            and order["quantity_fulfilled"] is not None
            and exact(order["quantity_fulfilled"]) >= exact(order["quantity_ordered"])
        )

    def inventory_turnover(self, grain: Grain, token: str) -> Table:
        shipped = self._in(token, having(self.w.orders, status="fulfilled"), "fulfilled_at")
        costed = [o for o in shipped if o["cost_minor"] is not None]
        cost = self._worth("order", costed, grain, self._day("fulfilled_at"), lambda o: o["cost_minor"])
        snapshots = self._measured("inventory_snapshot", token)
        records, stock = self._total("measurement", snapshots, grain), self._mean_per_location(snapshots, grain)

        def turnover(dims: Dims) -> Answer:
            if not records[dims]:
                return absent("no_source_records")
            return divided(cost[dims], stock[dims]) if dims in stock else absent("no_samples")

        return turnover

    def _mean_per_location(self, snapshots: list[Entity], grain: Grain) -> dict[Dims, Fraction]:
        """Return the sum over the locations of the mean value of their snapshots, of those that have a rate."""
        by_location: dict[tuple[Dims, str], list[Fraction]] = defaultdict(list)
        for snapshot in snapshots:
            worth = self.w.worth(snapshot["currency"], snapshot["on_date"])
            if worth is not None:
                row = self.w.dims_of("measurement", snapshot, grain)
                by_location[row, snapshot["unit_id"]].append(number("value_minor")(snapshot) * worth)
        found = Sums(Fraction)
        for (row, _), values in by_location.items():
            found[row] += sum(values, Fraction()) / len(values)
        return dict(found)


class Market(Measured):
    """The market around: its size, its revenue, its indicators."""

    def _by_date(self, kind: str, name: str) -> dict[str, dict[date, Fraction]]:
        """Return the number of each unit by date, up to today; records of one date add up."""
        found: dict[str, dict[date, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for record in having(self.w.measurements, kind=kind):
            if record["on_date"] <= self.w.clock.today:
                found[record["unit_id"]][record["on_date"]] += number(name)(record)
        return found

    def market_penetration_rate(self, grain: Grain, _: str) -> Table:
        assert grain == ("market",)
        sizes = self._by_date("market_size", "customers")
        ever = [c for c in self.w.customers if c["acquired_at"] is not None and c["acquired_at"] < self.w.as_of]
        customers = self._count(ever, grain)

        def penetration(dims: Dims) -> Answer:
            if dims[0] not in sizes:
                return absent("no_source_records")
            return divided(customers[dims], sizes[dims[0]][max(sizes[dims[0]])])

        return penetration

    def market_share(self, grain: Grain, token: str) -> Table:
        market = self._amounts("market_revenue", token, grain, "value_minor")
        return self._over_records("market_revenue", token, grain, self._booked(grain, token), market)

    def _indicator(self, series: str) -> tuple[date, dict[date, Fraction]] | None:
        """Return the date of the newest value of a series and all its values; None when that is too old."""
        values = self._by_date("indicator", "value").get(series)
        declared = self.w.declarations.kpis["market_indicator"]
        assert isinstance(declared, State)
        assert declared.named is not None
        max_age = declared.named.values[series].max_age
        if not values or (max_age is not None and (self.w.clock.today - max(values)).days > max_age // DAY):
            return None
        return max(values), values

    def market_indicator(self, grain: Grain, _: str) -> Table:
        assert grain == ("series",)

        def latest(dims: Dims) -> Answer:
            found = self._indicator(dims[0])
            return absent("no_source_records") if found is None else Answer(found[1][found[0]])

        return latest

    def market_indicator_growth(self, grain: Grain, _: str) -> Table:
        assert grain == ("series",)

        def growth(dims: Dims) -> Answer:
            found = self._indicator(dims[0])
            if found is None or year_before(found[0]) not in found[1]:
                return absent("no_source_records")
            newest, values = found
            return grown(values[newest], values[year_before(newest)])

        return growth
