"""Money: exchange rates of the working days, and what marketing and sales cost."""

import math
from datetime import date, time, timedelta

from streams.simulate.engine import SATURDAY, SECOND, Entity, Simulation
from streams.simulate.lists import AD_CHANNELS, REGIONS, SEGMENTS

_RATE_BEGIN, _RATE_LEAST, _RATE_MOST, _RATE_SPREAD = 1.08, 0.95, 1.25, 0.004
_FRIDAY, _WEEKS_BEFORE = 4, 74
_MONTH_DAYS, _MONTHS_BEFORE = 30, 13
_REGIONAL_MINOR = {("marketing", "advertising"): 75_000, ("sales", "salaries"): 80_000}
_COMMON_MINOR = {("marketing", "content"): 60_000, ("sales", "travel"): 50_000, ("other", "rent"): 40_000}
"""What a day costs, in each region and as a whole, by category and subcategory."""


class Rates:
    """The rates of the euro to the dollar, published at four on working days."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation, self._rate = simulation, _RATE_BEGIN

    def begin(self, at: int) -> None:
        """Send a rate a week for what happened before, those of the last days, and then one each working day."""
        today = self._simulation.local(at).date()
        friday = today - timedelta(days=(today.weekday() - _FRIDAY - 1) % 7 + 1)
        days = {friday - timedelta(weeks=weeks) for weeks in range(_WEEKS_BEFORE)}
        for day in sorted(days | {today - timedelta(days=back) for back in (1, 2, 3, 4)}):
            self._publish(at, day)
        self._simulation.every_day(at, time(16, 0), self._publish)

    def _publish(self, at: int, day: date) -> None:
        if day.weekday() >= SATURDAY:
            return
        moved = self._rate * math.exp(self._simulation.random.gauss(0.0, _RATE_SPREAD))
        self._rate = min(_RATE_MOST, max(_RATE_LEAST, moved))
        # No run in the id: the rate of a day is one thing, whoever sends it.
        rate = Entity("fx_rate", f"EUR/USD:{day}", {
            "base": "EUR", "quote": "USD", "rate_date": day.isoformat(), "rate": f"{self._rate:.4f}",
        }, shared=True)  # fmt: skip
        self._simulation.put(rate, at, self._simulation.random.randint(100, 2 * SECOND))


class Spending:
    """What is spent, booked each morning for the day before; of the year before only a sum a month."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def begin(self, at: int) -> None:
        """Send the sums of the months before, and book every day from now on."""
        today = self._simulation.local(at).date()
        for month in range(_MONTHS_BEFORE, 0, -1):
            self._book_day(at, today - timedelta(days=_MONTH_DAYS * month), _MONTH_DAYS)
        self._simulation.every_day(at, time(6, 0), lambda t, day: self._book_day(t, day - timedelta(days=1)))

    def _book_day(self, at: int, day: date, days: int = 1) -> None:
        """Book the costs of so many days; the segments and, for what is not regional, the regions take turns."""
        turn = day.toordinal() // days
        segments, regions = tuple(SEGMENTS), tuple(REGIONS)
        for number, region in enumerate(regions):
            for kind, minor in _REGIONAL_MINOR.items():
                self._book(at, day, kind, minor * days, (region, segments[(turn + number) % len(segments)]))
        for number, (kind, minor) in enumerate(_COMMON_MINOR.items()):
            place = (turn + number) % len(regions), (turn // len(regions) + number) % len(segments)
            self._book(at, day, kind, minor * days, (regions[place[0]], segments[place[1]]))

    def _book(self, at: int, day: date, kind: tuple[str, str], minor: int, target: tuple[str, str]) -> None:
        category, subcategory = kind
        region, segment = target
        weight = SEGMENTS[segment] * len(SEGMENTS) / sum(SEGMENTS.values())
        spend = self._simulation.new("spend", "x", {
            "incurred_on": day.isoformat(),
            "category": category,
            "subcategory": subcategory,
            "amount_minor": int(minor * weight * self._simulation.random.uniform(0.8, 1.2)),
            "currency": "EUR",
            "channel": self._simulation.pick(AD_CHANNELS) if subcategory == "advertising" else None,
            "region": region,
            "segment": segment,
        })  # fmt: skip
        self._simulation.put(spend, at)
