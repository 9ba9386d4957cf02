"""One shard: the entities of one partition number of all sources, and the cells they add up to.

All state of a shard is here and all of it is a function of the events applied and of T: nothing depends on arrival
order, batch borders or restarts. Records go in, `seal` hands out what has changed since the last one; the streams
package makes one Kafka transaction of it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple, Protocol

import msgspec

from metrics.calendar import DAY_MS
from metrics.cells import CubeCells, CuboidCells, Retention
from metrics.contributions import Rows, has_children
from metrics.derived import NEVER
from metrics.entities import DELETED, Entity, Told, link, merge, newest_key
from metrics.events import Event, OrderKey, RejectedError
from metrics.layouts import Layouts
from metrics.partitions import home_partitions
from metrics.plan import Plan
from metrics.records import (
    NAMES,
    REFERENCE,
    UnreadableRecordError,
    cells_key,
    decode_cells,
    decode_rows,
    encode_versioned,
    id_in,
    is_progress,
    names_key,
    reference_key,
)
from metrics.relations import attribute
from metrics.stored import Recent, StoredEntities

TOMBSTONE_RETENTION_MS = 400 * DAY_MS
"""How long a deleted entity keeps its order keys."""
_TOO_FAR_AHEAD = "field `updated_at`: lies more than 5 minutes after the broker's time; check the producer's clock"
CLOCK_TOLERANCE_US = 5 * 60 * 1_000_000
"""How far `updated_at` may lie after the broker's time."""


class RecordLike(Protocol):
    """A record of a source topic, as a Kafka client gives it."""

    @property
    def value(self) -> bytes | None:
        """The event's bytes."""
        ...

    @property
    def timestamp(self) -> int:
        """The broker's time in milliseconds since the epoch."""
        ...

    @property
    def offset(self) -> int:
        """The record's place in its partition."""
        ...

    @property
    def partition(self) -> int:
        """The partition of its topic."""
        ...


class Record(NamedTuple):
    """A record that comes from elsewhere: a file, or another shard."""

    value: bytes | None
    timestamp: int
    offset: int = -1
    partition: int = -1


class Link(NamedTuple):
    """What a child tells its parent; None when it no longer counts there."""

    relation: str
    parent: str
    child: str
    key: OrderKey
    told: Told | None
    meaning: int
    """That of the relation, as its child's shard has it declared."""


class Rejected(NamedTuple):
    """A record for the dead-letter topic."""

    source: str
    record: RecordLike
    reason: str


class Misrouted(NamedTuple):
    """An event of a new entity whose home is another shard."""

    source: str
    home: int
    entity_id: str
    record: RecordLike


@dataclass(slots=True)
class Sealed:
    """All that a flush must make durable together."""

    entities: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    cells: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    misrouted: list[Misrouted] = field(default_factory=list)
    held_bytes: int = 0
    """The size of the events that are refused or belong elsewhere, and are kept whole until then."""

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.entities or self.cells or self.links or self.rejected or self.misrouted)


class Shard:
    """Entities, timers and cells of one shard."""

    def __init__(self, plan: Plan, now: int, index: int = 0, shards: int = 1) -> None:
        """Begin empty as of `now`, as number `index` of so many `shards`."""
        self.plan = plan
        self.now = now
        self.counts: dict[tuple[str, str], int] = {}
        """Events by (source, outcome)."""
        self.watermarks: dict[str, int] = {}
        """The greatest `updated_at` (ms) by source."""
        self._index, self._shards = index, shards
        self._retention = Retention(plan.calendar, now, plan.minutes_kept_ms)
        self._cubes = {
            s.source.key: [CubeCells(c, plan.codes, plan.calendar) for c in s.cubes] for s in plan.sources.values()
        }
        self._stored = {key: StoredEntities(s) for key, s in plan.sources.items()}
        self._timers: list[tuple[int, str, str]] = []
        self._due: dict[tuple[str, str], int] = {}
        self._layouts = Layouts(
            {key: s.layout for key, s in plan.sources.items()},
            {key: {r.name: r.meaning for r in s.as_child} for key, s in plan.sources.items()},
        )
        self._listed: set[str] = set()
        """The dimensions of which views know that they are full."""
        self._sealing = Sealed()

    # ------------------------------------------------------------------------------------------------------- records in

    def apply(self, source: str, records: Iterable[RecordLike], *, repeat_links: bool = False) -> None:
        """Apply records of one source topic in their order.

        Args:
            source: the key of the source.
            records: what was read; null values are counted and left.
            repeat_links: send the children's links even where they did not change: an earlier owner may have sent
                others in a transaction that was aborted, and the parents may have read those.
        """
        stored = self._stored[source]
        events, outcomes = self._decode(stored, records)
        open_, unsettled, schema = stored.open, stored.unsettled, stored.plan.schema
        newest = self.watermarks.get(source, 0) * 1000
        for event in events:
            op, entity_id, key, data = event
            if key[1] > newest:  # noqa: PLR1730 (a call of max costs more than all the rest of this line)
                newest = key[1]
            recent = open_(entity_id)
            old = recent.entity
            if op == "put" and (old is None or (old.overrides is None and key > old.key)):
                merged: Entity | None = Entity(key, data, children=old and old.children)
                outcome = "applied"
            else:
                merged, outcome = merge(schema, old, event)
            outcomes.append(outcome)
            if merged is not None:
                recent.entity = merged
                unsettled[entity_id] = recent
            if repeat_links and stored.plan.as_child:
                self._send_links(stored, entity_id, recent, repeat=True)
        if newest:
            self.watermarks[source] = newest // 1000
        for outcome, n in Counter(outcomes).items():
            self.counts[source, outcome] = self.counts.get((source, outcome), 0) + n

    def _decode(self, stored: StoredEntities, records: Iterable[RecordLike]) -> tuple[list[Event], list[str]]:
        """Return the events to apply here, and the outcomes of the other records."""
        decode, recent, packed = stored.plan.schema.decode, stored.recent, stored.packed
        alone = self._shards == 1
        events: list[Event] = []
        strangers: dict[str, list[RecordLike]] = {}
        outcomes: list[str] = []
        for record in records:
            value = record.value
            if value is None:
                outcomes.append("null")
                continue
            try:
                event = decode(value)
            except RejectedError as error:
                outcomes.append(self._reject(stored.key, record, str(error)))
                continue
            if event.key[1] > record.timestamp * 1000 + CLOCK_TOLERANCE_US:
                outcomes.append(self._reject(stored.key, record, _TOO_FAR_AHEAD))
                continue
            events.append(event)
            entity_id = event.entity_id
            if not (alone or entity_id in recent or entity_id in packed):
                strangers.setdefault(entity_id, []).append(record)
        away = self._away(strangers)
        if away:
            for entity_id, home in away.items():
                self._sealing.misrouted += [Misrouted(stored.key, home, entity_id, r) for r in strangers[entity_id]]
                self._sealing.held_bytes += sum(len(r.value or b"") for r in strangers[entity_id])
                outcomes += ["misrouted"] * len(strangers[entity_id])
            events = [event for event in events if event.entity_id not in away]
        return events, outcomes

    def _reject(self, source: str, record: RecordLike, reason: str) -> str:
        self._sealing.rejected.append(Rejected(source, record, reason))
        self._sealing.held_bytes += len(record.value or b"")
        return "rejected"

    def _away(self, entity_ids: Collection[str]) -> dict[str, int]:
        """Return the home shards of the new entities among `entity_ids` that do not belong here."""
        homes = home_partitions([i.encode() for i in entity_ids], self._shards)
        return {i: home for i, home in zip(entity_ids, homes, strict=True) if home != self._index}

    def apply_links(self, links: Iterable[Link]) -> None:
        """Apply what children tell their parents.

        Raises:
            UnreadableRecordError: other declarations sent a link.
        """
        for sent in links:
            if not self._layouts.is_current(sent.relation, sent.meaning):
                continue
            source, _, children = sent.relation.partition(".")
            stored = self._stored[source]
            recent = stored.open(sent.parent)
            new = link(recent.entity, stored.plan.schema, children, sent.child, (sent.key, sent.told))
            if new is not None:
                recent.entity = new
                stored.unsettled[sent.parent] = recent

    def advance(self, now: int) -> None:
        """Move T forward: re-apply the entities whose contributions change by themselves, and drop panes of the past.

        A T before the present one is ignored: a shard's time never goes back.
        """
        if now <= self.now:
            return
        self._settle()
        due = self._due_until(now)
        before, self.now = self.now, now
        for source, entity_id in due:
            self._reapply(source, entity_id, before)
        if self._retention.reaches(now):
            self._fold()
            self._retention.move(now)
            for table in (t for cubes in self._cubes.values() for cube in cubes for t in cube.cuboids):
                table.drop_old(self._retention.first[table.cuboid.tier])

    def _due_until(self, now: int) -> list[tuple[str, str]]:
        due: list[tuple[str, str]] = []
        while self._timers and self._timers[0][0] <= now:
            at, source, entity_id = heappop(self._timers)
            if self._due.get((source, entity_id)) == at:
                del self._due[source, entity_id]
                due.append((source, entity_id))
        return due

    # ----------------------------------------------------------------------------------------------------------- change

    def _settle(self) -> None:
        """Bring the rows of the changed entities up to date: the difference goes to the cubes, links to the parents."""
        now = self.now
        for stored in self._stored.values():
            code = stored.plan.code
            as_child = bool(stored.plan.as_child)
            for entity_id, recent in stored.settling():
                if code is None:
                    continue
                entity = recent.entity
                rows, due = code.contribute(entity, now, entity_id)
                self._replace(stored, entity_id, recent, rows, now)
                if as_child:
                    self._send_links(stored, entity_id, recent, repeat=False)
                if due != NEVER or self._due or entity.deleted:
                    self._set_timer(stored.key, entity_id, entity, due)

    def _replace(self, stored: StoredEntities, entity_id: str, recent: Recent, rows: Rows, before: int) -> None:
        """Take the rows that the cells hold of an entity (as of `before`) out of them, and put `rows` in."""
        for cube, old, new in zip(self._cubes[stored.key], stored.rows(entity_id, recent, before), rows, strict=True):
            if old != new:
                cube.take_out += old
                cube.add += new
        recent.rows = rows

    def _reapply(self, source: str, entity_id: str, before: int) -> None:
        """Replace what an entity contributed as of `before` by what it contributes now."""
        stored = self._stored[source]
        recent = stored.open(entity_id)
        entity = recent.entity
        if self._forgettable(stored, entity) and self._has_had_its_time(entity):
            stored.forget(entity_id)
            return
        assert stored.plan.code is not None  # noqa: S101 (only sources that contribute have timers)
        rows, due = stored.plan.code.contribute(entity, self.now, entity_id)
        self._replace(stored, entity_id, recent, rows, before)
        self._set_timer(source, entity_id, entity, due)

    def _set_timer(self, source: str, entity_id: str, entity: Any, due: int) -> None:
        if self._forgettable(self._stored[source], entity):
            forget_at = self._forget_at(entity)
            due = forget_at if forget_at > self.now else self.now + DAY_MS
        key = source, entity_id
        if due == NEVER:
            self._due.pop(key, None)
        elif self._due.get(key) != due:
            self._due[key] = due
            heappush(self._timers, (due, source, entity_id))
            if len(self._timers) > _FEW_TIMERS + 2 * len(self._due):
                # Most have been replaced: an entity that changes often would leave one a year ahead each time.
                self._timers = [(at, *entity) for entity, at in self._due.items()]
                heapify(self._timers)

    @staticmethod
    def _forgettable(stored: StoredEntities, entity: Any) -> bool:
        """Return whether only order keys are left of an entity; an implied one may go on by its children."""
        return entity.deleted and not (stored.plan.source.implied and has_children(entity.children))

    def _has_had_its_time(self, entity: Any) -> bool:
        """Return whether a deleted entity is past its retention, by T and by what the events say.

        What is forgotten is lost for good, so a clock that runs ahead must not decide it: events are at most some
        minutes ahead of the broker.
        """
        return self._forget_at(entity) <= min(self.now, max(self.watermarks.values(), default=0))

    @staticmethod
    def _forget_at(entity: Any) -> int:
        key: OrderKey = (entity.overrides or {}).get(DELETED, entity.key)
        return key[1] // 1000 + TOMBSTONE_RETENTION_MS

    def _send_links(self, stored: StoredEntities, entity_id: str, recent: Recent, *, repeat: bool) -> None:
        """Tell the parents what they must know of a child: its removal at the old one first, then the new one."""
        plan = stored.plan
        assert plan.code is not None  # noqa: S101 (children contribute)
        before, after = stored.links(entity_id, recent, self.now), plan.code.links(recent.entity)
        if before == after and not repeat:
            return
        recent.links = after
        key = newest_key(recent.entity)
        for relation, was, is_now in zip(plan.as_child, before, after, strict=True):
            if was is not None and (is_now is None or is_now[0] != was[0]):
                self._sealing.links.append(Link(relation.name, was[0], entity_id, key, None, relation.meaning))
            if is_now is not None and (repeat or is_now != was):
                self._sealing.links.append(Link(relation.name, is_now[0], entity_id, key, is_now[1], relation.meaning))

    # ------------------------------------------------------------------------------------------------------ records out

    def _fold(self) -> None:
        """Fold the pending rows of all cubes into their cells."""
        for cubes in self._cubes.values():
            for cube in cubes:
                cube.fold(self._retention)

    def seal(self) -> Sealed:
        """Return all that changed since the last seal, as records; the shard goes on from here."""
        self._settle()
        self._fold()
        sealed, self._sealing = self._sealing, Sealed()
        for source, stored in self._stored.items():
            changed = stored.seal()
            sealed.entities += changed
            if stored.plan.source.broadcast:
                sealed.cells += [self._reference(source, id_in(key)) for key, _ in changed]
        for table in self._tables():
            if table.dirty:
                sealed.cells += table.seal()
        sealed.cells += self._lists()
        return sealed

    def _lists(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the values of the dimensions that have become full: the views must know what this shard may fold."""
        for name, admitted in self.plan.admitted.items():
            if admitted.full and name not in self._listed:
                self._listed.add(name)
                yield names_key(name), encode_versioned(list(admitted.values))

    def _tables(self) -> Iterator[CuboidCells]:
        return (table for cubes in self._cubes.values() for cube in cubes for table in cube.cuboids)

    def _reference(self, source: str, entity_id: str) -> tuple[bytes, bytes | None]:
        """Return the record that gives the view a rate or a plan whole; None for one that is deleted or incomplete."""
        plan = self.plan.sources[source]
        entity = self._stored[source].find(entity_id)
        key = reference_key(source, entity_id)
        if entity is None or entity.deleted or not plan.complete(entity.data):
            return key, None
        return key, encode_versioned({n: getattr(entity.data, attribute(n)) for n in plan.schema.names})

    def entities(self, source: str) -> Iterator[tuple[str, Any]]:
        """Yield (id, entity) of all entities of a source, as the cells of the last seal know them."""
        return self._stored[source].sealed()

    @property
    def held_bytes(self) -> int:
        """The size of the events that the next seal hands out whole."""
        return self._sealing.held_bytes

    @property
    def size(self) -> int:
        """The number of entities."""
        return sum(stored.size for stored in self._stored.values())

    @property
    def too_old(self) -> int:
        """Cell changes left out because their pane had fallen out of retention."""
        return sum(cube.too_old for cubes in self._cubes.values() for cube in cubes)

    # --------------------------------------------------------------------------------------------------------- recovery

    def restore(self, entities: Mapping[bytes, bytes], published: Mapping[bytes, bytes]) -> None:
        """Take over the committed entities, all at once; see `restoring`."""
        for _ in self.restoring(entities, published):
            pass

    def restoring(self, entities: Mapping[bytes, bytes], published: Mapping[bytes, bytes]) -> Iterator[None]:
        """Take over the committed entities, and rebuild the cells from them, in steps of some tenths of a second.

        Cells are a pure function of the entities and T, so they are computed anew each time; what differs from the
        published ones (other declarations, another T) goes out with the next seal. So do the records that had another
        layout, and the links that meant something else when the parents were sent them.

        Raises:
            UnreadableRecordError: an entity record is damaged or of another release.
        """
        self._layouts.read(entities)
        self.recall(published)
        told_otherwise = {source: self._layouts.told_otherwise(source) for source in self._stored}
        for number, (key, value) in enumerate(entities.items()):
            try:
                source, _, name = key.decode().partition("/")
            except UnicodeDecodeError as error:
                raise UnreadableRecordError(
                    f"entity record {key!r}: its key is damaged; write one without value under it, and start again"
                ) from error
            stored = self._stored.get(source)
            if stored is None:
                continue
            entity = self._take_over(stored, name, key, value)
            if stored.plan.code is None:
                continue
            if told_otherwise[source]:
                self._tell_anew(stored, name, entity, told_otherwise[source])
            rows, due = stored.plan.code.contribute(entity, self.now, name)
            for cube, new in zip(self._cubes[source], rows, strict=True):
                if new:
                    cube.add += new
            self._set_timer(source, name, entity, due)
            if number % _RESTORE_FOLD == 0:
                self._fold()
                yield
        self._fold()
        yield
        self._sealing.entities += self._layouts.news()
        self._sealing.cells = self._differences(published)

    def recall(self, published: Mapping[bytes, bytes]) -> None:
        """Admit the values that the published cells name of dimensions that were full, before any entity names others.

        So a restart keeps the names that are shown, and gives free those that are in no cell. Whoever restores several
        shards has all of them recall theirs first.
        """
        full = {name: a for name, a in self.plan.admitted.items() if names_key(name) in published}
        for key, value in published.items() if full else ():
            with suppress(UnreadableRecordError):  # what is damaged is written anew
                cuboid = self.plan.cuboids.get(cells_key(key)[0])
                dimensions = () if cuboid is None else self.plan.limits.of(cuboid.cube, cuboid.grain)
                for row in decode_rows(value) if full.keys() & dimensions else ():
                    for name, part in zip(dimensions, row, strict=False):
                        if name in full:
                            full[name].admit(part)

    def _take_over(self, stored: StoredEntities, name: str, key: bytes, value: bytes) -> Any:
        """Return a stored entity, whose record is written anew where it has another layout."""
        codec = stored.plan.codec
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            entity = codec.decode(value)
            if codec.is_current(entity):
                stored.packed[name] = value
                return entity
        record, entity = self._layouts.convert(stored.plan.codec, key, value)
        stored.packed[name] = record
        self._sealing.entities.append((key, record))
        return entity

    def _tell_anew(self, stored: StoredEntities, name: str, entity: Any, relations: Collection[str]) -> None:
        """Send an entity's links of `relations` again."""
        assert stored.plan.code is not None  # noqa: S101 (children contribute)
        for relation, told in zip(stored.plan.as_child, stored.plan.code.links(entity), strict=True):
            if told is not None and relation.name in relations:
                key = newest_key(entity)
                self._sealing.links.append(Link(relation.name, told[0], name, key, told[1], relation.meaning))

    def _differences(self, published: Mapping[bytes, bytes]) -> list[tuple[bytes, bytes | None]]:
        current = dict(record for table in self._tables() for record in table.seal())
        for source, stored in self._stored.items():
            if stored.plan.source.broadcast:
                current.update(self._reference(source, i) for i in stored.packed)
        current.update(self._lists())
        gone = [(k, None) for k in published if k not in current and not is_progress(k)]
        return [*gone, *((k, v) for k, v in current.items() if not self._same(k, published.get(k), v))]

    def _same(self, key: bytes, published: bytes | None, value: bytes | None) -> bool:
        """Return whether two records say the same; a pane's cells come in the order in which they arose."""
        if published is None or value is None or published == value:
            return published == value
        cuboid, *_ = cells_key(key)
        if cuboid in {REFERENCE, NAMES}:
            return False
        width = self.plan.cuboids[cuboid].width
        try:
            return decode_cells(published, width) == decode_cells(value, width)
        except UnreadableRecordError:
            return False  # what was published is damaged, and is written anew


_RESTORE_FOLD = 20_000
_FEW_TIMERS = 1_000
"""So many timers that were replaced may stay, and twice as many as there are entities with one."""
