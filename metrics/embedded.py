"""Shards and a view in one process: the whole computation without Kafka.

The embedded mode, `report`, the tests and the benchmarks of the core run on it. Links and misrouted events travel
between the shards as they would through their topic.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from metrics.partitions import home_partition
from metrics.plan import Plan
from metrics.shard import Link, Record, Rejected, Shard
from metrics.view import Reading, View

_encode = msgspec.json.Encoder().encode


class Embedded:
    """A few shards and one view."""

    def __init__(self, plan: Plan, now: int, shards: int = 1) -> None:
        """Begin empty as of `now`."""
        self.plan = plan
        self.view = View(plan)
        self.rejected: list[Rejected] = []
        self._shards = [Shard(plan, now, i, shards) for i in range(shards)]

    @property
    def shards(self) -> list[Shard]:
        """The shards, in the order of their partitions."""
        return self._shards

    def apply(self, events: Iterable[Mapping[str, Any]], written_ms: int) -> None:
        """Apply a batch of events, each on the shard of its entity id, and pass the results on to the view.

        Args:
            events: JSON-like events; the order within a source is that of the batch.
            written_ms: the time at which a broker would have taken them.
        """
        batches: dict[tuple[int, str], list[Record]] = defaultdict(list)
        for event in events:
            source = str(event.get("type"))
            if source not in self.plan.sources:
                self.rejected.append(Rejected(source, Record(_encode(event), written_ms), f"unknown type `{source}`"))
                continue
            shard = home_partition(str(event.get("entity_id")).encode(), len(self._shards))
            batches[shard, source].append(Record(_encode(event), written_ms))
        for (shard, source), records in batches.items():
            self._shards[shard].apply(source, records)
        self.settle()

    def advance(self, now: int) -> None:
        """Move T of all shards forward."""
        for shard in self._shards:
            shard.advance(now)
        self.settle()

    def tick(self, as_of: int) -> list[Reading]:
        """Move T, and evaluate the view there."""
        self.advance(as_of)
        return self.view.tick(as_of)

    def settle(self) -> None:
        """Deliver links until none are left, and the changed cells to the view."""
        links: dict[int, list[Link]] = {}
        while True:
            for i, shard in enumerate(self._shards):
                shard.apply_links(links.pop(i, []))
            for i, shard in enumerate(self._shards):
                sealed = shard.seal()
                self.rejected += sealed.rejected
                for key, value in sealed.cells:
                    self.view.apply(i, key, value)
                for sent in sealed.links:
                    links.setdefault(home_partition(sent.parent.encode(), len(self._shards)), []).append(sent)
            if not links:
                return
