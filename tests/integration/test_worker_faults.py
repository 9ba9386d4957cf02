"""What a worker does when things go wrong: nothing is lost, nothing is counted twice, and the probes tell the truth."""

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.mix import event_mix
from config.settings import Settings
from metrics.evaluate import NOW
from metrics.partitions import home_partition
from metrics.shard import Link, Record, Shard
from streams.internal import decode_internal
from streams.kafka import client_options
from streams.recovery import read_tables
from tests.broker import Broker
from tests.cells import cells_in
from tests.integration.cluster import (
    OK,
    WorkerProcess,
    committed_offsets,
    committed_view,
    make_topics,
    plan_of,
    produce,
    stored_entities,
    totals_equal,
    wait_until_applied,
)
from tests.integration.conftest import settings_for

CLOCK = "2026-11-01T12:00:00Z"
CLOCK_MS = 1_793_534_400_000
OUTAGE_SECONDS = 60.0


def _mix(n: int, seed: int = 2) -> Iterator[dict[str, Any]]:
    return (json.loads(value) for _, _, value in event_mix(n, seed))


@pytest.fixture
def settings(fresh_settings: Settings) -> Settings:
    return fresh_settings.model_copy(update={"clock": CLOCK})


# ----------------------------------------------------------------------------------------------------------------- stop


async def test_sigterm_under_load_ends_in_time_with_all_that_was_applied_committed(
    settings: Settings, tmp_path: Path
) -> None:
    await make_topics(settings)
    await produce(settings, _mix(40_000))
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        await worker.until_applied(2_000)
        code, seconds = await asyncio.to_thread(worker.terminate)
    finally:
        worker.close()
    assert code == 0
    assert seconds < 5
    assert "Consumer" not in worker.log.read_text()  # nothing of how the libraries stop is told
    offsets = await committed_offsets(settings)
    assert 2_000 <= sum(o for (topic, _), o in offsets.items() if topic != settings.links_topic) < 40_000
    for partition in range(settings.partitions):
        await _committed_cells_are_those_of_the_committed_offsets(settings, partition, offsets)


async def _committed_cells_are_those_of_the_committed_offsets(
    settings: Settings, partition: int, offsets: dict[tuple[str, int], int]
) -> None:
    plan = plan_of(settings)
    shard = Shard(plan, CLOCK_MS)
    for source, plan_of_source in plan.sources.items():
        topic = settings.input_topic(plan_of_source.source.topic)
        records = await _read(settings, topic, partition, offsets.get((topic, partition), 0))
        shard.apply(source, [Record(r.value, r.timestamp) for r in records])
    links = await _read(settings, settings.links_topic, partition, offsets.get((settings.links_topic, partition), 0))
    shard.apply_links(link for r in links if isinstance(link := decode_internal(r.value), Link))
    expected = cells_in(plan, dict(shard.seal().cells))
    tables = await read_tables(settings, [settings.cells_topic], partition)
    assert cells_in(plan, tables[settings.cells_topic]) == expected


async def _read(settings: Settings, topic: str, partition: int, end: int) -> list[Any]:
    consumer: Any = AIOKafkaConsumer(**client_options(settings), auto_offset_reset="earliest")
    await consumer.start()
    try:
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        records: list[Any] = []
        last = min(end, (await consumer.end_offsets([tp]))[tp])
        while await consumer.position(tp) < last:
            for batch in (await consumer.getmany(tp, timeout_ms=200)).values():
                records += [r for r in batch if r.offset < end]
        return records
    finally:
        await consumer.stop()


# -------------------------------------------------------------------------------------------------------------- outages


async def test_a_worker_waits_for_an_absent_broker_and_says_so(idle_broker: Broker, tmp_path: Path) -> None:
    settings = settings_for(idle_broker.address).model_copy(update={"clock": CLOCK})
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        said = await worker.until_ready(ready=False)
        await asyncio.sleep(2)
        _, said = await worker.get("/readyz")
        assert "no kafka broker answers" in said
        assert (await worker.get("/healthz"))[0] == OK
        assert "no kafka broker answers" in worker.log.read_text()
        await asyncio.to_thread(idle_broker.start)
        await make_topics(settings)
        await worker.until_ready()
    finally:
        worker.close()


async def test_sigterm_while_waiting_for_the_broker_ends_at_once(idle_broker: Broker, tmp_path: Path) -> None:
    settings = settings_for(idle_broker.address)
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        await worker.until_ready(ready=False)
        code, seconds = await asyncio.to_thread(worker.terminate)
    finally:
        worker.close()
    assert code == 0
    assert seconds < 5


async def test_a_worker_goes_on_by_itself_after_a_minute_without_broker(private_broker: Broker, tmp_path: Path) -> None:
    settings = settings_for(private_broker.address).model_copy(update={"clock": CLOCK})
    await make_topics(settings)
    events = list(_mix(6_000))
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        await worker.until_ready()
        await produce(settings, events[:3_000])
        await asyncio.to_thread(private_broker.kill)
        said = await worker.until_ready(ready=False, within=30)
        # A flush that failed, one that is overdue, or the process begun anew already: whichever is asked first.
        assert any(reason in said for reason in ("crashed", "flush", "broker"))
        await asyncio.sleep(OUTAGE_SECONDS)
        await asyncio.to_thread(private_broker.start)
        await worker.until_ready()
        await produce(settings, events[3_000:])
        await wait_until_applied(settings)
        assert worker.process.poll() is None
        await totals_equal(settings, events, CLOCK_MS)
    finally:
        worker.close()


async def test_an_owner_that_was_stopped_and_wakes_up_cannot_write_any_more(settings: Settings, tmp_path: Path) -> None:
    await make_topics(settings)
    events = list(_mix(30_000))
    workers = [WorkerProcess(settings, tmp_path / f"worker-{i}.log") for i in range(2)]
    try:
        for worker in workers:
            await worker.until_ready()
        feeding = asyncio.create_task(produce(settings, events))
        await workers[0].until_applied(500)
        workers[0].process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(15)  # longer than the session: the other one takes over
        workers[0].process.send_signal(signal.SIGCONT)
        await feeding
        await asyncio.sleep(5)  # it finds out, and begins anew
        for worker in workers:
            await worker.until_ready()
        await wait_until_applied(settings)
        await totals_equal(settings, events, CLOCK_MS)
    finally:
        for worker in workers:
            worker.close()


# ------------------------------------------------------------------------------------------------------------ bad input

GOOD_DATA = {"created_at": "2026-10-30T10:00:00.000Z", "status": "new"}
GOOD = {
    "event_id": "good",
    "type": "lead",
    "entity_id": "L1",
    "version": 1,
    "updated_at": "2026-10-30T10:00:00.000Z",
    "data": GOOD_DATA,
}
BAD = {
    "no json": (b"{", "Input data was truncated"),
    "unknown field": (json.dumps({**GOOD, "data": {**GOOD_DATA, "colour": "red"}}).encode(), "unknown field `colour`"),
    "impossible value": (json.dumps({**GOOD, "version": -1}).encode(), "field `version`: Expected `int` >= 0"),
    "impossible instant": (
        json.dumps({**GOOD, "data": {"created_at": "yesterday", "status": "new"}}).encode(),
        "`yesterday` is not an RFC 3339 instant",
    ),
    "from the future": (json.dumps({**GOOD, "updated_at": "2099-01-01T00:00:00Z"}).encode(), "after the broker's time"),
}  # fmt: skip


async def test_bad_events_are_dead_lettered_with_their_reason_and_the_stream_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    await make_topics(settings)
    topic = settings.input_topic("leads")
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    for value, _ in BAD.values():
        await producer.send_and_wait(topic, value, b"L1")
    await producer.send_and_wait(topic, None, b"L1")
    await producer.send_and_wait(topic, json.dumps(GOOD).encode(), b"L1")
    await producer.stop()
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        await wait_until_applied(settings)
        _, metrics = await worker.get("/metrics")
    finally:
        worker.close()
    home = home_partition(b"L1", settings.partitions)
    letters = [json.loads(r.value) for r in await _read(settings, settings.dead_letters_topic, home, 10**9)]
    assert [(letter["topic"], letter["partition"], letter["offset"]) for letter in letters] == [
        (topic, home, offset) for offset in range(len(BAD))
    ]
    for letter, (value, reason) in zip(letters, BAD.values(), strict=True):
        assert reason in letter["reason"]
        assert letter["event"] == value.decode()
    assert f'salespulse_events_total{{outcome="rejected",type="lead"}} {len(BAD)}.0' in metrics
    assert 'salespulse_events_total{outcome="null",type="lead"} 1.0' in metrics
    view = await committed_view(settings, CLOCK_MS)
    waiting = [
        r.result.value for r in view.all_readings() if r.series.kpi.key == "leads_waiting" and not r.series.grain
    ]
    assert waiting == [1]
    assert {r.window for r in view.all_readings() if r.series.kpi.key == "leads_waiting"} == {NOW}


async def test_an_event_of_another_partitioner_is_forwarded_to_its_home(settings: Settings, tmp_path: Path) -> None:
    """A producer with another partitioner sends a lead's versions to wrong partitions; it is one lead all the same."""
    await make_topics(settings)
    topic = settings.input_topic("leads")
    home = home_partition(b"L1", settings.partitions)
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    for version in (1, 2):
        event = {**GOOD, "event_id": f"e{version}", "version": version}
        wrong = (home + version) % settings.partitions
        await producer.send_and_wait(topic, json.dumps(event).encode(), b"L1", partition=wrong)
    await producer.stop()
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        await wait_until_applied(settings)
    finally:
        worker.close()
    assert [list(await stored_entities(settings, p)) for p in range(settings.partitions)] == [
        [b"lead/L1"] if p == home else [] for p in range(settings.partitions)
    ]


async def test_unequal_partition_counts_are_refused_with_the_command_that_mends_them(
    settings: Settings, tmp_path: Path
) -> None:
    await make_topics(settings)
    worker = WorkerProcess(settings.model_copy(update={"partitions": 6}), tmp_path / "worker.log")
    try:
        code = await asyncio.to_thread(worker.process.wait, 30)
    finally:
        worker.close()
    assert code == 1
    assert "kafka-topics.sh" in worker.log.read_text()
    assert "SALESPULSE_PARTITIONS=4" in worker.log.read_text()
