"""A worker under a flood of spoilt records, and whether all is as it must be afterwards."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from aiokafka import AIOKafkaProducer

from config.settings import Settings
from metrics.calendar import parse_instant
from streams.kafka import client_options
from tests.fuzz.flood import records
from tests.fuzz.outcome import Outcome, Sample
from tests.fuzz.verdict import verify
from tests.integration.cluster import WorkerProcess, make_topics, plan_of, wait_until_applied

CLOCK = "2026-11-01T12:00:00Z"
CLOCK_MS = parse_instant(CLOCK)
UNBOUNDED = Path(__file__).with_name("unbounded.yaml")
_PAGE_BYTES = 4_096
_BATCH = 5_000
_REQUEST_BYTES = 4 * 1024 * 1024

Progress = Callable[[int], None]


async def attack(settings: Settings, n: int, seed: int, folder: Path, progress: Progress = lambda _: None) -> Outcome:
    """Write `n` records to the sources while a worker reads them, and compare what it made of them."""
    settings = settings.model_copy(update={"clock": CLOCK, "catalogue": (UNBOUNDED,)})
    outcome = Outcome(records=n)
    await make_topics(settings)
    worker = WorkerProcess(settings, folder / "worker.log")
    try:
        await worker.until_ready()
        begun = time.monotonic()
        watching = asyncio.create_task(_watch(worker, begun, outcome.samples))
        await _produce(settings, n, seed, progress)
        outcome.produced_seconds = time.monotonic() - begun
        await wait_until_applied(settings)
        outcome.seconds = time.monotonic() - begun
        watching.cancel()
        outcome.outcomes = await _counted(worker)
        code, _ = await asyncio.to_thread(worker.terminate)
        outcome.check(code == 0, f"the worker ended with code {code}")
    finally:
        worker.close()
    log = worker.log.read_text(errors="replace")
    opened = log.count("shard opened")
    outcome.check(opened == settings.partitions, f"shards were opened {opened} times: the worker began anew")
    outcome.check("Traceback" not in log, "there is a traceback in the worker's log")
    outcome.check_memory()
    await verify(settings, CLOCK_MS, outcome)
    return outcome


async def _produce(settings: Settings, n: int, seed: int, progress: Progress) -> None:
    topics = _topics(settings)
    producer = AIOKafkaProducer(
        **client_options(settings), enable_idempotence=True, linger_ms=5, max_request_size=_REQUEST_BYTES
    )
    await producer.start()
    try:
        sends = []
        for source, key, value in records(n, seed):
            sends.append(await producer.send(topics[source], value, key))
            if len(sends) == _BATCH:
                await asyncio.gather(*sends)
                progress(len(sends))
                sends = []
        await asyncio.gather(*sends)
        progress(len(sends))
    finally:
        await producer.stop()


async def _watch(worker: WorkerProcess, begun: float, samples: list[Sample]) -> None:
    while True:
        counted = sum((await _counted(worker)).values())
        samples.append(Sample(time.monotonic() - begun, _resident_bytes(worker.process.pid), counted))
        await asyncio.sleep(1.0)


def _resident_bytes(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


async def _counted(worker: WorkerProcess) -> Mapping[str, int]:
    """Return how many events had each outcome."""
    _, text = await worker.get("/metrics")
    found: Counter[str] = Counter()
    for line in text.splitlines():
        if line.startswith("salespulse_events_total{"):
            labels, _, value = line.rpartition(" ")
            found[labels.partition('outcome="')[2].partition('"')[0]] += round(float(value))
    return found


def _topics(settings: Settings) -> Mapping[str, str]:
    return {key: settings.input_topic(plan.source.topic) for key, plan in plan_of(settings).sources.items()}
