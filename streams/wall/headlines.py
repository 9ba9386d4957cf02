"""Which series the wall reads: found once for a plan, so that a tile is looked up and never searched for."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from config.declarations import Kpi
from metrics.evaluate import NOW
from metrics.plan import Plan, SeriesPlan
from streams.titles import WINDOW_ORDER

TEAM = "team"
Grain = tuple[str, ...]


@dataclass(slots=True)
class KpiSeries:
    """The series of a KPI, by grain and aggregate, as positions in the plan.

    Attributes:
        kpi: the declaration.
        aggs: its aggregates, the one that is shown first before the others; None where it has but one.
        at: the positions.
    """

    kpi: Kpi
    aggs: list[str | None] = field(default_factory=list)
    at: dict[tuple[Grain, str | None], int] = field(default_factory=dict)

    def position(self, grain: Grain, agg: str | None = None) -> int | None:
        """Return the position of the series of a grain, of the first aggregate if none is named."""
        return self.at.get((grain, self.aggs[0] if agg is None else agg))

    @property
    def grains(self) -> list[Grain]:
        """The grains that are declared, in their order."""
        return list(dict.fromkeys(grain for grain, _ in self.at))


class Headlines:
    """The KPIs of a plan as the wall needs them."""

    def __init__(self, plan: Plan) -> None:
        """Sort the series of `plan`."""
        self.plan = plan
        self.kpis: dict[str, KpiSeries] = {}
        for i, series in enumerate(plan.series):
            self._add(i, series)
        self.groups = self._groups()
        self.windows = self._windows()

    def _add(self, index: int, series: SeriesPlan) -> None:
        of = self.kpis.setdefault(series.kpi.key, KpiSeries(series.kpi))
        if series.agg not in of.aggs:
            of.aggs.append(series.agg)
        of.at[series.grain, series.agg] = index

    def _groups(self) -> Mapping[str, list[KpiSeries]]:
        """Return the headline KPIs that have a total, by group, in the order of the declarations."""
        found: dict[str, list[KpiSeries]] = defaultdict(list)
        for of in self.kpis.values():
            if of.kpi.display is not None and of.kpi.display.headline and of.position(()) is not None:
                found[of.kpi.group].append(of)
        order = dict.fromkeys([*self.plan.declarations.groups, *found])
        return {group: found[group] for group in order if group in found}

    def _windows(self) -> list[str]:
        """Return the tokens of the periods that headline KPIs have, in their order; `now` is no period."""
        there = {
            window.token
            for kpis in self.groups.values()
            for of in kpis
            for index in of.at.values()
            for window in self.plan.series[index].windows
            if window != NOW
        }
        return [token for token in WINDOW_ORDER if token in there]

    @property
    def team_series(self) -> list[int]:
        """The positions of the headline KPIs' series by team."""
        found = (of.position((TEAM,)) for kpis in self.groups.values() for of in kpis)
        return [index for index in found if index is not None]
