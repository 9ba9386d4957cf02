"""Whether every grain's dimensions are there on all that a KPI is made of."""

from collections.abc import Iterator

from config.aggregated import Aggregated, aggregates, sides
from config.check_plan import missing_in_plans
from config.declarations import Derived, Dimension, Kpi, Ratio
from config.fields import Found, find
from config.known import Known
from config.parse import did_you_mean, not_computed


def check_grains(kpi: Kpi, known: Known) -> Iterator[Found]:
    """Yield the grains that are listed twice or that cannot be computed."""
    if not kpi.grains:
        yield ("grains",), "`grains` is empty; list at least one, `[]` for the total"
    for index, grain in enumerate(kpi.grains):
        if len(set(grain)) != len(grain):
            yield ("grains", index), f"grain `[{', '.join(grain)}]` names a dimension twice; keep one of them"
        elif {*grain} in [{*other} for other in kpi.grains[:index]]:
            yield ("grains", index), f"grain `[{', '.join(grain)}]` is listed twice; keep one of them"
        for position, dimension in enumerate(grain):
            reason = next(missing(kpi, dimension, known, ()), None)
            if reason:
                yield ("grains", index, position), f"grain `[{', '.join(grain)}]`: {reason}"


def missing(kpi: Kpi, dimension: str, known: Known, above: tuple[str, ...]) -> Iterator[str]:
    """Yield why `kpi` cannot be grouped by `dimension`; `above` are the KPIs that were come through."""
    if kpi.key in above:
        return
    for aggregated in aggregates(kpi):
        yield from _missing_here(aggregated, dimension, known)
    for key in used_kpis(kpi, dimension):
        if key in known.kpis:
            yield from missing(known.kpis[key], dimension, known, (*above, kpi.key))
    if isinstance(kpi, Derived) and any(part.plan for part in kpi.inputs.values()):
        yield from missing_in_plans(dimension, known)


def used_kpis(kpi: Kpi, dimension: str | None = None) -> Iterator[str]:
    """Yield the keys of the KPIs that `kpi` is made of; with a `dimension`, those that must have it."""
    if isinstance(kpi, Ratio):
        yield from (side.kpi for _, side, _ in sides(kpi) if side.kpi and dimension not in side.broadcast)
    elif isinstance(kpi, Derived):
        yield from (part.kpi for part in kpi.inputs.values() if part.kpi)


def _missing_here(aggregated: Aggregated, dimension: str, known: Known) -> Iterator[str]:
    source = known.sources.get(aggregated.source)
    if source is None:
        return
    if dimension not in source.dimensions:
        yield f"source `{source.key}` has no dimension `{dimension}`{did_you_mean(dimension, source.dimensions)}"
        return
    field = source.dimensions[dimension]
    value = aggregated.value
    use = find(source, field.field if isinstance(field, Dimension) else field)
    if use and use.items_of and use.items_of == aggregated.items_of(source) and value and value.weight:
        yield not_computed(f"dimension `{dimension}` of the items of `{use.items_of}` with a `weight`")
    elif use and use.items_of and use.items_of != aggregated.items_of(source):
        yield (
            f"dimension `{dimension}` groups the items of `{use.items_of}`, and what is aggregated belongs to the "
            f"whole `{source.key}`, so the groups would not add up; leave it out or take a value of `{use.items_of}`"
        )
