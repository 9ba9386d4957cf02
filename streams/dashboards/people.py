"""The dashboard of teams and reps: who stands where, and how the chosen ones came there."""

from collections.abc import Iterator

from metrics.plan import Plan
from streams.dashboards.document import Page
from streams.dashboards.figures import Figure, Figures, is_headline
from streams.dashboards.grid import Grid
from streams.dashboards.kpi_panels import KpiPanels
from streams.dashboards.links import PEOPLE_UID
from streams.dashboards.sheets import KpiSheets
from streams.dashboards.span import windows_of

_PAGE = Page(
    PEOPLE_UID, "Sales / Rep and team", "Leaderboards of teams and reps, and the course of those that are chosen."
)
_COLUMNS = 8
_TABLES, _COURSE = {"team": 7, "rep": 14}, 8
"""How high panels are."""
_ACROSS = 2
_DIMENSIONS = {"team": "Teams", "rep": "Reps"}


class PeopleDashboard:
    """The dashboard of the KPIs that are told by team or by rep."""

    def __init__(self, plan: Plan, figures: Figures, panels: KpiPanels) -> None:
        """Lay out the panels."""
        self._panels = panels
        self._by = {name: list(_figures(plan, figures, name)) for name in _DIMENSIONS}
        self._windows = windows_of(figure.windows for figure in self._by["team"][:_COLUMNS])
        self._grid = Grid()
        for name, title in _DIMENSIONS.items():
            if self._by[name]:
                self._lay_out(self._by[name], title)

    @property
    def is_empty(self) -> bool:
        """Whether no KPI is told by team or by rep."""
        return not any(self._by.values())

    def text(self, sheets: KpiSheets) -> str:
        """Return the text of its file."""
        return sheets.text(
            _PAGE,
            self._grid,
            windows=self._windows,
            filtered=[figure for figures in self._by.values() for figure in figures],
        )

    def _lay_out(self, figures: list[Figure], title: str) -> None:
        """Show the first figures as the columns of a table and over the time, and the course of the others folded."""
        parts = [(figure, self._windows.span(figure.windows)) for figure in figures]
        first, others = parts[:_COLUMNS], parts[_COLUMNS:]
        self._grid.row(title)
        board = self._panels.leaderboard(first, first[0][1].after(f"{title}, by {first[0][0].title.lower()}"))
        self._grid.line([(board, 1)], _TABLES[first[0][0].labels[0]])
        self._grid.lines([self._panels.course([figure], span) for figure, span in first], _COURSE, _ACROSS)
        if others:
            courses = [self._panels.course([figure], span) for figure, span in others]
            self._grid.folded(f"{title}: more KPIs over time", [(courses, _COURSE)], _ACROSS)


def _figures(plan: Plan, figures: Figures, dimension: str) -> Iterator[Figure]:
    """Yield the figures by one dimension, of the first aggregate of each KPI; headline KPIs first."""
    kpis = [kpi for group in plan.declarations.kpis_by_group().values() for kpi in group]
    for kpi in sorted(kpis, key=lambda kpi: not is_headline(kpi)):
        found = (figure for figure in figures.of_kpi(kpi.key) if figure.labels == (dimension,))
        first = next(found, None)
        if first is not None:
            yield first
