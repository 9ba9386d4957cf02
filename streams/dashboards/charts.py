"""Panels that draw: figures, dials, lines, bars, rings."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from streams.dashboards.colours import NEUTRAL, judged
from streams.dashboards.form import Form
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
_NAME, _FIGURE, _CHANGE = 14, 34, 14
"""Sizes of letters; what Grafana fits into the space by itself differs from panel to panel."""
_DASHES = {"fill": "dash", "dash": [10, 10]}
_LINE, _BESIDE, _FILL = 2, 1, 10
_FINE = {"s", "percentunit"}
"""Units whose axes would show the same text twice when the values are near each other."""
_LOW_BAR, _HIGH_BAR = 16, 48
_BAR_NAME, _BAR_VALUE = 12, 14
"""The smallest letters that Grafana itself takes beside bars: it leaves no more room for larger ones."""


class Dashed(NamedTuple):
    """Lines that accompany the values: those whose names begin so, in one colour."""

    names: str
    colour: str


def tile(heading: Heading, query: Query, scale: Scale, good: Good | None = None, drill: str = "") -> model.Panel:
    """Return a figure with its course behind it.

    Args:
        heading: what stands above it.
        query: its value; the legend, if there is one, stands in the panel, above the figure.
        scale: how it is written.
        good: which way is better, if the change over the time shown is to be told.
        drill: where a click on it leads to.
    """
    panel = (
        stat.Panel()
        .graph_mode(kinds.BigValueGraphMode.AREA if not query.instant else kinds.BigValueGraphMode.NONE)
        .color_mode(kinds.BigValueColorMode.BACKGROUND if judged(scale.colours) else kinds.BigValueColorMode.VALUE)
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
    return finish_chart(panel, heading, [query], scale)


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


def course(heading: Heading, queries: Sequence[Query], scale: Scale, dashed: Sequence[Dashed] = ()) -> model.Panel:
    """Return lines over the time; thresholds are dashed lines in their colours."""
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
    for each in dashed:
        panel.override_by_regexp(
            f"/^{each.names}/",
            [
                model.DynamicConfigValue("custom.lineStyle", _DASHES),
                model.DynamicConfigValue("custom.lineWidth", _BESIDE),
                model.DynamicConfigValue("custom.fillOpacity", 0),
                model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": each.colour}),
            ],
        )
    if scale.form.unit in _FINE:
        scale = scale._replace(form=Form(scale.form.unit, None))
    return finish_chart(panel, heading, queries, scale)


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


def _by_level() -> build.FieldColor:
    return build.FieldColor().mode(model.FieldColorModeId.THRESHOLDS)


def _by_name() -> build.FieldColor:
    return build.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC)


def _last() -> look.ReduceDataOptions:
    return look.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields("")
