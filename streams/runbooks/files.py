"""The runbooks as files of the repository."""

from collections.abc import Iterator

from config.settings import Settings
from metrics.plan import Plan
from streams.rules.kpi_alert import kpi_alerts
from streams.runbooks.links import KPIS, README, FileLinks
from streams.runbooks.runbooks import Runbooks

_FOLDER = "docs/runbooks"
_MADE = (
    "<!-- Made by `salespulse render rules` from the declarations."
    " Do not edit it: `make check` fails when it is stale. -->"
)


def runbook_files(plan: Plan, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield (path, content) of each file: the list, a page for each service alert, and one for all those about KPIs."""
    links = FileLinks(settings, {of.name for of in kpi_alerts(plan)})
    runbooks = Runbooks(plan, settings, links, _MADE)
    yield f"{_FOLDER}/{README}", runbooks.index()
    for of in runbooks.service.values():
        yield f"{_FOLDER}/{of.name}.md", runbooks.of_service(of)
    yield f"{_FOLDER}/{KPIS}", runbooks.of_kpis()
