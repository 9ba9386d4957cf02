"""Three brokers, each record on at least two: without one all goes on, without two all waits, and nothing is lost.

Workers, a view that publishes, and a producer that never stops; one fault after the other, one reckoning at the end.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError, KafkaTimeoutError

from bench.mix import event_mix
from config.settings import Settings
from streams.kafka import client_options, patient_producer
from streams.rules.service_alerts import limits_of
from streams.topics import check_topics, inputs_of
from tests.broker import NoBrokerError
from tests.broker_cluster import BrokerCluster
from tests.integration.cluster import (
    OK,
    ServeProcess,
    WorkerProcess,
    make_topics,
    plan_of,
    totals_equal,
    wait_until_applied,
)
from tests.integration.conftest import do_without, settings_for
from tests.integration.subscribers import TopicTable, following, until_equal

pytestmark = pytest.mark.long
CLOCK = "2026-11-01T12:00:00Z"
CLOCK_MS = 1_793_534_400_000
EVENTS_A_SECOND = 100
FRESH_SECONDS = 4.0
"""A shard that has nothing to save says every two seconds that it lives."""
PATIENCE_SECONDS = 90.0


@pytest.fixture
def cluster() -> Iterator[BrokerCluster]:
    try:
        cluster = BrokerCluster()
    except NoBrokerError as error:
        do_without(error)
    with cluster:
        yield cluster


class Producer:
    """Writes events all the time, and has each one confirmed by at least two brokers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.events: list[dict[str, Any]] = []

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Write meanwhile; at the end every event is confirmed."""
        stopped = asyncio.Event()
        producer = patient_producer(self._settings, enable_idempotence=True, linger_ms=5)
        await producer.start()
        try:
            writing = asyncio.ensure_future(self._write(producer, stopped))
            yield
            stopped.set()
            await asyncio.gather(*await writing)
        finally:
            await producer.stop()

    async def _write(self, producer: Any, stopped: asyncio.Event) -> list[Any]:
        sources, confirmations = plan_of(self._settings).sources, []
        mix = event_mix(1_000_000, 4)
        while not stopped.is_set():
            for _, _, value in islice(mix, EVENTS_A_SECOND // 5):
                event = json.loads(value)
                topic = self._settings.input_topic(sources[event["type"]].source.topic)
                confirmations.append(await _sent(producer, topic, value, event["entity_id"].encode()))
                self.events.append(event)
            await asyncio.sleep(0.2)
        return confirmations


async def _sent(producer: Any, topic: str, value: bytes, key: bytes) -> Any:
    while True:
        try:
            return await producer.send(topic, value, key)
        except KafkaTimeoutError:  # no place yet: those before it wait for a broker
            continue


class Installation(NamedTuple):
    """All that takes part."""

    settings: Settings
    cluster: BrokerCluster
    workers: list[WorkerProcess]
    view: ServeProcess
    table: TopicTable

    async def coordinator(self, kind: Any, key: str) -> int:
        """Return the node that coordinates a group, or the transactions of a producer."""
        client: Any = AIOKafkaClient(**client_options(self.settings))
        await client.bootstrap()
        try:
            return int(await client.coordinator_lookup(kind, key))
        finally:
            await client.close()

    async def until_fresh(self) -> None:
        """Wait until each shard has been saved just now, and the topic of the readings goes on, too."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not await self._fresh():
            assert time.monotonic() < deadline, f"all stands still for {PATIENCE_SECONDS:.0f} s"
            await asyncio.sleep(0.3)

    async def _fresh(self) -> bool:
        metrics = "".join([(await worker.get("/metrics"))[1] for worker in self.workers])
        ages = dict(re.findall(r'^salespulse_flush_age_seconds\{shard="(\d+)"\} (\S+)$', metrics, re.MULTILINE))
        saved = len(ages) == self.settings.partitions and max(map(float, ages.values())) < FRESH_SECONDS
        return saved and time.monotonic() - self.table.progress_times[-1] < FRESH_SECONDS

    async def all_ready(self, *, ready: bool) -> None:
        """Wait until all say that they are ready, or all that they are not."""
        await asyncio.gather(*(p.until_ready(ready=ready, within=PATIENCE_SECONDS) for p in (*self.workers, self.view)))

    def begun_anew(self) -> int:
        """Return how often a worker has replaced its process."""
        return sum(worker.log.read_text().count("beginning anew") for worker in self.workers)


@pytest.fixture
async def installation(cluster: BrokerCluster, tmp_path: Path) -> AsyncIterator[Installation]:
    settings = settings_for(cluster.address).model_copy(update={"clock": CLOCK})
    await make_topics(settings)
    async with AsyncExitStack() as stack:
        workers = [stack.enter_context(closing(WorkerProcess(settings, tmp_path / f"worker{i}.log"))) for i in range(2)]
        view = stack.enter_context(closing(ServeProcess(settings, tmp_path / "view.log")))
        table = await stack.enter_async_context(following(settings))
        made = Installation(settings, cluster, workers, view, table)
        await made.all_ready(ready=True)
        yield made


async def test_brokers_come_and_go_and_nothing_is_lost(installation: Installation) -> None:
    producer = Producer(installation.settings)
    async with producer.going_on():
        await installation.until_fresh()
        await _one_is_killed_and_all_goes_on(installation)
        await _one_is_frozen_and_all_goes_on(installation)
        await _one_after_the_other_is_restarted(installation)
        await _two_are_gone_and_all_waits(installation)
    await wait_until_applied(installation.settings)
    await totals_equal(installation.settings, producer.events, CLOCK_MS)
    await until_equal(installation.table, installation.view.address)
    assert installation.table.holes() == {}


async def _one_is_killed_and_all_goes_on(installation: Installation) -> None:
    """Kill the one that coordinates the group of the workers."""
    cluster, before = installation.cluster, installation.begun_anew()
    node = await installation.coordinator(CoordinationType.GROUP, installation.settings.app_id)

    killed_at = time.monotonic()
    await asyncio.to_thread(cluster.numbered(node).kill)
    await asyncio.sleep(FRESH_SECONDS)  # all that is younger was written after the kill
    await installation.until_fresh()

    assert time.monotonic() - killed_at < _most_seconds(installation)
    assert installation.begun_anew() == before  # they rode it out
    await asyncio.to_thread(cluster.start, node)
    await installation.all_ready(ready=True)


def _most_seconds(installation: Installation) -> float:
    """Return how long all may stand still without one broker: no alert about the service begins to wait before."""
    return limits_of(installation.settings).flush_age_seconds


async def _one_is_frozen_and_all_goes_on(installation: Installation) -> None:
    """Freeze the one that coordinates the transactions of a shard: its connections stay, and it does not answer."""
    node = await installation.coordinator(CoordinationType.TRANSACTION, f"{installation.settings.app_id}.0")
    broker = installation.cluster.numbered(node)

    frozen_at = time.monotonic()
    broker.pause()
    await asyncio.sleep(FRESH_SECONDS)
    await installation.until_fresh()  # it is frozen still
    assert time.monotonic() - frozen_at < _most_seconds(installation)
    broker.resume()
    await installation.all_ready(ready=True)


async def _one_after_the_other_is_restarted(installation: Installation) -> None:
    """Restart them as for an upgrade; whoever leads the controllers is among them."""
    for broker in installation.cluster.brokers:
        await asyncio.to_thread(broker.restart)
        await installation.until_fresh()


async def _two_are_gone_and_all_waits(installation: Installation) -> None:
    """Leave a single one, which must not take records alone."""
    cluster = installation.cluster
    await asyncio.gather(*(asyncio.to_thread(cluster.numbered(node).kill) for node in (1, 2)))

    await installation.all_ready(ready=False)
    status, text = await installation.view.get("/readyz")
    assert status != OK
    assert "no worker has reported" in text
    await asyncio.to_thread(cluster.start, 1, 2)
    await _until_led(installation.settings)
    await installation.all_ready(ready=True)
    await installation.until_fresh()


async def _until_led(settings: Settings) -> None:
    """Wait until each partition has a leader; without one a worker that starts waits, too."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            assert await check_topics(settings, inputs_of(plan_of(settings))) == []
        except KafkaError:
            assert time.monotonic() < deadline, "the topics have no leaders"
            await asyncio.sleep(0.5)
        else:
            return
