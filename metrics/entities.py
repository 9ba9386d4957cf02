"""Entities: the merged latest state of each keyed thing, last writer wins per field (KPIS 1.2).

Most entities only ever see puts, so one order key stands for all fields; `overrides` names only the fields whose key
differs. Every override is newer than the entity's own key. An entity is kept as msgpack bytes, which are also its
changelog record.
"""

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import astuple

from metrics.events import Event, OrderKey, Schema
from metrics.records import RECORD_VERSION
from metrics.relations import attribute

if TYPE_CHECKING:
    from collections.abc import Callable

DELETED = "deleted"
"""The name under which the deletion flag keeps its order key."""
NEVER_PUT: OrderKey = (-1, -1, "")
"""The key of the fields that no event has set: smaller than that of any event."""

_Part = int | str | bool | None
Told = int | tuple[_Part | tuple[tuple[_Part, ...], ...], ...]
"""What a child tells its parent: an instant, or a tuple of an instant and other fields, lists of tuples among them."""
Child = tuple[OrderKey, Told | None]
"""What a parent keeps of one child: the link's order key, and what it tells (None once it was removed)."""


class Entity(Struct, array_like=True, gc=False):
    """The merged state of one thing."""

    key: OrderKey
    data: Any
    deleted: bool = False
    overrides: dict[str, OrderKey] | None = None
    children: dict[str, dict[str, Child]] | None = None
    """By relation, then by child id."""

    @property
    def known(self) -> bool:
        """Whether an event has set any field; False for a parent that only its children have named."""
        return self.key != NEVER_PUT or bool(self.overrides)


class EntityCodec:
    """Bytes to entity and back, for one source."""

    def __init__(self, schema: Schema, layout: int) -> None:
        """Make the codec of `schema`'s entities, whose records have the `layout` of that checksum."""
        self.schema = schema
        self.layout = layout
        entity_type = msgspec.defstruct(
            f"{schema.source.key}_entity",
            [
                ("record_version", int),
                ("layout", int),
                ("key", OrderKey),
                ("data", schema.state_type),
                ("deleted", bool, False),
                ("overrides", dict[str, OrderKey] | None, None),
                ("children", dict[str, dict[str, Child]] | None, None),
            ],
            array_like=True,
            gc=False,
        )
        self.decode: Callable[[bytes], Any] = msgspec.msgpack.Decoder(entity_type).decode
        """Return an object with the attributes of `Entity`."""
        fields = schema.source.fields
        self._nested = [(i, fields[n].type) for i, n in enumerate(schema.names) if n in schema.item_types]
        self._encode = msgspec.msgpack.Encoder().encode

    def encode(self, entity: Entity) -> bytes:
        """Return the record of `entity`."""
        data = astuple(entity.data)
        if self._nested:
            values = list(data)
            for index, kind in self._nested:
                value = values[index]
                if value is not None:
                    values[index] = [astuple(item) for item in value] if kind == "list" else astuple(value)
            data = tuple(values)
        return self._encode(
            (RECORD_VERSION, self.layout, entity.key, data, entity.deleted, entity.overrides, entity.children)
        )

    def is_current(self, stored: Any) -> bool:
        """Return whether a decoded record has the version and the layout that are written now."""
        return bool(stored.record_version == RECORD_VERSION and stored.layout == self.layout)


def merge(schema: Schema, old: Entity | None, event: Event) -> tuple[Entity | None, str]:
    """Return the state after `event`, or None when it changes nothing, and the outcome.

    The outcome is ``applied``, ``duplicate`` (the same order key again) or ``stale`` (all it says is older than the
    state).
    """
    key = event.key
    if old is None:
        old = Entity(NEVER_PUT, schema.state_type())
    if event.op == "put":
        if key <= old.key:
            return None, "duplicate" if key == old.key else "stale"
        if old.overrides is None:
            return Entity(key, event.data, children=old.children), "applied"
        return _put_under_overrides(old, event), "applied"
    named = _named(schema, event)
    overrides = dict(old.overrides or {})
    winning = [(name, value) for name, value in named if key > _key_of(old, name)]
    if not winning:
        seen = all(key == _key_of(old, name) for name, _ in named)
        return None, "duplicate" if seen else "stale"
    data, deleted = msgspec.structs.replace(old.data), old.deleted
    for name, value in winning:
        overrides[name] = key
        if name == DELETED:
            deleted = value
        elif value is None and schema.source.fields[name.partition(".")[0]].type == "times" and "." not in name:
            _clear_times(data, overrides, name, key)
        else:
            _set(data, name, value)
    return Entity(key=old.key, data=data, deleted=deleted, overrides=overrides, children=old.children), "applied"


def _key_of(entity: Entity, name: str) -> OrderKey:
    """Return the order key of a field; an entry of a `times` field is at least as new as the whole field."""
    overrides = entity.overrides or {}
    key = overrides.get(name, entity.key)
    field, _, entry = name.partition(".")
    return max(key, overrides.get(field, entity.key)) if entry else key


def _clear_times(data: Any, overrides: dict[str, OrderKey], field: str, key: OrderKey) -> None:
    """Drop the entries of a `times` field that are older than `key`."""
    kept = {}
    for entry, ms in (getattr(data, attribute(field)) or {}).items():
        name = f"{field}.{entry}"
        if overrides.get(name, NEVER_PUT) > key:
            kept[entry] = ms
    for name in [n for n, k in overrides.items() if n.startswith(f"{field}.") and k <= key]:
        del overrides[name]
    setattr(data, attribute(field), kept or None)


def _named(schema: Schema, event: Event) -> list[tuple[str, Any]]:
    """Return what a patch or a delete sets: (field, value), or (field.entry, value) of a `times` field."""
    if event.op == "delete":
        return [(DELETED, True)]
    named: list[tuple[str, Any]] = [(DELETED, False)]
    for name in schema.names:
        value = getattr(event.data, attribute(name))
        if value is UNSET:
            continue
        if schema.source.fields[name].type == "times" and value is not None:
            named += [(f"{name}.{entry}", ms) for entry, ms in value.items()]
        else:
            named.append((name, value))
    return named


def _put_under_overrides(old: Entity, event: Event) -> Entity:
    """Return the state after a put that is newer than the entity's key but maybe older than some of its overrides."""
    overrides = {n: k for n, k in (old.overrides or {}).items() if k > event.key}
    data = msgspec.structs.replace(event.data)
    for name in overrides:
        if name != DELETED:
            _set(data, name, _get(old.data, name))
    deleted = old.deleted if DELETED in overrides else False
    return Entity(event.key, data, deleted, overrides or None, old.children)


def _get(data: Any, name: str) -> Any:
    field, _, entry = name.partition(".")
    value = getattr(data, attribute(field))
    return (value or {}).get(entry) if entry else value


def _set(data: Any, name: str, value: Any) -> None:
    field, _, entry = name.partition(".")
    if entry:
        value = {**(getattr(data, attribute(field)) or {}), entry: value}
    setattr(data, attribute(field), value)


def link(old: Entity | None, schema: Schema, relation: str, child: str, state: Child) -> Entity | None:
    """Return the parent with what `child` told last, or None when it knows that or something newer already.

    The same key again replaces: a child that merged an older patch says something new under the key of its newest
    event.
    """
    parent = Entity(NEVER_PUT, schema.state_type()) if old is None else old
    siblings = (parent.children or {}).get(relation, {})
    before = siblings.get(child)
    if before is not None and (state[0] < before[0] or state == before):
        return None
    children = {**(parent.children or {}), relation: {**siblings, child: state}}
    return Entity(parent.key, parent.data, parent.deleted, parent.overrides, children)


def newest_key(entity: Entity) -> OrderKey:
    """Return the order key of the newest event that the state holds."""
    return max((entity.key, *(entity.overrides or {}).values()))
