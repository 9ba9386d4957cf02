"""What the dashboards about KPIs have in common, apart from their panels."""

from collections.abc import Sequence

from config.settings import Settings
from metrics.plan import Plan
from streams.dashboards.document import Page, Sheet, document
from streams.dashboards.figures import Figure
from streams.dashboards.grid import Grid
from streams.dashboards.links import FILTERS
from streams.dashboards.span import Windows
from streams.dashboards.variables import filter_variables, source_variable, window_variable

FIRING = 'ALERTS{alertstate="firing", service="salespulse"'


class KpiSheets:
    """Writes dashboards about the KPIs of a plan."""

    def __init__(self, plan: Plan, settings: Settings) -> None:
        """Have them lead to the view, and follow the days of the plan."""
        self._links = [("KPI reference", settings.public_url)]
        self._zone = str(plan.calendar.zone)

    def text(
        self,
        page: Page,
        grid: Grid,
        *,
        windows: Windows | None = None,
        filtered: Sequence[Figure] = (),
        marks: str = "",
    ) -> str:
        """Return the text of a dashboard.

        Args:
            page: what it is called.
            grid: its panels.
            windows: the windows that people can choose.
            filtered: the figures whose dimensions people can choose values of.
            marks: which of the alerts that fire are marked in its charts, as more matchers.
        """
        variables = [source_variable()]
        if windows is not None and windows.is_choice:
            variables.append(window_variable(windows))
        metrics = {
            name: next(figure.gauge for figure in filtered if name in figure.labels)
            for name in FILTERS
            if any(name in figure.labels for figure in filtered)
        }
        variables += filter_variables(metrics)
        expr = f"{FIRING}, {marks}}}" if marks else f"{FIRING}}}"
        return document(Sheet(page, variables, self._links, expr, "now-24h", self._zone), grid)
