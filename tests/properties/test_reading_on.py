"""Whatever is thrown away, delivered late or sought meanwhile: each record of a partition is applied once, in order."""

import asyncio
from collections import deque
from collections.abc import Mapping
from functools import cache
from typing import Any

from aiokafka import ConsumerRecord
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from config.load import load
from config.settings import Settings
from metrics.plan import Plan, compile_plan
from streams.app import Shards
from streams.owned import OwnedShard
from streams.telemetry import Telemetry

DEALS = TP("sales.deals", 0)
_QUIET_TICKS = 10


@cache
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


class _Signal:
    def connect(self, *_: Any, **__: Any) -> None:
        pass


class _Shard(OwnedShard):
    """Notes which offsets are applied."""

    def __init__(self) -> None:
        super().__init__(DEALS.partition, plan(), Settings(), lambda: 0)
        self.applied: list[int] = []

    def apply(self, records: list[ConsumerRecord]) -> int:
        self.applied += [r.offset for r in records if r.offset >= self.positions[DEALS.topic]]
        return super().apply(records)


class _Reader:
    """A consumer with what it has fetched on its way, and the app around it."""

    on_partitions_revoked = on_rebalance_complete = on_before_shutdown = _Signal()
    rebalancing = False

    def __init__(self, log: list[int], data: st.DataObject) -> None:
        self.consumer = self
        self.log, self._data = log, data
        self._position = 0
        self._on_its_way: deque[list[int]] = deque()
        self.owned = _Shard()
        self.owned.begin_at({DEALS.topic: 0})
        self.shards = Shards(self, frozenset({DEALS.topic}), plan(), Settings(), lambda: 0, Telemetry())
        vars(self.shards)["_owned"][DEALS.partition] = self.owned
        self.rebalance()

    def _some(self, most: int) -> int:
        return self._data.draw(st.integers(0, most))

    def fetch(self) -> None:
        size = 1 + self._some(3)
        batch = [offset for offset in self.log if offset >= self._position][:size]
        if batch:
            self._position = batch[-1] + 1
            self._on_its_way.append(batch)

    async def deliver(self) -> None:
        if self._on_its_way:
            batch = self._on_its_way.popleft()
            await self.shards.apply(
                [ConsumerRecord(DEALS.topic, 0, n, 0, 0, None, None, None, 0, 0, ()) for n in batch]
            )

    def rebalance(self) -> None:
        """What is on its way, and some that is fetched meanwhile, is thrown away; then all is in doubt."""
        for _ in range(self._some(2)):
            self.fetch()
        self._on_its_way.clear()
        self.owned.doubt()
        vars(self.shards)["_astray"] = {DEALS}

    async def seek_wait(self, positions: Mapping[TP, int]) -> None:
        """Take effect some time after it is asked, and return some time after that."""
        for _ in range(self._some(3)):
            await self.deliver()
            self.fetch()
        self._position = positions[DEALS]
        for _ in range(self._some(3)):
            self.fetch()
            await self.deliver()

    async def tick(self) -> None:
        await vars(Shards)["_seek_strays"](self.shards)

    async def to_the_end(self) -> None:
        for _ in range(_QUIET_TICKS):
            await self.tick()
            for _ in range(len(self.log)):
                self.fetch()
            while self._on_its_way:
                await self.deliver()


async def _play(log: list[int], data: st.DataObject) -> list[int]:
    reader = _Reader(log, data)
    try:
        for step in data.draw(st.lists(st.sampled_from(("fetch", "fetch", "deliver", "deliver", "tick", "rebalance")))):
            if step == "fetch":
                reader.fetch()
            elif step == "rebalance":
                reader.rebalance()
            else:
                await (reader.tick() if step == "tick" else reader.deliver())
        await reader.to_the_end()
    finally:
        await reader.owned.close()
    return reader.owned.applied


@given(log=st.lists(st.integers(0, 24), unique=True, min_size=1).map(sorted), data=st.data())
def test_every_record_is_applied_once_and_in_order(log: list[int], data: st.DataObject) -> None:
    assert asyncio.run(_play(log, data)) == log
