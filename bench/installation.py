"""One installation on the broker of a run: its topics, when it is done, and what it has committed."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError

from bench.feed import PARTITIONS, Feed
from bench.totals import cell_totals
from bench.workloads import Totals, Workload
from config.settings import Settings
from metrics.plan import compile_plan
from streams.kafka import client_options
from streams.recovery import read_tables
from tests.broker import free_port

_POLL_SECONDS = 0.1
_SHOWN_SECONDS = 2.0
Offsets = dict[TopicPartition, int]


def fresh_settings(kafka: str, workload: Workload, events: int) -> Settings:
    """Return settings with names of their own; the clock stands at the end of the events."""
    token = uuid4().hex[:8]
    return Settings(
        kafka=kafka,
        app_id=f"bench-{workload.name}-{token}",
        topic_prefix=f"bench-{workload.name}-{token}",
        partitions=PARTITIONS,
        clock=workload.ends_at(events).isoformat(),
        worker_http_port=free_port(),
    )


async def make_compacted(settings: Settings, names: tuple[str, ...]) -> None:
    """Make compacted topics, and give the broker a moment to show them.

    Faust makes the changelogs of its tables by itself, but an agent that is quicker than the cluster's metadata fails
    with `PartitionsMismatch` again and again.
    """
    admin: Any = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        policy = {"cleanup.policy": "compact"}
        await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=policy) for name in names])
        await asyncio.sleep(_SHOWN_SECONDS)
    finally:
        await admin.close()


async def wait_until_committed(
    settings: Settings, feed: Feed, still_running: Callable[[], bool], patience: float
) -> None:
    """Wait until the group has committed every event of the feed and every link that came of them.

    Raises:
        TimeoutError: it has not within `patience` seconds.
    """
    ends = {
        TopicPartition(settings.input_topic(topic), partition): count
        for topic, counts in feed.counts.items()
        for partition, count in enumerate(counts)
    }
    deadline = time.monotonic() + patience
    admin: Any = AIOKafkaAdminClient(**client_options(settings))
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings), isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await admin.start()
    await consumer.start()
    try:
        while not await _done(admin, consumer, settings, ends):
            if time.monotonic() > deadline or not still_running():
                raise TimeoutError(f"the events were not committed within {patience:.0f} s, or the worker ended")
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        await consumer.stop()
        await admin.close()


async def _done(admin: Any, consumer: Any, settings: Settings, ends: Offsets) -> bool:
    try:
        found = await admin.list_consumer_group_offsets(settings.app_id)
    except GroupCoordinatorNotAvailableError:  # the broker is making the group's topic
        return False
    committed = {tp: max(entry.offset, 0) for tp, entry in found.items()}
    if any(committed.get(tp, 0) < end for tp, end in ends.items()):
        return False
    links = {p: committed.get(p, 0) for p in (TopicPartition(settings.links_topic, n) for n in range(PARTITIONS))}
    return not await _any_record_after(consumer, links)


async def _any_record_after(consumer: Any, positions: Mapping[TopicPartition, int]) -> bool:
    """Return whether a committed record waits: transaction markers, which nobody commits, do not count."""
    consumer.assign(list(positions))
    ends = await consumer.end_offsets(list(positions))
    for tp, position in positions.items():
        consumer.seek(tp, position)
    waiting = {tp for tp, position in positions.items() if ends[tp] > position}
    while waiting:
        if await consumer.getmany(*waiting, timeout_ms=100, max_records=1):
            return True
        waiting = {tp for tp in waiting if await consumer.position(tp) < ends[tp]}
    return False


# ---------------------------------------------------------------------------------------------------- what is committed


async def committed_totals(settings: Settings, workload: Workload) -> Totals:
    """Read the committed cells of all shards with a client of our own, and sum those of the checks over their panes."""
    plan = compile_plan(workload.load(), settings.timezone, settings.currency)
    topic = settings.cells_topic
    tables = [(await read_tables(settings, [topic], partition))[topic] for partition in range(PARTITIONS)]
    return cell_totals(plan, workload.checks, (record for table in tables for record in table.items()))
