"""Panels that draw: figures, dials, lines, bars, rings."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from streams.dashboards.colours import NEUTRAL, judged, lines_of, only_bad
from streams.dashboards.form import DAYS, HOURS, Form
from streams.dashboards.panel import Heading, Scale, finish_chart
from streams.dashboards.query import Query
from streams.dashboards.sdk import (
    PieChartLegendValues,
    PieChartType,
    bargauge,
    build,
    gauge,
    kinds,
    look,
    model,
    piechart,
    stat,
    timeseries,
)

Good = Literal["up", "down"]
"""Which way is better."""
_NAME, _FIGURE, _CHANGE = 14, 44, 14
"""Sizes of letters; what Grafana fits into the space by itself differs from panel to panel."""
_POINTS = 1440
"""So many points a tile asks for: over a day one a minute, and the last one is not older than that."""
_DASHES = {"fill": "dash", "dash": [10, 10]}
_LINE, _FILL = 2, 10
_FINE = {"s", "percentunit", "none", DAYS.unit, HOURS.unit}
"""Units whose axes would show the same text twice when the values are near each other."""
_MARGIN = 0.05
_LOW_BAR, _HIGH_BAR = 16, 48
_BAR_NAME, _BAR_VALUE = 12, 14
"""The smallest letters that Grafana itself takes beside bars: it leaves no more room for larger ones."""


class Dashed(NamedTuple):
    """Lines that accompany the values: those whose names begin so, in one colour, as many pixels wide."""

    names: str
    colour: str
    width: int = 1


def tile(heading: Heading, query: Query, scale: Scale, good: Good | None = None, drill: str = "") -> model.Panel:
    """Return a figure, on a ground that has a colour when it is bad.

    There is no course behind it: it would run through letters of this size.

    Args:
        heading: what stands above it.
        query: its value; the legend, if there is one, stands in the panel, above the figure.
        scale: how it is written.
        good: which way is better, if the change over the time shown is to be told.
        drill: where a click on it leads to.
    """
    grounded = judged(scale.colours)
    panel = (
        stat.Panel()
        .max_data_points(_POINTS)
        .graph_mode(kinds.BigValueGraphMode.NONE)
        .color_mode(kinds.BigValueColorMode.BACKGROUND if grounded else kinds.BigValueColorMode.NONE)
        .text_mode(kinds.BigValueTextMode.VALUE_AND_NAME if query.legend else kinds.BigValueTextMode.VALUE)
        .text(look.VizTextDisplayOptions().title_size(_NAME).value_size(_FIGURE).percent_size(_CHANGE))
        .justify_mode(kinds.BigValueJustifyMode.AUTO)
        .orientation(kinds.VizOrientation.AUTO)
        .wide_layout(False)
        .show_percent_change(good is not None)
        .percent_change_color_mode(
            kinds.PercentChangeColorMode.INVERTED if good == "down" else kinds.PercentChangeColorMode.STANDARD
        )
        .color_scheme(_by_level())
        .reduce_options(_last())
    )
    if drill:
        panel.data_links([build.DashboardLink(heading.title).url(drill)])
    asked = query._replace(instant=good is None)  # a change needs the values before
    return finish_chart(panel, heading, [asked], scale._replace(colours=only_bad(scale.colours)))


def dial(heading: Heading, query: Query, scale: Scale) -> model.Panel:
    """Return a gauge."""
    panel = (
        gauge.Panel()
        .color_scheme(_by_level())
        .show_threshold_labels(False)
        .show_threshold_markers(True)
        .reduce_options(_last())
    )
    return finish_chart(panel, heading, [query], scale)


def course(
    heading: Heading,
    queries: Sequence[Query],
    scale: Scale,
    dashed: Sequence[Dashed] = (),
    *,
    at_least: float | None = None,
) -> model.Panel:
    """Return lines over the time; thresholds are dashed lines in their colours.

    Args:
        heading: what stands above it.
        queries: the lines.
        scale: how values are written; the axis reaches to the levels of its colours.
        dashed: the lines that accompany the others.
        at_least: how far up the axis reaches at least.
    """
    style = kinds.GraphThresholdsStyleMode.DASHED if judged(scale.colours) else kinds.GraphThresholdsStyleMode.OFF
    lines = [query.legend for query in queries if not query.legend.startswith(tuple(each.names for each in dashed))]
    several = len(lines) > 1 or "{{" in lines[0]
    panel = (
        timeseries.Panel()
        .line_width(_LINE)
        .fill_opacity(0 if several else _FILL)
        .show_points(kinds.VisibilityMode.AUTO)
        .span_nulls(False)
        .color_scheme(
            _by_name() if several else build.FieldColor().mode(model.FieldColorModeId.FIXED).fixed_color(NEUTRAL)
        )
        .thresholds_style(look.GraphThresholdsStyleConfig().mode(style))
        .legend(
            look.VizLegendOptions()
            .display_mode(kinds.LegendDisplayMode.LIST)
            .placement(kinds.LegendPlacement.BOTTOM)
            .show_legend(several or len(queries) > 1)
            .calcs([])
        )
        .tooltip(look.VizTooltipOptions().mode(kinds.TooltipDisplayMode.MULTI).sort(kinds.SortOrder.DESCENDING))
    )
    levels = [step.at for step in scale.colours if step.at is not None]
    if levels:
        panel.axis_soft_min(_beyond(min(levels), -1)).axis_soft_max(_beyond(max(levels), 1))
    if at_least is not None:
        panel.axis_soft_max(at_least)
    for each in dashed:
        panel.override_by_regexp(
            f"/^{each.names}/",
            [
                model.DynamicConfigValue("custom.lineStyle", _DASHES),
                model.DynamicConfigValue("custom.lineWidth", each.width),
                model.DynamicConfigValue("custom.fillOpacity", 0),
                model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": each.colour}),
            ],
        )
    if scale.form.unit in _FINE:
        scale = scale._replace(form=Form(scale.form.unit, None))
    return finish_chart(panel, heading, queries, scale._replace(colours=lines_of(scale.colours)))


def bars(heading: Heading, queries: Sequence[Query], scale: Scale, *, names_above: bool = False) -> model.Panel:
    """Return horizontal bars in the order of the queries and of their rows; long names stand above them."""
    place = kinds.BarGaugeNamePlacement.TOP if names_above else kinds.BarGaugeNamePlacement.LEFT
    panel = (
        bargauge.Panel()
        .orientation(kinds.VizOrientation.HORIZONTAL)
        .display_mode(kinds.BarGaugeDisplayMode.BASIC)
        .value_mode(kinds.BarGaugeValueMode.TEXT)
        .name_placement(place)
        .show_unfilled(True)
        .sizing(kinds.BarGaugeSizing.MANUAL)
        .min_viz_height(_LOW_BAR)
        .max_viz_height(_HIGH_BAR)
        .text(look.VizTextDisplayOptions().title_size(_BAR_NAME).value_size(_BAR_VALUE))
        .min_viz_width(8)
        .color_scheme(_by_level())
        .reduce_options(_last())
    )
    return finish_chart(panel, heading, queries, scale)


def donut(heading: Heading, query: Query, scale: Scale) -> model.Panel:
    """Return the parts of a whole."""
    panel = (
        piechart.Panel()
        .pie_type(PieChartType.DONUT)
        .color_scheme(_by_name())
        .legend(
            piechart.PieChartLegendOptions()
            .display_mode(kinds.LegendDisplayMode.TABLE)
            .placement(kinds.LegendPlacement.RIGHT)
            .show_legend(True)
            .values([PieChartLegendValues.PERCENT])
            .calcs([])
        )
        .tooltip(look.VizTooltipOptions().mode(kinds.TooltipDisplayMode.SINGLE).sort(kinds.SortOrder.NONE))
        .reduce_options(_last())
    )
    return finish_chart(panel, heading, [query], scale)


def _beyond(level: float, side: int) -> float:
    """Return a value a little above (1) or below (-1) a level, so that its line is not on the edge."""
    return round(level + side * _MARGIN * (abs(level) or 1), 9)


def _by_level() -> build.FieldColor:
    return build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def _by_name() -> build.FieldColor:
    return build.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC)


def _last() -> look.ReduceDataOptions:
    return look.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")
