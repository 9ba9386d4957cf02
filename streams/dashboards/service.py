"""The dashboard of the service itself: is it up, is it behind, how fast is it, and what does it use."""

from streams.dashboards import charts, tables
from streams.dashboards.document import Page, Sheet, document
from streams.dashboards.form import Form
from streams.dashboards.grid import Grid
from streams.dashboards.links import SERVICE_UID, panel_id
from streams.dashboards.panel import Heading, Scale
from streams.dashboards.query import Query
from streams.dashboards.sdk import model
from streams.dashboards.service_rows import OVERVIEW, PROCESSES, ROWS, SOME_GOOD, Told
from streams.dashboards.variables import label_variable, source_variable

_PAGE = Page(SERVICE_UID, "Salespulse / Service", "Whether the service is up, up to date and fast, and what it uses.")
_MARKS = 'ALERTS{alertstate="firing", service="salespulse", kind="service"}'
_CHOSEN = 'job=~"$job", instance=~"$instance"'
_TILE, _CHART = 4, 8
_TILES, _CHARTS = 6, 3


def service_dashboard(public_url: str, zone: str) -> str:
    """Return the text of the file of the dashboard; `zone` is the time zone it is shown in."""
    grid = Grid()
    grid.row("Overview")
    grid.lines([_tile(told) for told in OVERVIEW], _TILE, _TILES)
    for title, row in ROWS.items():
        grid.row(title)
        courses = [_chart(told) for told in row]
        grid.lines(courses if title != PROCESSES else [_targets(), *courses], _CHART, _CHARTS)
    variables = [
        source_variable(),
        label_variable("job", "job", "label_values(up, job)", "The kind of process."),
        label_variable("instance", "instance", 'label_values(up{job=~"$job"}, instance)', "The process."),
    ]
    return document(Sheet(_PAGE, variables, [("Runbooks", f"{public_url}/runbooks")], _MARKS, "now-1h", zone), grid)


def _tile(told: Told) -> model.Panel:
    return charts.tile(_heading(told), _queries(told)[0]._replace(legend=""), _scale(told))


def _chart(told: Told) -> model.Panel:
    return charts.course(_heading(told), _queries(told), _scale(told), at_least=told.at_least)


def _targets() -> model.Panel:
    heading = Heading(panel_id("service", "targets"), "Targets", "What Prometheus scrapes, and whether it answers.")
    column = tables.Column("Up", _chosen("up{*}"), Scale(Form("bool_yes_no", 0), SOME_GOOD))
    return tables.rows(heading, [("job", "Job"), ("instance", "Instance")], [column])


def _heading(told: Told) -> Heading:
    return Heading(panel_id("service", told.title), told.title, told.about)


def _queries(told: Told) -> list[Query]:
    return [Query(_chosen(expr), name) for name, expr in told.lines.items()]


def _scale(told: Told) -> Scale:
    return Scale(told.form, told.colours, 0)


def _chosen(expr: str) -> str:
    """Return the expression for the jobs and instances that people chose."""
    return expr.replace("{*", "{" + _CHOSEN)
