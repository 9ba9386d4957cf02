"""A company whose size stays the same: what is new takes the place of what is oldest, so that memory can be flat.

Two in three of the places are used again and again, a quarter of them after a while in which they are deleted. The
others keep what came first, so there is always something that grows old.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from bench.mix import Mix, Wire
from metrics.shard import Record, Shard
from metrics.view import View

_SHARES = {
    "activity": 0.40,
    "deal": 0.30,
    "lead": 0.15,
    "order": 0.05,
    "measurement": 0.03,
    "feedback": 0.03,
    "subscription": 0.02,
    "spend": 0.02,
}
"""What the places are for; customers, reps and plans come on top, as many as in the mix."""
_PLANS = 2_000
_KEPT = 1 / 3
_DELETED = ("deal", "lead", "activity")
_AHEAD = 1 / 20
"""So many of the places before they are used again their entity is deleted, ..."""
_DELETED_EVERY = 4
"""... in one of so many."""
EVENTS_AN_ENTITY = 4
"""After so many events for each place all of them have been used."""
_encode = msgspec.json.Encoder().encode


class Population(Mix):
    """Draws the events of a company of so many entities."""

    def __init__(self, entities: int, seed: int = 7) -> None:
        """Begin with empty places."""
        self._places = {source: max(20, int(entities * share)) for source, share in _SHARES.items()} | {"plan": _PLANS}
        self._again: set[str] = set()
        self._ended: list[tuple[str, str]] = []
        self._latest: dict[tuple[str, str], tuple[bytes, ...]] = {}
        self.events = 0
        """How many were drawn, deletions among them."""
        super().__init__(seed)

    def _number_after(self, source: str, number: int) -> int:
        places = self._places.get(source)
        if places is None:
            return number + 1
        kept = int(places * _KEPT)
        if number >= places:
            self._again.add(source)
            number = kept
        if source in self._again and source in _DELETED:
            ahead = (number - kept + int(places * _AHEAD)) % (places - kept)
            if ahead % _DELETED_EVERY == 0:
                self._ended.append((source, self._id(source, kept + 1 + ahead)))
        return number + 1

    def _lead_of(self, _source: str, number: int) -> dict[str, Any] | None:
        """Return the lead of a place: always the same, as a parent remembers every child that it ever had."""
        lead = number * 7 % self._places["lead"] + 1
        return {"id": self._id("lead", lead), **self._attributes(lead)}

    def draw_at(self, instants: Iterable[float]) -> Iterator[Wire]:
        """Yield an event for each instant (seconds since the epoch), and the deletions that make room for it."""
        for instant in instants:
            now = datetime.fromtimestamp(instant, UTC)
            source, entity_id, state = self.draw(now, now.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
            for gone_source, gone_id in self._ended:
                yield self._event(now, gone_source, gone_id, "delete", None)
            self._ended.clear()
            yield self._event(now, source, entity_id, "put", state)

    def _event(self, now: datetime, source: str, entity_id: str, op: str, state: dict[str, Any] | None) -> Wire:
        self.events += 1
        event = {
            "event_id": f"e{self.events:010d}",
            "type": source,
            "entity_id": entity_id,
            "op": op,
            "version": self.events,
            "updated_at": now,
            **({} if state is None else {"data": state}),
        }
        value = _encode(event)
        key = source, entity_id
        self._latest[key] = (value,) if op == "put" else (*self._latest.get(key, ())[:1], value)
        return source, entity_id.encode(), value

    def last_events(self) -> Iterator[tuple[str, str, tuple[bytes, ...]]]:
        """Yield (source, entity id, events) of each entity: those that still count, its last put and its deletion."""
        for (source, entity_id), values in self._latest.items():
            yield source, entity_id, values


def recomputed(shard: Shard, states: Iterable[tuple[str, bytes]]) -> View:
    """Return the readings of the events that still count, of an empty `shard` as of its T: nothing went before."""
    for source, value in states:
        shard.apply(source, [Record(value, 2 * shard.now)])
    view = View(shard.plan)
    while sealed := shard.seal():
        for key, cells in sealed.cells:
            view.apply(0, key, cells)
        shard.apply_links(sealed.links)
    view.tick(shard.now)
    return view
