"""A worker that is given as much nonsense as sense goes on, tells what it refused and why, and counts right."""

import json
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from config.settings import Settings
from metrics.partitions import home_partition
from streams.dead_letters import letter_of
from streams.kafka import client_options
from tests.fuzz.attack import CLOCK, attack
from tests.integration.cluster import WorkerProcess, committed_entities, make_topics, wait_until_applied

RECORDS = 20_000
MEBIBYTE = 1024 * 1024
LARGE = {"max.message.bytes": str(5 * MEBIBYTE)}
"""What an operator may allow on a source, whose records are of at most 1 MiB by default."""


async def test_a_flood_of_spoilt_events_costs_nothing_but_their_letters(
    fresh_settings: Settings, tmp_path: Path
) -> None:
    outcome = await attack(fresh_settings, RECORDS, 7, tmp_path)
    assert outcome.faults == []
    assert outcome.letters > RECORDS // 4
    assert outcome.outcomes["applied"] > RECORDS // 3
    assert len(outcome.reasons) > 50


async def test_the_largest_events_are_told_or_find_their_home(fresh_settings: Settings, tmp_path: Path) -> None:
    """Escapes make six bytes of one, and an event on its way to another shard has something round it."""
    settings = fresh_settings.model_copy(update={"clock": CLOCK})
    topic = settings.input_topic("deals")
    bad = [filling * (5_000_000 // len(filling)) for filling in (b"\0", b"\xff", b'"\\', "ü".encode())]
    await _make_large(settings, topic)
    await make_topics(settings)
    home = home_partition(b"D1", settings.partitions)
    producer = AIOKafkaProducer(**client_options(settings), max_request_size=6 * MEBIBYTE)
    await producer.start()
    for value in bad:
        await producer.send_and_wait(topic, value, b"D1", partition=home)
    await producer.send_and_wait(topic, _deal(5_000_000), b"D1", partition=(home + 1) % settings.partitions)
    await producer.stop()
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        await wait_until_applied(settings)
        assert worker.process.poll() is None
    finally:
        worker.close()
    assert await _events_of_letters(settings, home, len(bad)) == bad
    assert await committed_entities(settings) == 2  # the deal, and the customer whom it names


async def _make_large(settings: Settings, topic: str) -> None:
    admin: Any = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, settings.partitions, 1, topic_configs=LARGE)])
    finally:
        await admin.close()


def _deal(size: int) -> bytes:
    """Return a deal with so many lines that its event has nearly `size` bytes."""
    line = {"line_id": "1", "product_id": "p" * 1_000, "amount_minor": 1}
    data = {
        "customer_id": "c",
        "pipeline_id": "new_business",
        "stage": "won",
        "status": "won",
        "currency": "EUR",
        "lines": [line] * ((size - 1_000) // len(json.dumps(line, separators=(",", ":")) + ",")),
        "owner_id": "r",
        "created_at": "2026-10-30T10:00:00Z",
        "closed_at": "2026-10-30T10:00:00Z",
    }
    event = {"event_id": "e", "type": "deal", "entity_id": "D1", "updated_at": "2026-10-30T10:00:00Z", "data": data}
    return json.dumps(event, separators=(",", ":")).encode()


async def _events_of_letters(settings: Settings, partition: int, count: int) -> list[bytes]:
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=9 * MEBIBYTE,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(settings.dead_letters_topic, partition)])
        records: list[Any] = []
        while len(records) < count:
            for batch in (await consumer.getmany(timeout_ms=500)).values():
                records += batch
        letters = [letter_of(record.key, record.value, record.timestamp) for record in records]
        return [letter.event for letter in letters if letter is not None]
    finally:
        await consumer.stop()
