"""The view of a running installation: the cells of all shards from Kafka, evaluated once a second.

It belongs to no consumer group: any number of views can run, and a new one reads the compacted topic from its
beginning. A cell record holds the absolute value, so reading one twice has no effect. What others are to be told goes
to the feed; `streams.publish` writes it to Kafka and Redis.
"""

import asyncio
import time
from contextlib import suppress
from itertools import count
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from config.settings import Settings
from config.tls import TlsFiles, client_context
from metrics.plan import Plan
from metrics.records import UnreadableRecordError
from metrics.view import View
from streams.board import tick_histogram
from streams.clock import Clock, is_put_back, wall_clock
from streams.contributors import EntitiesPage, Question, ask_workers
from streams.feed import Feed
from streams.kafka import client_options, wait_for_broker
from streams.telemetry import clock_steps_counter

STALE_MS = 10_000
"""How old the last sign of life of a shard may be."""
_LATE_SECONDS = 5.0
"""How long ago the last tick may be."""
_RECORDS_AT_ONCE = 200
"""Records applied before others may use the event loop; some milliseconds."""
_POLL_MS = 200
_TOPIC_WAIT_SECONDS, _SAY_EVERY = 0.5, 20
_PAUSE_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class ViewService:
    """Keeps a view up to date from the cells topic; a board that can be served from the first moment on."""

    def __init__(self, settings: Settings, plan: Plan, clock: Clock) -> None:
        """Begin without cells; `run` does the rest."""
        self._settings = settings
        self._plan = plan
        self._clock = clock
        self._fixed = settings.fixed_clock_ms() is not None
        self._interval = settings.tick_interval
        authorities = settings.http_ssl_cafile
        self._trust = None if authorities is None else client_context(TlsFiles(authorities, None, None))
        self._phase: str | None = "starting"
        self._ticked_at = time.monotonic()
        self.view = View(plan)
        self.feed = Feed()
        self.registry = CollectorRegistry()
        self._ticks = tick_histogram(self.registry)
        self._clock_steps = clock_steps_counter(self.registry)
        self._next: dict[int, int] = {}
        """The offset to go on from, by partition."""
        self._waiting: dict[tuple[int, bytes], bytes | None] = {}
        """The newest record of each key that came since the last tick, by partition and key.

        A shard writes the same panes several times a second and only the newest state is ever evaluated, so the others
        need not be decoded; and a view that has fallen behind has the less to do the further it is.
        """
        self._partitions: tuple[int, ...] = ()

    # ----------------------------------------------------------------------------------------------------------- health

    def ready(self) -> tuple[bool, str]:
        """Return whether the readings are those of now, and if not why."""
        reason = self._phase or self._stale()
        if reason is None and time.monotonic() - self._ticked_at > _LATE_SECONDS:
            reason = f"the last evaluation was {time.monotonic() - self._ticked_at:.0f} s ago"
        return reason is None, reason or "live"

    async def entities(self, question: Question) -> EntitiesPage:
        """Return the entities that make up a reading, from the workers that hold them.

        Raises:
            WorkersUnreachableError: not every shard can be asked now.
        """
        return await ask_workers(self.view, question, self._settings.http_token, self._trust)

    def _stale(self) -> str | None:
        """Return which shards are silent, None when all gave a sign of life lately."""
        silent = [p for p in self._partitions if p not in self.view.progress]
        if silent:
            return f"no worker has reported on {_shards(silent)} yet; start `salespulse worker`"
        now = wall_clock()
        ages = {p: now - self.view.progress[p].written_ms for p in self._partitions}
        old = [p for p, age in ages.items() if age > STALE_MS]
        if old:
            age = max(ages[p] for p in old) / 1000
            return (
                f"no worker has reported on {_shards(old)} for {age:.0f} s by this host's clock; see whether workers"
                " and broker are well, and the clocks right"
            )
        ahead = [p for p, age in ages.items() if age < -STALE_MS]
        if ahead:
            by = -min(ages.values()) / 1000
            return f"the clock of the worker of {_shards(ahead)} is {by:.0f} s ahead of this host's; set both right"
        return None

    # -------------------------------------------------------------------------------------------------------------- run

    async def run(self, stopped: asyncio.Event) -> None:
        """Read and evaluate until `stopped` is set; reconnects by itself."""
        reading = asyncio.ensure_future(self._read_for_ever())
        ticking = asyncio.ensure_future(self._tick_for_ever())
        stopping = asyncio.ensure_future(stopped.wait())
        tasks = {reading, ticking, stopping}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done - {stopping}:
            task.result()  # raises what ended it

    async def _read_for_ever(self) -> None:
        while True:
            self._phase = f"waiting for a kafka broker at `{self._settings.kafka}`"
            await wait_for_broker(self._settings, _log.warning)
            try:
                await self._read()
            except _TopicReplacedError:
                _log.warning("the cells topic was replaced, reading it from its beginning")
                self.view, self._next, self._waiting = View(self._plan), {}, {}
                self.feed.begin_anew()
            except (KafkaError, OSError, TimeoutError) as error:
                _log.warning("lost the cells, reading on after a pause", error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _read(self) -> None:
        """Read from where it stopped, at first the beginning, until an error."""
        self._partitions = await self._find_partitions()
        consumer: Any = AIOKafkaConsumer(
            **client_options(self._settings),
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        await consumer.start()
        try:
            assigned = {TopicPartition(self._settings.cells_topic, p) for p in self._partitions}
            consumer.assign(assigned)
            for tp in assigned:
                consumer.seek(tp, self._next.get(tp.partition, 0))
            await self._catch_up(consumer)
            self._phase = None
            while True:
                self._take(await consumer.getmany(timeout_ms=_POLL_MS))
        finally:
            with suppress(KafkaError):
                await consumer.stop()

    async def _find_partitions(self) -> tuple[int, ...]:
        """Return the partitions of the cells topic; it may be made after the view was started."""
        name = self._settings.cells_topic
        client: Any = AIOKafkaClient(**client_options(self._settings))
        try:
            await client.bootstrap()
            for attempt in count():
                # All topics are asked for: a question about one would make it, on a cluster that makes them by itself.
                found = (await client.fetch_all_metadata()).partitions_for_topic(name)
                if found:
                    return tuple(sorted(found))
                self._phase = f"topic `{name}` is not there yet; run `salespulse topics create`"
                if attempt % _SAY_EVERY == 0:
                    _log.warning(self._phase)
                await asyncio.sleep(_TOPIC_WAIT_SECONDS)
        finally:
            await client.close()
        raise AssertionError  # the loop has no end

    async def _catch_up(self, consumer: Any) -> None:
        """Read to where the partitions end now."""
        assigned = consumer.assignment()
        ends = await consumer.end_offsets(list(assigned))
        total = sum(ends.values())
        while True:
            positions = {tp: await consumer.position(tp) for tp in assigned}
            left = sum(max(0, ends[tp] - positions[tp]) for tp in assigned)
            if not left:
                return
            self._phase = f"reading the cells: {1 - left / max(1, total):.0%}"
            self._take(await consumer.getmany(timeout_ms=_POLL_MS))
            await self._apply()

    def _take(self, batches: dict[TopicPartition, list[Any]]) -> None:
        for tp, records in batches.items():
            if records and records[0].offset < self._next.get(tp.partition, 0):
                raise _TopicReplacedError
            for record in records:
                if record.key is not None:
                    self._waiting[tp.partition, record.key] = record.value
                self._next[tp.partition] = record.offset + 1

    async def _apply(self) -> None:
        """Apply what waits; others may use the event loop in between.

        Raises:
            UnreadableCellsError: a record is damaged, or of another release.
        """
        view, waiting = self.view, self._waiting
        self._waiting = {}
        for number, ((partition, key), value) in enumerate(waiting.items()):
            try:
                view.apply(partition, key, value)
            except UnreadableRecordError as error:
                raise UnreadableCellsError(
                    f"a record of partition {partition} of `{self._settings.cells_topic}` (key {key.hex()}): {error};"
                    f" start all workers with this release, then this: who opens shard {partition} writes its cells"
                    " anew"
                ) from error
            if number % _RECORDS_AT_ONCE == _RECORDS_AT_ONCE - 1:
                await asyncio.sleep(0)

    # ------------------------------------------------------------------------------------------------------------- tick

    async def _tick_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._interval - time.time() % self._interval)
            if self._phase is None:
                await self._apply()
                self._evaluate()

    def _evaluate(self) -> None:
        """Evaluate as of now, or, while a shard is silent, as of the last instant that all shards have spoken for."""
        as_of = self._as_of()
        self._ticked_at = time.monotonic()
        if as_of is not None:
            with self._ticks.time():
                self.feed.tell(self.view, self.view.tick(as_of))

    def _as_of(self) -> int | None:
        """Return the T to evaluate, in whole ticks; None when the readings must stay as they are."""
        if self._stale() is None:
            return self._not_behind(
                self._clock() if self._fixed else int(self._clock() / 1000 // self._interval * self._interval * 1000)
            )
        if any(p not in self.view.progress for p in self._partitions):
            return None
        known = min(self.view.progress[p].as_of for p in self._partitions)
        return known if self.view.as_of is None else None

    def _not_behind(self, now: int) -> int:
        """Return T: `now`, or that of the last tick while a small step back of the clock is waited out."""
        before = self.view.as_of
        if before is None or now >= before:
            return now
        if not is_put_back(now, before):
            return before
        self._clock_steps.inc()
        _log.warning("the clock was put back, evaluating as of then", seconds=(before - now) / 1000)
        return now


class UnreadableCellsError(Exception):
    """The cells cannot be read. Reaction: stop with exit code 1 and show the text."""


class _TopicReplacedError(Exception):
    """A record came at an offset that was read before: the topic was made anew. Reaction: begin with an empty view."""


def _shards(numbers: list[int]) -> str:
    return f"shard{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
