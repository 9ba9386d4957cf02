"""A dashboard as the text of its file: Grafana's classic JSON, and always the same one."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from streams.dashboards.grid import Grid
from streams.dashboards.panel import datasource
from streams.dashboards.sdk import JSONEncoder, build, model

TAG = "salespulse"
_NO_VARIABLES = ("auto", "auto_count", "auto_min")
_DATA_LINK = {"title", "url", "targetBlank"}


class Page(NamedTuple):
    """A dashboard in three words: the end of its address, its title `Area / Name`, what it shows."""

    uid: str
    title: str
    about: str


class Sheet(NamedTuple):
    """What a dashboard is, apart from its panels.

    Attributes:
        page: what it is called.
        variables: what people can choose.
        links: what leads away from it, beside the other dashboards.
        marks: the expression of alerts that stand as marks in its charts; empty for none.
        since: where the time shown begins, such as `now-24h`.
        zone: the time zone.
    """

    page: Page
    variables: Sequence[model.VariableModel]
    links: Sequence[tuple[str, str]]
    marks: str
    since: str
    zone: str


def document(sheet: Sheet, grid: Grid) -> str:
    """Return the text of a dashboard."""
    made = (
        build.Dashboard(sheet.page.title)
        .uid(sheet.page.uid)
        .description(
            f"{sheet.page.about} Made by `salespulse render grafana`: change the declarations, not this dashboard."
        )
        .tags([TAG])
        .readonly()
        .timezone(sheet.zone)
        .week_start("monday")
        .time(sheet.since, "now")
        .refresh("10s")
        .timepicker(build.TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m"]))
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .build()
    )
    made.panels = grid.panels
    made.templating.list_val = list(sheet.variables)
    made.links = list(_links(sheet))
    made.annotations.list_val = [_marks(sheet.marks)] if sheet.marks else []
    return (
        json.dumps(_scrubbed(json.loads(JSONEncoder().encode(made))), indent=1, sort_keys=True, ensure_ascii=False)
        + "\n"
    )


def _links(sheet: Sheet) -> Iterator[model.DashboardLink]:
    others = build.DashboardLink("Dashboards").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    yield others.as_dropdown(True).keep_time(True).build()
    for title, url in sheet.links:
        yield (
            build.DashboardLink(title)
            .type(model.DashboardLinkType.LINK)
            .icon("doc")
            .url(url)
            .target_blank(True)
            .build()
        )


def _marks(expr: str) -> model.AnnotationQuery:
    return (
        build.AnnotationQuery()
        .name("Alerts")
        .datasource(datasource())
        .enable(True)
        .icon_color("red")
        .expr(expr)
        .title_format("{{alertname}}")
        .text_format("{{severity}}")
        .tag_keys("severity")
        .step("60s")
        .build()
    )


def _scrubbed(made: dict[str, Any]) -> dict[str, Any]:
    """Return the document without what SDK 0.0.21 adds by itself and Grafana 13 does not know, or not want there."""
    for variable in made["templating"]["list"]:
        for name in _NO_VARIABLES:
            variable.pop(name, None)
    for placed in (*made["links"], *made["annotations"]["list"]):
        placed.pop("placement", None)  # would hide it in a menu
    for panel in _panels(made["panels"]):
        panel.get("options", {}).pop("footer", None)
        panel.pop("repeatDirection", None)
        for link in panel.get("links", []):
            link.pop("placement", None)
        for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", []):
            for name in link.keys() - _DATA_LINK:
                del link[name]
    return made


def _panels(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for panel in panels:
        yield panel
        yield from panel.get("panels", [])
