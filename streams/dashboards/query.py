"""What panels ask Prometheus."""

from typing import NamedTuple

from streams.dashboards.figures import Figure
from streams.dashboards.span import Span


class Query(NamedTuple):
    """An expression, and what its lines are called: `{{label}}` stands for the value of a label.

    Attributes:
        expr: the expression.
        legend: the name.
        instant: whether only the newest value is asked for.
    """

    expr: str
    legend: str = ""
    instant: bool = False


def one_view(metric: str, *matchers: str, offset: str = "") -> str:
    """Return the selector of what every serving process tells alike, taken once; `offset` moves it into the past."""
    selected = ", ".join(matcher for matcher in matchers if matcher)
    before = f" offset {offset}" if offset else ""
    return f"max without (instance, job) ({metric}{f'{{{selected}}}' if selected else ''}{before})"


def values(figure: Figure, span: Span, *matchers: str, offset: str = "") -> str:
    """Return the expression of a figure's values, of the rows that `matchers` select."""
    return one_view(figure.gauge, span.matcher, *matchers, offset=offset)


def legend(figure: Figure) -> str:
    """Return what tells the rows of a figure from each other; of a single one its aggregate or title."""
    return " / ".join(f"{{{{{label}}}}}" for label in figure.labels) or figure.series.agg or figure.title


def greatest(expr: str, rows: int) -> str:
    """Return the expression of the greatest values, the greatest first."""
    return f"sort_desc(topk({rows}, {expr}))"
