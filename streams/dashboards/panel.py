"""What all panels have in common, whatever they draw."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any, NamedTuple

from metrics.formatting import ABSENT
from streams.dashboards.colours import Step
from streams.dashboards.form import Form
from streams.dashboards.query import Query
from streams.dashboards.sdk import PromQueryFormat, build, kinds, model, prometheus


class Heading(NamedTuple):
    """What stands above a panel, and behind its sign of information."""

    id: int
    title: str
    about: str
    links: tuple[model.DashboardLink, ...] = ()


class Scale(NamedTuple):
    """How values are written and coloured, and how far bars go."""

    form: Form
    colours: tuple[Step, ...]
    least: float | None = None
    most: float | None = None


def datasource() -> kinds.DataSourceRef:
    """Return the data source that people choose, and never a certain one."""
    return kinds.DataSourceRef(type_val="prometheus", uid="${datasource}")


def link(title: str, url: str) -> model.DashboardLink:
    """Return a link in the corner of a panel."""
    return build.DashboardLink(title).type(model.DashboardLinkType.LINK).url(url).target_blank(True).build()


def finish_chart(panel: Any, heading: Heading, queries: Sequence[Query], scale: Scale) -> model.Panel:
    """Return the panel of a builder, whose lines or bars are called as the queries say."""
    if scale.form.decimals is not None:
        panel.decimals(scale.form.decimals)
    if scale.least is not None:
        panel.min(scale.least)
    if scale.most is not None:
        panel.max(scale.most)
    targets = [
        _target(query, letter).legend_format(query.legend or "value")
        for query, letter in zip(queries, ascii_uppercase, strict=False)
    ]
    return _finish(panel, heading, targets, scale, ABSENT)


def finish_table(
    panel: Any, heading: Heading, queries: Sequence[Query], scale: Scale, nothing: str = ABSENT
) -> model.Panel:
    """Return the panel of a builder of tables, which says `nothing` when there are no rows."""
    targets = [
        _target(query, letter).format(PromQueryFormat.TABLE)
        for query, letter in zip(queries, ascii_uppercase, strict=False)
    ]
    return _finish(panel, heading, targets, scale, nothing)


def threshold_steps(colours: Sequence[Step]) -> build.ThresholdsConfig:
    """Return the colours as Grafana's thresholds."""
    each = [model.Threshold(step.at, step.colour) for step in colours]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(each)


def _finish(
    panel: Any,  # the SDK's builders of panels share no base class with these methods
    heading: Heading,
    targets: Sequence[prometheus.Dataquery],
    scale: Scale,
    nothing: str,
) -> model.Panel:
    panel.id(heading.id).title(heading.title).description(heading.about).datasource(datasource()).targets(targets)
    panel.unit(scale.form.unit).no_value(nothing).thresholds(threshold_steps(scale.colours))
    made: model.Panel = panel.build()
    made.links = list(heading.links) or None
    return made


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().datasource(datasource()).expr(query.expr).ref_id(letter)
    return asked.instant() if query.instant else asked.range()
