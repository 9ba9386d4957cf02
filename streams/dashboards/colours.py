"""The colours of values: by the levels of the KPI's alerts where those mean something, else one that says nothing."""

from typing import NamedTuple

from config.declarations import Alert
from metrics.combine import Attained, Broadcast, Quotient
from metrics.evaluate import NOW, Extreme, GreatestAge, Mean, MeanAge, Node, Quantile, Required
from metrics.thresholds import thresholds
from streams.dashboards.figures import Figure, Grain

NEUTRAL, GOOD = "blue", "green"
SEVERITIES = {"info": "yellow", "warning": "orange", "critical": "red"}
"""The colours of alerts, the worse after the better."""
LINES = {"info": "dark-orange", "warning": "dark-orange", "critical": "dark-red"}
"""The colours of the lines at which alerts fire, darker than those of the values."""
FAINT = "#8e8e8e"
"""Of lines that accompany others."""
_NOTHING = "transparent"
_ORDER = list(SEVERITIES)


class Step(NamedTuple):
    """From which value on a colour holds; the first one has none, and holds from below."""

    at: float | None
    colour: str


def steps(figure: Figure, window: str | None, grain: Grain | None = None) -> tuple[Step, ...]:
    """Return the colours of the values of a figure, from below; a single neutral one where no level means anything.

    Args:
        figure: what is shown.
        window: the window it is shown over; None if people choose it.
        grain: the dimensions of the rows; those of the figure by default.
    """
    rows = figure.labels if grain is None else grain
    levels: dict[float, str] = {
        float(thresholds(figure.kpi, alert)[-1].fires): alert.severity
        for alert in sorted(figure.kpi.alerts, key=lambda alert: _ORDER.index(alert.severity))
        if _colours(figure, alert, window, rows)
    }
    if not levels:
        return (Step(None, NEUTRAL),)
    return _falling(levels) if figure.good_is_down else _rising(levels)


def judged(colours: tuple[Step, ...]) -> bool:
    """Return whether the colours say how good a value is."""
    return len(colours) > 1


def only_bad(colours: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the colours of a ground: none where all is well, so that a colour is something to look at."""
    return tuple(Step(at, _NOTHING if colour == GOOD else colour) for at, colour in colours)


def lines_of(colours: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the colours of lines at the levels: each has that of its bad side."""
    if colours[-1].colour != GOOD:
        return colours
    below = [colours[0].colour, *(step.colour for step in colours)]
    return tuple(Step(step.at, colour) for step, colour in zip(colours, below, strict=False))


def _colours(figure: Figure, alert: Alert, window: str | None, rows: Grain) -> bool:
    """Return whether the level of `alert` says how good the values are, and in the direction that is declared."""
    if (alert.below is None) != figure.good_is_down or alert.agg not in {None, figure.series.agg}:
        return False
    same_window = window is not None and window == (alert.window or NOW.token)
    return _is_level(figure) or (same_window and rows == alert.grain)


def _is_level(figure: Figure) -> bool:
    """Return whether values of all windows and grains are as great: ratios, means and extremes are, sums are not."""
    node: Node = figure.series.node
    while isinstance(node, Required | Broadcast):
        node = node.node
    levels = Quotient | Attained | Mean | MeanAge | Quantile | Extreme | GreatestAge
    return figure.kpi.unit == "ratio" or isinstance(node, levels)


def _rising(levels: dict[float, str]) -> tuple[Step, ...]:
    """Return the colours where more is better: below a level its colour, or that of a worse one."""
    points = sorted(levels)
    colours = [_worst([levels[at] for at in points[place:]]) for place in range(len(points))]
    return _merged(list(zip([None, *points], [*colours, GOOD], strict=True)))


def _falling(levels: dict[float, str]) -> tuple[Step, ...]:
    """Return the colours where less is better: above a level its colour, or that of a worse one."""
    points = sorted(levels)
    colours = [_worst([levels[at] for at in points[: place + 1]]) for place in range(len(points))]
    return _merged(list(zip([None, *points], [GOOD, *colours], strict=True)))


def _worst(severities: list[str]) -> str:
    return SEVERITIES[max(severities, key=_ORDER.index)]


def _merged(each: list[tuple[float | None, str]]) -> tuple[Step, ...]:
    """Return the steps without those that change nothing."""
    return tuple(
        Step(at, colour)
        for place, (at, colour) in enumerate(each)
        if place == 0 or colour != each[place - 1][1]
    )  # fmt: skip
