"""Whether the values of a dimension can have a metric each."""

from collections.abc import Iterator

from config.check_value import check_max_age
from config.declarations import Dimension, Named, State
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean


def check_named(kpi: State, named: Named, known: Known) -> Iterator[Found]:
    """Yield what keeps the values of a state from having a metric each."""
    if len(kpi.aggs) > 1:
        yield ("named",), f"the aggregates {', '.join(kpi.aggs)} would share their metrics; declare a KPI for each"
    if not named.values:
        yield ("named", "values"), "`values` is empty; list at least one"
    for value, spec in named.values.items():
        loc = "named", "values", value
        if spec.max_age is not None:
            yield from check_max_age(spec.max_age, (*loc, "max_age"))
            if "latest" not in kpi.aggs:
                yield (*loc, "max_age"), "`max_age` goes with `agg: latest`; remove it"
        if kpi.unit not in {"none", spec.unit}:
            yield (*loc, "unit"), f"unit `{spec.unit}` is not that of what is aggregated; write `unit: {kpi.unit}`"
        elif kpi.unit != spec.unit == "money":
            yield (*loc, "unit"), "unit `money` is for amounts with a currency, and a number has none; use another unit"
    yield from _never(kpi, named, known)


def _never(kpi: State, named: Named, known: Known) -> Iterator[Found]:
    """Yield the values that the dimension, which is declared to have certain ones, never has."""
    source = known.sources.get(kpi.from_)
    declared = source.dimensions.get(named.dimension) if source else None
    if source is None or declared is None:
        return
    use = known.fields(source).find(declared.field if isinstance(declared, Dimension) else declared)
    listed = declared.values if isinstance(declared, Dimension) else ()
    allowed = listed or (use.type.values if use and use.type else ())
    for value in named.values:
        if allowed and value not in allowed:
            wrong = f"dimension `{named.dimension}` is never `{value}`{did_you_mean(value, allowed)}"
            yield ("named", "values", value), wrong
