"""Measure one workload: the worker end to end, then the floor and idiomatic Faust on the same topics."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench.children import Child
from bench.feed import Feed, feed_of
from bench.idiomatic import changelogs
from bench.installation import committed_totals, fresh_settings, make_compacted, wait_until_committed
from bench.totals import differences
from bench.workloads import W1, Workload
from config.settings import Settings
from streams.topics import ensure_topics

IDIOMATIC_EVENTS = 20_000
_PATIENCE_SECONDS = 600.0
_SETTLE_SECONDS = 1.0


class WrongResultError(AssertionError):
    """A program whose totals are not those of a plain loop; its time is worth nothing."""


@dataclass(frozen=True)
class Measured:
    """One program on one workload."""

    workload: str
    program: str
    """`salespulse`, `floor` or `idiomatic`."""
    events: int
    cpu_seconds: float
    seconds: float
    resident_bytes: int = 0

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per event."""
        return self.cpu_seconds / self.events * 1e6

    @property
    def events_a_second(self) -> float:
        """Events per second of wall time."""
        return self.events / self.seconds


def measure(
    kafka: str, workload: Workload, events: int, folder: Path, *, profile: Path | None = None, compare: bool = True
) -> list[Measured]:
    """Return what the worker takes and, with `compare`, what the others take on the same topics.

    Raises:
        WrongResultError: if a program's totals are not those of a plain loop.
        ChildError: if a program does not do its part.
    """
    feed = feed_of(workload, events)
    settings = fresh_settings(kafka, workload, events)
    inputs = tuple(source.topic for source in workload.load().sources.values())
    asyncio.run(ensure_topics(settings, inputs))
    measured = [_worker(settings, workload, feed, folder, profile)]
    if compare:
        measured.append(_floor(settings, workload, feed, folder))
        if workload is W1:
            measured.append(_idiomatic(settings, min(events, IDIOMATIC_EVENTS), folder))
    return measured


def _worker(settings: Settings, workload: Workload, feed: Feed, folder: Path, profile: Path | None) -> Measured:
    """Start the worker on empty topics, wait until it is ready, then produce; start-up costs are left out."""
    log = folder / f"{settings.app_id}.log"
    arguments = [workload.name, *([str(profile)] if profile else [])]
    with (
        Child("bench.worker", arguments, settings, log) as worker,
        Child("bench.feed", [str(feed.path)], settings, log.with_suffix(".feed.log")) as producer,
    ):
        producer.read_line("loaded")
        worker.until_ready(settings.worker_http_port)
        time.sleep(_SETTLE_SECONDS)
        if profile:
            worker.toggle_profile()
        cpu, begun = worker.cpu_seconds(), time.perf_counter()
        producer.write_line()
        asyncio.run(wait_until_committed(settings, feed, lambda: worker.running, _PATIENCE_SECONDS))
        cpu, seconds = worker.cpu_seconds() - cpu, time.perf_counter() - begun
        resident = worker.resident_bytes()
        if profile:
            worker.toggle_profile()
            time.sleep(_SETTLE_SECONDS)
        worker.terminate()
    _check("salespulse", workload, feed.totals, asyncio.run(committed_totals(settings, workload)))
    return Measured(workload.name, "salespulse", feed.events, cpu, seconds, resident)


def _floor(settings: Settings, workload: Workload, feed: Feed, folder: Path) -> Measured:
    counts = msgspec.json.encode(feed.counts).decode()
    with Child("bench.floor", [workload.name, counts], settings, folder / f"{settings.app_id}.floor.log") as child:
        result = child.result()
    _check("floor", workload, feed.totals, result["totals"])
    return _measured(workload, "floor", result)


def _idiomatic(settings: Settings, events: int, folder: Path) -> Measured:
    asyncio.run(make_compacted(settings, changelogs(settings)))
    log = folder / f"{settings.app_id}.idiomatic.log"
    with Child("bench.idiomatic", [str(events)], settings, log) as child:
        result = child.result()
    if not result["right"]:
        raise WrongResultError("idiomatic on w1: its tables are not what a plain loop over the same events adds up to")
    return _measured(W1, "idiomatic", result)


def _measured(workload: Workload, program: str, result: dict[str, Any]) -> Measured:
    return Measured(workload.name, program, result["events"], result["cpu_seconds"], result["seconds"])


def _check(program: str, workload: Workload, expected: dict[str, dict[str, int]], actual: Any) -> None:
    wrong = differences(expected, actual)
    if wrong:
        raise WrongResultError(f"{program} on {workload.name}: " + "; ".join(wrong))
