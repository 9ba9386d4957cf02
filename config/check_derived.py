"""Whether derived fields can be computed from what they are made of."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from config.check_shape import check_phases
from config.declarations import (
    Compare,
    DateEdge,
    DerivedField,
    Entry,
    FirstOver,
    Least,
    NotBefore,
    PerMonth,
    Source,
    StageExits,
    StageProbability,
)
from config.document import Loc
from config.fields import Fields, Found, named_by, way_of
from config.known import Known
from config.parse import did_you_mean

_NAMES = {"string", "enum"}
_KINDS = {"integer": "number", "decimal": "number", "money": "amount", "date": "date", "timestamp": "timestamp"}
"""What can be compared with its like."""


def check_derived(source: Source, known: Known) -> Iterator[Found]:
    """Yield every fault of the derived fields of a source."""
    for name, derived in source.derived.items():
        way = way_of(derived)
        if name in source.fields and name not in _own(derived):
            wrong = f"derived field `{name}` has the name of a field of source `{source.key}`"
            yield ("derived", name), f"{wrong}, and is not made of it; give it another"
        here = _Derived(known.fields(source), name, ("derived", name, way))
        yield from _WAYS[way](here, getattr(derived, way))
    yield from _cycles(source)


def _own(derived: DerivedField) -> tuple[str, ...]:
    """Return the fields of an entity that its derived field continues, and whose name it may therefore have."""
    spec = derived.least or derived.first or derived.stage_probability
    own = spec.own if spec else derived.coalesce
    return (own,) if isinstance(own, str) else own or ()


def _cycles(source: Source) -> Iterator[Found]:
    """Yield one fault for each circle of derived fields, at the one of it that is declared first."""
    seen: set[str] = set()
    for name in source.derived:
        circle = _circle(source, (name,), seen)
        if circle:
            way = " → ".join(f"`{part}`" for part in (*circle, circle[0]))
            yield ("derived", circle[0]), f"derived fields are made of each other, {way}; take one of them out"


def _circle(source: Source, way: tuple[str, ...], seen: set[str]) -> tuple[str, ...] | None:
    last = way[-1]
    if last in way[:-1]:
        return way[way.index(last) : -1]
    if last in seen or last not in source.derived:
        return None
    used = [name for name in named_by(source.derived[last]) if name != last or last not in source.fields]
    found = next((circle for name in used if (circle := _circle(source, (*way, name), seen))), None)
    seen.add(last)
    return found


@dataclass(frozen=True)
class _Derived:
    """A derived field: its name, its place, and what it can be made of."""

    fields: Fields
    name: str
    loc: Loc

    def within(self, path: str) -> Fields:
        """Return the fields among which `path` is looked up: its own name is that of the plain field."""
        return self.fields.plain() if path == self.name else self.fields

    def check(self, path: str, kinds: Collection[str], *loc: str | int) -> Iterator[Found]:
        yield from self.within(path).check(path, kinds, (*self.loc, *loc))

    def children(self, name: str, *loc: str | int) -> Iterator[Found]:
        source = self.fields.source
        if name not in source.children:
            wrong = f"source `{source.key}` has no children `{name}`{did_you_mean(name, source.children)}"
            yield (*self.loc, *loc), wrong


def _least(here: _Derived, least: Least) -> Iterator[Found]:
    for index, path in enumerate(least.own):
        yield from here.check(path, {"timestamp"}, "own", index)
    for index, name in enumerate(least.over):
        yield from here.children(name, "over", index)
    if least.not_before:
        yield from _not_before(here, least.not_before)


def _not_before(here: _Derived, bound: NotBefore) -> Iterator[Found]:
    plain = here.fields.plain()
    faults = list(plain.check(bound.field, {"timestamp"}, (*here.loc, "not_before", "field")))
    yield from faults
    use = plain.find(bound.field)
    required = use and use.type and use.type.required and "." not in bound.field and not here.fields.source.implied
    if not faults and not required:
        wrong = f"field `{bound.field}` may be missing, and would then bound nothing"
        yield (*here.loc, "not_before", "field"), f"{wrong}; name a field that every `{plain.source.key}` must have"


def _first(here: _Derived, first: FirstOver) -> Iterator[Found]:
    source = here.fields.source
    faults = list(here.children(first.over, "over"))
    told = source.children.get(first.over)
    if told and first.take not in told.carry:
        faults.append(((*here.loc, "take"), here.fields.not_carried(first.over, first.take)))
    yield from faults
    taken = here.fields.find(f"{first.over}.{first.take}")
    if first.own and not faults:
        kinds = {taken.type.type} if taken and taken.type else set(_KINDS) | _NAMES | {"boolean"}
        yield from here.check(first.own, kinds, "own")


def _coalesce(here: _Derived, paths: tuple[str, ...]) -> Iterator[Found]:
    if not paths:
        yield here.loc, "`coalesce` is empty; list the fields, the preferred one first"
    for index, path in enumerate(paths):
        yield from here.check(path, {"timestamp"}, index)


def _earliest(here: _Derived, path: str) -> Iterator[Found]:
    use = here.fields.find(path)
    if use and (not use.items_of or use.items_of in here.fields.source.children):
        wrong = f"field `{path}` is no part of the items of a list of the `{here.fields.source.key}` itself"
        yield here.loc, f"{wrong}; name one that is, such as `phases.from`"
        return
    yield from here.fields.check(path, {"timestamp"}, here.loc, in_list=True)
    if use and use.type and use.type.type == "timestamp" and not use.type.required:
        yield here.loc, f"field `{path}` may be missing in some items; name one that is required"


def _chance(here: _Derived, chance: StageProbability) -> Iterator[Found]:
    plain = here.fields.plain()
    yield from plain.check(chance.own, {"decimal"}, (*here.loc, "own"))
    yield from plain.check(chance.pipeline, _NAMES, (*here.loc, "pipeline"))
    yield from plain.check(chance.stage, _NAMES, (*here.loc, "stage"))


def _exits(here: _Derived, exits: StageExits) -> Iterator[Found]:
    yield from here.check(exits.entered, {"times"}, "entered")
    yield from here.check(exits.pipeline, _NAMES, "pipeline")
    yield from here.check(exits.status, _NAMES, "status")
    yield from here.check(exits.closed_at, {"timestamp"}, "closed_at")


def _entry(here: _Derived, entry: Entry) -> Iterator[Found]:
    yield from here.check(entry.times, {"times"}, "times")
    yield from here.check(entry.key, _NAMES, "key")


def _per_month(here: _Derived, per_month: PerMonth) -> Iterator[Found]:
    yield from here.check(per_month.phases, {"list"}, "phases")
    yield from check_phases(here.fields.source, per_month.phases, (*here.loc, "phases"))
    if per_month.ended_at:
        yield from here.check(per_month.ended_at, {"timestamp"}, "ended_at")


def _local_date(here: _Derived, path: str) -> Iterator[Found]:
    yield from here.check(path, {"timestamp"})


def _instant_of(here: _Derived, instant: DateEdge) -> Iterator[Found]:
    yield from here.check(instant.date, {"date"}, "date")


def _compare(here: _Derived, compare: Compare) -> Iterator[Found]:
    faults = [
        fault
        for side, path in (("left", compare.left), ("right", compare.right))
        for fault in (*here.check(path, _KINDS, side), *_derived_decimal(here, path, side))
    ]
    yield from faults
    uses = [here.fields.find(path) for path in (compare.left, compare.right)]
    kinds = [_KINDS.get(use.type.type) for use in uses if use and use.type]
    if faults or len(kinds) < len(uses):
        return
    if kinds[0] != kinds[1]:
        wrong = f"`{compare.left}` ({kinds[0]}) and `{compare.right}` ({kinds[1]}) are of different kinds"
        yield here.loc, f"{wrong}; compare like with like"
    elif kinds[0] in {"date", "timestamp"} and float(compare.times) != 1:
        yield (*here.loc, "times"), f"`times: {compare.times}` of a {kinds[0]} means nothing; remove it"


def _derived_decimal(here: _Derived, path: str, side: str) -> Iterator[Found]:
    use = here.fields.find(path)
    if use and use.derived and use.type and use.type.type == "decimal":
        yield (*here.loc, side), f"field `{path}` is a derived decimal; compare a field that events have"


_WAYS: Mapping[str, Callable[[_Derived, Any], Iterator[Found]]] = {
    "least": _least,
    "first": _first,
    "coalesce": _coalesce,
    "earliest": _earliest,
    "stage_probability": _chance,
    "stage_exits": _exits,
    "entry": _entry,
    "per_month": _per_month,
    "local_date": _local_date,
    "instant_of": _instant_of,
    "compare": _compare,
}
