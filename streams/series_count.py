"""How many time series Prometheus would hold, from what is declared and an assumed number of label values."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from metrics.exposition import exposed_gauges
from metrics.plan import Plan, SeriesPlan
from metrics.relations import dimension_of, dimension_path

ASSUMED: Mapping[str, int] = {
    "team": 12, "rep": 200, "product": 30, "region": 5, "channel": 5, "source": 5, "segment": 5,
    "lost_reason": 8, "property": 10, "line": 10, "location": 5, "market": 5, "course": 20, "content": 15,
}  # fmt: skip
"""The number of values of dimensions whose values are not declared."""
ELSE_ASSUMED = 20
"""The number of values of any other such dimension."""
BUDGET = 25_000
"""What one Prometheus server takes without a thought."""


@dataclass(frozen=True, slots=True)
class KpiCount:
    """The series of one KPI.

    Attributes:
        key: the KPI.
        names: how many metrics it has.
        series: how many series those have, over all windows and label values.
    """

    key: str
    names: int
    series: int


def count_series(plan: Plan, assumed: Mapping[str, int]) -> tuple[KpiCount, ...]:
    """Return the number of series of each KPI: at most, when every label value and combination has a value.

    Args:
        plan: the compiled declarations.
        assumed: the number of values by dimension; `ASSUMED` and `ELSE_ASSUMED` for those that it does not name.
    """
    names: dict[str, int] = dict.fromkeys(plan.declarations.kpis, 0)
    counts = dict(names)
    for series, gauges in exposed_gauges(plan):
        names[series.kpi.key] += len(gauges)
        for gauge in gauges:
            rows = label_rows(plan, series, assumed) if gauge.labels else 1
            counts[series.kpi.key] += rows * len(gauge.windows)
    return tuple(KpiCount(key, names[key], counts[key]) for key in names)


def full_dimensions(plan: Plan) -> dict[str, int]:
    """Return how many values each dimension has that is open to any value, when all of them are full."""
    return {name: plan.limits.most(name) for name in plan.admitted}


def label_rows(plan: Plan, series: SeriesPlan, assumed: Mapping[str, int]) -> int:
    """Return how many combinations of label values a grain has at most."""
    return prod(_values(plan, series, i, assumed) for i in range(len(series.grain)))


def _values(plan: Plan, series: SeriesPlan, position: int, assumed: Mapping[str, int]) -> int:
    dimension, allowed = series.grain[position], series.allowed[position]
    if allowed is not None:
        return len(allowed)
    if dimension in assumed:
        return assumed[dimension]
    declared = _declared(plan, series, dimension)
    return declared or ASSUMED.get(dimension, ELSE_ASSUMED)


def _declared(plan: Plan, series: SeriesPlan, dimension: str) -> int:
    """Return how many values are declared: in a list (with `other` and `unknown`), of an enum, or as pipelines."""
    assert series.population is not None  # noqa: S101 - only the total has none
    cube = plan.cuboids[series.population[0]].cube
    source = plan.declarations.sources[cube.source]
    listed = dimension_of(source, dimension).values
    if listed:
        return len({*listed, "other", "unknown"})
    path = dimension_path(source, dimension, cube.fan_out)
    head, _, tail = path.partition(".")
    field = source.fields.get(head)
    field = field.fields.get(tail) if field is not None and tail else field
    if field is not None and field.type == "enum":
        return len(field.values) if field.required else len({*field.values, "unknown"})
    pipelines = plan.declarations.pipelines
    return {"pipeline": len(pipelines), "stage": len({s for p in pipelines.values() for s in p})}.get(dimension, 0)
