"""The plan: declarations compiled into sources that contribute, cubes that hold, and nodes that read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

from config.declarations import (
    Condition,
    Conversion,
    Declarations,
    Derived,
    Kpi,
    Measure,
    MeasureSpec,
    Ratio,
    Side,
    Source,
    State,
    StateSpec,
    Value,
    Where,
)
from metrics.calendar import DAY, HOUR_MS, MINUTE, STOCK, BusinessCalendar, Window
from metrics.contributions import (
    Relation,
    SourceCode,
    compile_complete,
    compile_source,
    dimension_of,
    fan_out_of,
    relations,
)
from metrics.cubes import Codes, Combinations, Cube, CubeKey, Cuboid, Hidden, MeasureDef, spread_of
from metrics.entities import EntityCodec
from metrics.evaluate import (
    Formula,
    GreatestAge,
    Mean,
    MoneyTotal,
    Node,
    PlanAmount,
    Quantile,
    Quotient,
    Ref,
    Shifted,
    Total,
    compile_formula,
)
from metrics.events import Schema

NOW = Window("now")


@dataclass(slots=True)
class SourcePlan:
    """All that a shard needs of one source."""

    source: Source
    schema: Schema
    codec: EntityCodec
    complete: Callable[[Any], bool]
    """Whether the data of a record holds all its required fields."""
    cubes: tuple[Cube, ...] = ()
    code: SourceCode | None = None
    """None for reference records, which contribute to no cube."""
    as_child: tuple[Relation, ...] = ()


@dataclass(slots=True)
class SeriesPlan:
    """One KPI, aggregate and grain: a metric name, its windows, and the node that reads its values."""

    kpi: Kpi
    agg: str | None
    grain: tuple[str, ...]
    windows: tuple[Window, ...]
    node: Node
    population: int | None
    """The cuboid whose rows are the label values of live entities; None for the total."""
    declared: tuple[tuple[str, ...], ...] = ()
    """Label values that are exported even when no entity carries them."""
    allowed: tuple[frozenset[str] | None, ...] = ()
    """Per dimension, the only values that the KPI can have."""

    @property
    def min_samples(self) -> int:
        """Fewer samples than this give no reading; ratios look to it themselves."""
        return self.kpi.min_samples if isinstance(self.node, Mean | Quantile) else 0

    @property
    def rounds_to_minor(self) -> bool:
        """Whether the reading is an amount of money, rounded to the minor unit, and not a mean of amounts."""
        return self.kpi.unit == "money" and isinstance(self.node, MoneyTotal)


@dataclass(slots=True)
class Plan:
    """Everything compiled."""

    declarations: Declarations
    calendar: BusinessCalendar
    currency: str
    sources: dict[str, SourcePlan]
    relations: tuple[Relation, ...]
    cubes: tuple[Cube, ...]
    codes: Codes
    """The dimension values of all cubes as small integers; they grow, and never change."""
    cuboids: dict[int, Cuboid]
    windows: dict[int, set[Window]]
    """The windows over which each cuboid is read."""
    series: tuple[SeriesPlan, ...]
    incomplete: dict[str, int]
    """The cuboid that counts incomplete entities, by source."""
    money_counts: tuple[Ref, ...]
    """The numbers of records behind the sums of money, in total; the same one may come several times."""

    @property
    def minutes_kept_ms(self) -> int:
        """How long minute panes are kept: an hour more than the longest rolling window reaches back."""
        rolling = [w for windows in self.windows.values() for w in windows if w.tier == MINUTE]
        return HOUR_MS + max((int(w.token[:-1]) * HOUR_MS * (1 + w.previous) for w in rolling), default=0)


def compile_plan(declarations: Declarations, zone: str, currency: str) -> Plan:
    """Compile `declarations` for a business time zone and a reporting currency."""
    return _Builder(declarations, BusinessCalendar(zone), currency).build()


@dataclass(slots=True)
class _Asked:
    """A reference handed out before its cuboids are known."""

    ref: Ref
    cube: Cube
    grain: tuple[str, ...]
    position: int
    windows: set[Window]


@dataclass
class _Builder:
    declarations: Declarations
    calendar: BusinessCalendar
    currency: str
    cubes: dict[CubeKey, Cube] = field(default_factory=dict)
    asked: list[_Asked] = field(default_factory=list)
    codes: Codes = field(default_factory=Codes)
    money_counts: list[Ref] = field(default_factory=list)
    with_money: set[tuple[str, str | None]] = field(default_factory=set)
    """The (source, time field) pairs whose cells are split by currency; the time field is None for stocks."""

    def build(self) -> Plan:
        self.with_money = {
            (spec.from_, getattr(spec, "at", None))
            for kpi in self.declarations.kpis.values()
            for spec in _specs(kpi)
            if spec.value is not None and spec.value.money is not None
        }
        series = [s for kpi in self.declarations.kpis.values() for s in self._series(kpi)]
        incomplete = {s.key: self._incomplete(s) for s in self.declarations.sources.values() if not s.broadcast}
        for cube in self.cubes.values():
            cube.close()
        cuboids = _by_id(c for cube in self.cubes.values() for c in cube.cuboids)
        windows: dict[int, set[Window]] = {i: set() for i in cuboids}
        for asked in self.asked:
            self._resolve(asked, windows)
        for s, population in series:
            s.population = None if population is None else population.columns[STOCK][0]
        found = relations(self.declarations)
        return Plan(
            self.declarations,
            self.calendar,
            self.currency,
            {k: self._source(s, found) for k, s in self.declarations.sources.items()},
            found,
            tuple(self.cubes.values()),
            self.codes,
            cuboids,
            windows,
            tuple(s for s, _ in series),
            {k: r.columns[STOCK][0] for k, r in incomplete.items()},
            tuple(self.money_counts),
        )

    @staticmethod
    def _resolve(asked: _Asked, windows: dict[int, set[Window]]) -> None:
        for cuboid in asked.cube.cuboids:
            if cuboid.grain == asked.grain and asked.position in cuboid.measures:
                asked.ref.columns[cuboid.tier] = cuboid.id, cuboid.measures.index(asked.position)
                windows[cuboid.id] |= {w for w in asked.windows if w.tier == cuboid.tier}

    def _source(self, source: Source, found: Sequence[Relation]) -> SourcePlan:
        schema = Schema(source)
        plan = SourcePlan(source, schema, EntityCodec(schema), compile_complete(source, self.declarations))
        if not source.broadcast:
            mine = [c for c in self.cubes.values() if c.key.source == source.key]
            plan.cubes = tuple(sorted(mine, key=lambda c: c.key.kind == "incomplete"))
            plan.code = compile_source(source, plan.cubes, found, self.declarations)
            plan.as_child = tuple(r for r in found if r.child_source == source.key)
        return plan

    # ----------------------------------------------------------------------------------------------------------- asking

    def _ask(  # noqa: PLR0913 (each part is one of the identity of an accumulator)
        self,
        source: str,
        measure: MeasureDef,
        grain: tuple[str, ...],
        windows: set[Window],
        *,
        at: str | None = None,
        shift_ms: int = 0,
        kind: Literal["timed", "stock", "population", "incomplete"] = "timed",
        hidden: Hidden | None = None,
        spread: str = "",
    ) -> Ref:
        """Have an accumulator kept for `windows` at `grain`, and return where to read it."""
        fan_out = None if kind == "incomplete" else fan_out_of(self.declarations.sources[source], grain)
        if hidden is None:
            hidden = "currency" if kind in ("timed", "stock") and (source, at) in self.with_money else "none"
        key = CubeKey(source, kind, at, shift_ms, fan_out, hidden, spread)
        cube = self._cube(key)
        position = 0
        for tier in {w.tier for w in windows}:
            position = cube.ask(measure, tier, grain)
        ref = Ref({})
        self.asked.append(_Asked(ref, cube, grain, position, windows))
        return ref

    def _cube(self, key: CubeKey) -> Cube:
        if key not in self.cubes:
            self.cubes[key] = Cube(key, Combinations(self.codes))
        return self.cubes[key]

    def _population(self, source: str, grain: tuple[str, ...]) -> Ref:
        return self._ask(source, MeasureDef({}), grain, {NOW}, kind="population")

    def _incomplete(self, source: Source) -> Ref:
        cube_key = CubeKey(source.key, "incomplete", None, 0, None, "none")
        cube = self._cube(cube_key)
        position = cube.ask(MeasureDef({}), STOCK, ("reason",))
        ref = Ref({})
        self.asked.append(_Asked(ref, cube, ("reason",), position, {NOW}))
        return ref

    # ----------------------------------------------------------------------------------------------------------- series

    def _series(self, kpi: Kpi) -> Iterator[tuple[SeriesPlan, Ref | None]]:
        windows = tuple(Window(t) for t in kpi.windows)
        several = isinstance(kpi, Measure | State) and len(kpi.aggs) > 1
        aggs = kpi.aggs if isinstance(kpi, Measure | State) else (None,)
        source, where = self._origin(kpi)
        for grain in kpi.grains:
            population = self._population(source.key, grain) if grain else None
            for agg in aggs:
                node = self._node(kpi, agg, grain, set(windows))
                allowed = tuple(_allowed(source, d, where) for d in grain)
                declared = self._declared(source, grain, allowed)
                yield (
                    SeriesPlan(kpi, agg if several else None, grain, windows, node, None, declared, allowed),
                    population,
                )

    def _origin(self, kpi: Kpi) -> tuple[Source, Where]:
        """Return the source whose entities carry the label values, and the condition of the KPI's own records."""
        match kpi:
            case Measure() | State():
                return self.declarations.sources[kpi.from_], kpi.where
            case Conversion():
                return self.declarations.sources[kpi.base.from_], kpi.base.where
            case Ratio():
                side = kpi.denominator
                spec = side.measure or side.state
                if spec is not None:
                    return self.declarations.sources[spec.from_], spec.where
                return self._origin(self.declarations.kpis[side.kpi or ""])
            case Derived():
                first = next(i.kpi for i in kpi.inputs.values() if i.kpi is not None)
                return self._origin(self.declarations.kpis[first])
        raise NotImplementedError(f"kpi `{kpi.key}`: type `{kpi.type}` is not computed yet")

    def _declared(
        self, source: Source, grain: tuple[str, ...], allowed: tuple[frozenset[str] | None, ...]
    ) -> tuple[tuple[str, ...], ...]:
        if len(grain) != 1:
            return ()
        if allowed[0] is not None:
            return tuple((v,) for v in sorted(allowed[0]))
        dimension = dimension_of(source, grain[0])
        stages = any(
            d.stage_probability is not None and d.stage_probability.stage == dimension.field
            for d in source.derived.values()
        )
        if stages:
            names = dict.fromkeys(stage for stages in self.declarations.pipelines.values() for stage in stages)
            return tuple((n,) for n in names)
        return tuple((v,) for v in dimension.values)

    # ------------------------------------------------------------------------------------------------------------ nodes

    def _node(self, kpi: Kpi, agg: str | None, grain: tuple[str, ...], windows: set[Window]) -> Node:
        """Return the node that reads `kpi` at `grain`; its accumulators are kept for `windows`."""
        match kpi:
            case Measure():
                return self._aggregate(kpi.from_, kpi.at, kpi.where, agg or kpi.aggs[0], kpi.value, grain, windows)
            case State():
                return self._aggregate(kpi.from_, None, kpi.where, agg or kpi.aggs[0], kpi.value, grain, windows)
            case Ratio():
                return self._ratio(kpi, grain, windows)
            case Conversion():
                return self._conversion(kpi, grain, windows)
            case Derived():
                return self._formula(kpi, grain, windows)
        raise NotImplementedError(f"kpi `{kpi.key}`: type `{kpi.type}` is not computed yet")

    def _aggregate(  # noqa: PLR0913, PLR0917 (the parts of one aggregate)
        self,
        source: str,
        at: str | None,
        where: Where,
        agg: str,
        value: Value | None,
        grain: tuple[str, ...],
        windows: set[Window],
    ) -> Node:
        kind: Literal["timed", "stock"] = "stock" if at is None else "timed"

        def ask(measure: MeasureDef, hidden: Hidden | None = None, spread: str = "") -> Ref:
            return self._ask(source, measure, grain, windows, at=at, kind=kind, hidden=hidden, spread=spread)

        match agg:
            case "count":
                return Total(ask(MeasureDef(where, "count", value)))
            case "sum" if value is not None and value.money is not None:
                if not grain:
                    whole = {path: condition for path, condition in where.items() if "." not in path}
                    self.money_counts.append(ask(MeasureDef(whole)))
                return MoneyTotal(ask(MeasureDef(where, "sum", value)))
            case "sum":
                return Total(ask(MeasureDef(where, "sum", value)))
            case "mean":
                return Mean(Total(ask(MeasureDef(where, "sum", value))), Total(ask(MeasureDef(where, "count", value))))
            case "max" if value is not None and value.age_of is not None:
                spread = spread_of(value.age_of, where)
                return GreatestAge(ask(MeasureDef(where, "count", value), "instant", spread))
            case _ if agg.startswith("p") and value is not None and value.duration is not None:
                spread = spread_of(value.duration, where)
                return Quantile(ask(MeasureDef(where, "count", value), "bucket", spread), Fraction(int(agg[1:]), 100))
        raise NotImplementedError(f"aggregate `{agg}` of this value is not computed yet")

    def _ratio(self, kpi: Ratio, grain: tuple[str, ...], windows: set[Window]) -> Node:
        numerator = self._side(kpi.numerator, grain, windows)
        minus = None if kpi.minus is None else self._side(kpi.minus, grain, windows)
        denominator = self._side(kpi.denominator, grain, windows)
        if isinstance(numerator, MoneyTotal) and isinstance(denominator, Total):
            # Deals whose amount has no rate are in neither side (KPIS A4).
            denominator = Total(denominator.ref, convertible=True)
        return Quotient(numerator, minus, denominator, kpi.min_samples, positive=kpi.require == "positive")

    def _side(self, side: Side, grain: tuple[str, ...], windows: set[Window]) -> Node:
        spec: MeasureSpec | StateSpec | None = side.measure or side.state
        if spec is None:
            return self._node(self.declarations.kpis[side.kpi or ""], None, grain, windows)
        at = spec.at if isinstance(spec, MeasureSpec) else None
        return self._aggregate(spec.from_, at, spec.where, spec.agg, spec.value, grain, windows)

    def _conversion(self, kpi: Conversion, grain: tuple[str, ...], windows: set[Window]) -> Node:
        within = kpi.within or 0

        def ask(measure: MeasureDef) -> Total:
            return Total(self._ask(kpi.base.from_, measure, grain, windows, at=kpi.base.at, shift_ms=within))

        base = ask(MeasureDef(kpi.base.where))
        reached = ask(MeasureDef(kpi.base.where, event=kpi.event, within_ms=within))
        return Quotient(reached, None, base, kpi.min_samples)

    def _formula(self, kpi: Derived, grain: tuple[str, ...], windows: set[Window]) -> Node:
        inputs: dict[str, Node] = {}
        for alias, given in kpi.inputs.items():
            if given.plan is not None:
                inputs[alias] = PlanAmount(given.plan.kind, given.plan.metric, grain)
                continue
            previous = given.offset == "previous"
            wanted = {Window(given.window or w.token, previous or w.previous) for w in windows}
            inner = self._node(self.declarations.kpis[given.kpi or ""], None, grain, wanted)
            inputs[alias] = Shifted(inner, previous, given.window) if previous or given.window else inner
        evaluate: Callable[..., Fraction] = compile_formula(kpi.expr)
        return Formula(inputs, dict(kpi.require), evaluate)


def _by_id(cuboids: Iterable[Cuboid]) -> dict[int, Cuboid]:
    found: dict[int, Cuboid] = {}
    for cuboid in cuboids:
        if cuboid.id in found:
            raise ValueError(
                f"cuboids {found[cuboid.id]} and {cuboid} have the same checksum {cuboid.id}; rename a dimension of one"
            )
        found[cuboid.id] = cuboid
    return found


def _specs(kpi: Kpi) -> Iterator[Measure | State | MeasureSpec | StateSpec]:
    """Yield the aggregates that a KPI declares itself."""
    if isinstance(kpi, Measure | State):
        yield kpi
    if isinstance(kpi, Ratio):
        for side in (kpi.numerator, kpi.minus, kpi.denominator):
            spec = None if side is None else side.measure or side.state
            if spec is not None:
                yield spec


def _allowed(source: Source, dimension: str, where: Where) -> frozenset[str] | None:
    """Return the values of a dimension that a condition leaves open, None when it says nothing about it."""
    condition = where.get(dimension_of(source, dimension).field)
    if condition is None:
        return None
    if isinstance(condition, Condition):
        return None if condition.in_ is None else frozenset(str(v) for v in condition.in_)
    return frozenset([str(condition)])


__all__ = ["DAY", "MINUTE", "Plan", "SeriesPlan", "SourcePlan", "compile_plan"]
