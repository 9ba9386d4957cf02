"""An attack: a producer that gives every deal a team, a rep and a product of its own; and what it does to us.

``python -m tests.integration.invented DEALS`` runs it against a broker, a worker and a view of its own, with what is
declared in the package, and says what it measured.
"""

import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from bench.mix import event_mix
from config.settings import Settings
from streams.kafka import client_options
from tests.broker import Broker
from tests.integration.cluster import OK, ServeProcess, WorkerProcess, make_topics, produce, wait_until_applied
from tests.integration.conftest import settings_for

CLOCK = "2026-11-01T12:00:00Z"
CLOCK_MS = 1_793_534_400_000
_NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
_DAYS = 300
_MOST_WAITING = 5_000
"""How many sends may be under way."""
AMOUNT_MINOR = 100


def invented_deal(number: int) -> dict[str, Any]:
    """Return the event of a deal that was won today, whose names nobody has heard of; it began in the last 300 days."""
    began = _NOW - timedelta(days=number % _DAYS, seconds=number // _DAYS % 80_000 + 1)
    created = began.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "event_id": f"x-{number}",
        "type": "deal",
        "entity_id": f"X{number:07d}",
        "updated_at": "2026-11-01T11:00:00Z",
        "data": {
            "customer_id": f"c-{number % 8000:05d}",
            "pipeline_id": "new_business",
            "stage": "proposal",
            "status": "won" if number % 2 else "open",
            "closed_at": "2026-11-01T10:00:00Z" if number % 2 else None,
            "currency": "EUR",
            "lines": [{"line_id": "1", "product_id": f"product-{number}", "amount_minor": AMOUNT_MINOR}],
            "owner_id": f"rep-x{number}",
            "team_id": f"team-x{number}",
            "created_at": created,
        },
    }


def base(n: int) -> Iterator[dict[str, Any]]:
    """Yield the events of an honest company."""
    return (json.loads(value) for _, _, value in event_mix(n, 2))


async def attack(settings: Settings, numbers: range) -> None:
    """Write the deals of `numbers`."""
    producer = AIOKafkaProducer(**client_options(settings), enable_idempotence=True, linger_ms=20)
    await producer.start()
    try:
        sends = []
        for number in numbers:
            event = invented_deal(number)
            value, key = msgspec.json.encode(event), event["entity_id"].encode()
            sends.append(await producer.send(settings.input_topic("deals"), value, key))
            if len(sends) >= _MOST_WAITING:
                await asyncio.gather(*sends)
                sends.clear()
        await asyncio.gather(*sends)
    finally:
        await producer.stop()


@dataclass(slots=True)
class Watched:
    """What was seen of the two processes."""

    unready: list[str]
    """What /readyz said whenever it was not well, of either."""

    async def watch(self, worker: WorkerProcess, serve: ServeProcess) -> None:
        """Ask both every second, until cancelled."""
        begun = time.monotonic()
        while True:
            for process in (worker, serve):
                status, said = await process.get("/readyz")
                if status != OK:
                    self.unready.append(f"{time.monotonic() - begun:.0f} s, {process.command}: {status} {said.strip()}")
            await asyncio.sleep(1)


def peak_mib(pid: int) -> float:
    """Return the greatest resident memory that a process ever had."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def series_in(metrics: str) -> int:
    """Return how many series of KPIs a page of metrics has."""
    return sum(line.startswith("sales_") for line in metrics.splitlines())


async def _run(deals: int) -> None:
    broker = Broker(private=True)
    broker.start()
    settings = settings_for(broker.address).model_copy(update={"clock": CLOCK})
    with tempfile.TemporaryDirectory() as folder:
        worker = WorkerProcess(settings, Path(folder) / "worker.log")
        serve = ServeProcess(settings, Path(folder) / "serve.log")
        try:
            await _measure(settings, worker, serve, deals)
        finally:
            for process in (worker, serve):
                process.close()
                sys.stdout.write(process.log.read_text()[-3_000:])
            broker.close()


async def _measure(settings: Settings, worker: WorkerProcess, serve: ServeProcess, deals: int) -> None:
    await make_topics(settings)
    await produce(settings, base(20_000))
    await worker.until_ready()
    await wait_until_applied(settings)
    await serve.until_ready()
    await _say("before", worker, serve)
    watched = Watched([])
    watching = asyncio.create_task(watched.watch(worker, serve))
    begun = time.monotonic()
    for first in range(0, deals, 50_000):
        await attack(settings, range(first, min(deals, first + 50_000)))
    sys.stdout.write(f"written after {time.monotonic() - begun:.0f} s\n")
    try:
        await wait_until_applied(settings)
        sys.stdout.write(f"applied after {time.monotonic() - begun:.0f} s\n")
        await asyncio.sleep(5)
        await _say(f"after {deals:,} invented teams, reps and products", worker, serve)
    finally:
        watching.cancel()
        sys.stdout.write(f"not ready: {watched.unready[:20]} ({len(watched.unready)} times)\n")


async def _say(when: str, worker: WorkerProcess, serve: ServeProcess) -> None:
    begun = time.monotonic()
    _, text = await serve.get("/metrics")
    seconds = time.monotonic() - begun
    slow = re.findall(r'^salespulse_tick_seconds_bucket\{le="([^"]+)"\} (\S+)$', text, re.MULTILINE)
    sys.stdout.write(
        f"{when}: worker {peak_mib(worker.process.pid):.0f} MiB at most, view {peak_mib(serve.process.pid):.0f} MiB;"
        f" {series_in(text):,} series, {len(text) / 1e6:.1f} MB in {seconds:.2f} s; ticks {slow}\n"
    )
    _, text = await worker.get("/metrics")
    for line in text.splitlines():
        if line.startswith(("salespulse_dimension", "salespulse_dead_letters_total")) and not line.endswith(" 0.0"):
            sys.stdout.write(f"  {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1])))
