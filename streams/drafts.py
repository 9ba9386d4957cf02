"""Drafts: entities that are made up to meet what a declaration asks of them, field by field.

What is asked may contradict what was put there before; then `ContradictionError` says to try another entity.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from config.declarations import Condition, Declarations, FieldType, Scalar, Source, Where
from metrics.calendar import DAY_MS, BusinessCalendar
from metrics.relations import ENTITY_ID, dimension_of
from streams.envelope import Event, format_instant

AMOUNT_MINOR = 100_000
"""A thousand euros: what anything costs."""
_INSTANTS = {"timestamp", "date"}


class ContradictionError(Exception):
    """Something is asked of a draft that it cannot be. Reaction: try another draft."""


@dataclass
class Draft:
    """One entity in the making.

    Attributes:
        source: its event type.
        entity_id: its id.
        values: what its fields are, by path: `status`, `lines.amount_minor`, `stage_entered_at.proposal`.
        excluded: what fields must not be; None for a field that must not be there.
        happened: the instants that were asked for, plain or derived.
        earliest: the first instant that was put.
    """

    source: Source
    entity_id: str
    values: dict[str, Any] = field(default_factory=dict)
    excluded: dict[str, set[Any]] = field(default_factory=dict)
    happened: set[str] = field(default_factory=set)
    earliest: int | None = None

    def put(self, path: str, value: Any) -> None:
        """Make a field what it must be.

        Raises:
            ContradictionError: it is already something else, or must not be that.
        """
        excluded = self.excluded.get(path, set())
        if self.values.get(path, value) != value or value in excluded or None in excluded:
            raise ContradictionError(path)
        self.values[path] = value

    def exclude(self, path: str, value: Any) -> None:
        """Say what a field must not be; None says that it must not be there.

        Raises:
            ContradictionError: it is that.
        """
        if path in self.values and value in {None, self.values[path]}:
            raise ContradictionError(path)
        self.excluded.setdefault(path, set()).add(value)

    def state(self) -> "Draft":
        """Return a copy, for `restore`."""
        excluded = {path: set(values) for path, values in self.excluded.items()}
        return replace(self, values=dict(self.values), excluded=excluded, happened=set(self.happened))

    def restore(self, state: "Draft") -> None:
        """Be again what `state` was: those who hold on to this draft see that too."""
        self.values, self.excluded = state.values, state.excluded
        self.happened, self.earliest = state.happened, state.earliest

    def has(self, name: str) -> bool:
        """Return whether the field, or a part of it, is there."""
        return any(path == name or path.startswith(f"{name}.") for path in self.values)

    def data(self) -> dict[str, Any]:
        """Return the event's `data`, in the order of the declared fields."""
        found: dict[str, Any] = {}
        for name, declared in self.source.fields.items():
            inner = {p.partition(".")[2]: v for p, v in self.values.items() if p.startswith(f"{name}.")}
            if inner:
                ordered = {part: inner[part] for part in [*declared.fields, *inner] if part in inner}
                found[name] = [ordered] if declared.type == "list" else ordered
            elif name in self.values:
                found[name] = self.values[name]
        return found


def field_of(source: Source, path: str) -> FieldType | None:
    """Return the declaration of a plain field, of a part of one, or None."""
    head, dot, tail = path.partition(".")
    found = source.fields.get(head)
    return found.fields.get(tail) if found is not None and dot else found


class Samples:
    """What fields are when nothing is asked of them."""

    def __init__(self, declarations: Declarations, calendar: BusinessCalendar, currency: str, as_of: int) -> None:
        """Draw from the declarations: their pipelines, enums and closed lists."""
        self._declarations = declarations
        self._calendar = calendar
        self._currency = currency
        self._as_of = as_of
        self._parents = {
            (told.from_, told.parent): source.key
            for source in declarations.sources.values()
            for told in source.children.values()
        }

    def instant(self, declared: FieldType, at: int) -> str:
        """Return an instant as a field of its type spells it: a timestamp, or the local date."""
        if declared.type == "timestamp":
            return format_instant(at)
        return date.fromordinal(self._calendar.day_of(at)).isoformat()

    def value(self, draft: Draft, path: str) -> Any:
        """Return a value for a field, other than those that it must not be."""
        declared = field_of(draft.source, path)
        assert declared is not None  # noqa: S101 - paths are checked by the loader
        if declared.type in _INSTANTS:
            first = self._as_of if draft.earliest is None else draft.earliest
            return self.instant(declared, first - DAY_MS)
        excluded = draft.excluded.get(path, set())
        fixed: dict[str, Any] = {"money": AMOUNT_MINOR, "integer": max(1, declared.minimum or 1), "times": {}}
        fixed["boolean"] = True not in excluded
        if declared.type == "enum":
            usual = ("month", *declared.values)  # nobody is billed by the day
            return next(v for v in usual if v in declared.values and v not in excluded)
        if declared.type == "decimal":
            return "0.5" if declared.maximum == 1 else "5"
        return fixed[declared.type] if declared.type in fixed else self._text(draft.source, path)

    def _text(self, source: Source, path: str) -> str:
        for derived in source.derived.values():
            way = derived.stage_probability
            if way is not None and path in {way.pipeline, way.stage}:
                pipeline, stages = next(iter(self._declarations.pipelines.items()))
                return pipeline if path == way.pipeline else next(iter(stages))
        if path.rpartition(".")[2] == "currency":
            return self._currency
        if (source.key, path) in self._parents:
            return f"{self._parents[source.key, path]}-1"
        for name in source.dimensions:
            dimension = dimension_of(source, name)
            if path in {dimension.field, *dimension.of_items.values()}:
                return dimension.values[0] if dimension.values else f"{name}-1"
        return f"{path.rpartition('.')[2].removesuffix('_id')}-1"


def complete(draft: Draft, samples: Samples) -> None:
    """Put what the source requires and nothing asked for."""
    for name, declared in draft.source.fields.items():
        if declared.required and not declared.fields and not draft.has(name):
            draft.put(name, samples.value(draft, name))
        if declared.fields and (declared.required or draft.has(name)):
            for part, inner in declared.fields.items():
                if inner.required and not draft.has(f"{name}.{part}"):
                    draft.put(f"{name}.{part}", samples.value(draft, f"{name}.{part}"))
    for rule in draft.source.required_when:
        if not draft.has(rule.field) and _meets(draft, rule.where):
            draft.put(rule.field, samples.value(draft, rule.field))


def _meets(draft: Draft, where: Where) -> bool:
    return all(_holds(draft.values.get(path), condition) for path, condition in where.items())


def _holds(value: Any, condition: Scalar | Condition) -> bool:
    if not isinstance(condition, Condition):
        return bool(value == condition)
    if condition.exists is not None:
        return (value is not None) == condition.exists
    return condition.in_ is not None and value in condition.in_


def event_of(draft: Draft, number: int, as_of: int) -> Event:
    """Return the event that makes the entity what the draft says, known just before `as_of`."""
    return {
        "event_id": f"example-{number}",
        "type": draft.source.key,
        "entity_id": draft.entity_id,
        "op": "put",
        "updated_at": format_instant(as_of - 1_000),
        "data": draft.data(),
    }


def dimension_paths(source: Source, dimensions: tuple[str, ...]) -> Iterator[str]:
    """Yield the plain fields of the entity itself that hold the values of `dimensions`."""
    for name in dimensions:
        if name in source.dimensions:
            path = dimension_of(source, name).field
            if path != ENTITY_ID and field_of(source, path) is not None:
                yield path
