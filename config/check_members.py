"""Whether what counts members of a population goes with that population."""

from collections.abc import Iterator

from config.aggregated import Part, leaves
from config.check_dimensions import missing_in
from config.check_plan import check_plan
from config.check_reference import check_used
from config.declarations import Dimension, Membership, Share, State, Unit
from config.fields import ENTITY_ID, Found
from config.known import Known
from config.parse import did_you_mean


def check_population_of(part: Part, known: Known) -> Iterator[Found]:
    """Yield that there is no such population as the part counts."""
    name = part.population
    if name is not None and name not in known.populations_at:
        yield part.refers_at, f"population `{name}` is not declared{did_you_mean(name, known.populations_at)}"


def unit_of_members(name: str | None, known: Known) -> Unit | None:
    """Return the unit of what a population counts: money where members weigh an amount."""
    population = known.populations.get(name or "")
    if population is None:
        return None
    return "none" if population.amounts is None else "money"


def check_active(kpi: State, known: Known) -> Iterator[Found]:
    """Yield why a state cannot count (or sum up) the members of its population."""
    for part, model in (("value", kpi.value), ("where", kpi.where), ("named", kpi.named)):
        if model:
            yield (part,), f"`{part}` does not go with `active`: the population says who counts and how much; remove it"
    population = known.populations.get(kpi.active or "")
    if population is None:
        return
    if kpi.from_ != population.from_:
        wrong = f"population `{kpi.active}` is one of `{population.from_}`"
        yield ("from",), f"{wrong}, not of `{kpi.from_}`; write `from: {population.from_}`"
    agg = "count" if population.amounts is None else "sum"
    if kpi.aggs != (agg,):
        does = "count" if agg == "count" else "weigh an amount"
        yield ("agg",), f"members of `{kpi.active}` {does}; write `agg: {agg}`"
    elif kpi.unit != (unit := unit_of_members(kpi.active, known)):
        yield ("unit",), f"unit `{kpi.unit}` does not follow from what is aggregated; write `unit: {unit}`"


def check_membership(kpi: Membership, known: Known) -> Iterator[Found]:
    """Yield that the unit of a membership does not follow from its output."""
    unit = "ratio" if kpi.output.endswith("_ratio") else unit_of_members(kpi.population, known)
    if unit and kpi.unit != unit:
        yield ("unit",), f"unit `{kpi.unit}` does not follow from `output: {kpi.output}`; write `unit: {unit}`"


def check_share(kpi: Share, known: Known) -> Iterator[Found]:
    """Yield why members cannot be compared with their plans."""
    by, key = kpi.actual.by, kpi.actual.kpi
    if kpi.unit != "ratio":
        yield ("unit",), f"unit `{kpi.unit}` is not that of a share; write `unit: ratio`"
    yield from _told_apart(kpi, known)
    yield from check_used(kpi, key, ("actual", "kpi"), known)
    if key in known.kpis:
        grouped = [part for part, own in leaves(known.kpis[key], (by,), known.kpis) if own]
        reasons = (reason for part in grouped for reason in missing_in(part, by, known))
        yield from ((("actual", "by"), f"kpi `{key}`: {reason}") for reason in [next(reasons, None)] if reason)
    yield from check_plan(kpi, kpi.plan, ("plan",), known)
    if kpi.plan.scope != by:
        wrong = f"each member is compared with its own plan; write `scope: {by}`"
        yield ("plan", "scope"), f"`scope` is {f'`{kpi.plan.scope}`' if kpi.plan.scope else 'missing'}, and {wrong}"


def _told_apart(kpi: Share, known: Known) -> Iterator[Found]:
    population = known.populations.get(kpi.members.population)
    source = known.sources.get(population.from_) if population else None
    if source is None:
        return
    by = kpi.actual.by
    declared = source.dimensions.get(by)
    if declared is None:
        wrong = f"source `{source.key}` has no dimension `{by}`{did_you_mean(by, source.dimensions)}"
        yield ("actual", "by"), wrong
    elif (declared.field if isinstance(declared, Dimension) else declared) != ENTITY_ID:
        wrong = f"dimension `{by}` of source `{source.key}` does not tell its members apart"
        yield ("actual", "by"), f"{wrong}; name the one whose field is `{ENTITY_ID}`"
