"""What a run has ended with, read from Kafka and Redis by clients of our own."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from config.settings import Settings
from metrics.plan import Plan
from metrics.records import cells_key, is_progress
from metrics.view import View
from streams.kafka import client_options
from streams.recovery import Table, read_committed, read_tables
from tests.cells import Cell, cells_in, references_in
from tests.chaos.scenario import CLOCK_MS
from tests.integration.subscribers import TopicTable

_POLL_MS = 300


@dataclass(slots=True)
class Committed:
    """The state of all shards.

    Attributes:
        view: everything that can be read from the cells.
        cells: the sums of each cell over the shards, where they are not zero.
        references: the records of plans and rates.
        strangers: keys of cells that belong to no cuboid of the declarations.
    """

    view: View
    cells: dict[Cell, list[int]] = field(default_factory=dict)
    references: dict[bytes, bytes | None] = field(default_factory=dict)
    strangers: list[bytes] = field(default_factory=list)


async def committed_cells(settings: Settings, plan: Plan) -> Committed:
    """Read the committed cells of all shards."""
    found = Committed(View(plan))
    sums: dict[Cell, list[int]] = defaultdict(list)
    for partition in range(settings.partitions):
        table: Table = (await read_tables(settings, [settings.cells_topic], partition))[settings.cells_topic]
        strangers = [k for k in table if isinstance(c := cells_key(k)[0], int) and c not in plan.cuboids]
        found.strangers += strangers
        known: dict[bytes, bytes | None] = {k: v for k, v in table.items() if k not in set(strangers)}
        for key, value in known.items():
            found.view.apply(partition, key, value)
        for cell, theirs in cells_in(plan, known).items():
            mine = sums[cell]
            sums[cell] = [a + b for a, b in zip(mine, theirs, strict=True)] if mine else theirs
        found.references |= {k: v for k, v in references_in(known).items() if not is_progress(k)}
    found.cells = {cell: added for cell, added in sums.items() if any(added)}
    found.view.tick(CLOCK_MS)
    return found


class Published(TopicTable):
    """The topic of the readings, read on from where it was read to."""

    def __init__(self, consumer: Any) -> None:
        """Read with `consumer`, which has its partitions."""
        super().__init__()
        self._consumer = consumer

    async def read_on(self) -> None:
        """Take all that is committed by now."""
        ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
        while [tp for tp, end in ends.items() if await self._consumer.position(tp) < end]:
            for records in (await self._consumer.getmany(timeout_ms=_POLL_MS)).values():
                for record in records:
                    self.take(record)

    def content(self) -> dict[str, dict[str, Any]]:
        """Return what each key says, without the number of its record."""
        return {key: {k: v for k, v in r.items() if k != "revision"} for key, r in self.readings.items()}

    def faulty_revisions(self) -> dict[str, list[int]]:
        """Return the keys whose revisions are not 1, 2, 3 and so on, with those."""
        return {k: found for k, found in self.revisions.items() if found != list(range(1, len(found) + 1))}


@asynccontextmanager
async def published(settings: Settings) -> AsyncIterator[Published]:
    """Open the topic of the readings at its beginning."""
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(settings.kpis_topic, p) for p in range(settings.partitions)])
        yield Published(consumer)
    finally:
        await consumer.stop()


async def dead_letters(settings: Settings) -> list[dict[str, Any]]:
    """Read every dead letter."""
    partitions = [TopicPartition(settings.dead_letters_topic, p) for p in range(settings.partitions)]
    return [
        msgspec.json.decode(record.value)
        async for records in read_committed(settings, partitions)
        for record in records
    ]


async def mirrored(settings: Settings) -> Mapping[str, dict[str, Any]]:
    """Read all readings from Redis, by the keys that they have on the topic."""
    assert settings.redis_url is not None
    redis: Any = Redis.from_url(settings.redis_url.get_secret_value())
    found: dict[str, dict[str, Any]] = {}
    try:
        async for name in redis.scan_iter(f"{settings.app_id}:readings:*", count=500):
            kpi = name.decode().rpartition(":")[2]
            for key, value in (await redis.hgetall(name)).items():
                found[f"{kpi}|{key.decode()}"] = msgspec.json.decode(value)
            await asyncio.sleep(0)
    finally:
        await redis.aclose()
    return found
