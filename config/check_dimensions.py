"""Whether what KPIs are made of can be grouped by a dimension, and whether limits are those of dimensions."""

from collections.abc import Iterator
from pathlib import Path

from config.aggregated import Aggregated, Part
from config.check_plan import missing_in_plans
from config.declarations import Dimension
from config.faults import Fault
from config.fields import Fields
from config.known import Known
from config.parse import did_you_mean

_SHIPPED = Path(__file__).parent / "catalogue"
_CURRENCY = "currency"
"""What money is kept apart by, which is a dimension that no source declares."""


def check_limits(known: Known) -> Iterator[Fault]:
    """Yield the limits of dimensions that no source declares; a shipped one may be of a source that was replaced."""
    declared = {_CURRENCY, *(name for source in known.sources.values() for name in source.dimensions)}
    for place in known.defaults_at:
        limits = place.content.get("dimension_limits") or {}
        for name in limits if Path(place.document.file).parent != _SHIPPED else ():
            if name not in declared:
                wrong = f"defaults: no source has a dimension `{name}`{did_you_mean(name, declared)}"
                yield place.fault(("dimension_limits", name), wrong, at_key=True)


def missing_in(part: Part, dimension: str, known: Known) -> Iterator[str]:
    """Yield why a part cannot be grouped by `dimension`."""
    if part.aggregated:
        yield from missing_in_source(part.aggregated, dimension, known)
    elif part.population in known.populations:
        yield from _in_population(part.population or "", dimension, known)
    elif part.plan and part.plan.scope is None:
        yield from missing_in_plans(dimension, known)


def missing_in_source(aggregated: Aggregated, dimension: str, known: Known) -> Iterator[str]:
    """Yield why an aggregate cannot be grouped by `dimension`."""
    source = known.sources.get(aggregated.source)
    if source is None:
        return
    fields = known.fields(source)
    of_time = fields.find(aggregated.at) if aggregated.at else None
    items = _items_of(fields, dimension, of_time.items_of if of_time else None)
    counted = aggregated.items_of(fields)
    yield from _undeclared(fields, dimension)
    if items is None:
        return
    whole = f"dimension `{dimension}` groups the items of `{items}`"
    if items != counted:
        what = f"items of `{counted}`" if counted else f"whole `{source.key}`"
        wrong = f"{whole}, and what is aggregated belongs to the {what}, so the groups would not add up"
        yield f"{wrong}; leave it out or take a value of `{items}`"
    elif aggregated.value and aggregated.value.weight:
        yield f"{whole}, and `weight` belongs to the whole `{source.key}`; leave one of them out"


def _in_population(name: str, dimension: str, known: Known) -> Iterator[str]:
    population = known.populations[name]
    source = known.sources.get(population.from_)
    if source is None:
        return
    fields = known.fields(source)
    yield from _undeclared(fields, dimension)
    items = _items_of(fields, dimension, None)
    if items and items != (population.amounts or "").partition(".")[0]:
        wrong = f"dimension `{dimension}` groups the items of `{items}`, and a member of `{name}` counts once"
        yield f"{wrong}; leave it out or use a population with `amounts` of `{items}`"


def _undeclared(fields: Fields, dimension: str) -> Iterator[str]:
    source = fields.source
    if dimension not in source.dimensions:
        yield f"source `{source.key}` has no dimension `{dimension}`{did_you_mean(dimension, source.dimensions)}"


def _items_of(fields: Fields, dimension: str, counted: str | None) -> str | None:
    """Return the list whose items have the values of a dimension, when the items of the list `counted` are counted."""
    declared = fields.source.dimensions.get(dimension)
    if isinstance(declared, Dimension):
        declared = declared.of_items.get(counted or "", declared.field)
    use = fields.find(declared) if declared else None
    return use.items_of if use else None
