"""The plan: declarations compiled into sources that contribute, cubes that hold, and nodes that read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.declarations import (
    Condition,
    Conversion,
    Declarations,
    Derived,
    DerivedInput,
    Kpi,
    Measure,
    Membership,
    Ratio,
    Share,
    ShareMembers,
    Side,
    Source,
    State,
    Unit,
    Where,
)
from metrics.admitted import Admitted
from metrics.calendar import HOUR_MS, MINUTE, STOCK, BusinessCalendar, Window
from metrics.contributions import Compiling, SourceCode, compile_complete, compile_source
from metrics.cubes import Codes, Combinations, Cube, CubeKey, Cuboid, MeasureDef
from metrics.entities import EntityCodec
from metrics.evaluate import NOW, Context, Mean, MeanAge, MoneyTotal, Node, Quantile, Ref, Required, Result
from metrics.events import Schema
from metrics.layouts import Layout, layout_of
from metrics.limits import Limits
from metrics.plan_nodes import Nodes
from metrics.relations import Relation, dimension_of, dimension_path, fan_out_of, list_of, relations
from metrics.targets import targets_of
from metrics.windows import Dims


@dataclass(slots=True)
class SourcePlan:
    """All that a shard needs of one source."""

    source: Source
    schema: Schema
    layout: Layout
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
    population: tuple[int, int] | None
    """The cuboid and column that are not 0 for the label values of live entities; None for the total."""
    declared: tuple[tuple[str, ...], ...] = ()
    """Label values that are exported even when no entity carries them."""
    allowed: tuple[frozenset[str] | None, ...] = ()
    """Per dimension, the only values that the KPI can have."""
    names: Mapping[str, tuple[str, Unit]] | None = None
    """By the value of the one dimension: the key and the unit of a metric of its own."""
    targets: Mapping[Window, Node] = field(default_factory=dict)
    """What the values over a window should reach."""

    def read(self, context: Context, window: Window, rows: Iterable[Dims]) -> Iterator[tuple[Dims, Result]]:
        """Yield the result of each row; without a value where the samples are too few."""
        target, fewest = self.targets.get(window), self.min_samples
        for dims in rows:
            result = self.node.read(context, window, dims)
            if result.samples is not None and 0 < result.samples < fewest:
                result = Result(None, "below_min_samples", samples=result.samples)
            if target is not None:
                result = result._replace(target=target.read(context, window, dims).value)
            yield dims, result

    @property
    def min_samples(self) -> int:
        """Fewer samples than this give no reading; ratios look to it themselves."""
        return self.kpi.min_samples if isinstance(self.node, Mean | MeanAge | Quantile) else 0

    @property
    def rounds_to_minor(self) -> bool:
        """Whether the reading is an amount of money, rounded to the minor unit, and not a mean of amounts."""
        node = self.node.node if isinstance(self.node, Required) else self.node
        return self.kpi.unit == "money" and isinstance(node, MoneyTotal)


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
    limits: Limits
    admitted: Mapping[str, Admitted]
    """The values of each open dimension that the rows of this process name."""
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

    def build(self) -> Plan:
        nodes = Nodes(self.declarations, self)
        series = [s for kpi in self.declarations.kpis.values() for s in self._series(kpi, nodes)]
        incomplete = {s.key: self._incomplete(s) for s in self.declarations.sources.values() if not s.broadcast}
        for cube in self.cubes.values():
            cube.close()
        cuboids = _by_id(c for cube in self.cubes.values() for c in cube.cuboids)
        windows: dict[int, set[Window]] = {i: set() for i in cuboids}
        for asked in self.asked:
            self._resolve(asked, windows)
        for s, population in series:
            s.population = None if population is None else population.columns[STOCK]
        named = [*named_values(s for s, _ in series), *named_pipelines(self.declarations)]
        limits = Limits(self.declarations, self.currency, named)
        around = Compiling(self.declarations, self.calendar, relations(self.declarations, str(self.calendar.zone)))
        return Plan(
            self.declarations,
            self.calendar,
            self.currency,
            {k: self._source(s, around) for k, s in self.declarations.sources.items()},
            tuple(around.relations),
            tuple(self.cubes.values()),
            self.codes,
            limits,
            self._bounded(limits),
            cuboids,
            windows,
            tuple(s for s, _ in series),
            {k: r.columns[STOCK][0] for k, r in incomplete.items()},
            tuple(nodes.money_counts),
        )

    @staticmethod
    def _resolve(asked: _Asked, windows: dict[int, set[Window]]) -> None:
        for cuboid in asked.cube.cuboids:
            if cuboid.grain == asked.grain and asked.position in cuboid.measures:
                asked.ref.columns[cuboid.tier] = cuboid.id, cuboid.measures.index(asked.position)
                windows[cuboid.id] |= {w for w in asked.windows if w.tier == cuboid.tier}

    def _bounded(self, limits: Limits) -> dict[str, Admitted]:
        """Return the open dimensions, without values, and have the cubes admit theirs there."""
        of_cubes = [(cube, limits.of(cube.key, cube.dimensions)) for cube in self.cubes.values()]
        names = sorted({name for _, dimensions in of_cubes for name in dimensions if name is not None})
        admitted = {name: limits.begin(name) for name in names}
        for cube, dimensions in of_cubes:
            cube.combinations.admitted = tuple(None if name is None else admitted[name] for name in dimensions)
        return admitted

    def _source(self, source: Source, around: Compiling) -> SourcePlan:
        schema = Schema(source)
        layout = layout_of(source, (r for r in around.relations if r.parent_source == source.key))
        codec = EntityCodec(schema, layout.checksum)
        plan = SourcePlan(source, schema, layout, codec, compile_complete(source, around))
        if not source.broadcast:
            mine = [c for c in self.cubes.values() if c.key.source == source.key]
            plan.cubes = tuple(sorted(mine, key=lambda c: c.key.kind == "incomplete"))
            plan.code = compile_source(source, plan.cubes, schema.state_type(), around)
            plan.as_child = tuple(r for r in around.relations if r.child_source == source.key)
        return plan

    # ----------------------------------------------------------------------------------------------------------- asking

    def ask(self, key: CubeKey, measure: MeasureDef, grain: tuple[str, ...], windows: set[Window]) -> Ref:
        """Have an accumulator kept for `windows` at `grain`, and return where to read it."""
        if key not in self.cubes:
            self.cubes[key] = Cube(key, Combinations(self.codes))
        cube = self.cubes[key]
        by_window = key.kind == "membership"
        if by_window:
            cube.tokens |= {w.token: None for w in sorted(windows)}
            windows = {NOW}
        position = 0
        for tier in {w.tier for w in windows}:
            position = cube.ask(measure, tier, grain)
        ref = Ref({}, by_window)
        self.asked.append(_Asked(ref, cube, grain, position, windows))
        return ref

    def _incomplete(self, source: Source) -> Ref:
        key = CubeKey(source.key, "incomplete", None, 0, None, "none")
        return self.ask(key, MeasureDef({}), ("reason",), {NOW})

    # ----------------------------------------------------------------------------------------------------------- series

    def _series(self, kpi: Kpi, nodes: Nodes) -> Iterator[tuple[SeriesPlan, Ref | None]]:
        several = isinstance(kpi, Measure | State) and len(kpi.aggs) > 1
        aggs = kpi.aggs if isinstance(kpi, Measure | State) else (None,)
        for grain in kpi.grains:
            windows = tuple(Window(t) for t in kpi.grain_windows(grain))
            origin = _origin(kpi, grain, self.declarations)
            population = self._population(origin, grain) if grain else None
            allowed = tuple(_allowed(origin, d) for d in grain)
            declared = self._declared(origin.source, grain, allowed)
            for agg in aggs:
                node = nodes.node(kpi, agg, grain, set(windows))
                label = agg if several else None
                names, targets = self._names(kpi), targets_of(kpi, agg, grain, self.currency)
                yield SeriesPlan(kpi, label, grain, windows, node, None, declared, allowed, names, targets), population

    def _names(self, kpi: Kpi) -> Mapping[str, tuple[str, Unit]] | None:
        """Return the metrics of a KPI that has one for each value, or that is derived from such a one."""
        if isinstance(kpi, State) and kpi.named is not None:
            return {v: (f"{kpi.named.prefix}_{v}", named.unit) for v, named in kpi.named.values.items()}
        if isinstance(kpi, Derived):
            for given in kpi.inputs.values():
                names = self._names(self.declarations.kpis[given.kpi]) if given.kpi is not None else None
                if names is not None:
                    rest = kpi.key.removeprefix(given.kpi or "").strip("_")
                    return {v: (f"{name}_{rest}", kpi.unit) for v, (name, _) in names.items()}
        return None

    def _population(self, origin: "_Origin", grain: tuple[str, ...]) -> Ref:
        """Return the number of live entities by label values; of a divided source only those of the KPI's kind."""
        source = origin.source
        divided = source.divided_by or ""
        where = {divided: origin.where[divided]} if divided in origin.where else {}
        key = CubeKey(source.key, "population", None, 0, fan_out_of(source, grain, origin.at), "none")
        return self.ask(key, MeasureDef(where), grain, {NOW})

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


def named_values(series: Iterable[SeriesPlan]) -> Iterator[tuple[str, str]]:
    """Yield (dimension, value) of what the declarations name: the rows of series, and those of alerts."""
    for of in series:
        for dimension, allowed in zip(of.grain, of.allowed, strict=True):
            yield from ((dimension, value) for value in allowed or ())
        for row in of.declared:
            yield from zip(of.grain, row, strict=True)
        for alert in of.kpi.alerts:
            for level in alert.levels:
                yield from level.where.items()


def named_pipelines(declarations: Declarations) -> Iterator[tuple[str, str]]:
    """Yield (dimension, pipeline) of the declared pipelines, for the dimensions whose field names one."""
    for source in declarations.sources.values():
        fields = {d.stage_probability.pipeline for d in source.derived.values() if d.stage_probability is not None}
        for name in source.dimensions:
            if dimension_of(source, name).field in fields:
                yield from ((name, pipeline) for pipeline in declarations.pipelines)


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where label values come from: the source whose entities carry them, and what the KPI asks of those."""

    source: Source
    where: Where
    at: str | None = None
    named: frozenset[str] | None = None
    """The only values of the one dimension."""


def _origin(kpi: Kpi, grain: tuple[str, ...], declarations: Declarations) -> _Origin:
    """Return where the label values of a KPI come from: of a ratio its denominator, of a formula its first KPI."""
    match kpi:
        case Ratio():
            side = kpi.numerator if set(grain) & set(kpi.denominator.broadcast) else kpi.denominator
            return _origin_of_part(side, grain, declarations)
        case Derived():
            inputs = [i for i in kpi.inputs.values() if i.plan is None]
            first = next((i for i in inputs if i.kpi is not None), inputs[0])
            return _origin_of_part(first, grain, declarations)
        case Membership(population=population) | Share(members=ShareMembers(population=population)):
            return _origin_of_population(population, declarations)
    base = kpi.base if isinstance(kpi, Conversion) else kpi
    named = kpi.named if isinstance(kpi, State) else None
    values = None if named is None else frozenset(named.values)
    return _Origin(declarations.sources[base.from_], base.where, getattr(base, "at", None), values)


def _origin_of_part(part: Side | DerivedInput, grain: tuple[str, ...], declarations: Declarations) -> _Origin:
    spec = part.measure or part.state
    if spec is not None:
        return _Origin(declarations.sources[spec.from_], spec.where, getattr(spec, "at", None))
    if part.membership is not None:
        return _origin_of_population(part.membership.population, declarations)
    return _origin(declarations.kpis[part.kpi or ""], grain, declarations)


def _origin_of_population(name: str, declarations: Declarations) -> _Origin:
    population = declarations.populations[name]
    return _Origin(declarations.sources[population.from_], population.where)


def _allowed(origin: _Origin, dimension: str) -> frozenset[str] | None:
    """Return the values of a dimension that a condition leaves open, None when it says nothing about it."""
    if origin.named is not None:
        return origin.named
    items = None if origin.at is None else list_of(origin.source, origin.at)
    condition = origin.where.get(dimension_path(origin.source, dimension, items))
    if condition is None:
        return None
    if isinstance(condition, Condition):
        return None if condition.in_ is None else frozenset(str(v) for v in condition.in_)
    return frozenset([str(condition)])


def _by_id(cuboids: Iterable[Cuboid]) -> dict[int, Cuboid]:
    found: dict[int, Cuboid] = {}
    for cuboid in cuboids:
        if cuboid.id in found:
            raise ValueError(
                f"cuboids {found[cuboid.id]} and {cuboid} have the same checksum {cuboid.id}; rename a dimension of one"
            )
        found[cuboid.id] = cuboid
    return found
