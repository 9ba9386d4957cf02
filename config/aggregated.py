"""What a KPI is made of: aggregates over entities, memberships of populations, plans, and other KPIs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from config.declarations import (
    Aggregate,
    Base,
    Conversion,
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
    Unit,
    Value,
    Where,
)
from config.document import Loc
from config.fields import Fields


@dataclass(frozen=True)
class Aggregated:
    """One aggregate and the place of its declaration; a stock has no `at`."""

    loc: Loc
    source: str
    where: Where
    aggs: tuple[Aggregate, ...]
    value: Value | None
    at: str | None = None
    per: str | None = None
    then: str | None = None

    @property
    def unit(self) -> Unit:
        """The unit that the value and the aggregate give."""
        return "none" if self.value is None or self.aggs == ("count",) else self.value.unit

    def items_of(self, fields: Fields) -> str | None:
        """Return the list whose items are aggregated, or None for the entities themselves."""
        paths = (self.at, self.value.money if self.value else None)
        uses = [fields.find(path) for path in paths if path]
        return next((use.items_of for use in uses if use and use.items_of), None)


Spec = Measure | State | MeasureSpec | StateSpec | Base
"""What declares an aggregate."""


@dataclass(frozen=True)
class Part:
    """One of the things that a KPI is made of: an aggregate, another KPI, members of a population, or a plan."""

    alias: str
    """What the KPI calls it: `numerator`, or the alias of an input; empty for the one part that it is itself."""
    name: str
    """What a fault calls it."""
    loc: Loc
    refers_at: Loc
    """Where it names the KPI, population or plan."""
    spec: Spec | None = None
    kpi: str | None = None
    population: str | None = None
    output: str = "end"
    """Of a population: at which end of the window its members are counted, or how both are compared; `now` for T."""
    plan: PlanInput | None = None
    broadcast: tuple[str, ...] = ()
    window: str | None = None
    offset: str | None = None
    required: bool = False
    """Whether it is absent, and not 0, without records."""

    @property
    def aggregated(self) -> Aggregated | None:
        """The aggregate that it is, and the place of its declaration."""
        match self.spec:
            case Base() as base:
                return Aggregated(("base",), base.from_, base.where, ("count",), None, base.at)
            case State() as whole:
                return Aggregated((), whole.from_, whole.where, whole.aggs, whole.value)
            case Measure() as whole:
                parts = whole.aggs, whole.value, whole.at, whole.per, whole.then
                return Aggregated((), whole.from_, whole.where, *parts)
            case StateSpec() as spec:
                return Aggregated((*self.loc, "state"), spec.from_, spec.where, (spec.agg,), spec.value)
            case MeasureSpec() as spec:
                inner = (spec.agg,), spec.value, spec.at, spec.per, spec.then
                return Aggregated((*self.loc, "measure"), spec.from_, spec.where, *inner)
            case _:
                return None


def parts(kpi: Kpi) -> Iterator[Part]:
    """Yield what a KPI is made of, in the order of its declaration."""
    match kpi:
        case Ratio():
            yield from (_part(name, f"`{name}`", (name,), side) for name, side in sides(kpi))
        case Derived():
            inputs = kpi.inputs.items()
            yield from (_part(alias, f"input `{alias}`", ("inputs", alias), given) for alias, given in inputs)
        case Share():
            members = kpi.members
            at: Loc = "members", "population"
            yield Part("members", "`members`", ("members",), at, population=members.population, output=members.at)
            yield Part("actual", "`actual`", ("actual",), ("actual", "kpi"), kpi=kpi.actual.kpi)
            yield Part("plan", "`plan`", ("plan",), ("plan",), plan=kpi.plan)
        case _:
            yield _whole(kpi)


def _whole(kpi: Measure | State | Conversion | Membership) -> Part:
    """Return the one part of a KPI that has no other."""
    name = f"type `{kpi.type}`"
    if isinstance(kpi, Membership):
        return Part("", name, (), ("population",), population=kpi.population, output=kpi.output)
    if isinstance(kpi, State) and kpi.active is not None:
        return Part("", name, (), ("active",), population=kpi.active, output="now")
    if isinstance(kpi, Conversion):
        return Part("base", name, (), (), spec=kpi.base)
    return Part("", name, (), (), spec=kpi, required=isinstance(kpi, Measure) and kpi.require is not None)


def sides(ratio: Ratio) -> Iterator[tuple[str, Side]]:
    """Yield the sides of a ratio with their names."""
    for name, side in (("numerator", ratio.numerator), ("minus", ratio.minus), ("denominator", ratio.denominator)):
        if side is not None:
            yield name, side


def _part(alias: str, name: str, loc: Loc, given: Side | DerivedInput) -> Part:
    part = Part(alias, name, loc, (*loc, "kpi"), given.measure or given.state, given.kpi)
    if given.membership:
        members = given.membership
        at = (*loc, "membership", "population")
        part = replace(part, refers_at=at, population=members.population, output=members.output)
    if isinstance(given, Side):
        return replace(part, broadcast=given.broadcast, required=given.require is not None)
    if given.plan:
        part = replace(part, refers_at=(*loc, "plan"), plan=given.plan)
    return replace(part, window=given.window, offset=given.offset)


def used_kpis(kpi: Kpi) -> list[str]:
    """Return the keys of the KPIs that `kpi` is made of."""
    return [part.kpi for part in parts(kpi) if part.kpi]


def leaves(
    kpi: Kpi, grain: tuple[str, ...], kpis: Mapping[str, Kpi], above: tuple[str, ...] = ()
) -> Iterator[tuple[Part, tuple[str, ...]]]:
    """Yield all that `kpi` is made of in the end, each with the dimensions of `grain` that it is grouped by.

    Of a share these are its members: what they are compared by has another grain. `above` are the KPIs that were come
    through.
    """
    if kpi.key in above:
        return
    for part in parts(kpi):
        own = tuple(dimension for dimension in grain if dimension not in part.broadcast)
        if isinstance(kpi, Share) and part.population is None:
            continue
        if part.kpi is None:
            yield part, own
        elif part.kpi in kpis:
            yield from leaves(kpis[part.kpi], own, kpis, (*above, kpi.key))
