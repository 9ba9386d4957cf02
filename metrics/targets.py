"""Targets: what the values of a series should reach, by window."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from config.declarations import Kpi, Target
from metrics.calendar import Window
from metrics.currency import exponent
from metrics.evaluate import NOW, Context, Node, Result
from metrics.plan_nodes import plan_amount
from metrics.windows import Dims


@dataclass(slots=True)
class Constant(Node):
    """The same number everywhere; money in reporting minor units."""

    value: Fraction

    def read(self, context: Context, window: Window, dims: Dims) -> Result:  # noqa: ARG002 (as every node)
        """Return the number."""
        return Result(self.value)


def targets_of(kpi: Kpi, agg: str | None, grain: tuple[str, ...], currency: str) -> Mapping[Window, Node]:
    """Return the nodes of the targets that are for one aggregate and grain of `kpi`; money is declared in major units.

    A target without an aggregate is for the only one.
    """
    return {
        NOW if target.window is None else Window(target.window): _node(kpi, target, currency)
        for target in kpi.targets
        if target.grain == grain and target.agg in (None, agg)
    }


def _node(kpi: Kpi, target: Target, currency: str) -> Node:
    if target.from_plan is not None:
        return plan_amount(target.from_plan, target.grain)
    scale = 10 ** exponent(currency) if kpi.unit == "money" else 1
    return Constant(Fraction(str(target.value)) * scale)
