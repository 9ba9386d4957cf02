"""What a KPI is made of, whatever its type: other KPIs, aggregates over events, plans, and populations."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from config.declarations import (
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
)

Aggregated = Measure | State | MeasureSpec | StateSpec | Base


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a KPI; exactly one of `kpi`, `spec`, `plan` and `population` is given.

    Attributes:
        name: what the KPI calls it: `numerator`, or an alias; empty for the aggregate that a KPI itself is.
        kpi: the key of another KPI.
        spec: an aggregate over the events of a source.
        plan: a plan's amount.
        population: the name of a population, whose members count.
        output: at which end of the window members count, or what becomes of them.
        window: another window than the KPI's own.
        offset: the comparison window (`previous`), or 12 months before (`year`).
        required: whether the part is absent, and not 0, without records.
    """

    name: str
    kpi: str | None = None
    spec: Aggregated | None = None
    plan: PlanInput | None = None
    population: str | None = None
    output: str = "end"
    window: str | None = None
    offset: str | None = None
    required: bool = False


def parts_of(kpi: Kpi) -> tuple[Part, ...]:
    """Return the parts of `kpi`, in the order in which they are declared."""
    return tuple(_parts(kpi))


def _parts(kpi: Kpi) -> Iterator[Part]:
    match kpi:
        case State(active=str() as population):
            yield Part("", population=population)
        case Measure() | State():
            yield Part("", spec=kpi, required=isinstance(kpi, Measure) and kpi.require is not None)
        case Ratio():
            yield _side("numerator", kpi.numerator)
            if kpi.minus is not None:
                yield _side("minus", kpi.minus)
            yield _side("denominator", kpi.denominator)
        case Derived():
            yield from (_input(alias, given) for alias, given in kpi.inputs.items())
        case Conversion():
            yield Part("base", spec=kpi.base)
        case Membership():
            yield Part("", population=kpi.population, output=kpi.output)
        case Share():
            yield Part("members", population=kpi.members.population, output=kpi.members.at)
            yield Part("actual", kpi=kpi.actual.kpi)
            yield Part("plan", plan=kpi.plan)


def _side(name: str, side: Side) -> Part:
    if side.membership is not None:
        return Part(name, population=side.membership.population, output=side.membership.output)
    return Part(name, kpi=side.kpi, spec=side.measure or side.state, required=side.require is not None)


def _input(alias: str, given: DerivedInput) -> Part:
    part = Part(alias, given.kpi, given.measure or given.state, given.plan)
    if given.membership is not None:
        part = replace(part, population=given.membership.population, output=given.membership.output)
    return replace(part, window=given.window, offset=given.offset)
