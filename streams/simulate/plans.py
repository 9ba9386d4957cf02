"""Plans: targets, quotas and forecasts, submitted some days before their period begins."""

from collections.abc import Iterator, Mapping
from datetime import date, time, timedelta

from streams.envelope import format_instant
from streams.simulate.engine import Simulation
from streams.simulate.lists import PRODUCTS, REGIONS, TEAMS
from streams.simulate.people import People

_MONTHLY_TARGET_MINOR = 165_000_000
_LEAD_DAYS = 5
_MONTHS_BEFORE = 5
_HOUR = time(9, 0)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
"""The units of planning, and how many months each has."""


class Plans:
    """What the company, its teams, regions, products and reps should reach."""

    def __init__(self, simulation: Simulation, people: People) -> None:
        self._simulation, self._people = simulation, people
        self._planned: set[str] = set()

    def begin(self, at: int) -> None:
        """Send the plans of some months before, of the running periods and of the next ones if it is time for them."""
        month = self._simulation.local(at).date().replace(day=1)
        months = [month]
        for _ in range(_MONTHS_BEFORE):
            months.append((months[-1] - timedelta(days=1)).replace(day=1))
        for unit in _MONTHS:
            for first in sorted({_first_day(unit, month) for month in months}):
                submitted_at = self._simulation.clock(first - timedelta(days=_LEAD_DAYS), _HOUR)
                self._submit(at, unit, first, submitted_at)
        coming = self._simulation.local(at).date() + timedelta(days=_LEAD_DAYS)
        self._submit_coming(at, coming.replace(day=1))
        self._simulation.every_day(at, _HOUR, self._new_day)

    def _new_day(self, at: int, day: date) -> None:
        self._submit_coming(at, day + timedelta(days=_LEAD_DAYS))
        tomorrow = day + timedelta(days=1)
        for unit in _begin_on(tomorrow):
            self._forecast(at, unit, tomorrow, at, revision=2)

    def _submit_coming(self, at: int, day: date) -> None:
        for unit in _begin_on(day):
            self._submit(at, unit, day, at)

    def _submit(self, at: int, unit: str, first: date, submitted_at: int) -> None:
        period = _period(unit, first)
        if period in self._planned:
            return
        self._planned.add(period)
        random = self._simulation.random
        company = _MONTHLY_TARGET_MINOR * _MONTHS[unit] * random.randint(95, 110) // 100
        self._plan(at, "target", period, {}, company, submitted_at)
        for scope, share in _shares():
            self._plan(at, "target", period, scope, int(company * share), submitted_at)
        reps = self._people.present()
        for rep_id, team_id in reps:
            quota = company // len(reps) * random.randint(75, 105) // 100
            self._plan(at, "quota", period, {"rep_id": rep_id, "team_id": team_id}, quota, submitted_at)
        self._forecast(at, unit, first, submitted_at)

    def _forecast(self, at: int, unit: str, first: date, submitted_at: int, *, revision: int = 1) -> None:
        period, base = _period(unit, first), _MONTHLY_TARGET_MINOR * _MONTHS[unit]
        teams = [base // len(TEAMS) * self._simulation.random.randint(85, 120) // 100 for _ in TEAMS]
        self._plan(at, "forecast", period, {}, sum(teams), submitted_at, revision)
        for team_id, amount in zip(TEAMS, teams, strict=True):
            self._plan(at, "forecast", period, {"team_id": team_id}, amount, submitted_at, revision)

    def _plan(  # noqa: PLR0913, PLR0917 - what a plan says
        self,
        at: int,
        kind: str,
        period: str,
        scope: Mapping[str, str],
        amount: int,
        submitted_at: int,
        revision: int = 1,
    ) -> None:
        who = next(iter(scope.values()), "company")
        plan = self._simulation.named("plan", f"{kind}-{period}-{who}-{revision}", {
            "kind": kind,
            "metric": "revenue",
            "period": period,
            **dict.fromkeys(("rep_id", "team_id", "region", "product_id")),
            **scope,
            "amount_minor": amount,
            "currency": "EUR",
            "submitted_at": format_instant(min(at, submitted_at)),
        })  # fmt: skip
        self._simulation.put(plan, at, 100)


def _shares() -> Iterator[tuple[dict[str, str], float]]:
    """Yield each scope of a target, and its share of the company's."""
    for team_id in TEAMS:
        yield {"team_id": team_id}, 1 / len(TEAMS)
    for region, weight in REGIONS.items():
        yield {"region": region}, weight / sum(REGIONS.values())
    for product in PRODUCTS:
        yield {"product_id": product.product_id}, product.price_minor / sum(p.price_minor for p in PRODUCTS)


def _begin_on(day: date) -> list[str]:
    return [unit for unit in _MONTHS if _first_day(unit, day) == day]


def _first_day(unit: str, day: date) -> date:
    months = _MONTHS[unit]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def _period(unit: str, first: date) -> str:
    names = {"month": f"{first:%Y-%m}", "quarter": f"{first.year}-Q{(first.month + 2) // 3}", "year": f"{first.year}"}
    return names[unit]
