"""Layouts: what the stored records of a source hold, in which order, so that no release misreads those of another.

A record holds the values of an entity's fields by their places. So it also holds the checksum of its layout, and every
shard keeps each layout that its records ever had beside them. A record of another layout is converted, field by field
by their names; what cannot be is refused. Two things are never converted, because they are made anew: cells, and what
children tell their parents.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from config.declarations import FieldType, Source
from metrics.entities import DELETED, EntityCodec
from metrics.records import LAYOUT_PREFIX, RECORD_VERSION, UnreadableRecordError, check_version, layout_key
from metrics.relations import Relation


class Place(Struct, frozen=True, array_like=True):
    """One field of a record: its name, its declared type, and the places of its parts."""

    name: str
    type: str
    parts: tuple["Place", ...] = ()


class Layout(Struct, frozen=True, array_like=True):
    """The fields of a source's records in their order, and what each of its children's links mean."""

    fields: tuple[Place, ...]
    children: Mapping[str, int]

    @property
    def checksum(self) -> int:
        """The number by which a record names its layout."""
        return zlib.crc32(_encode(self))


class StoredLayouts(Struct, array_like=True):
    """The record of a source on the entities topic."""

    version: int
    layouts: tuple[Layout, ...]
    """All that records of the shard ever had."""
    told: Mapping[str, int]
    """What the links mean that the parents were sent, by relation."""


_encode = msgspec.msgpack.Encoder(order="sorted").encode
_decode = msgspec.msgpack.Decoder(StoredLayouts).decode
_decode_plainly = msgspec.msgpack.Decoder().decode
_REMEDY = "delete the entities topic and replay the sources"
_REMEDIES = (
    f"start the release and the declarations that wrote it; or {_REMEDY}; or, for one damaged record, write one without"
    " value under its key, start again, and replay its events"
)


def layout_of(source: Source, children: Iterable[Relation]) -> Layout:
    """Return the layout of the records of `source`, to which its `children` belong."""
    fields = tuple(_places(source.fields))
    return Layout(fields, {relation.name: relation.meaning for relation in children})


def _places(fields: Mapping[str, FieldType]) -> Iterator[Place]:
    for name, field in fields.items():
        # Structs of parts have the required ones first: so stand their values.
        parts = dict(sorted(field.fields.items(), key=lambda part: not part[1].required))
        yield Place(name, field.type, tuple(_places(parts)))


class Layouts:
    """The layouts of one shard's records: those they have had, and those that this release writes."""

    def __init__(self, current: Mapping[str, Layout], told: Mapping[str, Mapping[str, int]]) -> None:
        """Begin with what this release writes.

        Args:
            current: the layout of each source.
            told: by source, what the links mean that its entities send, by relation.
        """
        self._current = current
        self._told = told
        self._known: dict[str, dict[int, Layout]] = {
            source: {layout.checksum: layout} for source, layout in current.items()
        }
        self._meanings = {name: meaning for layout in current.values() for name, meaning in layout.children.items()}
        self._stored: dict[str, StoredLayouts] = {}

    def read(self, records: Mapping[bytes, bytes]) -> None:
        """Take note of the layouts that a shard's records have had.

        Raises:
            UnreadableRecordError: a record of layouts is damaged or of another release.
        """
        for key, value in records.items():
            if not key.startswith(LAYOUT_PREFIX):
                continue
            source = key.removeprefix(LAYOUT_PREFIX).decode()
            try:
                check_version(value)
                stored = _decode(value)
            except UnreadableRecordError as error:
                raise UnreadableRecordError(f"layout record `{source}`: {error}; {_REMEDIES}") from None
            except msgspec.MsgspecError as error:
                raise UnreadableRecordError(f"layout record `{source}`: it is damaged ({error}); {_REMEDY}") from error
            self._stored[source] = stored
            known = self._known.setdefault(source, {})
            known.update((layout.checksum, layout) for layout in stored.layouts)

    def news(self) -> list[tuple[bytes, bytes]]:
        """Return the records that must be written, because they say more than the stored ones."""
        wanted = {
            source: StoredLayouts(RECORD_VERSION, tuple(self._known[source].values()), self._told[source])
            for source in self._current
        }
        return [(layout_key(source), _encode(now)) for source, now in wanted.items() if self._stored.get(source) != now]

    def told_otherwise(self, source: str) -> frozenset[str]:
        """Return the relations whose parents were sent links of another meaning, or none, by entities of `source`."""
        before = self._stored[source].told if source in self._stored else self._told[source]
        return frozenset(name for name, meaning in self._told[source].items() if before.get(name) != meaning)

    def is_current(self, relation: str, meaning: int) -> bool:
        """Return whether a link means what this release says; one of an earlier meaning counts no more.

        Its child's shard sends it anew once it is opened by this release.

        Raises:
            UnreadableRecordError: the meaning is unknown: a newer release, or one with other declarations, sent it.
        """
        if self._meanings.get(relation) == meaning:
            return True
        parent = relation.partition(".")[0]
        if any(layout.children.get(relation) == meaning for layout in self._known.get(parent, {}).values()):
            return False
        raise UnreadableRecordError(
            f"a link of `{relation}` means something that this worker does not know; workers with other declarations"
            " run beside it: start all of them with the same ones"
        )

    def convert(self, codec: EntityCodec, key: bytes, value: bytes) -> tuple[bytes, Any]:
        """Return a stored record in the layout of this release, whatever layout it has, and the entity in it.

        Raises:
            UnreadableRecordError: it is damaged, of another release, or has a field whose type is another one now.
        """
        try:
            record = _encode(self._converted(codec.schema.source.key, value))
            return record, codec.decode(record)
        except UnreadableRecordError as error:
            raise UnreadableRecordError(
                f"entity record `{key.decode(errors='replace')}`: {error}; {_REMEDIES}"
            ) from None
        except (AttributeError, IndexError, TypeError, ValueError, msgspec.MsgspecError) as error:
            raise UnreadableRecordError(
                f"entity record `{key.decode(errors='replace')}`: it is damaged ({error}); {_REMEDIES}"
            ) from error

    def _converted(self, source: str, value: bytes) -> tuple[Any, ...]:
        check_version(value)
        version, checksum, order, data, deleted, overrides, children = _decode_plainly(value)
        before, now = self._known[source].get(checksum), self._current[source]
        if before is None:
            raise UnreadableRecordError("no record of the topic describes its layout")
        fields = {DELETED, *(place.name for place in now.fields)}
        kept = {n: k for n, k in (overrides or {}).items() if n.partition(".")[0] in fields}
        same = {n: told for n, told in (children or {}).items() if _means_the_same(f"{source}.{n}", before, now)}
        moved = _moved(data, before.fields, now.fields)
        return version, now.checksum, order, moved, deleted, kept or None, same or None


def _means_the_same(relation: str, before: Layout, now: Layout) -> bool:
    return relation in now.children and before.children.get(relation) == now.children[relation]


def _moved(values: Sequence[Any], before: Sequence[Place], after: Sequence[Place]) -> list[Any]:
    """Return the values of fields in the places of `after`; None for those that were not there."""
    places = {place.name: (place, value) for place, value in zip(before, values, strict=False)}
    moved = []
    for place in after:
        was, value = places.get(place.name, (place, None))
        if value is not None and was.type != place.type:
            raise UnreadableRecordError(
                f"field `{place.name}` was declared as `{was.type}` when it was written and is `{place.type}` now,"
                " which needs another name"
            )
        if value is not None and place.parts and was.parts != place.parts:
            inner = value if place.type == "list" else [value]
            converted = [_moved(item, was.parts, place.parts) for item in inner]
            value = converted if place.type == "list" else converted[0]
        moved.append(value)
    return moved
