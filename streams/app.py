"""The worker's composition root: one Faust app whose agent applies batches to the shards this worker owns."""

import asyncio
import gc
import time
from collections.abc import Iterable, Mapping
from typing import Any

import faust
import structlog
from aiokafka.errors import IllegalStateError, ProducerFenced
from faust.types import TP
from mode import CrashingSupervisor

from config.settings import Settings
from config.tls import client_context
from metrics.plan import Plan
from metrics.shard import Shard
from streams.assignor import DeclaredAssignor
from streams.batches import RawBatch, Records, batches_of
from streams.clock import Clock, ClockPutBackError
from streams.consumer import ShardConsumer
from streams.kafka import TransactionLostError
from streams.owned import TRANSACTION_RECORDS, OwnedShard
from streams.rebalances import Rebalances
from streams.recovery import Table, read_positions, read_tables
from streams.telemetry import Telemetry

BATCH_RECORDS = 1_000
_BEHIND_RECORDS = 5_000
_LONGEST_FLUSH_SECONDS = 4.0
"""While a shard catches up it flushes less often: larger flushes cost less, and nobody sees its readings yet."""
_HELD_BYTES = 16 * 1024 * 1024
"""Refused events take memory until they are written: after so much of them a flush does not wait for its time."""
_STALE_SECONDS = 10.0
_COLLECT_SECONDS = 2.0
_log = structlog.get_logger(__name__)


class Shards:
    """The shards that this worker owns, kept in step with Faust's assignment."""

    def __init__(
        self, app: Any, topics: frozenset[str], plan: Plan, settings: Settings, clock: Clock, telemetry: Telemetry
    ) -> None:
        """Connect to the signals of `app`; Faust awaits each of them."""
        self._app = app
        self._topics = topics
        self._plan = plan
        self._settings = settings
        self._clock = clock
        self._telemetry = telemetry
        self._owned: dict[int, OwnedShard] = {}
        self._flushing: set[asyncio.Task[None]] = set()
        self._assigned = False
        self._restoring = asyncio.Lock()
        self._astray: set[TP] = set()
        """Partitions to read again from the shard's position: some of their records may have been left out."""
        self.failure: BaseException | None = None
        """Why the app crashed."""
        app.on_partitions_revoked.connect(self._revoked, weak=False)
        app.on_rebalance_complete.connect(self._rebalanced, weak=False)
        app.on_before_shutdown.connect(self._shutdown, weak=False)

    @property
    def owned(self) -> dict[int, Shard]:
        """The shards by their numbers."""
        return {index: owned.shard for index, owned in self._owned.items()}

    # -------------------------------------------------------------------------------------------------------- ownership

    async def _revoked(self, *_: Any, **__: Any) -> None:
        """Save before giving up: rebalances are eager."""
        await asyncio.gather(*(self._flush(s) for s in self._owned.values() if s.pending))

    async def _rebalanced(self, *_: Any, **__: Any) -> None:
        """Open what came and close what went; Faust resumes the partitions after this."""
        try:
            self._astray = {tp for tp in self._app.consumer.assignment() if tp.topic in self._topics}
            mine = {tp.partition for tp in self._astray}
            for index in set(self._owned) - mine:
                await self._release(index)
            await self._open(sorted(mine - set(self._owned)))
            for owned in self._owned.values():
                owned.doubt()
            self._telemetry.rebalanced(len(self._owned))
            self._assigned = True
        except Exception as error:
            await self._crash(error)
            raise

    async def _open(self, indices: Iterable[int]) -> None:
        opened = await asyncio.gather(*(self._load(index) for index in indices))
        for owned, tables, _ in opened:
            owned.shard.recall(tables[self._settings.cells_topic])
        await asyncio.gather(*(self._restore(*loaded) for loaded in opened))

    async def _load(self, index: int) -> tuple[OwnedShard, Mapping[str, Table], float]:
        begun = time.monotonic()
        owned = OwnedShard(index, self._plan, self._settings, self._clock)
        await owned.open()
        topics = (self._settings.entities_topic, self._settings.cells_topic)
        return owned, await read_tables(self._settings, topics, index), begun

    async def _restore(self, owned: OwnedShard, tables: Mapping[str, Table], begun: float) -> None:
        index = owned.index
        topics = self._settings.entities_topic, self._settings.cells_topic
        async with self._restoring:  # one after the other: so the tables of one are gone before the next one grows
            for _ in owned.shard.restoring(*(tables[topic] for topic in topics)):
                await asyncio.sleep(0)  # a million entities take long: requests to the brokers must not time out
            for table in tables.values():
                table.clear()
        owned.begin_at(await read_positions(self._settings, sorted(self._topics), index))
        self._owned[index] = owned
        seconds = time.monotonic() - begun
        self._telemetry.recovered(index, seconds, owned.shard.size)
        _log.info("shard opened", shard=index, entities=owned.shard.size, seconds=round(seconds, 2))
        await self._flush(owned)

    async def _seek_strays(self) -> None:
        """Read again from the shard's position what a rebalance, or a gap, has made doubtful.

        Records that Faust has fetched while a rebalance is under way are thrown away, and it then seeks back only where
        something was committed: elsewhere they would be left out, without a word.
        """
        astray = self._astray  # the next rebalance takes a set of its own
        if not astray or self._app.rebalancing:
            return
        strays = {tp: self._owned[tp.partition].positions[tp.topic] for tp in astray}
        astray.clear()  # what is on its way, or is read again before the call returns, can go astray anew
        try:
            await self._app.consumer.seek_wait(strays)
        except IllegalStateError:  # the next rebalance has begun; it ends with this anew
            astray.update(strays)

    async def _release(self, index: int) -> None:
        await self._owned.pop(index).close()
        self._telemetry.released(index, tuple((t, index) for t in self._topics))
        _log.info("shard released", shard=index)

    async def _shutdown(self, *_: Any, **__: Any) -> None:
        """Flush once more, so that nothing has to be read again."""
        if self.failure is None:
            await self._revoked()
        await asyncio.gather(*(s.close() for s in self._owned.values()))
        self._astray = set()
        self._owned.clear()

    # --------------------------------------------------------------------------------------------------------- the work

    async def apply(self, records: Records) -> None:
        """Apply consecutive records of one partition; begin a flush at half a transaction, and wait at its bound."""
        tp = TP(records[0].topic, records[0].partition)
        owned = self._owned.get(tp.partition)
        if owned is None:
            return
        if not owned.follows(records):
            self._astray.add(tp)
            return
        if owned.pending + len(records) > TRANSACTION_RECORDS or owned.shard.held_bytes > _HELD_BYTES:
            await self._flush(owned)
        elif owned.pending > TRANSACTION_RECORDS // 2 and not owned.lock.locked():
            flushing = asyncio.create_task(self._flush(owned))
            self._flushing.add(flushing)  # so that it is not collected while it runs
            flushing.add_done_callback(self._flushing.discard)
        before = dict(owned.shard.counts)
        owned.apply(records)
        for (source, outcome), n in owned.shard.counts.items():
            more = n - before.get((source, outcome), 0)
            if more:
                self._telemetry.events(source, outcome, more)

    async def flush_for_ever(self) -> None:
        """Flush what is due, every flush interval, and lead the consumer back where it went astray."""
        while True:
            await asyncio.sleep(self._settings.flush_interval)
            await self._seek_strays()
            await asyncio.gather(*(self._flush(s) for s in list(self._owned.values()) if s.due and self._may_flush(s)))

    def _may_flush(self, owned: OwnedShard) -> bool:
        if time.monotonic() - owned.flushed_at >= _LONGEST_FLUSH_SECONDS:
            return True
        return self._behind(owned) < _BEHIND_RECORDS

    def _behind(self, owned: OwnedShard) -> int:
        """Return how many records of the shard's partitions wait."""
        return sum(self._waiting(owned, topic) for topic in owned.positions)

    def _waiting(self, owned: OwnedShard, topic: str) -> int:
        """Return how many records of a partition wait, as far as the last fetch knew."""
        try:
            end = self._app.consumer.highwater(TP(topic, owned.index))
        except AssertionError:  # so aiokafka says that a rebalance, which goes on in a thread of its own, has taken it
            return 0
        return max(0, (end or 0) - owned.positions[topic])

    async def watch_lag(self) -> None:
        """Tell the lag of each source partition every two seconds; in links our own markers would pass for lag."""
        sources = self._topics - {self._settings.links_topic}
        before: dict[TP, int] = {}
        while True:
            await asyncio.sleep(2.0)
            positions: dict[TP, int] = {}
            for owned in list(self._owned.values()):
                for topic in sources & set(owned.positions):
                    tp, position = TP(topic, owned.index), owned.positions[topic]
                    lag = self._waiting(owned, topic)
                    if lag and before.get(tp) == position and await self._has_read_all(tp, position + lag):
                        lag = 0
                    positions[tp] = position
                    self._telemetry.lag(topic, owned.index, lag)
            before = positions

    async def _has_read_all(self, tp: TP, end: int) -> bool:
        """Return whether the consumer is at the end of a partition.

        What it has delivered is applied within milliseconds. So a shard that has stood still since the last look has
        nothing left to apply, and what lies between it and the end are the markers of a producer's transactions.
        """
        try:
            return (await self._app.consumer.position(tp) or 0) >= end
        except IllegalStateError:  # a rebalance has begun
            return False

    async def collect_garbage_for_ever(self) -> None:
        """Collect the cyclic garbage of the last seconds, and never look again at what survived.

        Entities and rows hold no cycles, so a collector that walks through all of them at its own pace only costs
        time: a fifth of all, measured.
        """
        while True:
            await asyncio.sleep(_COLLECT_SECONDS)
            gc.collect()
            gc.freeze()

    async def _flush(self, owned: OwnedShard) -> None:
        try:
            seconds, records = await owned.flush()
        except ClockPutBackError as error:
            await self._crash(error)
            raise
        except Exception as error:
            if isinstance(error, ProducerFenced | TransactionLostError):
                self._telemetry.fenced()
            _log.error("flush failed", shard=owned.index, error=repr(error))
            await self._crash(error)
            raise
        self._telemetry.flushed(owned.index, seconds, records)

    async def _crash(self, error: BaseException) -> None:
        """End the process: the state is ahead of Kafka's now, so only reading it again is right."""
        if self.failure is None:
            self.failure = error
            await self._app.crash(error)

    def ready(self) -> tuple[bool, str]:
        """Return whether all is well, judged by the age of the last good flush, and why not."""
        if self.failure is not None:
            return False, f"crashed: {self.failure!r}"
        if not self._assigned:
            return False, "waiting for the first assignment of partitions"
        age = self._telemetry.flush_age()
        if age > _STALE_SECONDS:
            return False, f"the last good flush is {age:.0f} s old"
        return True, f"{len(self._owned)} shards"


def create_app(settings: Settings, plan: Plan, clock: Clock, telemetry: Telemetry) -> tuple[Any, Shards]:
    """Build the Faust app and its shards; several may live in one process."""
    topics = frozenset([*(settings.input_topic(s.source.topic) for s in plan.sources.values()), settings.links_topic])
    app = faust.App(
        settings.app_id,
        broker=[f"kafka://{server.strip()}" for server in settings.kafka.split(",")],
        broker_credentials=_credentials(settings),
        ConsumerScheduler=batches_of(topics, BATCH_RECORDS),
        TableManager=Rebalances,
        PartitionAssignor=DeclaredAssignor,
        topic_allow_declare=False,
        topic_disable_leader=True,
        topic_partitions=settings.partitions,
        # With this and no tables Faust takes this assignor, which gives one worker the same partition of all topics.
        table_standby_replicas=1,
        web_enabled=False,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=4 * 1024 * 1024,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        # To join takes as long as the session of a member that is gone, and more: who asks again too early comes twice.
        broker_request_timeout=20.0,
        # Batches are never acknowledged to Faust: the transactions commit the offsets.
        stream_wait_empty=False,
        datadir=f".salespulse-{settings.app_id}",
    )
    app.transport.Consumer = ShardConsumer
    shards = Shards(app, topics, plan, settings, clock, telemetry)

    @app.agent(
        app.topic(*sorted(topics), schema=RawBatch(), acks=False), name="apply", supervisor_strategy=CrashingSupervisor
    )
    async def apply(stream: Any) -> None:
        async for records in stream:
            await shards.apply(records)

    app.task(shards.flush_for_ever)
    app.task(shards.watch_lag)
    app.task(shards.collect_garbage_for_ever)
    return app, shards


def _credentials(settings: Settings) -> Any:
    secured = settings.kafka_security_protocol
    context = client_context(settings.kafka_tls) if secured.endswith("SSL") else None
    if secured.startswith("SASL_"):
        password = settings.kafka_sasl_password
        return faust.SASLCredentials(
            username=settings.kafka_sasl_username,
            password=password.get_secret_value() if password else None,
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
