"""All dashboards: their files, and what is on them."""

from collections.abc import Iterator

from config.settings import Settings
from metrics.plan import Plan
from streams.dashboards.figures import Figures
from streams.dashboards.group import GroupDashboard
from streams.dashboards.kpi_panels import KpiPanels
from streams.dashboards.links import FILTERS, OVERVIEW_UID, PEOPLE_UID, SERVICE_UID, group_uid
from streams.dashboards.overview import OverviewDashboard
from streams.dashboards.people import PeopleDashboard
from streams.dashboards.service import service_dashboard
from streams.dashboards.sheets import KpiSheets
from streams.wording import group_title


def dashboards(plan: Plan, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield (path below the folder of all dashboards, content) of each file."""
    figures, sheets = Figures(plan), KpiSheets(plan, settings)
    yield _sales(OVERVIEW_UID), OverviewDashboard(plan, figures, settings.public_url).text(sheets)
    panels = KpiPanels(settings.public_url, FILTERS)
    for group, kpis in plan.declarations.kpis_by_group().items():
        declared = plan.declarations.groups.get(group)
        title = group_title(plan.declarations, group).en
        about = declared.description if declared is not None and declared.description else f"{title}: all KPIs."
        yield _sales(group_uid(group)), GroupDashboard(figures, panels, kpis).text(sheets, group, title, about)
    people = PeopleDashboard(plan, figures, panels)
    if not people.is_empty:
        yield _sales(PEOPLE_UID), people.text(sheets)
    yield (
        f"Salespulse/{SERVICE_UID.removeprefix('salespulse-')}.json",
        service_dashboard(settings.public_url, str(plan.calendar.zone)),
    )


def _sales(uid: str) -> str:
    return f"Sales/{uid.removeprefix('sales-')}.json"
