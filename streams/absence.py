"""Why a KPI may have no value: read off the nodes that compute it, so that it is what the computation does."""

import ast
from collections.abc import Iterator, Mapping

from config.declarations import Derived, Kpi
from metrics.combine import Attained, Formula, PlanAmount, Quotient, SumOverMembers
from metrics.evaluate import Extreme, GreatestAge, Latest, Mean, MeanAge, Node, Quantile, Reason, Required
from metrics.plan import Plan, SeriesPlan

REASON_WORDS: dict[Reason, str] = {
    "denominator_zero": "there is nothing to divide by",
    "denominator_negative": "what is divided by is negative",
    "no_samples": "there are no samples",
    "no_source_records": "there are no records, or none that is new enough",
    "no_plan": "there is no plan for the period",
    "below_min_samples": "there are fewer samples than `min_samples`",
}


def absence_reasons(plan: Plan, kpi: Kpi) -> tuple[Reason, ...]:
    """Return the reasons for which a reading of `kpi` may be absent; without any, it is 0 when there are no records."""
    found = {reason for series in plan.series if series.kpi.key == kpi.key for reason in _of_series(series, plan)}
    return tuple(reason for reason in REASON_WORDS if reason in found)


def _of_series(series: SeriesPlan, plan: Plan) -> Iterator[Reason]:
    yield from _of_node(series.node)
    if _divides(series.kpi, plan):
        yield "denominator_zero"
    if series.min_samples > 1:
        yield "below_min_samples"


_ALWAYS: Mapping[type[Node], Reason] = {
    Quotient: "denominator_zero",
    Attained: "denominator_zero",
    Required: "no_source_records",
    Latest: "no_source_records",
    PlanAmount: "no_plan",
    **dict.fromkeys((Mean, MeanAge, Quantile, Extreme, GreatestAge, SumOverMembers), "no_samples"),
}


def _of_node(node: Node) -> Iterator[Reason]:
    if type(node) in _ALWAYS:
        yield _ALWAYS[type(node)]
    if isinstance(node, Quotient | Attained) and node.min_samples > 1:
        yield "below_min_samples"
    rules = [rule for _, rule in node.require] if isinstance(node, Formula) else []
    if rules:
        yield "denominator_zero"
    if "positive" in rules or (isinstance(node, Quotient) and node.positive):
        yield "denominator_negative"
    if isinstance(node, Attained):
        return  # members without a plan are left out, and one who sold nothing sold 0
    for inner in node.inner():
        yield from _of_node(inner)


def _divides(kpi: Kpi, plan: Plan) -> bool:
    """Return whether the expression of `kpi`, or of one that it reads, divides."""
    if not isinstance(kpi, Derived):
        return False
    divided = any(isinstance(node, ast.Div) for node in ast.walk(ast.parse(kpi.expr)))
    inner = (plan.declarations.kpis[given.kpi] for given in kpi.inputs.values() if given.kpi is not None)
    return divided or any(_divides(one, plan) for one in inner)
