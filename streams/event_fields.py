"""The event types and fields that a KPI needs, looked up through derived fields, children and populations."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from config.aggregated import Spec, parts
from config.declarations import (
    Compare,
    Conversion,
    Declarations,
    DerivedField,
    DurationValue,
    Kpi,
    Least,
    PlanInput,
    Population,
    Share,
    Source,
    Value,
    Where,
)
from metrics.relations import ENTITY_ID, dimension_path, list_of

PLAN = "plan"
"""The source that plans are looked up in."""
_PLAN_FIELDS = ("kind", "metric", "period", "amount_minor", "currency", "value", "submitted_at")
Fields = Mapping[str, tuple[str, ...]]
"""By source, in the order in which they are come across."""


def event_fields(declarations: Declarations, kpi: Kpi) -> Fields:
    """Return the fields that the value of `kpi` depends on, those that its grains group by included."""
    found = _Search(declarations)
    found.kpi(kpi, {dimension: None for grain in kpi.grains for dimension in grain})
    return {source: tuple(fields) for source, fields in found.fields.items()}


@dataclass
class _Search:
    declarations: Declarations
    fields: dict[str, dict[str, None]] = field(default_factory=dict)
    """Ordered sets."""

    def kpi(self, kpi: Kpi, dimensions: Mapping[str, None]) -> None:
        members = {kpi.actual.by: None} if isinstance(kpi, Share) else dimensions
        for part in parts(kpi):
            if part.kpi is not None:
                self.kpi(self.declarations.kpis[part.kpi], members)
            elif part.spec is not None:
                self._aggregate(part.spec, dimensions)
            elif part.plan is not None:
                self._plan(part.plan, dimensions)
            elif part.population is not None:
                self._population(self.declarations.populations[part.population], dimensions)
        if isinstance(kpi, Conversion):
            source = self.declarations.sources[kpi.base.from_]
            self._path(source, kpi.event.field)
            self._duration(source, kpi.event.duration)

    # --------------------------------------------------------------------------------------------------------- leaves

    def _aggregate(self, spec: Spec, dimensions: Mapping[str, None]) -> None:
        source = self.declarations.sources[spec.from_]
        at: str | None = getattr(spec, "at", None)
        self._path(source, at or source.exists_from)
        self._where(source, spec.where)
        self._value(source, getattr(spec, "value", None))
        per: str | None = getattr(spec, "per", None)
        self._dimensions(source, {**dimensions, **({per: None} if per else {})}, at)

    def _plan(self, plan: PlanInput, dimensions: Mapping[str, None]) -> None:
        source = self.declarations.sources[PLAN]
        for name in _PLAN_FIELDS:
            self._path(source, name)
        self._dimensions(source, {plan.scope: None} if plan.scope else dimensions, None)

    def _population(self, population: Population, dimensions: Mapping[str, None]) -> None:
        source = self.declarations.sources[population.from_]
        self._where(source, population.where)
        for interval in population.intervals:
            self._path(source, interval.from_)
            self._path(source, interval.to)
            for name in interval.over:
                self._child(source, name)
                if interval.ends is not None:
                    self._path(self.declarations.sources[source.children[name].from_], interval.ends)
        self._path(source, population.until)
        self._path(source, population.amounts)
        if population.amounts is not None:
            self._rates()
        if population.contacted is not None:
            self._child(source, population.contacted)
        self._dimensions(source, dimensions, None)

    # ---------------------------------------------------------------------------------------------------------- parts

    def _where(self, source: Source, where: Where) -> None:
        for path in where:
            self._path(source, path)

    def _value(self, source: Source, value: Value | None) -> None:
        if value is None:
            return
        if value.money is not None:
            self._path(source, value.money)
            self._path(source, source.currency)
            self._rates()
        for path in (value.weight, value.number, value.times, value.age_of, value.distinct, value.latest, value.dated):
            self._path(source, path)
        self._duration(source, value.duration)

    def _duration(self, source: Source, duration: DurationValue | None) -> None:
        for path in (*duration.starts, duration.to) if duration is not None else ():
            self._path(source, path)

    def _dimensions(self, source: Source, dimensions: Mapping[str, None], at: str | None) -> None:
        items = None if at is None else list_of(source, at)
        for dimension in dimensions:
            if dimension in source.dimensions:
                self._path(source, dimension_path(source, dimension, items))

    def _rates(self) -> None:
        source = self.declarations.sources.get(self.declarations.defaults.fx.source)
        for name in source.fields if source is not None else ():
            self._add(source, name)

    # ---------------------------------------------------------------------------------------------------------- paths

    def _add(self, source: Source | None, path: str) -> None:
        if source is not None:
            self.fields.setdefault(source.key, {})[path] = None

    def _path(self, source: Source, path: str | None, within: str | None = None) -> None:
        """Add what `path` stands for; `within` is the derived field that it is a part of, which may have its name."""
        if path is None or path == ENTITY_ID:
            return
        head, _, tail = path.partition(".")
        if head in source.derived and head != within:
            self._derived(source, head, source.derived[head])
        elif head in source.children:
            self._child(source, head)
            self._path(self.declarations.sources[source.children[head].from_], tail or None)
        else:
            self._add(source, path)

    def _child(self, source: Source, name: str) -> None:
        told = source.children[name]
        child = self.declarations.sources[told.from_]
        self._path(child, told.parent)
        self._path(child, told.at)
        self._where(child, told.where)

    def _derived(self, source: Source, name: str, derived: DerivedField) -> None:
        for path in _named_by(derived):
            self._path(source, path, name)
        if derived.least is not None:
            for child in derived.least.over:
                self._child(source, child)
        if derived.first is not None:
            self._child(source, derived.first.over)
            told = source.children[derived.first.over]
            self._path(self.declarations.sources[told.from_], derived.first.take)
        if derived.per_month is not None:
            for inner in source.fields[derived.per_month.phases].fields:
                self._add(source, f"{derived.per_month.phases}.{inner}")


_NO_FIELDS = {"phases", "over", "take", "edge"}
"""What derived fields declare besides fields of the entity itself."""


def _named_by(derived: DerivedField) -> Iterator[str | None]:
    """Yield the fields of the entity itself that a derived field names."""
    for name in DerivedField.model_fields:
        match getattr(derived, name):
            case Least(own=own, not_before=before):
                yield from own
                yield None if before is None else before.field
            case Compare(left=left, right=right):
                yield from (left, right)
            case BaseModel() as way:
                yield from way.model_dump(exclude=_NO_FIELDS).values()
            case tuple() as paths:
                yield from paths
            case str() as path:
                yield path
