"""The runbooks of all alerts, as Markdown."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from config.settings import Settings
from metrics.plan import Plan
from streams.dashboards.links import SERVICE_UID, dashboard_url
from streams.rules.kpi_alert import KpiAlert, in_groups
from streams.rules.service_alerts import ServiceAlert, limits_of, service_alerts, silent_sources
from streams.runbooks.kpi_facts import KpiFacts, kpi_facts
from streams.runbooks.links import Links
from streams.runbooks.markdown import markdown
from streams.wording import group_title, listed, span

SEVERITIES = {
    "critical": "somebody must act now",
    "warning": "to be seen to in office hours",
    "info": "good to know",
}
"""What is expected of whoever is told."""


class Runbooks:
    """The runbooks of one installation."""

    def __init__(self, plan: Plan, settings: Settings, links: Links, made: str = "") -> None:
        """Look up the alerts.

        Args:
            plan: what is declared.
            settings: the names of topics, and the addresses.
            links: where the links lead.
            made: a line that says where the texts come from.
        """
        self.service = {of.name: of for of in service_alerts(plan, settings)}
        self.groups = tuple(
            (group_title(plan.declarations, group).en, tuple((of, kpi_facts(of, plan, settings)) for of in alerts))
            for group, alerts in in_groups(plan)
            if alerts
        )
        self._kpis = {of.name: (of, fact) for _, facts in self.groups for of, fact in facts}
        self._values = {
            "links": links,
            "made": made,
            "severities": SEVERITIES,
            "settings": settings,
            "limits": limits_of(settings),
            "silent": silent_sources(plan),
            "spans": {source.key: span(source.silence or 0) for source in silent_sources(plan)},
            "rates_topic": _rates_topic(plan, settings),
            "dashboard": f"[Salespulse / Service]({dashboard_url(settings.grafana_url, SERVICE_UID)})",
            "runbook": links.runbook,
            "panel": _panel,
        }

    def index(self) -> str:
        """Return the list of all runbooks."""
        return self._render("index.md", service=self.service.values(), groups=self.groups)

    def of_service(self, of: ServiceAlert) -> str:
        """Return the runbook of an alert about the service."""
        return self._render("service.md", of=of)

    def of_kpis(self) -> str:
        """Return the runbooks of all alerts about KPIs."""
        return self._render("kpis.md", groups=self.groups)

    def of_kpi(self, of: KpiAlert, fact: KpiFacts) -> str:
        """Return the runbook of an alert about a KPI."""
        return self._render("kpi.md", level="#", of=of, fact=fact)

    def page(self, alert: str) -> str | None:
        """Return the runbook of the alert of this name; None if there is none."""
        if alert in self.service:
            return self.of_service(self.service[alert])
        return self.of_kpi(*self._kpis[alert]) if alert in self._kpis else None

    def _render(self, template: str, **values: object) -> str:
        text = _environment().get_template(template).render(**self._values, **values)
        return _tidy(text)


def _tidy(text: str) -> str:
    """Return a text with one empty line before each heading, and one at most between two other lines."""
    lines: list[str] = []
    for line in text.strip().splitlines():
        if line.startswith("#") and lines and lines[-1]:
            lines.append("")
        if line.strip() or (lines and lines[-1]):
            lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


def _rates_topic(plan: Plan, settings: Settings) -> str:
    source = plan.declarations.sources.get(plan.declarations.defaults.fx.source or "")
    return "the topic of exchange rates" if source is None else f"`{settings.input_topic(source.topic)}`"


def _panel(title: str) -> str:
    """Name a panel of the service dashboard."""
    return f"*{title}*"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("streams.runbooks", "templates"),
        autoescape=False,  # noqa: S701 - Markdown; `streams.runbooks.pages` makes HTML of it and lets none through
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(markdown=markdown, listed=listed, code=lambda names: [f"`{name}`" for name in names])
    return environment
