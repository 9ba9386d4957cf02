"""From a KPI to the nodes that read it: what each of the seven types asks to be kept, and how it is put together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Protocol

from config.declarations import (
    Condition,
    Conversion,
    Declarations,
    Derived,
    DerivedInput,
    Kpi,
    Measure,
    MeasureSpec,
    Membership,
    PlanInput,
    Ratio,
    Share,
    Side,
    State,
    StateSpec,
    Value,
    Where,
)
from metrics.calendar import DAY_MS, Window
from metrics.combine import (
    Attained,
    Broadcast,
    Difference,
    Formula,
    PlanAmount,
    Quotient,
    Shifted,
    SumOverMembers,
    compile_formula,
)
from metrics.cubes import WINDOW, CubeKey, Hidden, Kind, MeasureDef, spread_of
from metrics.derived import SCALE
from metrics.evaluate import (
    Distinct,
    Extreme,
    GreatestAge,
    Latest,
    Mean,
    MeanAge,
    MoneyTotal,
    Node,
    Quantile,
    Ref,
    Required,
    Total,
)
from metrics.fieldcode import is_decimal
from metrics.relations import fan_out_of, list_of

Grain = tuple[str, ...]


class Cubes(Protocol):
    """Where accumulators are asked for."""

    def ask(self, key: CubeKey, measure: MeasureDef, grain: Grain, windows: set[Window]) -> Ref:
        """Have an accumulator kept for `windows` at `grain`, and return where to read it."""
        ...


@dataclass(frozen=True, slots=True)
class _Aggregation:
    """One aggregate over a source; without a time field as of T."""

    source: str
    at: str | None
    where: Where
    agg: str
    value: Value | None
    per: str | None = None
    required: bool = False


class Nodes:
    """Builds nodes, and asks for the accumulators that they read."""

    def __init__(self, declarations: Declarations, cubes: Cubes) -> None:
        """Work on these declarations; accumulators are asked of `cubes`."""
        self._declarations = declarations
        self._cubes = cubes
        self.money_counts: list[Ref] = []
        """The numbers of records behind the sums of money, in total; the same one may come several times."""
        self._with_money = {
            (a.source, a.at)
            for kpi in declarations.kpis.values()
            for a in _aggregations(kpi)
            if a.value is not None and a.value.money is not None
        }
        """The (source, time field) pairs whose cells are split by currency; the time field is None for stocks."""

    def node(self, kpi: Kpi, agg: str | None, grain: Grain, windows: set[Window]) -> Node:
        """Return the node that reads `kpi` at `grain`; its accumulators are kept for `windows`."""
        match kpi:
            case Measure() | State():
                return self._own_aggregate(kpi, agg or kpi.aggs[0], grain, windows)
            case Ratio():
                return self._ratio(kpi, grain, windows)
            case Conversion():
                return self._conversion(kpi, grain, windows)
            case Membership():
                return self._membership(kpi, grain, windows)
            case Share():
                return self._share(kpi, grain, windows)
            case Derived():
                return self._formula(kpi, grain, windows)

    # ------------------------------------------------------------------------------------------------------- aggregates

    def _own_aggregate(self, kpi: Measure | State, agg: str, grain: Grain, windows: set[Window]) -> Node:
        if isinstance(kpi, Measure):
            required = kpi.require is not None
            parts = _Aggregation(kpi.from_, kpi.at, kpi.where, agg, kpi.value, kpi.per, required)
            return self._aggregate(parts, grain, windows)
        if kpi.active is not None:
            if not grain and self._declarations.populations[kpi.active].amounts is not None:
                self.money_counts.append(self._members_ref(kpi.active, "count", grain, windows))
            return self._members(kpi.active, "end", grain, windows)
        node = self._aggregate(_Aggregation(kpi.from_, None, kpi.where, agg, kpi.value), grain, windows)
        if isinstance(node, Latest) and kpi.named is not None:
            ages = {name: v.max_age for name, v in kpi.named.values.items()}
            node.max_age_days = {name: None if age is None else age // DAY_MS for name, age in ages.items()}
        return node

    def _ask(
        self,
        parts: _Aggregation,
        measure: MeasureDef,
        grain: Grain,
        windows: set[Window],
        hidden: Hidden | None = None,
    ) -> Ref:
        source = self._declarations.sources[parts.source]
        if hidden is None:
            hidden = "currency" if (parts.source, parts.at) in self._with_money else "none"
        spread = "" if hidden in {"none", "currency"} or parts.value is None else spread_of(parts.value, parts.where)
        fan_out = fan_out_of(source, grain, parts.at)
        key = CubeKey(parts.source, self._kind(parts), parts.at, 0, fan_out, hidden, spread)
        return self._cubes.ask(key, measure, grain, windows)

    def _kind(self, parts: _Aggregation) -> Kind:
        if parts.at is None:
            return "stock"
        source = self._declarations.sources[parts.source]
        field, derived = source.fields.get(parts.at), source.derived.get(parts.at)
        is_date = field is not None and field.type == "date"
        return "dated" if is_date or (derived is not None and derived.local_date is not None) else "timed"

    def _aggregate(self, parts: _Aggregation, grain: Grain, windows: set[Window]) -> Node:
        if parts.per is not None:
            inner = self._plain(parts, (*grain, parts.per), windows)
            members = self._ask(parts, MeasureDef(parts.where), (*grain, parts.per), windows)
            node: Node = SumOverMembers(inner, members)
        else:
            node = self._plain(parts, grain, windows)
        if parts.required:
            return Required(node, Total(self._ask(parts, MeasureDef(self._of_entities(parts)), grain, windows)))
        return node

    def _plain(self, parts: _Aggregation, grain: Grain, windows: set[Window]) -> Node:
        where, value = parts.where, parts.value
        counted = MeasureDef(where, "count", value)
        if parts.agg == "count":
            return Total(self._ask(parts, counted, grain, windows), counts=True)
        assert value is not None  # noqa: S101 (checked by the loader)
        if value.money is not None:
            return self._money(parts, grain, windows)
        scale = self._scale(parts.source, value)
        if parts.agg in {"sum", "mean"}:
            total = Total(self._ask(parts, MeasureDef(where, "sum", value), grain, windows), scale=scale)
            if parts.agg == "sum":
                return total
            count = Total(self._ask(parts, counted, grain, windows))
            return MeanAge(total, count) if value.age_of is not None else Mean(total, count)
        return self._spread(parts, value, grain, windows, scale)

    def _spread(self, parts: _Aggregation, value: Value, grain: Grain, windows: set[Window], scale: int) -> Node:
        """Return the node of an aggregate that needs the values apart, in a hidden dimension."""

        def counted(hidden: Hidden) -> Ref:
            return self._ask(parts, MeasureDef(parts.where, "count", value), grain, windows, hidden)

        if value.latest is not None:
            number = self._ask(parts, MeasureDef(parts.where, "sum", value), grain, windows, "date")
            return Latest(number, counted("date"), scale, None if value.max_age is None else value.max_age // DAY_MS)
        if value.age_of is not None:
            return GreatestAge(counted("instant"))
        if value.distinct is not None:
            return Distinct(counted("member"))
        if parts.agg in {"min", "max"}:
            return Extreme(counted("number"), parts.agg == "max", scale)
        return Quantile(counted("bucket"), Fraction(int(parts.agg[1:]), 100), scale)

    def _money(self, parts: _Aggregation, grain: Grain, windows: set[Window]) -> Node:
        total = MoneyTotal(self._ask(parts, MeasureDef(parts.where, "sum", parts.value), grain, windows))
        if not grain:
            self.money_counts.append(self._ask(parts, MeasureDef(self._of_entities(parts)), grain, windows))
        if parts.agg == "sum":
            return total
        # What has no rate is in neither side (KPIS A4).
        count = self._ask(parts, MeasureDef(parts.where, "count", parts.value), grain, windows)
        return Mean(total, Total(count, convertible=True))

    def _of_entities(self, parts: _Aggregation) -> Where:
        """Return the conditions on entities as a whole, without those on items."""
        source = self._declarations.sources[parts.source]
        return {path: condition for path, condition in parts.where.items() if list_of(source, path) is None}

    def _scale(self, source: str, value: Value) -> int:
        """Return how many units make 1 of a number."""
        paths = [path for path in (value.number, value.times, value.latest) if path is not None]
        return SCALE if any(is_decimal(self._declarations.sources[source], path) for path in paths) else 1

    # ------------------------------------------------------------------------------------------------------ populations

    def _members(self, population: str, output: str, grain: Grain, windows: set[Window]) -> Total | MoneyTotal:
        """Return the node of what a population counts (or weighs) at one end of the window, or at both (`kept`)."""
        ref = self._members_ref(population, output, grain, windows)
        weighed = self._declarations.populations[population].amounts is not None
        return MoneyTotal(ref) if weighed else Total(ref, counts=True)

    def _members_ref(self, population: str, output: str, grain: Grain, windows: set[Window]) -> Ref:
        spec = self._declarations.populations[population]
        fan_out = fan_out_of(self._declarations.sources[spec.from_], grain, None)
        hidden: Hidden = "none" if spec.amounts is None else "currency"
        key = CubeKey(spec.from_, "membership", None, 0, fan_out, hidden, population)
        measure = MeasureDef({}, output)  # type: ignore[arg-type] # one of the three ends
        return self._cubes.ask(key, measure, (*grain, WINDOW), windows)

    def _membership(self, kpi: Membership, grain: Grain, windows: set[Window]) -> Node:
        def members(output: str) -> Total | MoneyTotal:
            return self._members(kpi.population, output, grain, windows)

        match kpi.output:
            case "start" | "end":
                return members(kpi.output)
            case "net_change":
                return Difference(members("end"), members("start"))
            case "retained_ratio":
                return Quotient(members("kept"), None, members("start"), kpi.min_samples)
            case "lost_ratio":
                return Quotient(members("start"), members("kept"), members("start"), kpi.min_samples)

    def _share(self, kpi: Share, grain: Grain, windows: set[Window]) -> Node:
        by = (kpi.actual.by,)
        members = self._members_ref(kpi.members.population, kpi.members.at, (*grain, *by), windows)
        actual = self.node(self._declarations.kpis[kpi.actual.kpi], None, by, windows)
        return Attained(members, actual, plan_amount(kpi.plan, by), kpi.op == ">", kpi.min_samples)

    # ----------------------------------------------------------------------------------------------------- combinations

    def _ratio(self, kpi: Ratio, grain: Grain, windows: set[Window]) -> Node:
        numerator = self._side(kpi.numerator, grain, windows)
        minus = None if kpi.minus is None else self._side(kpi.minus, grain, windows)
        denominator = self._side(kpi.denominator, grain, windows)
        if isinstance(_bare(numerator), MoneyTotal) and isinstance(denominator, Total):
            # Deals whose amount has no rate are in neither side (KPIS A4).
            denominator = replace(denominator, convertible=True)
        return Quotient(numerator, minus, denominator, kpi.min_samples, positive=kpi.require == "positive")

    def _side(self, side: Side, grain: Grain, windows: set[Window]) -> Node:
        own = tuple(d for d in grain if d not in side.broadcast)
        if side.kpi is not None:
            node = self.node(self._declarations.kpis[side.kpi], None, own, windows)
        elif side.membership is not None:
            node = self._members(side.membership.population, side.membership.output, own, windows)
        else:
            node = self._spec(side.measure or side.state, own, windows, required=side.require is not None)
        return node if own == grain else Broadcast(node, tuple(grain.index(d) for d in own))

    def _spec(
        self, spec: MeasureSpec | StateSpec | None, grain: Grain, windows: set[Window], *, required: bool = False
    ) -> Node:
        assert spec is not None  # noqa: S101 (the models hold exactly one kind of input)
        at, per = (spec.at, spec.per) if isinstance(spec, MeasureSpec) else (None, None)
        parts = _Aggregation(spec.from_, at, spec.where, spec.agg, spec.value, per, required)
        return self._aggregate(parts, grain, windows)

    def _conversion(self, kpi: Conversion, grain: Grain, windows: set[Window]) -> Node:
        source, at, where = kpi.base.from_, kpi.base.at, kpi.base.where
        matured = kpi.cohort == "matured"
        shift = (kpi.within or 0) if matured else 0
        fan_out = fan_out_of(self._declarations.sources[source], grain, at)
        hidden: Hidden = "currency" if not shift and (source, at) in self._with_money else "none"
        key = CubeKey(source, "timed", at, shift, fan_out, hidden)
        field = kpi.event.field
        if kpi.cohort == "to_date" and field is not None:
            reached = MeasureDef({**where, field: _PASSED})
        else:
            reached = MeasureDef(where, event=kpi.event, within_ms=kpi.within if matured else None)
        base = Total(self._cubes.ask(key, MeasureDef(where), grain, windows), counts=True)
        return Quotient(Total(self._cubes.ask(key, reached, grain, windows)), None, base, kpi.min_samples)

    def _formula(self, kpi: Derived, grain: Grain, windows: set[Window]) -> Node:
        inputs: dict[str, Node] = {}
        for alias, given in kpi.inputs.items():
            previous = given.offset == "previous"
            wanted = {Window(given.window or w.token, previous or w.previous) for w in windows}
            node = self._input(given, grain, wanted)
            if given.offset == "year":
                assert isinstance(node, Latest)  # noqa: S101 (checked by the loader)
                node.year_back = True
            inputs[alias] = Shifted(node, previous, given.window) if previous or given.window else node
        require = [(compile_formula(text), rule) for text, rule in kpi.require.items()]
        return Formula(inputs, require, compile_formula(kpi.expr))

    def _input(self, given: DerivedInput, grain: Grain, windows: set[Window]) -> Node:
        if given.plan is not None:
            return plan_amount(given.plan, grain)
        if given.membership is not None:
            return self._members(given.membership.population, given.membership.output, grain, windows)
        if given.kpi is not None:
            return self.node(self._declarations.kpis[given.kpi], None, grain, windows)
        return self._spec(given.measure or given.state, grain, windows)


def plan_amount(plan: PlanInput, grain: Grain) -> PlanAmount:
    """Return the node that looks a plan up at `grain`."""
    return PlanAmount(plan.kind, plan.metric, grain, plan.scope, plan.submitted_before is not None)


def _bare(node: Node) -> Node:
    return node.node if isinstance(node, Required) else node


_PASSED = Condition(passed=True)


def _aggregations(kpi: Kpi) -> Iterator[_Aggregation]:
    """Yield the aggregates that a KPI declares itself."""
    match kpi:
        case Measure() | State():
            specs: list[Measure | State | MeasureSpec | StateSpec | None] = [kpi]
        case Ratio():
            sides = [kpi.numerator, kpi.denominator, *([kpi.minus] if kpi.minus else [])]
            specs = [side.measure or side.state for side in sides]
        case Derived():
            specs = [given.measure or given.state for given in kpi.inputs.values()]
        case _:
            specs = []
    for spec in specs:
        if spec is not None:
            yield _Aggregation(spec.from_, getattr(spec, "at", None), spec.where, str(spec.agg), spec.value)
