"""Real worker processes on a real broker, and an independent reading of what they committed."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientError, ClientSession
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from pydantic import SecretStr

from config.load import load
from config.settings import Settings
from config.tls import TlsFiles, client_context
from metrics.plan import Plan, compile_plan
from metrics.records import LAYOUT_PREFIX
from metrics.shard import Record, Shard
from metrics.view import View
from streams.kafka import client_options
from streams.recovery import read_tables
from streams.topics import ensure_topics, inputs_of
from tests.broker import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 90.0
OK = 200


def environment_of(settings: Settings) -> dict[str, str]:
    """Return this process's environment with the settings that a test may change."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith("SALESPULSE_")},
        "SALESPULSE_KAFKA": settings.kafka,
        "SALESPULSE_APP_ID": settings.app_id,
        "SALESPULSE_TOPIC_PREFIX": settings.topic_prefix,
        "SALESPULSE_PARTITIONS": str(settings.partitions),
        "SALESPULSE_CLOCK": settings.clock,
        "SALESPULSE_TICK_INTERVAL": str(settings.tick_interval),
        "SALESPULSE_CURRENCY": settings.currency,
        "SALESPULSE_CATALOGUE": os.pathsep.join(map(str, settings.catalogue)),
        "SALESPULSE_GROUPS_OFF": ",".join(settings.groups_off),
        **_secured(settings),
    }


def _secured(settings: Settings) -> dict[str, str]:
    """Return the settings that have to do with security, those that are set; secrets as they are."""
    names = [n for n in Settings.model_fields if n.startswith("kafka_s") or "_ssl_" in n]
    found = {name: getattr(settings, name) for name in (*names, "redis_url", "http_token", "http_rate")}
    return {
        f"SALESPULSE_{name.upper()}": value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in found.items()
        if value is not None
    }


class _Process:
    """One command of ours, with its log in a file."""

    command: str
    port_variable: str

    def __init__(self, settings: Settings, log: Path, **more: str) -> None:
        """Start it with the environment that `settings` stand for."""
        self.port = free_port()
        self.log = log
        self.address = f"{settings.http_scheme}://127.0.0.1:{self.port}"
        self._tls = client_context(TlsFiles(settings.http_ssl_cafile, None, None))
        token = settings.http_token
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        environment = {**environment_of(settings), self.port_variable: str(self.port), **more}
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams.cli", self.command],
                cwd=ROOT,
                env=environment,
                stdout=output,
                stderr=output,
            )

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and body of one of its pages; (0, "") while it does not answer."""
        try:
            async with (
                ClientSession(headers=self._headers) as session,
                session.get(f"{self.address}{path}", ssl=self._tls) as response,
            ):
                return response.status, await response.text()
        except ClientError:
            return 0, ""

    async def until_ready(self, *, ready: bool = True, within: float = PATIENCE_SECONDS) -> str:
        """Wait until `/readyz` says that it is ready, or that it is not; return what it says."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            status, text = await self.get("/readyz")
            if (status == OK) == ready and status:
                return text
            await asyncio.sleep(0.1)
        raise TimeoutError(f"not {'ready' if ready else 'unready'} within {within:.0f} s")

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Stop it where it is, as a host does that is overloaded."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def terminate(self, within: float = 30.0) -> tuple[int, float]:
        """End it with SIGTERM; return the exit code and the seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within), time.monotonic() - begun

    def close(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.kill()


class WorkerProcess(_Process):
    """One `salespulse worker`."""

    command = "worker"
    port_variable = "SALESPULSE_WORKER_HTTP_PORT"

    async def applied(self) -> int:
        """Return how many events it has applied."""
        _, text = await self.get("/metrics")
        counts = re.findall(r'^salespulse_events_total\{outcome="applied".*\} (\S+)$', text, re.MULTILINE)
        return round(sum(map(float, counts)))

    async def until_applied(self, events: int, within: float = PATIENCE_SECONDS) -> None:
        """Wait until it has applied so many events."""
        deadline = time.monotonic() + within
        while await self.applied() < events:
            if time.monotonic() > deadline:
                raise TimeoutError(f"not {events:,} events applied within {within:.0f} s")
            await asyncio.sleep(0.05)


class ServeProcess(_Process):
    """One `salespulse serve`."""

    command = "serve"
    port_variable = "SALESPULSE_HTTP_PORT"


class RedisServer:
    """A Redis of its own, which a test may stop and start again; it forgets everything then."""

    def __init__(self, folder: Path) -> None:
        """Start it on a free port."""
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            missing = "redis-server is not installed; install Debian's package `redis-server`"
            if os.environ.get("CI"):
                pytest.fail(missing)
            pytest.skip(missing)
        options = ["--port", str(self._port), "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), timeout=1):
                return
            assert time.monotonic() < deadline, "redis does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Make sure that it is gone."""
        self.stop()


async def make_topics(settings: Settings) -> None:
    """Make the topics of all sources that the settings name."""
    await ensure_topics(settings, inputs_of(plan_of(settings)))


def plan_of(settings: Settings) -> Plan:
    """Compile what the settings name."""
    declarations = load(settings.catalogue, groups_off=settings.groups_off)
    return compile_plan(declarations, settings.timezone, settings.currency)


async def produce(settings: Settings, events: Iterable[Mapping[str, Any]]) -> None:
    """Write events to their topics, keyed by entity id, in their order."""
    plan = plan_of(settings)
    producer = AIOKafkaProducer(**client_options(settings), enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        sends = []
        for event in events:
            topic = settings.input_topic(plan.sources[event["type"]].source.topic)
            sends.append(await producer.send(topic, msgspec.json.encode(event), event["entity_id"].encode()))
        await asyncio.gather(*sends)
    finally:
        await producer.stop()


async def wait_until_applied(settings: Settings, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until the group has committed every record of the sources and every link.

    Raises:
        TimeoutError: nothing has changed for `patience` seconds; the text says what is missing.
    """
    plan = plan_of(settings)
    topics = [settings.input_topic(s.source.topic) for s in plan.sources.values()]
    before: dict[str, int] = {}
    moved_at = time.monotonic()
    while missing := await _not_applied(settings, topics):
        if missing != before:
            before, moved_at = missing, time.monotonic()
        elif time.monotonic() - moved_at > patience:
            raise TimeoutError(f"nothing more is applied for {patience:.0f} s: {missing}")
        await asyncio.sleep(0.3)


async def committed_offsets(settings: Settings) -> dict[tuple[str, int], int]:
    """Return what the group has committed, by topic and partition."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        committed = await admin.list_consumer_group_offsets(settings.app_id)
    except GroupCoordinatorNotAvailableError:  # the broker is making the group's topic
        committed = {}
    finally:
        await admin.close()
    return {(tp.topic, tp.partition): max(found.offset, 0) for tp, found in committed.items()}


async def _not_applied(settings: Settings, topics: list[str]) -> dict[str, int]:
    """Return the number of records that wait, by topic-partition, where there are any."""
    done = {TopicPartition(*tp): offset for tp, offset in (await committed_offsets(settings)).items()}
    partitions = [TopicPartition(t, p) for t in topics for p in range(settings.partitions)]
    links = [TopicPartition(settings.links_topic, p) for p in range(settings.partitions)]
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings), isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        ends = dict(await consumer.end_offsets(partitions))
        ends |= await _ends_of_records(consumer, links, {tp: done.get(tp, 0) for tp in links})
    finally:
        await consumer.stop()
    return {f"{tp.topic}/{tp.partition}": end - done.get(tp, 0) for tp, end in ends.items() if end > done.get(tp, 0)}


async def _ends_of_records(
    consumer: Any, partitions: list[TopicPartition], starts: Mapping[Any, int]
) -> dict[Any, int]:
    """Return the offset after the last committed record: transaction markers, which nobody commits, come after it."""
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    found: dict[Any, int] = {}
    for tp in partitions:
        consumer.seek(tp, starts[tp])
    waiting = {tp for tp in partitions if ends[tp] > starts[tp]}
    while waiting:
        for tp, records in (await consumer.getmany(*waiting, timeout_ms=200)).items():
            found[tp] = records[-1].offset + 1
        waiting = {tp for tp in waiting if await consumer.position(tp) < ends[tp]}
    return found


async def committed_view(settings: Settings, as_of: int) -> View:
    """Read the committed cells of all shards with a client of our own, and evaluate them as of T."""
    view = View(plan_of(settings))
    for partition in range(settings.partitions):
        tables = await read_tables(settings, [settings.cells_topic], partition)
        for key, value in tables[settings.cells_topic].items():
            view.apply(partition, key, value)
    view.tick(as_of)
    return view


async def committed_entities(settings: Settings) -> int:
    """Count the committed entities of all shards."""
    return sum([len(await stored_entities(settings, p)) for p in range(settings.partitions)])


async def stored_entities(settings: Settings, partition: int) -> dict[bytes, bytes]:
    """Read the committed entities of a shard."""
    records = (await read_tables(settings, [settings.entities_topic], partition))[settings.entities_topic]
    return {key: value for key, value in records.items() if not key.startswith(LAYOUT_PREFIX)}


async def totals_equal(settings: Settings, events: Iterable[Mapping[str, Any]], as_of: int) -> None:
    """Compare every reading of the committed cells with those of a recomputation in one shard."""
    view = await committed_view(settings, as_of)
    shard = Shard(plan_of(settings), as_of)
    expected = View(shard.plan)
    given = list(events)
    for source in shard.plan.sources:
        shard.apply(source, [Record(msgspec.json.encode(e), as_of * 2) for e in given if e["type"] == source])
    while sealed := shard.seal():
        for key, value in sealed.cells:
            expected.apply(0, key, value)
        shard.apply_links(sealed.links)
    expected.tick(as_of)
    assert {_spell(r): r.result for r in view.all_readings()} == {_spell(r): r.result for r in expected.all_readings()}


def _spell(reading: Any) -> tuple[Any, ...]:
    return reading.series.kpi.key, reading.series.agg, reading.series.grain, reading.window, reading.dims
