"""How long a worker and a view take to start again with many entities, and how much memory an entity takes.

The state is made by a worker, from the events of a company of so many places (`bench.population`); then the worker is
ended and started again, first in good order, then together with the view after SIGKILL. At the end the view must show
what it showed before.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.table import Table

from bench.children import Child
from bench.day_watch import samples_in
from bench.feed import PARTITIONS, Feed, feed_of
from bench.installation import wait_until_committed
from bench.mix import Wire
from bench.population import EVENTS_AN_ENTITY, Population
from bench.workloads import Workload
from config.load import load
from config.settings import Settings
from streams.kafka import client_options
from streams.topics import ensure_topics
from tests.broker import free_port

RESTART_SECONDS = 20.0
BYTES_AN_ENTITY = 700
_BEGINS = datetime(2026, 3, 2, 8, tzinfo=UTC)
_SPAN = timedelta(days=60)
"""The events of the state are of so long a time."""
_PATIENCE_SECONDS = 1_200.0
_POLL_SECONDS = 0.2
_STILL_SECONDS, _LOOKS = 3.0, 20
_MIB = 2**20


@dataclass(frozen=True)
class Restarted:
    """What was measured, in seconds and bytes.

    Attributes:
        entities: how many the worker held.
        records: how many entity records there were to read; at most, as compaction may have removed some.
        build_events: the events that made the state.
        ended_well: from the start of a worker whose predecessor had left the group, until it was ready.
        ended_well_cpu: what CPU time that worker took, which depends less on what else the machine does.
        killed: seconds after SIGKILL: the group waits for the session of the dead one, at most ten seconds.
        view_ready: from the start of a view, beside that worker, until it was ready.
        complete: until it showed every reading as before.
        empty_bytes: resident memory of a worker without entities.
        built_bytes: of the worker that made the state.
        restarted_bytes: of one that has taken it over.
        view_bytes: of the view.
        readings: how many readings were compared.
    """

    entities: int
    records: int
    build_events: int
    ended_well: float
    ended_well_cpu: float
    killed: float
    view_ready: float
    complete: float
    empty_bytes: int
    built_bytes: int
    restarted_bytes: int
    view_bytes: int
    readings: int

    @property
    def entity_bytes(self) -> float:
        """Bytes for each entity of a worker that was started again."""
        return (self.restarted_bytes - self.empty_bytes) / self.entities

    @property
    def good(self) -> bool:
        """Whether the goals are met."""
        return self.ended_well <= RESTART_SECONDS and self.entity_bytes <= BYTES_AN_ENTITY

    def as_json(self) -> dict[str, Any]:
        """Return what is written to the JSON file."""
        return {**asdict(self), "entity_bytes": round(self.entity_bytes)}

    def table(self) -> Table:
        """Return the table for people."""
        table = Table(title=f"Start with {self.entities:,} entities, {PARTITIONS} partitions, one worker")
        table.add_column("what")
        table.add_column("measured", justify="right")
        built = (self.built_bytes - self.empty_bytes) / self.entities
        rows = (
            ("entity records to read, at most", f"{self.records:,}"),
            (f"worker ready, after a good end (goal {RESTART_SECONDS:.0f} s)", f"{self.ended_well:.1f} s"),
            ("its CPU time until then", f"{self.ended_well_cpu:.1f} s"),
            ("worker ready, after SIGKILL", f"{self.killed:.1f} s"),
            ("view ready, started beside it", f"{self.view_ready:.1f} s"),
            (f"view shows all {self.readings:,} readings", f"{self.complete:.1f} s"),
            ("memory of an empty worker", f"{self.empty_bytes / _MIB:.0f} MiB"),
            ("memory after the restart", f"{self.restarted_bytes / _MIB:.0f} MiB"),
            (f"for each entity (goal {BYTES_AN_ENTITY} bytes)", f"{self.entity_bytes:.0f} bytes"),
            ("for each entity, of the worker that made the state", f"{built:.0f} bytes"),
            ("memory of the view", f"{self.view_bytes / _MIB:.0f} MiB"),
        )
        for row in rows:
            table.add_row(*row)
        return table


def _once(places: int) -> Iterator[Wire]:
    """Yield the latest state of each entity."""
    company, events = _company(places)
    for _ in events:
        pass
    for source, entity_id, values in company.last_events():
        if len(values) == 1:
            yield source, entity_id.encode(), values[0]


def _every(places: int) -> Iterator[Wire]:
    """Yield all events, some four for each entity."""
    yield from _company(places)[1]


def _company(places: int) -> tuple[Population, Iterator[Wire]]:
    company, count = Population(places), places * EVENTS_AN_ENTITY
    begin, step = _BEGINS.timestamp(), _SPAN.total_seconds() / count
    return company, company.draw_at(begin + number * step for number in range(count))


def _ends_at(_: int) -> datetime:
    return _BEGINS + _SPAN


ONCE = Workload("places-once", _once, _ends_at, (), (), lambda _: {})
EVERY = Workload("places-every", _every, _ends_at, (), (), lambda _: {})


def measure_restart(kafka: str, workload: Workload, places: int, folder: Path, say: Callable[[str], None]) -> Restarted:
    """Build the state of `places` on a fresh installation, and start worker and view again.

    Raises:
        ChildError: a process ended, or did not do its part.
        TimeoutError: the events were not applied, or the readings not shown, in time.
    """
    return _Restart(kafka, workload, places, folder, say).run()


class _Restart:
    def __init__(self, kafka: str, workload: Workload, places: int, folder: Path, say: Callable[[str], None]) -> None:
        name = f"bench-restart-{uuid4().hex[:8]}"
        self._settings = Settings(
            kafka=kafka,
            app_id=name,
            topic_prefix=name,
            partitions=PARTITIONS,
            clock=workload.ends_at(places).isoformat(),
            worker_http_port=free_port(),
            http_port=free_port(),
        )
        self._workload, self._places, self._folder, self._say = workload, places, folder, say

    def run(self) -> Restarted:
        feed = feed_of(self._workload, self._places)
        empty, built, shown = self._build(feed)
        self._say("a worker starts again, after a good end")
        with self._child("streams.cli", "worker") as worker:
            worker.until_ready(self._settings.worker_http_port)
            ended_well, ended_well_cpu = worker.age_seconds(), worker.cpu_seconds()
            restarted, entities = worker.resident_bytes(), self._recovered()
        records = asyncio.run(_count(self._settings))
        self._say("a worker starts again, after SIGKILL, and a view beside it")
        with self._child("streams.cli", "worker") as worker, self._child("streams.cli", "serve") as view:
            ready = self._both_ready(worker, view)
            complete = self._until_shown(shown, view)
            view_bytes = view.resident_bytes()
        return Restarted(
            entities=entities,
            records=records,
            build_events=sum(map(sum, feed.counts.values())),
            ended_well=ended_well,
            ended_well_cpu=ended_well_cpu,
            killed=ready["worker"],
            view_ready=ready["view"],
            complete=complete,
            empty_bytes=empty,
            built_bytes=built,
            restarted_bytes=restarted,
            view_bytes=view_bytes,
            readings=len(shown),
        )

    def _child(self, module: str, argument: str) -> Child:
        return Child(module, [argument], self._settings, self._folder / f"{module}-{Path(argument).stem}.log")

    def _build(self, feed: Feed) -> tuple[int, int, set[str]]:
        """Have a worker make the state; return its memory before and after, and what a view shows."""
        settings = self._settings
        asyncio.run(ensure_topics(settings, tuple(s.topic for s in load().sources.values())))
        self._say("a worker makes the state")
        with self._child("streams.cli", "worker") as worker, self._child("bench.feed", str(feed.path)) as producer:
            producer.read_line("loaded")
            worker.until_ready(settings.worker_http_port)
            empty = worker.resident_bytes()
            producer.write_line()
            asyncio.run(wait_until_committed(settings, feed, lambda: worker.running, _PATIENCE_SECONDS))
            built = worker.resident_bytes()
            with self._child("streams.cli", "serve") as view:
                view.until_ready(settings.http_port)
                shown = self._until_still(view)
            worker.terminate()
        return empty, built, shown

    def _recovered(self) -> int:
        """Return how many entities the worker says it has taken over."""
        text = _page(self._settings.worker_http_port, "/metrics")
        found = re.findall(r"^salespulse_recovered_entities\{[^}]*\} (\S+)$", text, re.MULTILINE)
        return round(sum(map(float, found)))

    def _both_ready(self, worker: Child, view: Child) -> dict[str, float]:
        """Wait until worker and view are ready; return after how many seconds each was."""
        waiting = {"worker": (worker, self._settings.worker_http_port), "view": (view, self._settings.http_port)}
        ready: dict[str, float] = {}
        while waiting:
            for name, (child, port) in list(waiting.items()):
                if _page(port, "/readyz"):
                    ready[name] = child.age_seconds()
                    del waiting[name]
                elif not child.running or child.age_seconds() > _PATIENCE_SECONDS:
                    raise child.error("was not ready in time")
            time.sleep(_POLL_SECONDS)
        return ready

    def _until_still(self, view: Child) -> set[str]:
        """Return what the view shows once that is the same for a few evaluations."""
        shown: set[str] = set()
        for _ in range(_LOOKS):
            time.sleep(_STILL_SECONDS)
            before, shown = shown, samples_in(_page(self._settings.http_port, "/metrics"))
            if shown and shown == before:
                return shown
        raise view.error("shows something else all the time")

    def _until_shown(self, expected: set[str], view: Child) -> float:
        """Wait until the view shows what it did before; return its age then."""
        while True:
            if samples_in(_page(self._settings.http_port, "/metrics")) == expected:
                return view.age_seconds()
            if view.age_seconds() > _PATIENCE_SECONDS:
                raise view.error("does not show what it showed before")
            time.sleep(_POLL_SECONDS)


def _page(port: int, path: str) -> str:
    """Return a page, empty when it cannot be had or its status is no success."""
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return str(response.read().decode())
    except OSError:
        return ""


async def _count(settings: Settings) -> int:
    """Return how many entity records there are, at most."""
    consumer: Any = AIOKafkaConsumer(**client_options(settings))
    await consumer.start()
    try:
        partitions = [TopicPartition(settings.entities_topic, p) for p in range(settings.partitions)]
        firsts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
        return sum(ends[tp] - firsts[tp] for tp in partitions)
    finally:
        await consumer.stop()
