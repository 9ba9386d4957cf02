"""Recovery: read the committed records of a shard's own topics, to the end, and where its sources are to go on."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaTimeoutError

from config.settings import Settings
from streams.kafka import client_options

_AT_ONCE = 20_000
_PATIENCE_SECONDS = 30.0
"""How long brokers may tell nothing new; one of three that goes away is replaced within half of it."""
Table = dict[bytes, bytes]


async def read_tables(settings: Settings, topics: Sequence[str], partition: int) -> Mapping[str, Table]:
    """Return the latest committed value by key of one partition of compacted topics.

    The end is taken at the beginning: call it when no older owner can write any more.
    """
    tables: dict[str, Table] = {topic: {} for topic in topics}
    async for records in read_committed(settings, [TopicPartition(t, partition) for t in topics]):
        table = tables[records[0].topic]
        for record in records:
            if record.value is None:
                table.pop(record.key, None)
            else:
                table[record.key] = record.value
    return tables


async def read_committed(settings: Settings, partitions: Sequence[TopicPartition]) -> AsyncIterator[list[Any]]:
    """Yield the committed records of `partitions` in lists of one partition each, up to where they end now.

    Raises:
        KafkaError: the brokers cannot be reached, or told nothing new for half a minute (`KafkaTimeoutError`).
    """
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        positions, moved_at = dict.fromkeys(partitions, 0), time.monotonic()
        while waiting := [tp for tp, position in positions.items() if position < ends[tp]]:
            for records in (await consumer.getmany(*waiting, timeout_ms=200, max_records=_AT_ONCE)).values():
                yield records
            await asyncio.sleep(0)
            before, positions = positions, {tp: await _position(consumer, tp) for tp in waiting}
            if any(positions[tp] != before[tp] for tp in waiting):
                moved_at = time.monotonic()
            elif time.monotonic() - moved_at > _PATIENCE_SECONDS:
                names = ", ".join(f"`{tp.topic}` partition {tp.partition}" for tp in waiting)
                raise KafkaTimeoutError(f"the brokers have told nothing of {names} for {_PATIENCE_SECONDS:.0f} s")
    finally:
        await consumer.stop()


async def _position(consumer: Any, tp: TopicPartition) -> int:
    """Return the offset of the next record; aiokafka itself would wait for ever for a broker to tell the first one."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return int(await consumer.position(tp))
    except TimeoutError:
        raise KafkaTimeoutError(f"the brokers do not tell where `{tp.topic}` partition {tp.partition} begins") from None


async def read_positions(settings: Settings, topics: Sequence[str], partition: int) -> Mapping[str, int]:
    """Return the offset of the first record of each topic that is not applied: the group's, or the topic's first one.

    Call it when no older owner can commit any more.
    """
    consumer: Any = AIOKafkaConsumer(**client_options(settings), group_id=settings.app_id, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(t, partition) for t in topics]
        consumer.assign(partitions)
        committed = {tp: await consumer.committed(tp) for tp in partitions}
        firsts = await consumer.beginning_offsets(partitions)
        return {tp.topic: firsts[tp] if offset is None else offset for tp, offset in committed.items()}
    finally:
        await consumer.stop()
