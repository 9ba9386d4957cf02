"""The entities of one source of a shard: as bytes, and the recently used ones also as objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from metrics.contributions import Links, Rows
from metrics.plan import SourcePlan

_RECENT = 1024
"""So many entities of a source stay objects, which take two kilobytes each, in every shard."""


@dataclass(slots=True)
class Recent:
    """A recently used entity, the rows that the cells hold of it, and the links that its parents were sent.

    The rows stay right while T moves on, because an entity whose rows change by themselves is re-applied at that
    instant. They are worked out late: an entity that is only looked at needs none.
    """

    entity: Any
    """None for a new one, until an event gives it a state."""
    rows: Rows | None = None
    links: Links | None = None
    was: Any = None
    """The entity as the cells and the parents know it, while `rows` and `links` are None."""


class StoredEntities:
    """The entities of one source.

    A changed entity stays *unsettled* until its rows are compared with those that the cells hold: once a flush, however
    many events changed it.
    """

    def __init__(self, plan: SourcePlan) -> None:
        """Begin empty."""
        self.plan = plan
        self.key = plan.source.key
        self.packed: dict[str, bytes] = {}
        self.recent: dict[str, Recent] = {}
        self.unsettled: dict[str, Recent] = {}
        self._dirty: dict[str, None] = {}

    @property
    def size(self) -> int:
        """The number of entities."""
        return len(self.packed) + sum(1 for i in self.recent if i not in self.packed)

    def find(self, entity_id: str) -> Any:
        """Return an entity, None when there is none."""
        recent = self.recent.get(entity_id)
        if recent is not None:
            return recent.entity
        packed = self.packed.get(entity_id)
        return None if packed is None else self.plan.codec.decode(packed)

    def sealed(self) -> Iterator[tuple[str, Any]]:
        """Yield the entities as of the last seal; of what is sealed meanwhile the changes show, but nothing new."""
        decode, packed = self.plan.codec.decode, self.packed
        for entity_id in list(packed):
            found = packed.get(entity_id)
            if found is not None:
                yield entity_id, decode(found)

    def open(self, entity_id: str) -> Recent:
        """Return an entity for use; a new one must be given a state, and then be `unsettled`."""
        recent = self.recent.get(entity_id)
        if recent is None:
            packed = self.packed.get(entity_id)
            entity = None if packed is None else self.plan.codec.decode(packed)
            recent = self.recent[entity_id] = Recent(entity, was=entity)
        return recent

    def rows(self, entity_id: str, recent: Recent, now: int) -> Rows:
        """Return the rows that the cells hold of an entity as of `now`."""
        if recent.rows is None:
            self._work_out(entity_id, recent, now)
        return recent.rows or ()

    def links(self, entity_id: str, recent: Recent, now: int) -> Links:
        """Return the links that an entity's parents were sent."""
        if recent.links is None:
            self._work_out(entity_id, recent, now)
        return recent.links or ()

    def _work_out(self, entity_id: str, recent: Recent, now: int) -> None:
        code = self.plan.code
        assert code is not None  # noqa: S101 (asked of sources that contribute)
        if recent.was is None:
            recent.rows, recent.links = code.nothing, (None,) * len(self.plan.as_child)
        else:
            recent.rows, recent.links = code.contribute(recent.was, now, entity_id)[0], code.links(recent.was)
            recent.was = None

    def settling(self) -> Iterator[tuple[str, Recent]]:
        """Yield the unsettled entities, for their rows and links to be brought up to date; they are settled then."""
        changed, self.unsettled = self.unsettled, {}
        self._dirty.update(dict.fromkeys(changed))
        yield from changed.items()

    def forget(self, entity_id: str) -> None:
        """Drop an entity."""
        self.recent.pop(entity_id, None)
        self.packed.pop(entity_id, None)
        self._dirty[entity_id] = None

    def seal(self) -> list[tuple[bytes, bytes | None]]:
        """Pack the changed entities and return their records; keep the objects of the last `_RECENT` used."""
        encode, recent, packed = self.plan.codec.encode, self.recent, self.packed
        prefix = f"{self.key}/"
        records: list[tuple[bytes, bytes | None]] = []
        for name in self._dirty:
            found = recent.get(name)
            value = None if found is None else encode(found.entity)
            if value is not None:
                packed[name] = value
            records.append(((prefix + name).encode(), value))
        if len(recent) > _RECENT:
            # What has just changed is the likeliest to change again: it stands last.
            for name in self._dirty:
                if name in recent:
                    recent[name] = recent.pop(name)
            self.recent = dict(islice(recent.items(), len(recent) - _RECENT, None))
        self._dirty.clear()
        return records
