"""Whether an aggregate can be computed: its source, its time, its value, its conditions."""

from collections.abc import Iterator

from config.aggregated import Aggregated
from config.check_dimensions import missing_in_source
from config.check_value import check_value
from config.conditions import check_where
from config.declarations import Aggregate, Value
from config.document import Loc
from config.fields import Fields, Found
from config.known import Known
from config.parse import did_you_mean

_QUANTILES = {"p50", "p90", "p95", "p99"}
_OWN_UNIT = {"sum", "count", "count_distinct", "latest"}
"""The aggregates that a KPI has alone."""


def check_aggregated(aggregated: Aggregated, known: Known) -> Iterator[Found]:
    """Yield every fault of the aggregate itself."""
    loc, key = aggregated.loc, aggregated.source
    if key not in known.sources_at:
        yield (*loc, "from"), f"source `{key}` is not declared{did_you_mean(key, known.sources_at)}"
    yield from _aggs(aggregated)
    yield from _per(aggregated, known)
    source = known.sources.get(key)
    if source is None:
        return
    if source.broadcast:
        yield (*loc, "from"), f"source `{key}` is broadcast and has no aggregates; name a source of events"
    fields = known.fields(source)
    if aggregated.at is not None:
        yield from _at(fields, aggregated.at, (*loc, "at"))
    yield from check_where(fields, aggregated.where, (*loc, "where"), in_list=True)
    if aggregated.value:
        yield from check_value(fields, aggregated.value, (*loc, "value"))
        yield from _value_items(fields, aggregated, aggregated.value)
    yield from _where_items(fields, aggregated)


def _at(fields: Fields, at: str, loc: Loc) -> Iterator[Found]:
    """Yield why a field does not say when something counts: an instant of it or of its items, or a local date."""
    faults = list(fields.check(at, {"timestamp", "date"}, loc, in_list=True))
    yield from faults
    use = fields.find(at)
    if faults or use is None or use.type is None:
        return
    if use.items_of in fields.source.children:
        told = fields.source.children[use.items_of or ""].from_
        yield loc, f"field `{at}` is carried by children; write `from: {told}` and name the field of that source"
    elif use.type.type == "date" and not (use.derived.local_date if use.derived else at in fields.source.fields):
        yield loc, f"field `{at}` is a date inside another field or of a child; name a plain date, or a `local_date`"


# ----------------------------------------------------------------------------------------------------------- aggregates


def _aggs(aggregated: Aggregated) -> Iterator[Found]:
    loc, aggs, value = (*aggregated.loc, "agg"), aggregated.aggs, aggregated.value
    if len(set(aggs)) != len(aggs) or not aggs:
        yield loc, f"`agg` is `[{', '.join(aggs)}]`; list at least one aggregate, and each of them once"
    valued = [agg for agg in aggs if agg != "count"]
    if value is None and valued:
        yield loc, f"`agg: {valued[0]}` needs a `value`; say what is aggregated, or write `agg: count`"
    if value is not None and not valued:
        wrong = "`agg: count` counts entities and takes no `value`; remove it or use another aggregate"
        yield (*aggregated.loc, "value"), wrong
    alone = sorted({*aggs} & _OWN_UNIT)
    if alone and len(aggs) > 1:
        yield loc, f"`{alone[0]}` stands beside no other aggregate; declare a KPI for each"
    if value is not None:
        yield from ((loc, refused) for agg in aggs if (refused := _refused(aggregated, agg, value)))


def _refused(aggregated: Aggregated, agg: Aggregate, value: Value) -> str | None:
    if agg == "count":
        return None
    if (agg == "count_distinct") != (value.distinct is not None):
        return "`agg: count_distinct` and `value.distinct`, the field with the values, go together; give both or none"
    if (agg == "latest") != (value.latest is not None):
        return "`agg: latest` and `value.latest`, the number of the record, go together; give both or none"
    if aggregated.at is not None and value.latest is not None:
        return "`agg: latest` is what is known as of T; use it in a `state`"
    if value.age_of is not None:
        return _refused_age(aggregated, agg)
    return _refused_money(aggregated, agg) if value.money is not None else None


def _refused_age(aggregated: Aggregated, agg: Aggregate) -> str | None:
    if aggregated.at is not None:
        return "`value.age_of` is an age as of T; use it in a `state`, or `duration` here"
    if agg not in {"mean", "max"}:
        return f"`agg: {agg}` of ages, which all grow with T, is not kept; use mean or max"
    return None


def _refused_money(aggregated: Aggregated, agg: Aggregate) -> str | None:
    if agg == "mean" and aggregated.per is None:
        return "a mean of money is the ratio of a sum and a count, each with its currencies; declare a `ratio`"
    if agg in {"min", "max", *_QUANTILES}:
        wrong = f"`agg: {agg}` of money: amounts of several currencies have no order until they are converted"
        return f"{wrong}; use sum, or declare a `ratio` of a sum and a count"
    return None


def _per(aggregated: Aggregated, known: Known) -> Iterator[Found]:
    if aggregated.per is None and aggregated.then is None:
        return
    if aggregated.per is not None:
        reasons = missing_in_source(aggregated, aggregated.per, known)
        yield from (((*aggregated.loc, "per"), reason) for reason in reasons)
    if aggregated.per is None or aggregated.then is None:
        given, other = ("then", "per") if aggregated.per is None else ("per", "then")
        yield (*aggregated.loc, given), f"`{given}` goes with `{other}`; give both or none"
    value = aggregated.value
    if aggregated.aggs not in {("mean",), ("sum",)} or not (value and (value.money or value.number)):
        wrong = "`per` adds up the means or the sums of money or of a number"
        yield (*aggregated.loc, "agg"), f"{wrong}; write `agg: mean` or `agg: sum` of such a `value`"


# ---------------------------------------------------------------------------------------------------------------- items


def _value_items(fields: Fields, aggregated: Aggregated, value: Value) -> Iterator[Found]:
    """Yield why the value and the time of an aggregate do not belong to the same items."""
    of_time = fields.find(aggregated.at) if aggregated.at else None
    of_value = fields.find(value.money) if value.money else None
    items = of_time.items_of if of_time else None
    if items and of_value and of_value.items_of not in {None, items}:
        wrong = f"`at` counts items of `{items}`, and `{value.money}` belongs to those of `{of_value.items_of}`"
        yield (*aggregated.loc, "value", "money"), f"{wrong}; take both of one list"
    if items and value.weight:
        wrong = f"`at` counts items of `{items}`, and `weight` belongs to the whole `{fields.source.key}`"
        yield (*aggregated.loc, "value", "weight"), f"{wrong}; remove it"


def _where_items(fields: Fields, aggregated: Aggregated) -> Iterator[Found]:
    items = aggregated.items_of(fields)
    for path in aggregated.where:
        use = fields.find(path)
        if use and use.items_of and use.items_of != items:
            wrong = f"condition on `{path}` picks items of `{use.items_of}`, whose values are not what is aggregated"
            remedy = f"take a value of `{use.items_of}` or remove the condition"
            yield (*aggregated.loc, "where", path), f"{wrong}; {remedy}"
