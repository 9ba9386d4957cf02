"""The dashboard of a group of KPIs: how it stands, how it came to that, what watches it, and what it is made of."""

from collections.abc import Iterable, Sequence

from config.declarations import Kpi
from streams.dashboards.document import Page
from streams.dashboards.figures import Figure, Figures
from streams.dashboards.grid import Grid
from streams.dashboards.kpi_panels import KpiPanels
from streams.dashboards.links import group_uid
from streams.dashboards.sdk import model
from streams.dashboards.sheets import KpiSheets
from streams.dashboards.span import Windows, is_complete, windows_of

_TILE, _COURSE, _FEW_BARS, _MANY_BARS = 5, 8, 8, 11
"""How high panels are."""
_MANY = {"rep", "product", "source"}
"""Dimensions that have more values than a low panel has room for, as a rule."""
_TILES, _WIDE_TILES, _COURSES, _BREAKDOWNS = 6, 4, 2, 3
"""How many panels stand side by side."""
_SLOW_TIME = "90d"
"""What charts show of values that do not move within a day."""
_SHORT_TITLE = 34
"""How many letters there is room for above a tile of six."""


def group_windows(figures: Figures, kpis: Iterable[Kpi]) -> Windows:
    """Return the windows that people can choose for these KPIs."""
    return windows_of(figures.main(kpi.key)[0].windows for kpi in kpis)


class GroupDashboard:
    """The dashboard of the KPIs of a group."""

    def __init__(self, figures: Figures, panels: KpiPanels, kpis: Sequence[Kpi]) -> None:
        """Lay out the panels."""
        self._figures, self._panels, self._kpis = figures, panels, kpis
        self._main = {kpi.key: figures.main(kpi.key) for kpi in kpis}
        self._windows = group_windows(figures, kpis)
        self._grid = Grid()
        self._now()
        self._courses()
        self._thresholds()
        self._targets()
        for kpi in kpis:
            self._breakdowns(kpi)

    def text(self, sheets: KpiSheets, group: str, title: str, about: str) -> str:
        """Return the text of its file."""
        figures = [figure for kpi in self._kpis for figure in self._figures.of_kpi(kpi.key)]
        marks = f'kind="threshold", group="{group}"'
        return sheets.text(
            Page(group_uid(group), f"Sales / {title}", about),
            self._grid,
            windows=self._windows,
            filtered=figures,
            marks=marks,
        )

    def _now(self) -> None:
        """Show the totals: of several aggregates the first, of values with a metric each all."""
        tiles = [
            self._panels.tile(figure, self._windows.span(figure.windows))
            for main in self._main.values()
            for figure in (main if main[0].series.names is not None else main[:1])
            if not figure.labels
        ]
        if tiles:
            fits = max(len(tile.title or "") for tile in tiles) <= _SHORT_TITLE
            self._grid.row("Now")
            self._grid.lines(tiles, _TILE, _TILES if fits else _WIDE_TILES)

    def _courses(self) -> None:
        """Show the totals, or the rows of the first grain, over the time; flat lines of months are folded."""
        each = [
            lines
            for main in self._main.values()
            for lines in ([[figure] for figure in main] if main[0].series.names is not None else [main])
        ]
        courses: dict[bool, list[model.Panel]] = {True: [], False: []}
        for lines in each:
            span = self._windows.span(lines[0].windows)
            shown = self._windows.options if span.token is None else (span.token,)
            moves = not all(map(is_complete, shown)) and lines[0].series.names is None
            courses[moves].append(self._panels.course(lines, span, shown))
        if courses[True]:
            self._grid.row("Over time")
            self._grid.lines(courses[True], _COURSE, _COURSES)
        if courses[False]:
            for panel in courses[False]:
                panel.time_from = _SLOW_TIME
            self._grid.folded("Over the months", [(courses[False], _COURSE)], _COURSES)

    def _thresholds(self) -> None:
        panels = [
            self._panels.threshold(self._figures.find(kpi.key, alert.agg, alert.grain), alert)
            for kpi in self._kpis
            for alert in kpi.alerts
        ]
        if panels:
            self._grid.row("Thresholds")
            self._grid.lines(panels, _COURSE, _COURSES)

    def _targets(self) -> None:
        panels = []
        for figure in (figure for kpi in self._kpis for figure in self._figures.of_kpi(kpi.key) if figure.goals):
            if figure.labels:
                panels += [self._panels.shares(figure, [token]) for token in figure.goals]
            else:
                panels += [self._panels.with_target(figure, token) for token in figure.goals]
                panels.append(self._panels.shares(figure, figure.goals))
        if panels:
            self._grid.row("Against target")
            self._grid.lines(panels, _COURSE, _COURSES)

    def _breakdowns(self, kpi: Kpi) -> None:
        """Show the rows of each grain, of the first aggregate, in a row that people open."""
        figures = [figure for figure in self._figures.of_kpi(kpi.key) if figure.labels]
        first = [figure for figure in figures if figure.series.agg == figures[0].series.agg]
        few = [self._breakdown(figure) for figure in first if not _has_many_rows(figure)]
        many = [self._breakdown(figure) for figure in first if _has_many_rows(figure)]
        blocks = [(few, _FEW_BARS), (many, _MANY_BARS)]
        if many and len(first) <= _BREAKDOWNS:
            blocks = [([*few, *many], _MANY_BARS)]
        if first:
            self._grid.folded(f"{kpi.title.en}, broken down", blocks, _BREAKDOWNS)

    def _breakdown(self, figure: Figure) -> model.Panel:
        span = self._windows.span(figure.windows)
        return self._panels.pairs(figure, span) if len(figure.labels) > 1 else self._panels.ranking(figure, span)


def _has_many_rows(figure: Figure) -> bool:
    """Return whether there may be more rows than a low panel has room for: of pairs, and of reps."""
    return len(figure.labels) > 1 or figure.labels[0] in _MANY
