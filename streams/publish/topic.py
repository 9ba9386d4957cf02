"""The topic `sales.kpis`: every reading once it changes, numbered by revisions, written in transactions.

What has been published is read back from the topic when this view begins to publish, after it has fenced an older
publisher: so revisions go on where they stopped, without a hole and without one twice, whoever wrote the last one.
"""

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, ProducerFenced

from config.settings import Settings
from metrics.partitions import home_partitions
from streams.feed import Updates
from streams.kafka import (
    OutputRecord,
    TransactionLostError,
    client_options,
    let_go,
    send_batches,
    transaction,
    transactional_producer,
)
from streams.messages import PROGRESS_KEY, ProgressMessage, ReadingMessage, content_of, encode
from streams.recovery import read_committed

REVISION_HEADER = "revision"
"""A tombstone has no value to hold its revision, so a header does."""
_AT_ONCE = 500
_TRANSACTION_MS = 30_000
_SLACK_MS = 5_000
_decode = msgspec.json.Decoder(ReadingMessage).decode
_decode_progress = msgspec.json.Decoder(ProgressMessage).decode


class _Numbered(msgspec.Struct):
    """What every release writes, whatever else it says of a reading."""

    revision: int


_decode_revision = msgspec.json.Decoder(_Numbered).decode


class Published(NamedTuple):
    """The last record of a key: its revision, and what it says; None for a tombstone."""

    revision: int
    content: tuple[object, ...] | None


_NOTHING = Published(0, None)


class KpiTopic:
    """The one publisher of the topic, as long as no other one takes its place."""

    def __init__(self, settings: Settings) -> None:
        """Begin without a connection."""
        self._settings = settings
        self._topic = settings.kpis_topic
        self._producer: Any = None
        self._partitions = 0
        self._published: dict[str, Published] = {}
        self.as_of = ""
        """Up to when the topic was true last; empty before anything was published."""

    async def open(self) -> None:
        """Take the place of whoever published before, and read what there is.

        Raises:
            KafkaError: the cluster cannot be used now.
        """
        self._producer = transactional_producer(self._settings, "kpis", timeout_ms=_TRANSACTION_MS)
        await self._producer.start()
        partitions = await self._find_partitions()
        self._partitions = len(partitions)
        self._published = {}
        async for records in read_committed(self._settings, partitions):
            for record in records:
                self._take(record)

    async def _find_partitions(self) -> list[TopicPartition]:
        client: Any = AIOKafkaClient(**client_options(self._settings))
        try:
            await client.bootstrap()
            # All topics are asked for: a question about one would make it, on a cluster that makes them by itself.
            found = (await client.fetch_all_metadata()).partitions_for_topic(self._topic)
        finally:
            await client.close()
        if not found:
            raise KafkaError(f"topic `{self._topic}` is not there; run `salespulse topics create`")
        return [TopicPartition(self._topic, p) for p in sorted(found)]

    def _take(self, record: Any) -> None:
        """Take note of a record; of one that another release wrote at least the revision, so that none comes twice."""
        with suppress(msgspec.MsgspecError, ValueError):
            key = record.key.decode()  # there is one: brokers take no record without on a compacted topic
            if key == PROGRESS_KEY:
                self.as_of = _decode_progress(record.value).as_of or ""
            elif record.value is None:
                revision = int(dict(record.headers).get(REVISION_HEADER, b"0"))
                self._published[key] = Published(revision, None)
            else:
                self._published[key] = Published(0, ())
                self._published[key] = Published(_decode_revision(record.value).revision, ())
                message = _decode(record.value)
                self._published[key] = Published(message.revision or 0, content_of(message))

    async def close(self) -> None:
        """Let go of the producer."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                await let_go(producer)

    # ------------------------------------------------------------------------------------------------------- publishing

    async def publish(self, updates: Updates, progress: ProgressMessage, *, everything: bool = False) -> int:
        """Publish what differs from what is on the topic, in one transaction; return the number of readings.

        Args:
            updates: readings by key.
            progress: up to where everything is evaluated.
            everything: `updates` holds all readings there are: what else is on the topic is no more.

        Raises:
            ProducerFenced: another view publishes now.
            KafkaError: the transaction failed; nothing of it counts, and this object is to be opened again.
        """
        after = {key: self._next(key, None if m.gone else content_of(m)) for key, m in updates.items()}
        if everything:
            after |= {key: self._next(key, None) for key in self._published if key not in updates}
        news = {key: published for key, published in after.items() if published is not None}
        records: list[OutputRecord] = [(PROGRESS_KEY.encode(), encode(progress), ())]
        for number, (key, published) in enumerate(news.items()):
            records.append(self._record(key, published, updates.get(key)))
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        await self._write(records)
        self._published |= news
        self.as_of = progress.as_of or ""
        return len(news)

    def _next(self, key: str, content: tuple[object, ...] | None) -> Published | None:
        """Return the next record of a key, None when it would say the same as the last one."""
        before = self._published.get(key, _NOTHING)
        return None if before.content == content else Published(before.revision + 1, content)

    @staticmethod
    def _record(key: str, published: Published, message: ReadingMessage | None) -> OutputRecord:
        if published.content is None or message is None:
            return key.encode(), None, ((REVISION_HEADER, b"%d" % published.revision),)
        return key.encode(), encode(msgspec.structs.replace(message, revision=published.revision)), ()

    async def _write(self, records: list[OutputRecord]) -> None:
        by_partition: dict[int, list[OutputRecord]] = defaultdict(list)
        homes = home_partitions([key or b"" for key, _, _ in records], self._partitions)
        for home, record in zip(homes, records, strict=True):
            by_partition[home].append(record)
        begun = time.monotonic()
        try:
            async with transaction(self._producer):
                written = []
                for partition, theirs in by_partition.items():
                    async for send, _ in send_batches(self._producer, self._topic, partition, theirs):
                        written.append(send)
                await asyncio.gather(*written)
        except ProducerFenced as error:
            # The cluster ends a transaction that takes too long, an outage in the midst of it say, in the same way.
            if (time.monotonic() - begun) * 1000 > _TRANSACTION_MS - _SLACK_MS:
                raise TransactionLostError("the transaction took too long, or another view publishes") from error
            raise
