"""The view reads cells from a real broker, follows the clock, and tells the truth about its health."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

import streams.view
from config.load import load
from config.settings import Settings
from metrics.calendar import Window, parse_instant
from metrics.embedded import Embedded
from metrics.plan import Plan, compile_plan
from metrics.records import PROGRESS_KEY, encode_versioned
from metrics.view import Reading, View
from streams.clock import clock_from, wall_clock
from streams.envelope import format_instant
from streams.kafka import client_options
from streams.topics import ensure_topics
from streams.view import ViewService
from streams.web import view_app
from streams.web_parts import bound_port, quiet_runner
from tests.broker import Broker
from tests.integration.conftest import settings_for

CellRecord = tuple[int, bytes, bytes | None]
T = "2026-10-25T23:00:00.000Z"
HEARTBEAT_SECONDS = 0.5
PATIENCE_SECONDS = 30.0


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


class Recorded:
    """Cells as two workers would publish them for some won deals, and the readings they must lead to."""

    def __init__(self, plan: Plan, as_of: int, shards: int) -> None:
        self._embedded = Embedded(plan, as_of, shards)
        self._shards = shards
        self.records: list[CellRecord] = []
        merge = self._embedded.view.apply

        def note(shard: int, key: bytes, value: bytes | None) -> None:
            self.records.append((shard, key, value))
            merge(shard, key, value)

        self._embedded.view.apply = note  # type: ignore[method-assign]
        self.as_of = as_of

    def win(self, *amounts: int) -> list[CellRecord]:
        """Let deals be won a minute before T; return the records that follow."""
        begin = len(self.records)
        at = format_instant(self.as_of - 60_000)
        self._embedded.apply([_won(f"d{begin}-{i}", amount, at) for i, amount in enumerate(amounts)], self.as_of)
        return self.records[begin:]

    def progress(self, written_ms: int | None = None) -> list[CellRecord]:
        at = {"as_of": self.as_of, "written_ms": wall_clock() if written_ms is None else written_ms, "watermarks": {}}
        return [(i, PROGRESS_KEY, encode_versioned(at)) for i in range(self._shards)]

    def readings(self) -> list[Reading]:
        self._embedded.tick(self.as_of)
        return sorted_readings(self._embedded.view)


def sorted_readings(view: View) -> list[Reading]:
    return sorted(view.all_readings(), key=lambda r: (r.series.kpi.key, str(r.series.agg), r[0].grain, r[1], r.dims))


def values(view: View) -> dict[Any, Any]:
    return {(r.series.kpi.key, r.series.agg, r.series.grain, r.window, r.dims): r.result for r in view.all_readings()}


def as_of(service: ViewService) -> int:
    return service.view.as_of or 0


def _won(deal_id: str, amount: int, at: str) -> dict[str, Any]:
    line = {"line_id": "1", "product_id": "p", "quantity": "1", "amount_minor": amount}
    return {
        "event_id": deal_id,
        "type": "deal",
        "entity_id": deal_id,
        "updated_at": at,
        "data": {
            "customer_id": "c", "pipeline_id": "new_business", "stage": "won", "status": "won", "currency": "EUR",
            "lines": [line], "owner_id": "r1", "team_id": "north", "deal_type": "new_business", "created_at": at,
            "closed_at": at,
        },
    }  # fmt: skip


@asynccontextmanager
async def transactional(settings: Settings) -> AsyncIterator[Any]:
    producer = AIOKafkaProducer(**client_options(settings), transactional_id=f"{settings.app_id}.test")
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def publish(producer: Any, settings: Settings, records: Iterable[CellRecord]) -> None:
    async with producer.transaction():
        for shard, key, value in records:
            await producer.send(settings.cells_topic, value, key, partition=shard)


@asynccontextmanager
async def running(service: ViewService) -> AsyncIterator[ViewService]:
    stopped = asyncio.Event()
    task = asyncio.ensure_future(service.run(stopped))
    try:
        yield service
    finally:
        stopped.set()
        await task


@asynccontextmanager
async def heartbeat(settings: Settings, cells: Recorded) -> AsyncIterator[None]:
    """Send signs of life; while the broker is away they wait, or are lost, and go on."""
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()

    async def beat() -> None:
        while True:
            with suppress(KafkaError):
                for shard, key, value in cells.progress():
                    await producer.send_and_wait(settings.cells_topic, value, key, partition=shard)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    task = asyncio.ensure_future(beat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await producer.stop()


async def until(condition: Callable[[], bool], patience: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience} s"
        await asyncio.sleep(0.05)


def fixed(settings: Settings) -> Settings:
    return settings.model_copy(update={"clock": T})


def service_for(settings: Settings, plan: Plan) -> ViewService:
    return ViewService(settings, plan, clock_from(settings))


async def test_cells_become_readings_and_a_new_view_has_the_same(fresh_settings: Settings, plan: Plan) -> None:
    settings = fixed(fresh_settings)
    await ensure_topics(settings, ())
    cells = Recorded(plan, parse_instant(T), settings.partitions)
    async with transactional(settings) as producer:
        await publish(producer, settings, [*cells.win(100_000, 250_000), *cells.progress()])
        async with running(service_for(settings, plan)) as first:
            assert first.ready()[0] is False
            await until(lambda: first.ready()[0] and first.view.as_of is not None)
            assert sorted_readings(first.view) == cells.readings()

            await publish(producer, settings, [*cells.win(40_000), *cells.progress()])
            await until(lambda: values(first.view) == {_key(r): r.result for r in cells.readings()})

        async with running(service_for(settings, plan)) as second:
            await until(lambda: second.ready()[0] and second.view.as_of is not None)
            assert sorted_readings(second.view) == sorted_readings(first.view)
    assert values(first.view)["revenue", None, (), Window("30d"), ()].value == 390_000


async def test_what_was_not_committed_is_not_seen(fresh_settings: Settings, plan: Plan) -> None:
    settings = fixed(fresh_settings)
    await ensure_topics(settings, ())
    cells = Recorded(plan, parse_instant(T), settings.partitions)
    async with transactional(settings) as producer:
        await publish(producer, settings, [*cells.win(100_000), *cells.progress()])
        expected = {_key(r): r.result for r in cells.readings()}
        lost = cells.win(77)
        await producer.begin_transaction()
        for shard, key, value in lost:
            await producer.send_and_wait(settings.cells_topic, value, key, partition=shard)
        await producer.abort_transaction()

        async with running(service_for(settings, plan)) as service:
            await until(lambda: service.ready()[0] and service.view.as_of is not None)
            assert values(service.view) == expected


async def test_without_a_sign_of_life_the_readings_keep_their_as_of(
    fresh_settings: Settings, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams.view, "STALE_MS", 2_500)
    await ensure_topics(fresh_settings, ())
    cells = Recorded(plan, wall_clock(), fresh_settings.partitions)
    async with (
        transactional(fresh_settings) as producer,
        running(service_for(fresh_settings, plan)) as service,
    ):
        await until(lambda: "no worker has reported on shards 0, 1, 2, 3 yet" in service.ready()[1])
        assert as_of(service) == 0
        await publish(producer, fresh_settings, cells.win(5_000))
        async with heartbeat(fresh_settings, cells):
            await until(lambda: service.ready()[0] and as_of(service) > 0)
            begun = as_of(service)
            assert begun % 1_000 == 0
            await until(lambda: as_of(service) >= begun + 2_000)

        await until(lambda: not service.ready()[0])
        assert "no worker has reported on shards 0, 1, 2, 3 for" in service.ready()[1]
        await asyncio.sleep(1.1)
        kept = as_of(service)
        await asyncio.sleep(2.1)
        assert as_of(service) == kept

        async with heartbeat(fresh_settings, cells):
            await until(lambda: service.ready()[0] and as_of(service) > kept)


async def test_a_view_that_starts_while_no_worker_lives_shows_the_last_known_instant(
    fresh_settings: Settings, plan: Plan
) -> None:
    await ensure_topics(fresh_settings, ())
    cells = Recorded(plan, parse_instant(T), fresh_settings.partitions)
    async with transactional(fresh_settings) as producer:
        long_ago = wall_clock() - 60_000
        await publish(producer, fresh_settings, [*cells.win(100_000), *cells.progress(written_ms=long_ago)])
    async with running(service_for(fresh_settings, plan)) as service:
        await until(lambda: service.view.as_of is not None)
        assert service.view.as_of == parse_instant(T)
        ready, reason = service.ready()
        assert not ready
        assert "no worker has reported" in reason


async def test_the_topic_may_come_later_and_may_be_replaced(fresh_settings: Settings, plan: Plan) -> None:
    settings = fixed(fresh_settings)
    cells = Recorded(plan, parse_instant(T), settings.partitions)
    async with running(service_for(settings, plan)) as service:
        await until(lambda: "is not there yet; run `salespulse topics create`" in service.ready()[1])
        await ensure_topics(settings, ())
        async with transactional(settings) as producer:
            for amount in (1, 2, 3):
                await publish(producer, settings, [*cells.win(amount), *cells.progress()])
        await until(lambda: service.ready()[0] and service.view.as_of is not None)

        await _delete(settings)
        await ensure_topics(settings, ())
        anew = Recorded(plan, parse_instant(T), settings.partitions)
        async with transactional(settings) as producer:
            await publish(producer, settings, [*anew.win(9_900), *anew.progress()])
            await until(lambda: values(service.view) == {_key(r): r.result for r in anew.readings()})


async def test_a_broker_that_is_away_is_told_and_survived(private_broker: Broker, plan: Plan) -> None:
    settings = settings_for(private_broker.address)
    await ensure_topics(settings, ())
    cells = Recorded(plan, wall_clock(), settings.partitions)
    async with transactional(settings) as producer:
        await publish(producer, settings, cells.win(5_000))
    async with running(service_for(settings, plan)) as service:
        runner = await quiet_runner(view_app(settings, service), "127.0.0.1", 0)
        url = f"http://127.0.0.1:{bound_port(runner)}"
        async with aiohttp.ClientSession() as client, heartbeat(settings, cells):
            await _readyz(client, url, 200)
            private_broker.pause()
            body = await _readyz(client, url, 503)
            assert "no worker has reported" in body["reason"]
            before = await _evaluated(client, url)
            await asyncio.sleep(2)
            assert await _evaluated(client, url) == before
            private_broker.resume()
            await _readyz(client, url, 200, patience=60)
            await asyncio.sleep(1.5)
            assert await _evaluated(client, url) > before
        await runner.cleanup()


async def _readyz(client: aiohttp.ClientSession, url: str, status: int, patience: float = PATIENCE_SECONDS) -> Any:
    deadline = time.monotonic() + patience
    while True:
        async with client.get(f"{url}/readyz") as response:
            body = await response.json()
            if response.status == status:
                return body
        assert time.monotonic() < deadline, body
        await asyncio.sleep(0.2)


async def _evaluated(client: aiohttp.ClientSession, url: str) -> float:
    async with client.get(f"{url}/metrics") as response:
        for line in (await response.text()).splitlines():
            if line.startswith("salespulse_last_evaluation_timestamp_seconds "):
                return float(line.split()[1])
    raise AssertionError("no evaluation yet")


async def _delete(settings: Settings) -> None:
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        await admin.delete_topics([settings.cells_topic])
        while settings.cells_topic in await admin.list_topics():  # noqa: ASYNC110 - only the broker knows
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
    finally:
        await admin.close()


def _key(reading: Reading) -> Any:
    return reading.series.kpi.key, reading.series.agg, reading.series.grain, reading.window, reading.dims
