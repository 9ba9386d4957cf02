"""What is measured: hotel nights, production runs, stock, and the market and the economy around."""

from datetime import date, time, timedelta
from typing import Any, NamedTuple

from streams.simulate.engine import HOUR, SATURDAY, SECOND, Entity, Simulation
from streams.simulate.lists import GOODS, PRODUCTS, REGIONS, currency_of

_MONDAY = 0
_SHIFTS_SECONDS = 16 * 3600
_STOCK_UNITS = {"rotterdam": 90, "hamburg": 60}
_MARKET_SIZES = {"industry": 18_000, "retail": 15_000, "households": 40_000, "care": 9_000}
_MARKET_REVENUE_MINOR = 1_500_000_000
_PUBLISHED_ON = 3
"""The day of the month at which the figures of the month before appear."""
_MONTHS_BEFORE = 16


class Property(NamedTuple):
    """A hotel."""

    property_id: str
    region: str
    rooms: int
    price_minor: int


class Line(NamedTuple):
    """A production line, and how long the best piece takes."""

    line_id: str
    product_id: str
    cycle_seconds: str


class Series(NamedTuple):
    """An indicator: where it began, and how it moves from month to month."""

    begin: float
    drift: float
    spread: float
    decimals: int


PROPERTIES = (
    Property("canal-house", "benelux", 120, 16_500),
    Property("alster", "dach", 180, 13_900),
    Property("harbour-view", "americas", 240, 21_000),
)
LINES = (Line("line-1", "p-basic", "45"), Line("line-2", "p-plus", "62.5"), Line("line-3", "p-hardware", "118"))
SERIES = {
    "consumer_confidence": Series(14.0, -0.1, 1.0, 0),
    "consumer_spending_index": Series(116.0, 0.2, 0.5, 1),
    "inflation": Series(0.031, -0.0003, 0.0012, 4),
    "unemployment": Series(0.037, 0.0002, 0.0006, 4),
}


class Measurements:
    """The figures of hotels, factory and warehouses, and those that others publish."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._levels = {name: series.begin for name, series in SERIES.items()}

    def begin(self, at: int) -> None:
        """Send the published figures of more than a year, and then everything in its time."""
        today = self._simulation.local(at).date()
        month = today.replace(day=1)
        months: list[date] = []
        while len(months) < _MONTHS_BEFORE:
            month = _month_before(month)
            months.append(month)
        for published in reversed(months[today.day < _PUBLISHED_ON :]):
            self._publish(at, published)
        self._count_stock(at, today - timedelta(days=today.weekday()))
        self._simulation.every_day(at, time(6, 30), self._new_day)

    def _new_day(self, at: int, day: date) -> None:
        self._audit(at, day - timedelta(days=1))
        self._produce(at, day - timedelta(days=1))
        if day.weekday() == _MONDAY:
            self._count_stock(at, day)
        if day.day == _PUBLISHED_ON:
            self._publish(at, _month_before(day.replace(day=1)))

    def _measure(self, at: int, kind: str, unit_id: str, day: date, **more: Any) -> Entity:
        # No run in the id: there is one such figure, whoever sends it.
        fields = {"kind": kind, "unit_id": unit_id, "on_date": day.isoformat(), "region": None, "product_id": None,
                  "currency": None, **more}  # fmt: skip
        measurement = Entity("measurement", f"{kind}:{unit_id}:{day}", fields, shared=True)
        self._simulation.put(measurement, at, self._simulation.random.randint(100, 30 * SECOND))
        return measurement

    # ---------------------------------------------------------------------------------------------- of the organisation

    def _audit(self, at: int, night: date) -> None:
        """Send the night audit of each hotel; now and then it is corrected later in the day."""
        for hotel in PROPERTIES:
            share = min(1.0, self._simulation.random.gauss(0.84 if night.weekday() in {4, 5} else 0.7, 0.08))
            sold = int(hotel.rooms * share)
            price = int(hotel.price_minor * (0.6 + 0.55 * share))
            values = {"rooms_available": hotel.rooms, "rooms_sold": sold, "room_revenue_minor": sold * price}
            audit = self._measure(at, "hotel_day", hotel.property_id, night, region=hotel.region,
                                  currency=currency_of(hotel.region), values=values)  # fmt: skip
            if self._simulation.chance(0.05):
                corrected = values | {"rooms_sold": sold - 1, "room_revenue_minor": (sold - 1) * price}
                self._correct_later(at, audit, corrected)

    def _correct_later(self, at: int, audit: Entity, values: dict[str, int]) -> None:
        later = at + self._simulation.random.randint(1 * HOUR, 9 * HOUR)
        self._simulation.schedule(later, lambda t: self._simulation.patch(audit, t, values=values))

    def _produce(self, at: int, day: date) -> None:
        """Send what each line made in the two shifts of a working day."""
        if day.weekday() >= SATURDAY:
            return
        random = self._simulation.random
        for line in LINES:
            run_seconds = int(_SHIFTS_SECONDS * random.uniform(0.78, 0.95))
            total = int(run_seconds * random.uniform(0.85, 0.97) / float(line.cycle_seconds))
            good = int(total * random.uniform(0.95, 0.995))
            values = {"planned_seconds": _SHIFTS_SECONDS, "run_seconds": run_seconds,
                      "ideal_cycle_seconds": line.cycle_seconds, "total_count": total, "good_count": good}  # fmt: skip
            self._measure(at, "production_run", line.line_id, day, product_id=line.product_id, values=values)

    def _count_stock(self, at: int, day: date) -> None:
        """Count what lies in the warehouses: one place for each product."""
        for warehouse, units in _STOCK_UNITS.items():
            for product in PRODUCTS:
                if product.product_id in GOODS:
                    counted = int(units * self._simulation.random.uniform(0.8, 1.2))
                    self._measure(at, "inventory_snapshot", f"{warehouse}-{product.product_id}", day,
                                  product_id=product.product_id, currency="EUR",
                                  values={"value_minor": product.cost_minor(counted)})  # fmt: skip

    # ---------------------------------------------------------------------------------------------- of the world around

    def _publish(self, at: int, month: date) -> None:
        """Send what was found out about a month, dated its first day."""
        random = self._simulation.random
        for region, weight in REGIONS.items():
            revenue = int(_MARKET_REVENUE_MINOR * weight / sum(REGIONS.values()) * random.uniform(0.95, 1.05))
            self._measure(at, "market_revenue", region, month, region=region, currency="EUR",
                          values={"value_minor": revenue})  # fmt: skip
        for market, customers in _MARKET_SIZES.items():
            self._measure(at, "market_size", market, month, values={"customers": customers + 10 * month.month})
        for name, series in SERIES.items():
            self._levels[name] += random.gauss(series.drift, series.spread)
            self._measure(at, "indicator", name, month, values={"value": f"{self._levels[name]:.{series.decimals}f}"})


def _month_before(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)
