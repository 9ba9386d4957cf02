"""Publish what the view reads while it holds the lease: to the topic and to Redis, each at its own pace."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import structlog
from aiokafka.errors import KafkaError, ProducerFenced
from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from config.settings import Settings
from streams.board import Board
from streams.feed import Updates, merged
from streams.messages import Messages, ProgressMessage, progress_of
from streams.publish.lease import Lease
from streams.publish.mirror import RedisMirror
from streams.publish.redis_client import REDIS_AWAY, redis_client, redis_remedy
from streams.publish.topic import KpiTopic

HEARTBEAT_SECONDS = 5.0
"""Without changes the progress is written so often; what is promised is twice as long."""
_PAUSE_SECONDS = 1.0
_END_SECONDS = 5.0
_MIRROR_ANSWER_SECONDS, _LEASE_ANSWER_SECONDS = 10.0, 1.0
"""All readings at once may take Redis a while; whether the lease is held must be known soon."""
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SAY_EVERY_SECONDS = 60.0
_AT_ONCE = 500
_log = structlog.get_logger(__name__)


class _News(NamedTuple):
    """What is to be passed on: readings by key, up to where they are evaluated, and whether they are all there are."""

    updates: Updates
    progress: ProgressMessage
    everything: bool


class _Cursor:
    """How far one reader of the feed is."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._epoch = ""
        self._messages = Messages(board.view.plan)
        self.number = -1

    def begin_anew(self) -> None:
        """Have the next look return everything."""
        self._epoch = ""

    async def look(self) -> _News:
        """Return what is new since the last look."""
        feed, view = self._board.feed, self._board.view
        progress, as_of = progress_of(view), view.as_of or 0
        changes = feed.since(self.number) if feed.epoch == self._epoch else None
        self._epoch, self.number = feed.epoch, feed.number
        if changes is not None:
            return _News(merged(changes), progress, everything=False)
        updates: Updates = {}
        for number, reading in enumerate(list(view.all_readings())):
            updates[self._messages.key(reading)] = self._messages.message(reading, as_of)
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        return _News(updates, progress, everything=True)


class Publisher:
    """Publishes the readings of a board."""

    def __init__(self, settings: Settings, board: Board) -> None:
        """Begin without connections; `run` does the rest."""
        self._board = board
        self._redis = redis_client(settings, _MIRROR_ANSWER_SECONDS)
        self._for_lease = redis_client(settings, _LEASE_ANSWER_SECONDS)
        self._prefix = settings.app_id
        self._lease = Lease(self._for_lease, f"{settings.app_id}:lease:kpis")
        self._topic = KpiTopic(settings)
        disable_created_metrics()  # type: ignore[no-untyped-call] # gauges that repeat when the process began
        registry = board.registry
        self._published = Counter(
            "salespulse_published_readings", "Readings written to the metric topic.", registry=registry
        )
        self._seconds = Histogram(
            "salespulse_publish_seconds",
            "How long the transactions on the metric topic take.",
            buckets=_SECONDS,
            registry=registry,
        )
        if self._redis is not None:  # without Redis there is nothing to be in step
            self._in_step = Gauge(
                "salespulse_redis_in_step",
                "Whether this view writes to Redis, and Redis holds the readings of the last tick.",
                registry=registry,
            )
        Gauge(
            "salespulse_publishing", "Whether this is the view that writes the metric topic.", registry=registry
        ).set_function(lambda: self._lease.held)
        self._said_at: dict[str, float] = {}

    async def run(self) -> None:
        """Publish whenever this view is to, until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._lease.keep())
                tasks.create_task(self._publish_for_ever())
        finally:
            for redis in (self._redis, self._for_lease):
                if redis is not None:
                    await redis.aclose()

    async def _publish_for_ever(self) -> None:
        while True:
            await self._lease.until_held()
            await self._while_held()

    async def _while_held(self) -> None:
        works = [self._lease.until_lost(), self._feed_topic()]
        if self._redis is not None:
            works.append(self._feed_redis())
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(tasks)
            results = await asyncio.gather(*tasks, return_exceptions=True)
            await self._topic.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    # ------------------------------------------------------------------------------------------------------------ topic

    async def _feed_topic(self) -> None:
        """Keep the topic equal to the readings until another view takes over."""
        while True:
            try:
                await self._topic.open()
                await self._write_topic()
            except ProducerFenced:
                _log.warning("another view publishes on the topic now; this one serves on")
                await self._lease.stand_down()
                return
            except (KafkaError, OSError, TimeoutError) as error:
                self._say("the topic cannot be written, trying again", error)
            finally:
                await self._topic.close()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _write_topic(self) -> None:
        cursor, written_at = _Cursor(self._board), 0.0
        while True:
            if self._is_behind():
                await self._board.feed.wait(HEARTBEAT_SECONDS)
                continue
            news = await cursor.look()
            if news.updates or news.everything or time.monotonic() - written_at >= HEARTBEAT_SECONDS:
                with self._seconds.time():
                    written = await self._topic.publish(news.updates, news.progress, everything=news.everything)
                self._published.inc(written)
                written_at = time.monotonic()
            await self._board.feed.wait(HEARTBEAT_SECONDS, after=cursor.number)
            await asyncio.sleep(0)  # clients of streams, who have little to do, go first

    def _is_behind(self) -> bool:
        """Return whether there is nothing to publish yet, or only what is older than the topic.

        A view that starts while no worker lives knows no later instant than the last that they all spoke for.
        """
        as_of = progress_of(self._board.view).as_of
        return as_of is None or (as_of < self._topic.as_of and not self._board.ready()[0])

    # ------------------------------------------------------------------------------------------------------------ redis

    async def _feed_redis(self) -> None:
        """Keep Redis equal to the readings; while it is away everything else goes on."""
        try:
            await self._write_redis_for_ever()
        finally:
            self._in_step.set(0)  # from here on another view writes

    async def _write_redis_for_ever(self) -> None:
        cursor = _Cursor(self._board)
        mirror = RedisMirror(self._redis, self._prefix, self._board.feed.epoch)
        while True:
            if self._board.view.as_of is None:
                await self._board.feed.wait(HEARTBEAT_SECONDS)
                continue
            try:
                await self._write_redis(mirror, cursor)
                self._in_step.set(1)
            except REDIS_AWAY as error:
                self._in_step.set(0)
                self._say(f"redis cannot be written, trying again; {redis_remedy(error)}", error)
                cursor.begin_anew()
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                await self._board.feed.wait(HEARTBEAT_SECONDS, after=cursor.number)

    async def _write_redis(self, mirror: RedisMirror, cursor: _Cursor) -> None:
        news = await cursor.look()
        if news.everything:
            await mirror.fill(news.updates, news.progress)
        elif not await mirror.update(news.updates, news.progress):
            cursor.begin_anew()
            await self._write_redis(mirror, cursor)

    def _say(self, text: str, error: Exception) -> None:
        """Warn of an error; the same text once in a while only."""
        if time.monotonic() - self._said_at.get(text, float("-inf")) >= _SAY_EVERY_SECONDS:
            self._said_at[text] = time.monotonic()
            _log.warning(text, error=repr(error))


async def _end(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Cancel tasks until they have ended: a library that loses a cancellation must not end the publishing for good."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=_END_SECONDS)
