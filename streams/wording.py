"""Declarations in words: a reading of each KPI and its parts that is made from what is declared, and nothing else."""

from collections.abc import Sequence

from config.aggregated import Part, Spec, parts
from config.declarations import (
    Alert,
    Condition,
    Conversion,
    Declarations,
    Derived,
    DurationValue,
    Kpi,
    Named,
    PlanInput,
    Population,
    Ratio,
    Scalar,
    Share,
    Source,
    State,
    Target,
    Title,
    Value,
    Where,
)
from metrics.relations import list_of
from metrics.thresholds import thresholds

_SPANS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
_OUTPUTS = {
    "start": "the number of members of {population} at S",
    "end": "the number of members of {population} at E",
    "now": "the number of members of {population} at T",
    "retained_ratio": "the share of the members of {population} at S that are members at E too",
    "lost_ratio": "the share of the members of {population} at S that are no members at E",
    "net_change": "the number of members of {population} at E less the number at S",
}
_WEIGHED = {
    "start": "the amounts of the members of {population} at S",
    "end": "the amounts of the members of {population} at E",
    "now": "the amounts of the members of {population} at T",
    "retained_ratio": "the share of the amounts of {population} at S that is still there at E, member by member",
    "lost_ratio": "the share of the amounts of {population} at S that is gone at E, member by member",
    "net_change": "the amounts of the members of {population} at E less those at S",
}
_COHORTS = {
    "matured": "over those whose {within} ended in the window",
    "resolved": "over those that were resolved in the window",
    "to_date": "over those of the window, as far as it happened before T",
    "exits": "over those that left in the window",
}


def listed(items: Sequence[str], word: str = "and") -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"


def span(milliseconds: int) -> str:
    """Return a duration as declarations spell it: ``90d``, ``1h``."""
    name, size = next((name, size) for name, size in _SPANS if milliseconds % size == 0)
    return f"{milliseconds // size}{name}"


def by_words(grain: Sequence[str]) -> str:
    """Return what a grain groups by; nothing for the total."""
    return f" by {listed(grain)}" if grain else ""


def group_title(declarations: Declarations, key: str) -> Title:
    """Return the title of a group; one that is not declared is called by its key."""
    group = declarations.groups.get(key)
    if group is not None:
        return group.title
    words = key.replace("_", " ").capitalize()
    return Title(en=words, nl=words)


# --------------------------------------------------------------------------------------------------------- conditions


def where_words(where: Where) -> str:
    """Return ``, where …`` with all conditions, nothing without any."""
    if not where:
        return ""
    return ", where " + listed([_condition(path, condition) for path, condition in where.items()])


def _condition(path: str, condition: Scalar | Condition) -> str:
    name = f"`{path}`"
    if not isinstance(condition, Condition):
        return f"{name} is {_scalar(condition)}"
    words = []
    if condition.in_ is not None:
        words.append(f"is {listed([_scalar(v) for v in condition.in_], 'or')}")
    if condition.not_ is not None:
        words.append(f"is not {_scalar(condition.not_)}")
    for bound, sign in (("gt", ">"), ("gte", "≥"), ("lt", "<"), ("lte", "≤")):
        if getattr(condition, bound) is not None:
            words.append(f"{sign} {getattr(condition, bound)}")
    if condition.exists is not None:
        words.append("is there" if condition.exists else "is not there")
    if condition.passed is not None:
        words.append("lies before T" if condition.passed else "does not lie before T")
    return f"{name} {listed(words)}"


def _scalar(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# --------------------------------------------------------------------------------------------------------- aggregates


def aggregate_words(spec: Spec, sources: dict[str, Source]) -> str:
    """Return what is aggregated, over which events, and when they count."""
    at: str | None = getattr(spec, "at", None)
    aggs: str | tuple[str, ...] = getattr(spec, "agg", "count")
    what = _aggregated((aggs,) if isinstance(aggs, str) else aggs, getattr(spec, "value", None))
    when = "as of T" if at is None else f"with `{at}` in the window"
    per: str | None = getattr(spec, "per", None)
    then = f", for each {per} by itself and then summed" if per else ""
    return f"{what} {_counted(spec.from_, at, sources)} {when}{where_words(spec.where)}{then}"


def _counted(source: str, at: str | None, sources: dict[str, Source]) -> str:
    """Return what is counted: entities, or the items of the list that the time field is a part of."""
    items = None if at is None else list_of(sources[source], at)
    return f"`{source}`" if items is None else f"`{items}` of `{source}`"


def _aggregated(aggs: Sequence[str], value: Value | None) -> str:
    if value is None:
        return "number of"
    if value.distinct is not None:
        return f"number of different `{value.distinct}` of"
    if value.latest is not None:
        old = f" that is at most {span(value.max_age)} old" if value.max_age is not None else ""
        return f"`{value.latest}` of the newest (by `{value.dated}`, not after today){old}"
    return f"{listed(aggs)} of {_value(value)} of"


def _value(value: Value) -> str:
    if value.money is not None:
        return f"`{value.money}`" + (f" × `{value.weight}`" if value.weight else "")
    if value.number is not None:
        return f"`{value.number}`" + (f" × `{value.times}`" if value.times else "")
    if value.duration is not None:
        return duration_words(value.duration)
    return f"the age of `{value.age_of}`"


def duration_words(duration: DurationValue) -> str:
    """Return from what to what a span runs, and what becomes of a negative one."""
    start = ", else ".join(f"`{name}`" for name in duration.starts)
    comma = "," if len(duration.starts) > 1 else ""
    negative = "a negative one counts as 0" if duration.negative == "clamp" else "negative ones are left out"
    return f"the time from {start}{comma} to `{duration.to}` ({negative})"


def plan_words(plan: PlanInput, window: str | None = None) -> str:
    """Return which plan is looked up; for the KPI's own window, if none is given."""
    when = ", submitted before the period began" if plan.submitted_before else ""
    scope = f" of the {plan.scope}" if plan.scope else ""
    return f"the `{plan.kind}` of `{plan.metric}`{scope} for the calendar period of {window or 'the window'}{when}"


def population_words(name: str, population: Population, sources: dict[str, Source]) -> str:
    """Return who is a member of a population, and when."""
    who = f"`{population.from_}`{where_words(population.where)}"
    if population.amounts is not None:
        when = f"each as much as its `{population.amounts}` at that instant"
    else:
        children = sources[population.from_].children
        ways = []
        for interval in population.intervals:
            if interval.over:
                starts = listed([f"`{children[c].at}` of its {c}" for c in interval.over], "or")
            else:
                starts = f"`{interval.from_}`"
            ends = f" to `{interval.ends or interval.to}`" if interval.ends or interval.to else ""
            lasts = f" for {span(interval.for_)}" if interval.for_ is not None else ""
            ways.append(f"from {starts}{ends}{lasts}")
        when = "active " + "; without any of those ".join(ways)
    until = f", until `{population.until}`" if population.until else ""
    contacted = f", with one of its {population.contacted} in the window" if population.contacted else ""
    return f"members of `{name}`: {who}, {when}{until}{contacted}"


# --------------------------------------------------------------------------------------------------------------- KPIs


def part_words(part: Part, declarations: Declarations) -> str:
    """Return what a part of a KPI is."""
    sources = dict(declarations.sources)
    if part.kpi is not None:
        words = f"`{part.kpi}`"
    elif part.spec is not None:
        words = aggregate_words(part.spec, sources)
    elif part.plan is not None:
        words = plan_words(part.plan, part.window)
    else:
        weighed = declarations.populations[part.population or ""].amounts is not None
        words = (_WEIGHED if weighed else _OUTPUTS)[part.output].format(population=f"`{part.population}`")
    required = "; absent without records" if part.required else ""
    return f"{words}{over_words(part)}{required}"


def over_words(part: Part) -> str:
    """Return over which other window, or for which other date, a part is read; nothing for the KPI's own."""
    window = f" over {part.window}" if part.window and part.plan is None else ""
    return window + {"previous": " over the comparison window", "year": " 12 months before"}.get(part.offset or "", "")


def kpi_words(kpi: Kpi, declarations: Declarations) -> str:
    """Return how `kpi` is computed, as its declaration says it."""
    said = {part.alias: part_words(part, declarations) for part in parts(kpi)}
    match kpi:
        case State(active=str() as population):
            weighed = declarations.populations[population].amounts is not None
            words = f"{'the amounts' if weighed else 'the number'} of the members of `{population}` at T"
        case Ratio():
            less = f" − {said['minus']}" if kpi.minus is not None else ""
            words = f"{_group(said['numerator'] + less)} / {_group(said['denominator'])}"
            words += "; absent unless the denominator is positive" if kpi.require == "positive" else ""
        case Derived():
            inputs = "; ".join(f"{alias} = {part}" for alias, part in said.items())
            require = [f"{expression} must be {rule}" for expression, rule in kpi.require.items()]
            words = "; ".join([f"{kpi.expr}, with {inputs}", *require])
        case Conversion():
            words = _conversion(kpi, dict(declarations.sources))
        case Share():
            reach = "at or above" if kpi.op == ">=" else "above"
            words = f"the share of the members of `{kpi.members.population}` at {kpi.members.at[0].upper()} with a plan"
            words += f" whose {said['actual']} is {reach} {said['plan']}"
        case _:
            words = said[""]
    return words + (_named(kpi.named) if isinstance(kpi, State) and kpi.named is not None else "")


def _named(named: Named) -> str:
    values = [
        value if of.max_age is None else f"{value} ({span(of.max_age)} old at most)"
        for value, of in named.values.items()
    ]
    return f"; a metric for each {named.dimension}: {listed(values)}"


def _group(words: str) -> str:
    return f"({words})" if " " in words else words


def _conversion(kpi: Conversion, sources: dict[str, Source]) -> str:
    within = "" if kpi.within is None else span(kpi.within)
    if kpi.event.duration is not None:
        reaches = f"for which {duration_words(kpi.event.duration)} is at most {within}"
    elif kpi.cohort == "exits":
        reaches = f"for which `{kpi.event.field}` is true"
    elif kpi.cohort == "matured":
        reaches = f"that reach `{kpi.event.field}` less than {within} after `{kpi.base.at}`"
    else:
        reaches = f"that have `{kpi.event.field}`"
    over = _COHORTS[kpi.cohort].format(within=within)
    base = f"{_counted(kpi.base.from_, kpi.base.at, sources)}{where_words(kpi.base.where)}"
    return f"the share of {base}{',' if kpi.base.where else ''} {reaches}; {over} (`{kpi.base.at}`)"


def target_words(target: Target) -> str:
    """Return where a target holds, and what it is."""
    agg = f" {target.agg}" if target.agg else ""
    bar = f"{target.value:g}" if target.value is not None else plan_words(target.from_plan or _NO_PLAN)
    return f"{target.window or 'now'}{agg}{by_words(target.grain)}: {bar}"


_NO_PLAN = PlanInput(kind="target", metric="none")


def alert_words(kpi: Kpi, alert: Alert) -> str:
    """Return when an alert of `kpi` fires, for how long it must, and what ends it."""
    *own, general = thresholds(kpi, alert)
    agg = f"{alert.agg} " if alert.agg else ""
    bar = f"{'below' if alert.below is not None else 'above'} {general.fires:f}"
    rows = "".join(f" ({level.fires:f} for {', '.join(level.where.values())})" for level in own)
    samples = f", with at least {alert.min_samples} samples" if alert.min_samples is not None else ""
    over = "" if alert.window in {None, "now"} else f" over {alert.window}"
    ends = f"; ends at {general.clears.normalize():f}" if general.clears != general.fires else ""
    where = f"{over}{by_words(alert.grain)}"
    return f"{alert.name} ({alert.severity}): {agg}{bar}{rows}{where} for {alert.for_}{samples}{ends}"
