"""A simulated day through a real broker, worker and view: whether memory is flat, lag recovers, and ticks are on time.

At the end every reading that the view shows is compared with a recomputation from what still counts.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr

from bench.children import Child
from bench.day_form import DayClock, Form
from bench.day_results import DayResult, Produced
from bench.day_watch import Watch, samples_in
from bench.feed import PARTITIONS
from bench.population import recomputed
from config.load import load
from config.settings import Settings
from metrics.exposition import ReadingsCollector
from metrics.plan import compile_plan
from metrics.shard import Shard
from streams.topics import ensure_topics
from tests.broker import free_port
from tests.integration.cluster import RedisServer, wait_until_applied

PROPERTIES = """\
log.retention.bytes=100000000
log.segment.bytes=33554432
log.retention.check.interval.ms=30000
"""
"""Of the broker: what was applied long ago is not kept, as it would fill the disk."""
_EQUAL_SECONDS = 60.0


def measure_day(kafka: str, form: Form, folder: Path, say: Callable[[str], None]) -> DayResult:
    """Run one day on a fresh installation.

    Raises:
        ChildError: a process ended, or did not do its part.
        TimeoutError: the events were not applied in time.
    """
    redis = RedisServer(folder)
    try:
        return _Day(_settings(kafka, redis.url), form, folder, say).run()
    finally:
        redis.close()


def _settings(kafka: str, redis_url: str) -> Settings:
    name = f"bench-{uuid4().hex[:8]}"
    return Settings(
        kafka=kafka,
        app_id=name,
        topic_prefix=name,
        partitions=PARTITIONS,
        worker_http_port=free_port(),
        http_port=free_port(),
        redis_url=SecretStr(redis_url),
    )


class _Day:
    def __init__(self, settings: Settings, form: Form, folder: Path, say: Callable[[str], None]) -> None:
        self._settings, self._form, self._folder, self._say = settings, form, folder, say
        self._clock = DayClock(form)
        self._states = folder / "states.msgpack"

    def run(self) -> DayResult:
        asyncio.run(ensure_topics(self._settings, tuple(s.topic for s in load().sources.values())))
        with self._child("bench.day_load", str(self._states)) as producer:
            producer.read_line("filled")
            self._say(f"{self._form.entities:,} places are filled; the worker reads that first")
            with self._child("bench.clocked", "worker") as worker, self._child("bench.clocked", "serve") as view:
                worker.until_ready(self._settings.worker_http_port)
                view.until_ready(self._settings.http_port)
                asyncio.run(wait_until_applied(self._settings))
                return self._follow(producer, worker, view)

    def _child(self, module: str, argument: str) -> Child:
        form = msgspec.json.encode(self._form).decode()
        log = self._folder / f"{module}-{Path(argument).stem}.log"
        return Child(module, [form, argument], self._settings, log)

    def _follow(self, producer: Child, worker: Child, view: Child) -> DayResult:
        form = self._form
        self._say(f"the day begins; it takes {form.real_seconds / 60:.1f} minutes")
        watch = Watch(form, self._clock, self._settings, worker, view)
        cpu = worker.cpu_seconds(), view.cpu_seconds()
        self._clock.begin()
        producer.write_line()
        asyncio.run(watch.until_over())
        both = zip((worker, view), cpu, strict=True)
        worker_cores, view_cores = ((child.cpu_seconds() - before) / form.real_seconds for child, before in both)
        produced = producer.result()
        self._say("the day is over; what waits is applied, and everything recomputed")
        asyncio.run(wait_until_applied(self._settings))
        caught_up = self._clock.real_second - form.real_seconds
        expected = self._recomputed()
        wrong = asyncio.run(_wrong(expected, watch))
        asyncio.run(watch.count())
        return DayResult(
            form,
            watch.seen,
            Produced(**produced),
            worker_cores=worker_cores,
            view_cores=view_cores,
            caught_up=caught_up,
            compared=len(expected),
            wrong=tuple(wrong),
        )

    def _recomputed(self) -> set[str]:
        """Return the samples that the view must show at the end of the day."""
        states = msgspec.msgpack.decode(self._states.read_bytes(), type=list[tuple[str, bytes]])
        plan = compile_plan(load(), self._settings.timezone, self._settings.currency)
        registry = CollectorRegistry()
        registry.register(ReadingsCollector(recomputed(Shard(plan, round(self._form.ends * 1000)), states)))
        return samples_in(generate_latest(registry).decode())


async def _wrong(expected: set[str], watch: Watch) -> list[str]:
    """Return the samples that the view shows and should not, or should and does not; it is given a while."""
    deadline = time.monotonic() + _EQUAL_SECONDS
    while True:
        shown = await watch.readings()
        wrong = sorted(shown ^ expected)
        if not wrong or time.monotonic() > deadline:
            return wrong
        await asyncio.sleep(1.0)
