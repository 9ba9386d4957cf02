"""How long an event takes to where people and services see it, under a steady load of other events.

A probe is a deal that is won; the number of deals that its team has won in the last hour counts the probes, so it tells
on every way out which of them have arrived.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import ClientError, ClientSession, ClientTimeout
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from redis.asyncio import Redis
from rich.table import Table

from bench.running import under_load
from config.settings import Settings
from streams.kafka import client_options

WAYS = ("/metrics", "topic", "redis", "stream")
_TEAM = "probe"
_KEY = f"opportunities_won|1h|team={_TEAM}"
_SAMPLE = f'sales_opportunities_won_by_team{{team="{_TEAM}",window="1h"}} '
_PROBE_SECONDS = 0.1
_SCRAPE_SECONDS = 0.5
_WARM_UP_SECONDS = 10.0
_LAST_SECONDS = 10.0
Seen = Callable[[str, int], None]


@dataclass(frozen=True)
class Latency:
    """What was measured at one rate, in seconds, by way out."""

    rate: int
    seconds: dict[str, list[float]]
    """Of each probe that was seen there, in ascending order."""
    probes: int
    worker_cores: float
    view_cores: float

    def quantile(self, way: str, q: float) -> float:
        """Return the q-quantile of a way out; infinite when nothing was seen there."""
        found = self.seconds[way]
        return found[min(len(found) - 1, int(q * len(found)))] if found else inf


class _Probes:
    """When each probe was sent, and when it was seen first on each way out."""

    def __init__(self) -> None:
        self.sent: list[float] = []
        self._seen: dict[str, list[float]] = {way: [] for way in WAYS}

    def saw(self, way: str, count: int) -> None:
        """Take note that the first `count` probes are visible now."""
        now, seen = time.monotonic(), self._seen[way]
        seen += [now] * (count - len(seen))

    def latencies(self, way: str, first: int) -> list[float]:
        """Return how long each probe took, from number `first` on."""
        pairs = list(zip(self._seen[way], self.sent, strict=False))
        return sorted(seen - sent for seen, sent in pairs[first:])


def measure_latency(kafka: str, rate: int, seconds: int, folder: Path, tick: float) -> Latency:
    """Measure `seconds` long at `rate` events a second, on a fresh installation with one worker and one view."""
    with under_load(kafka, rate, seconds, folder, tick) as running:
        cpu = running.worker.cpu_seconds(), running.view.cpu_seconds()
        probes = asyncio.run(_probe(running.settings, seconds))
        both = zip((running.worker, running.view), cpu, strict=True)
        cores = [(child.cpu_seconds() - before) / seconds for child, before in both]
    first = int(_WARM_UP_SECONDS / _PROBE_SECONDS)
    found = {way: probes.latencies(way, first) for way in WAYS}
    return Latency(rate, found, len(probes.sent) - first, *cores)


async def _probe(settings: Settings, seconds: int) -> _Probes:
    probes = _Probes()
    watchers = [
        asyncio.ensure_future(watch(settings, probes.saw))
        for watch in (_watch_metrics, _watch_topic, _watch_redis, _watch_stream)
    ]
    producer = AIOKafkaProducer(**client_options(settings), enable_idempotence=True)
    await producer.start()
    begun = time.monotonic()
    try:
        while time.monotonic() - begun < seconds:
            value, key = _probe_event(len(probes.sent))
            probes.sent.append(time.monotonic())
            await producer.send_and_wait(settings.input_topic("deals"), value, key)
            await asyncio.sleep(max(0.0, begun + len(probes.sent) * _PROBE_SECONDS - time.monotonic()))
        await asyncio.sleep(_LAST_SECONDS)
    finally:
        await producer.stop()
        for watcher in watchers:
            watcher.cancel()
        ended = await asyncio.gather(*watchers, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error
    return probes


def _probe_event(number: int) -> tuple[bytes, bytes]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    deal_id = f"probe-{number}"
    data = {
        "customer_id": "c", "pipeline_id": "new_business", "stage": "won", "status": "won", "currency": "EUR",
        "lines": [{"line_id": "1", "product_id": "p", "quantity": "1", "amount_minor": 100}], "owner_id": _TEAM,
        "team_id": _TEAM, "deal_type": "new_business", "created_at": now, "closed_at": now,
    }  # fmt: skip
    event = {"event_id": deal_id, "type": "deal", "entity_id": deal_id, "updated_at": now, "data": data}
    return msgspec.json.encode(event), deal_id.encode()


# ------------------------------------------------------------------------------------------------------------- watchers


async def _watch_metrics(settings: Settings, saw: Seen) -> None:
    """Ask for `/metrics` some times a second, as no Prometheus would: what is measured is when it can be seen there."""
    async with _http() as session:
        while True:
            with suppress(ClientError):
                async with session.get(f"http://127.0.0.1:{settings.http_port}/metrics") as response:
                    _, found, rest = (await response.text()).partition(_SAMPLE)
                    if found:
                        saw("/metrics", round(float(rest[: rest.index("\n")])))
            await asyncio.sleep(_SCRAPE_SECONDS)


async def _watch_topic(settings: Settings, saw: Seen) -> None:
    consumer: Any = AIOKafkaConsumer(
        settings.kpis_topic, **client_options(settings), isolation_level="read_committed", fetch_max_wait_ms=100
    )
    await consumer.start()
    try:
        async for record in consumer:
            if record.key == _KEY.encode() and record.value is not None:
                saw("topic", int(msgspec.json.decode(record.value)["value"]))
    finally:
        await consumer.stop()


async def _watch_redis(settings: Settings, saw: Seen) -> None:
    kpi, _, field = _KEY.partition("|")
    redis = Redis.from_url(settings.redis_url.get_secret_value() if settings.redis_url else "")
    try:
        async with redis.pubsub() as channel:
            await channel.subscribe(f"{settings.app_id}:changes")
            async for message in channel.listen():
                if message["type"] == "message" and field.encode() in message["data"]:
                    value = await redis.hget(f"{settings.app_id}:readings:{kpi}", field)
                    if value is not None:
                        saw("redis", int(msgspec.json.decode(value)["value"]))
    finally:
        await redis.aclose()


async def _watch_stream(settings: Settings, saw: Seen) -> None:
    asked = f"kpi=opportunities_won&window=1h&where=team:{_TEAM}"
    async with (
        _http() as session,
        session.get(f"http://127.0.0.1:{settings.http_port}/api/v1/stream?{asked}") as response,
    ):
        async for line in response.content:
            if line.startswith(b"data: "):
                for reading in msgspec.json.decode(line[6:]).get("readings", ()):
                    saw("stream", int(reading["value"]))


@asynccontextmanager
async def _http() -> AsyncIterator[ClientSession]:
    async with ClientSession(timeout=ClientTimeout(total=None), read_bufsize=2**22) as session:
        yield session


# -------------------------------------------------------------------------------------------------------------- results


def table_of(found: list[Latency]) -> Table:
    """Return all that was measured as a table, in seconds."""
    table = Table(title="event produced → visible, seconds", title_justify="left")
    for heading in ("events/s", "way out", "probes", "p50", "p99", "max", "worker cores", "view cores"):
        table.add_column(heading, justify="left" if heading == "way out" else "right")
    for latency in found:
        for way in WAYS:
            p50, p99, most = (latency.quantile(way, q) for q in (0.5, 0.99, 1.0))
            seen = f"{len(latency.seconds[way])} of {latency.probes}"
            cores = (f"{latency.worker_cores:.2f}", f"{latency.view_cores:.2f}")
            table.add_row(f"{latency.rate:,}", way, seen, f"{p50:.2f}", f"{p99:.2f}", f"{most:.2f}", *cores)
    return table
