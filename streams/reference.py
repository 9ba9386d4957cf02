"""All there is to say about a KPI: what `salespulse explain` shows, and what the generated reference is made of."""

from collections.abc import Iterator
from dataclasses import dataclass

from config.aggregated import Part, parts
from config.declarations import Declarations, Kpi, Title
from metrics.evaluate import Reason
from metrics.exposition import Exposed, exposed_gauges
from metrics.plan import Plan
from streams.absence import absence_reasons
from streams.event_fields import Fields, event_fields
from streams.wording import group_title, kpi_words, over_words, part_words, population_words


@dataclass(frozen=True, slots=True)
class Shown:
    """The gauges of one grain of a KPI, over the windows that are its own."""

    grain: tuple[str, ...]
    windows: tuple[str, ...]
    gauges: tuple[Exposed, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """A part that a KPI is computed from, and the parts of that."""

    name: str
    words: str
    kpi: str | None = None
    """The key of the KPI that it is, if it is one."""
    over: str = ""
    """In words, the other window that it is read over."""
    inputs: tuple["Input", ...] = ()


@dataclass(frozen=True, slots=True)
class KpiReference:
    """What is declared about a KPI, and what follows from it.

    Attributes:
        kpi: the declaration.
        words: how it is computed, as the declaration says it.
        inputs: what it is computed from.
        populations: who the members are that it counts, one sentence for each population.
        fields: the fields that it needs, by event type.
        shown: its metrics by grain, in the order of the declaration.
        reasons: why it may be absent; without any it is 0 when there is nothing.
    """

    kpi: Kpi
    words: str
    inputs: tuple[Input, ...]
    populations: tuple[str, ...]
    fields: Fields
    shown: tuple[Shown, ...]
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class GroupReference:
    """A group and its KPIs."""

    key: str
    title: Title
    description: str
    kpis: tuple[KpiReference, ...]


def references(plan: Plan) -> tuple[GroupReference, ...]:
    """Return all KPIs by group: the groups in the order of their declaration, then those that are not declared."""
    declarations = plan.declarations
    shown = _shown(plan)
    return tuple(
        _group(declarations, key, tuple(_reference(plan, kpi, shown[kpi.key]) for kpi in kpis))
        for key, kpis in declarations.kpis_by_group().items()
    )


def reference(plan: Plan, key: str) -> KpiReference:
    """Return what there is to say about the KPI `key`, which must be declared."""
    return _reference(plan, plan.declarations.kpis[key], _shown(plan)[key])


def _group(declarations: Declarations, key: str, kpis: tuple[KpiReference, ...]) -> GroupReference:
    declared = declarations.groups.get(key)
    description = "" if declared is None else declared.description
    return GroupReference(key, group_title(declarations, key), description, kpis)


def _reference(plan: Plan, kpi: Kpi, shown: tuple[Shown, ...]) -> KpiReference:
    declarations = plan.declarations
    sources = dict(declarations.sources)
    return KpiReference(
        kpi,
        kpi_words(kpi, declarations),
        _inputs(kpi, declarations),
        tuple(population_words(p, declarations.populations[p], sources) for p in _populations(kpi, declarations)),
        event_fields(declarations, kpi),
        shown,
        absence_reasons(plan, kpi),
    )


def _shown(plan: Plan) -> dict[str, tuple[Shown, ...]]:
    """Return the gauges by KPI; the aggregates of one grain stand together."""
    found: dict[str, dict[tuple[str, ...], Shown]] = {}
    for series, gauges in exposed_gauges(plan):
        by_grain = found.setdefault(series.kpi.key, {})
        before = by_grain[series.grain].gauges if series.grain in by_grain else ()
        windows = tuple(window.token for window in series.windows)
        by_grain[series.grain] = Shown(series.grain, windows, (*before, *gauges))
    return {key: tuple(by_grain.values()) for key, by_grain in found.items()}


def _inputs(kpi: Kpi, declarations: Declarations) -> tuple[Input, ...]:
    """Return the tree below a KPI; an aggregate over events that the KPI itself is has nothing below it."""
    return tuple(_input(part, declarations) for part in parts(kpi) if part.alias or part.population)


def _input(part: Part, declarations: Declarations) -> Input:
    below = () if part.kpi is None else _inputs(declarations.kpis[part.kpi], declarations)
    words = part_words(part, declarations)
    if part.kpi is not None:
        inner = declarations.kpis[part.kpi]
        words = f"{words}: {kpi_words(inner, declarations)}" if not below else words
    return Input(part.alias, words, part.kpi, over_words(part), below)


def _populations(kpi: Kpi, declarations: Declarations) -> dict[str, None]:
    """Return the names of all populations that `kpi` reads, those of its inputs included, in order."""
    return dict.fromkeys(_populations_of(kpi, declarations))


def _populations_of(kpi: Kpi, declarations: Declarations) -> Iterator[str]:
    for part in parts(kpi):
        if part.population is not None:
            yield part.population
        if part.kpi is not None:
            yield from _populations_of(declarations.kpis[part.kpi], declarations)
