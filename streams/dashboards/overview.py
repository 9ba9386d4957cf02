"""The first dashboard: one screen without scrolling, for whoever walks by."""

from collections.abc import Iterator
from urllib.parse import quote

from config.declarations import Overview, OverviewPart
from metrics.evaluate import NOW
from metrics.plan import Plan
from streams.dashboards.charts import tile
from streams.dashboards.colours import GOOD, NEUTRAL, SEVERITIES, Step
from streams.dashboards.document import Page
from streams.dashboards.figures import Figure, Figures, is_headline
from streams.dashboards.form import Form
from streams.dashboards.grid import Grid
from streams.dashboards.group import group_windows
from streams.dashboards.kpi_panels import KpiPanels, Part
from streams.dashboards.links import OVERVIEW_UID, group_uid, panel_id
from streams.dashboards.panel import Heading, Scale
from streams.dashboards.query import Query
from streams.dashboards.sdk import model
from streams.dashboards.sheets import FIRING, KpiSheets
from streams.dashboards.span import fixed
from streams.dashboards.tables import Words, words
from streams.wall.selection import DEFAULT_WINDOW, nearest_window

_PAGE = Page(OVERVIEW_UID, "Sales / Overview", "The main figures, what fires, and who and what they are made of.")
SCREEN_ROWS = 27
"""How many rows a screen of 1080 lines shows."""
_TILES = 6
_FOOTER, _LEAST, _TALLEST = 3, 5, 10
"""How high panels are."""
_TILE_HEIGHTS = {0: 0, 1: 5, 2: 5, 3: 4}
"""By the number of lines of tiles, so that there is room for their courses where there can be."""
_LOW_TILE = 3
_RANKS = 10
_UNIT_PIXELS, _AROUND_ROWS_PIXELS, _ROW_PIXELS = 38, 80, 36
"""Of a unit of height, of the headings and edges of a panel with a table, and of a row of it."""


class OverviewDashboard:
    """The dashboard that the declarations lay out; headline KPIs where they lay out nothing."""

    def __init__(self, plan: Plan, figures: Figures, public_url: str) -> None:
        """Lay out the panels."""
        self._plan, self._figures, self._panels, self._public_url = plan, figures, KpiPanels(public_url), public_url
        self._parts, self._groups = plan.declarations.overview, plan.declarations.kpis_by_group()
        tiles = [self._tile(figure, token) for figure, token in self._tiles()]
        tile_lines = -(-len(tiles) // _TILES)
        tile_height = _TILE_HEIGHTS.get(tile_lines, _LOW_TILE)
        lines = 1 + any((self._parts.ranking, self._parts.leaderboard, self._parts.mix, self._parts.funnel))
        height = max(_LEAST, min(_TALLEST, (SCREEN_ROWS - _FOOTER - tile_lines * tile_height) // lines))
        middle, bottom = list(self._middle()), list(self._bottom(height))
        self._grid = Grid()
        self._grid.lines(tiles, tile_height, _TILES)
        self._grid.line(middle, height)
        self._grid.line(bottom, height)
        self._grid.lines(list(_footer()), _FOOTER, _TILES)

    def text(self, sheets: KpiSheets) -> str:
        """Return the text of its file."""
        return sheets.text(_PAGE, self._grid)

    # ----------------------------------------------------------------------------------------------------------- tiles

    def _tiles(self) -> Iterator[tuple[Figure, str]]:
        if self._parts != Overview():
            for part in self._parts.tiles:
                yield self._figure(part), part.window or NOW.token
            return
        for kpi in (kpi for group in self._groups.values() for kpi in group if is_headline(kpi)):
            first = self._figures.main(kpi.key)[0]
            if not first.labels:
                yield first, nearest_window(DEFAULT_WINDOW, first.series.windows).token

    def _tile(self, figure: Figure, token: str) -> model.Panel:
        """Return a tile that leads to the dashboard of its group, over the same window where that can be chosen."""
        group = figure.kpi.group
        windows = group_windows(self._figures, self._groups[group])
        chosen = f"&var-window={token}" if windows.is_choice and token in windows.options else ""
        drill = f"/d/{quote(group_uid(group))}?${{datasource:queryparam}}{chosen}"
        return self._panels.tile(figure, fixed(token), drill)

    # ----------------------------------------------------------------------------------------------------------- parts

    def _middle(self) -> Iterator[tuple[model.Panel, int]]:
        if self._parts.gauge is not None:
            yield self._panels.dial(*self._part(self._parts.gauge)), 5
        if self._parts.chart is not None:
            yield self._panels.compared(*self._part(self._parts.chart)), 12
        yield self._firing(), 7

    def _bottom(self, height: int) -> Iterator[tuple[model.Panel, int]]:
        parts = self._parts
        if parts.ranking is not None:
            yield self._panels.ranking(*self._part(parts.ranking), _RANKS), 6
        if parts.leaderboard:
            columns = [self._part(part) for part in parts.leaderboard]
            title = columns[0][1].after(f"Leaderboard by {columns[0][0].labels[0]}")
            yield self._panels.leaderboard(columns, title, _whole_rows(height)), 9
        if parts.mix is not None:
            yield self._panels.mix(*self._part(parts.mix)), 5
        if parts.funnel:
            yield self._panels.funnel([self._part(part) for part in parts.funnel]), 4

    def _firing(self) -> model.Panel:
        columns = [
            Words("alertname", "Alert", url=f"{self._public_url}/runbooks/${{__value.raw}}"),
            Words("severity", "Severity", SEVERITIES, width=90),
            Words("Value", "Rows", width=70),
        ]
        worst_first = (
            f'count by (alertname, severity) ({FIRING}, severity="{name}"}})' for name in reversed(SEVERITIES)
        )
        about = (
            "The alerts that fire now, the worst first, and for how many rows: teams, reps, or whatever they are by."
        )
        heading = Heading(panel_id("firing"), "Firing alerts", about)
        return words(heading, " or ".join(worst_first), columns, "nothing firing")

    def _part(self, part: OverviewPart) -> Part:
        return self._figure(part), fixed(part.window or NOW.token)

    def _figure(self, part: OverviewPart) -> Figure:
        return self._figures.find(part.kpi, part.agg, part.grain)


def _whole_rows(height: int) -> int:
    """Return how many rows of a table can be seen in a panel of a height, none of them in part."""
    return (height * _UNIT_PIXELS - _AROUND_ROWS_PIXELS) // _ROW_PIXELS


_NEWEST = "max(salespulse_last_evaluation_timestamp_seconds)"
_SECONDS, _COUNT = Form("s", 0), Form("locale", 0)


def _footer() -> Iterator[model.Panel]:
    """Yield whether the figures can be believed."""
    plain = (Step(None, NEUTRAL),)
    fresh = (Step(None, GOOD), Step(30, "orange"), Step(120, "red"))
    up = (Step(None, "red"), Step(1, GOOD))
    for title, expr, scale, about in (
        ("Data as of", f"{_NEWEST} * 1000", Scale(Form("dateTimeAsLocalNoDateIfToday", 0), plain),
         "The instant as of which the KPIs are computed."),
        ("Age of the data", f"time() - {_NEWEST}", Scale(_SECONDS, fresh), "How long ago the KPIs were computed."),
        ("Events waiting", "sum(max by (topic, partition) (salespulse_consumer_lag))", Scale(_COUNT, plain),
         "Events that are in Kafka and not in the KPIs yet."),
        ("Workers up", 'sum(up{job="salespulse-worker"})', Scale(_COUNT, up), "Workers that Prometheus reaches."),
        ("Events per second", "sum(rate(salespulse_events_total[$__rate_interval]))", Scale(Form("eps", 1), plain),
         "Events that the workers read."),
    ):  # fmt: skip
        yield tile(Heading(panel_id("footer", title), title, about), Query(expr), scale)
