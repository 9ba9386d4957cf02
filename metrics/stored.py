"""The entities of one source of a shard: as bytes, and the recently used ones also as objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from metrics.contributions import Links, Rows
from metrics.plan import SourcePlan

_RECENT = 4096


@dataclass(slots=True)
class Recent:
    """A recently used entity, the rows that the cells hold of it, and the links that its parents were sent.

    The rows stay right while T moves on, because an entity whose rows change by themselves is re-applied at that
    instant.
    """

    entity: Any
    rows: Rows
    links: Links


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
        self._recent: dict[str, Recent] = {}
        self._unsettled: dict[str, Recent] = {}
        self._dirty: set[str] = set()

    @property
    def size(self) -> int:
        """The number of entities."""
        return len(self.packed) + sum(1 for i in self._recent if i not in self.packed)

    def __contains__(self, entity_id: str) -> bool:
        """Whether there is such an entity."""
        return entity_id in self._recent or entity_id in self.packed

    def find(self, entity_id: str) -> Any:
        """Return an entity, None when there is none."""
        recent = self._recent.get(entity_id)
        if recent is not None:
            return recent.entity
        packed = self.packed.get(entity_id)
        return None if packed is None else self.plan.codec.decode(packed)

    def take(self, entity_id: str, old: Any, now: int) -> Recent:
        """Return an entity, found as `old` (None for a new one), with its rows as of `now` and its links."""
        recent = self._recent.get(entity_id)
        if recent is not None:
            return recent
        code = self.plan.code
        if code is None:
            return Recent(old, (), ())
        if old is None:
            return Recent(None, code.nothing, (None,) * len(self.plan.as_child))
        return Recent(old, code.contribute(old, now)[0], code.links(old))

    def change(self, entity_id: str, old: Any, new: Any, now: int) -> Recent:
        """Replace an entity, found as `old`, by `new`; it is unsettled now."""
        recent = self.take(entity_id, old, now)
        recent.entity = new
        self._recent.pop(entity_id, None)  # so that the last used are the last in order
        self._recent[entity_id] = self._unsettled[entity_id] = recent
        return recent

    def unsettled(self) -> Iterator[tuple[str, Recent]]:
        """Yield the changed entities, for their rows and links to be brought up to date; they are settled then."""
        while self._unsettled:
            changed, self._unsettled = self._unsettled, {}
            self._dirty.update(changed)
            yield from changed.items()

    def forget(self, entity_id: str) -> None:
        """Drop an entity."""
        self._recent.pop(entity_id, None)
        self.packed.pop(entity_id, None)
        self._dirty.add(entity_id)

    def seal(self) -> list[tuple[bytes, bytes | None]]:
        """Pack the changed entities and return their records; keep the objects of the last `_RECENT` used."""
        encode, recent, packed = self.plan.codec.encode, self._recent, self.packed
        prefix = f"{self.key}/"
        records: list[tuple[bytes, bytes | None]] = []
        for name in self._dirty:
            found = recent.get(name)
            value = None if found is None else encode(found.entity)
            if value is not None:
                packed[name] = value
            records.append(((prefix + name).encode(), value))
        self._dirty.clear()
        if len(recent) > _RECENT:
            self._recent = dict(islice(recent.items(), len(recent) - _RECENT, None))
        return records
