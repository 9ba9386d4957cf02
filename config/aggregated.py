"""What a KPI aggregates over entities: one form for measures, states, sides of ratios and bases of conversions."""

from collections.abc import Iterator
from dataclasses import dataclass

from config.declarations import (
    Aggregate,
    Conversion,
    DurationValue,
    Kpi,
    Measure,
    MeasureSpec,
    Ratio,
    Side,
    Source,
    State,
    StateSpec,
    Unit,
    Value,
    Where,
)
from config.document import Loc
from config.fields import Found, check_field, check_where, find
from config.known import Known
from config.parse import did_you_mean, not_computed

_QUANTILES = {"p50", "p90", "p95", "p99"}


@dataclass(frozen=True)
class Aggregated:
    """One aggregate and the place of its declaration; a stock has no `at`."""

    loc: Loc
    source: str
    where: Where
    aggs: tuple[Aggregate, ...]
    value: Value | None
    at: str | None = None

    @property
    def unit(self) -> Unit:
        """The unit that the value and the aggregate give."""
        if self.value is None or self.aggs == ("count",):
            return "none"
        if self.value.money:
            return "money"
        return "seconds" if self.value.duration or self.value.age_of else "none"

    def check(self, known: Known) -> Iterator[Found]:
        """Yield every fault of the aggregate itself."""
        if self.source not in known.sources_at:
            wrong = f"source `{self.source}` is not declared{did_you_mean(self.source, known.sources_at)}"
            yield (*self.loc, "from"), wrong
        source = known.sources.get(self.source)
        yield from self._aggs()
        if source is None:
            return
        if source.broadcast:
            yield (
                (*self.loc, "from"),
                f"source `{source.key}` is broadcast and has no aggregates; name a source of events",
            )
        if self.at is not None:
            yield from _at(source, self.at, (*self.loc, "at"))
        yield from check_where(source, self.where, (*self.loc, "where"), in_list=True)
        if self.value:
            yield from _value(source, self.value, (*self.loc, "value"))
        yield from self._where_items(source)

    def items_of(self, source: Source) -> str | None:
        """Return the list field whose items are aggregated, or None for the entities themselves."""
        use = find(source, self.value.money or "") if self.value else None
        return use.items_of if use else None

    def _aggs(self) -> Iterator[Found]:
        loc = (*self.loc, "agg")
        if len(set(self.aggs)) != len(self.aggs) or not self.aggs:
            yield loc, f"`agg` is `[{', '.join(self.aggs)}]`; list at least one aggregate, and each of them once"
        valued = [agg for agg in self.aggs if agg != "count"]
        if self.value is None and valued:
            yield loc, f"`agg: {valued[0]}` needs a `value`; say what is aggregated, or write `agg: count`"
        if self.value is not None and not valued:
            yield (
                (*self.loc, "value"),
                "`agg: count` counts entities and takes no `value`; remove it or use another aggregate",
            )
        if len({*self.aggs} & {"sum", "count"}) and len(self.aggs) > 1:
            yield loc, "sum and count have a unit of their own; declare them as a KPI each"
        for agg in self.aggs:
            yield from ((loc, wrong) for wrong in [self._refused(agg)] if wrong)

    def _refused(self, agg: Aggregate) -> str | None:
        value = self.value or Value(number="")
        if agg == "count_distinct":
            return not_computed("`agg: count_distinct`")
        return self._refused_age(agg) if value.age_of else self._refused_value(agg, value)

    def _refused_age(self, agg: Aggregate) -> str | None:
        if self.at is not None:
            return "`value.age_of` is an age as of T; use it in a `state`, or `duration` here"
        return None if agg == "max" else not_computed(f"`agg: {agg}` of an age")

    def _refused_value(self, agg: Aggregate, value: Value) -> str | None:
        if agg in {"min", "max"}:
            return not_computed(f"`agg: {agg}` of anything but an age in a `state` (there: max)")
        if agg == "mean" and value.money:
            return "a mean of money is the ratio of a sum and a count, each with its currencies; declare a `ratio`"
        if agg in _QUANTILES and not value.duration:
            return not_computed(f"`agg: {agg}` of anything but a duration")
        return None

    def _where_items(self, source: Source) -> Iterator[Found]:
        items = self.items_of(source)
        for path in self.where:
            use = find(source, path)
            if use and use.items_of and use.items_of != items:
                wrong = (
                    f"condition on `{path}` picks items of `{use.items_of}`, whose values are not what is aggregated"
                )
                yield (*self.loc, "where", path), f"{wrong}; take a value of `{use.items_of}` or remove the condition"


def aggregates(kpi: Kpi) -> Iterator[Aggregated]:
    """Yield what a KPI aggregates by itself, and not through another KPI."""
    match kpi:
        case Measure():
            yield Aggregated((), kpi.from_, kpi.where, kpi.aggs, kpi.value, kpi.at)
        case State():
            yield Aggregated((), kpi.from_, kpi.where, kpi.aggs, kpi.value)
        case Conversion():
            yield Aggregated(("base",), kpi.base.from_, kpi.base.where, ("count",), None, kpi.base.at)
        case Ratio():
            for _, side, loc in sides(kpi):
                yield from inline(side, loc)


def sides(ratio: Ratio) -> Iterator[tuple[str, Side, Loc]]:
    """Yield the sides of a ratio with their names and places."""
    for name, side in (("numerator", ratio.numerator), ("minus", ratio.minus), ("denominator", ratio.denominator)):
        if side is not None:
            yield name, side, (name,)


def inline(side: Side, loc: Loc) -> Iterator[Aggregated]:
    """Yield what a side aggregates by itself."""
    spec: MeasureSpec | StateSpec
    if side.measure:
        spec = side.measure
        yield Aggregated((*loc, "measure"), spec.from_, spec.where, (spec.agg,), spec.value, spec.at)
    if side.state:
        spec = side.state
        yield Aggregated((*loc, "state"), spec.from_, spec.where, (spec.agg,), spec.value)


def _at(source: Source, at: str, loc: Loc) -> Iterator[Found]:
    use = find(source, at)
    if use and use.type.type == "date" and not use.items_of:
        yield loc, not_computed(f"`at: {at}`, a date,")
    else:
        yield from check_field(source, at, {"timestamp", "date"}, loc)


def _value(source: Source, value: Value, loc: Loc) -> Iterator[Found]:
    for later in ("per_month", "latest"):
        if getattr(value, later) is not None:
            yield (*loc, later), not_computed(f"`value.{later}`")
    if value.money:
        yield from check_field(source, value.money, {"money"}, (*loc, "money"), in_list=True)
        if source.currency is None:
            wrong = f"source `{source.key}` has no `currency` for the amounts of `{value.money}`"
            yield (*loc, "money"), f"{wrong}; declare the field that has it"
    if value.weight:
        yield from _weight(source, value.weight, (*loc, "weight"))
    if value.number:
        yield from _number(source, value.number, (*loc, "number"))
    if value.age_of:
        yield from check_field(source, value.age_of, {"timestamp"}, (*loc, "age_of"))
    if value.duration:
        yield from check_duration(source, value.duration, (*loc, "duration"))


def check_duration(source: Source, duration: DurationValue, loc: Loc) -> Iterator[Found]:
    """Yield what keeps the ends of a duration from being instants of the entity."""
    for index, start in enumerate(duration.starts):
        part: Loc = ("from",) if isinstance(duration.from_, str) else ("from", index)
        yield from check_field(source, start, {"timestamp"}, (*loc, *part))
    yield from check_field(source, duration.to, {"timestamp"}, (*loc, "to"))


def _weight(source: Source, path: str, loc: Loc) -> Iterator[Found]:
    use = find(source, path)
    if use and use.type.type == "decimal" and path not in source.derived:
        yield loc, not_computed(f"a `weight` that is not derived, as `{path}` is not,")
    else:
        yield from check_field(source, path, {"decimal"}, loc)


def _number(source: Source, path: str, loc: Loc) -> Iterator[Found]:
    use = find(source, path)
    if use and use.type.type == "decimal":
        yield loc, not_computed(f"`value.number` of the decimal field `{path}`")
    else:
        yield from check_field(source, path, {"integer", "decimal"}, loc)
