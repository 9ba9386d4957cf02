"""Records of ours that are damaged, or of another release: refused by name, with what helps; and it does."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from config.settings import Settings
from metrics.partitions import home_partition
from metrics.records import RECORD_VERSION, entity_key
from streams.kafka import client_options
from streams.recovery import read_tables
from tests.integration.cluster import (
    ServeProcess,
    WorkerProcess,
    make_topics,
    produce,
    stored_entities,
    totals_equal,
    wait_until_applied,
)
from tests.integration.test_worker_faults import CLOCK, CLOCK_MS, GOOD, GOOD_DATA

DEAL: dict[str, Any] = {
    **GOOD,
    "event_id": "won",
    "type": "deal",
    "entity_id": "D1",
    "data": {
        "customer_id": "C1",
        "lead_id": "L1",
        "pipeline_id": "new_business",
        "stage": "won",
        "status": "won",
        "currency": "EUR",
        "lines": [{"line_id": "1", "product_id": "p1", "amount_minor": 1_000}],
        "owner_id": "r1",
        "created_at": "2026-10-28T08:00:00Z",
        "closed_at": "2026-10-30T08:00:00Z",
    },
}
LEAD = {**GOOD, "event_id": "new", "data": {**GOOD_DATA, "team": "noord"}}
EVENTS = (LEAD, DEAL)
KEY = entity_key("deal", "D1")


@pytest.fixture
def settings(fresh_settings: Settings) -> Settings:
    return fresh_settings.model_copy(update={"clock": CLOCK})


@contextmanager
def running(settings: Settings, log: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(settings, log)
    try:
        yield worker
    finally:
        worker.close()


@asynccontextmanager
async def writing(settings: Settings) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def _grow(settings: Settings, folder: Path) -> None:
    """Make the topics, and have a worker write state and end."""
    await make_topics(settings)
    await produce(settings, EVENTS)
    with running(settings, folder / "first.log") as worker:
        await wait_until_applied(settings)
        assert (await asyncio.to_thread(worker.terminate))[0] == 0


async def _ends(worker: WorkerProcess | ServeProcess) -> str:
    """Wait until a process has ended with exit code 1; return its last line, before which there is no traceback."""
    assert await asyncio.to_thread(worker.process.wait, 40) == 1
    text = worker.log.read_text()
    assert "Traceback" not in text
    return text.splitlines()[-1]


async def test_a_damaged_entity_stops_the_worker_until_it_is_taken_away_and_replayed(
    settings: Settings, tmp_path: Path
) -> None:
    await _grow(settings, tmp_path)
    home = home_partition(b"D1", settings.partitions)
    whole = (await stored_entities(settings, home))[KEY]
    newer = msgspec.msgpack.encode([RECORD_VERSION + 1, 0])
    refused = {
        whole[:-3]: "it is damaged",
        newer: f"it has version `{RECORD_VERSION + 1}`, this release reads {RECORD_VERSION}",
    }
    for number, (poison, said) in enumerate(refused.items()):
        async with writing(settings) as producer:
            await producer.send_and_wait(settings.entities_topic, poison, KEY, partition=home)
        with running(settings, tmp_path / f"refused-{number}.log") as worker:
            line = await _ends(worker)
        assert line.startswith(f"salespulse worker: entity record `deal/D1`: {said}")
        assert "write one without value under its key, start again, and replay its events" in line
    async with writing(settings) as producer:
        await producer.send_and_wait(settings.entities_topic, None, KEY, partition=home)
    await produce(settings, [DEAL])
    with running(settings, tmp_path / "mended.log"):
        await wait_until_applied(settings)
        await totals_equal(settings, EVENTS, CLOCK_MS)


async def test_damaged_cells_stop_the_view_until_a_worker_has_written_them_anew(
    settings: Settings, tmp_path: Path
) -> None:
    await _grow(settings, tmp_path)
    home = home_partition(b"D1", settings.partitions)
    cells = (await read_tables(settings, [settings.cells_topic], home))[settings.cells_topic]
    key, whole = max(cells.items(), key=lambda cell: len(cell[1]))
    async with writing(settings) as producer:
        await producer.send_and_wait(settings.cells_topic, whole[:-1], key, partition=home)
    view = ServeProcess(settings, tmp_path / "view.log")
    try:
        line = await _ends(view)
    finally:
        view.close()
    assert f"a record of partition {home} of `{settings.cells_topic}` (key {key.hex()}): it is damaged" in line
    assert f"who opens shard {home} writes its cells anew" in line
    view = ServeProcess(settings, tmp_path / "view-2.log")
    try:
        with running(settings, tmp_path / "second.log") as worker:
            await worker.until_ready()
            view.close()
            view = ServeProcess(settings, tmp_path / "view-3.log")
            await view.until_ready()
            await totals_equal(settings, EVENTS, CLOCK_MS)
    finally:
        view.close()


async def test_a_damaged_link_stops_the_worker_and_says_where_it_stands(settings: Settings, tmp_path: Path) -> None:
    await _grow(settings, tmp_path)
    async with writing(settings) as producer:
        at = await producer.send_and_wait(settings.links_topic, b"\x93\x03", b"L1", partition=1)
    with running(settings, tmp_path / "refused.log") as worker:
        line = await _ends(worker)
    assert f"record {at.offset} of partition 1 of `{settings.links_topic}`: it is damaged" in line
    assert "kafka-consumer-groups.sh --reset-offsets" in line


async def test_an_entity_that_is_larger_than_its_topic_takes_is_named(settings: Settings, tmp_path: Path) -> None:
    await make_topics(settings)
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    config = {"max.message.bytes": "5000", "cleanup.policy": "compact"}
    small = ConfigResource(ConfigResourceType.TOPIC, settings.entities_topic, config)
    await admin.alter_configs([small])
    await admin.close()
    lines = [{"line_id": str(i), "product_id": f"p{i}", "amount_minor": i} for i in range(500)]
    await produce(settings, [{**DEAL, "data": {**DEAL["data"], "lines": lines}}])
    with running(settings, tmp_path / "refused.log") as worker:
        line = await _ends(worker)
    assert "a record is larger than its topic takes; the largest entity is `deal/D1` with " in line
    assert "raise the topic's `max.message.bytes`" in line
