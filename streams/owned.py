"""An owned shard: the pure `Shard`, the transactional producer that alone may write for it, its place in the sources.

A flush writes all that changed and the source offsets in one Kafka transaction. A new owner's producer fences the old
one, so who thinks to own what never matters for the numbers.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import msgspec
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from config.settings import Settings
from metrics.partitions import home_partitions
from metrics.plan import Plan
from metrics.records import PROGRESS_KEY, UnreadableRecordError, encode_versioned
from metrics.shard import Link, Record, Rejected, Sealed, Shard
from streams.clock import Clock, ClockPutBackError, is_put_back, wall_clock
from streams.internal import decode_internal, encode_link, encode_misrouted
from streams.kafka import RecordTooLargeError, TransactionLostError, send_batches, transaction, transactional_producer

TRANSACTION_RECORDS = 20_000
"""A transaction takes at most so many records of the sources."""
HEARTBEAT_SECONDS = 2.0
"""A shard without changes still says so often that it lives."""
_TEXT_BYTES = 64 * 1024
"""So much of a refused event is repeated as text, for people: escapes make six bytes of one, and a letter must fit."""
_encode_json = msgspec.json.Encoder().encode

Pair = tuple[bytes | None, bytes | None]


class OwnedShard:
    """One shard of this worker."""

    def __init__(self, index: int, plan: Plan, settings: Settings, clock: Clock) -> None:
        """Prepare shard `index`; `open` takes possession of it."""
        self.index = index
        self.shard = Shard(plan, clock(), index, settings.partitions)
        self.pending = 0
        """Source records applied since the last seal."""
        self.flushed_at = time.monotonic()
        self.lock = asyncio.Lock()
        self._lost = False
        """Whether a flush has failed: another one would write what is no longer the difference."""
        self._settings = settings
        self._clock = clock
        self._plan = plan
        self._sources = {settings.input_topic(s.source.topic): key for key, s in plan.sources.items()}
        self._next: dict[str, int] = {}
        self._unsure: dict[str, int | None] = {}
        """Where the last records of a topic ended, None when none have come, while it is in doubt."""
        self._repeat_before: dict[str, int] = {}
        self._producer = transactional_producer(settings, str(index), timeout_ms=60_000)

    async def open(self) -> None:
        """Take possession: from here on no older owner can write for this shard."""
        await self._producer.start()

    async def close(self) -> None:
        """Let go of the producer; what is not flushed is read again by the next owner.

        A flush under way ends first: a transaction left open would hide what is committed after it until the next
        owner, or its time-out, ends it.
        """
        async with self.lock:
            await self._producer.stop()

    def begin_at(self, offsets: Mapping[str, int]) -> None:
        """Say which record of each topic comes next: the one after the last that the committed state knows."""
        self._next = dict(offsets)
        self.doubt()

    @property
    def positions(self) -> Mapping[str, int]:
        """The offset of the next record of each topic."""
        return self._next

    def doubt(self) -> None:
        """Let the next records of each topic show that none was left out before them."""
        self._unsure = dict.fromkeys(self._next)

    def follows(self, records: list[ConsumerRecord]) -> bool:
        """Return whether no record was left out before these; if not, the topic is to be read again from its position.

        Only reading again tells a real gap (a transaction marker, records that retention removed) from one of our own:
        then the records come that came before, and none in front of them. What merely goes on after the last ones was
        on its way already, and tells nothing.
        """
        topic, first, end = records[0].topic, records[0].offset, records[-1].offset + 1
        if topic not in self._unsure:
            return True
        come, self._unsure[topic] = self._unsure[topic], end
        if first > self._next[topic] and (come is None or first >= come):
            return False
        if end > self._next[topic]:
            del self._unsure[topic]
        return True

    # ------------------------------------------------------------------------------------------------------- records in

    def apply(self, records: list[ConsumerRecord]) -> int:
        """Apply consecutive records of one topic; return how many were new."""
        topic = records[0].topic
        records = [r for r in records if r.offset >= self._next[topic]]
        if not records:
            return 0
        # An earlier owner may have sent links in a transaction that was aborted, from at most so many records on.
        self._repeat_before.setdefault(topic, records[0].offset + TRANSACTION_RECORDS)
        self._next[topic] = records[-1].offset + 1
        self.pending += len(records)
        if topic == self._settings.links_topic:
            self._apply_internal(records)
        else:
            repeat = records[0].offset < self._repeat_before[topic]
            self.shard.apply(self._sources[topic], records, repeat_links=repeat)
        return len(records)

    def _apply_internal(self, records: Iterable[ConsumerRecord]) -> None:
        links: list[Link] = []
        events: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            try:
                decoded = decode_internal(record.value or b"")
            except UnreadableRecordError as error:
                raise self._unreadable(record, error) from error
            if isinstance(decoded, Link):
                links.append(decoded)
            elif decoded[0] in self._plan.sources:  # or it is of one that is declared no more
                events[decoded[0]].append(decoded[1])
        self.shard.apply_links(links)
        for source, batch in events.items():
            self.shard.apply(source, batch, repeat_links=True)

    def _unreadable(self, record: ConsumerRecord, error: UnreadableRecordError) -> UnreadableRecordError:
        return UnreadableRecordError(
            f"record {record.offset} of partition {record.partition} of `{record.topic}`: {error}; run the release that"
            f" wrote it, or have the group `{self._settings.app_id}` go on after it (kafka-consumer-groups.sh"
            " --reset-offsets) and replay the sources that have a parent"
        )

    # ------------------------------------------------------------------------------------------------------ records out

    @property
    def due(self) -> bool:
        """Whether there is something to flush, or a sign of life to give."""
        return bool(self.pending) or time.monotonic() - self.flushed_at >= HEARTBEAT_SECONDS

    async def flush(self) -> tuple[float, int]:
        """Make everything applied so far durable in one transaction; return the seconds taken and the records written.

        Folding goes on meanwhile: what is applied from here on belongs to the next flush.

        Raises:
            KafkaError: the transaction failed or was fenced; this object's state is then ahead of Kafka's and worth
            nothing.
            ClockPutBackError: the shard is at a T that is still to come: timers have fired and panes are gone, so this
            object's state is worth nothing either.
            RecordTooLargeError: a record is larger than its topic takes.
        """
        async with self.lock:
            if self._lost:
                raise TransactionLostError("the flush before this one failed")
            begun = time.monotonic()
            now = self._clock()
            if is_put_back(now, self.shard.now):
                raise ClockPutBackError(now, self.shard.now)
            self.shard.advance(now)
            sealed = self.shard.seal()
            offsets = {TopicPartition(t, self.index): o for t, o in self._next.items()} if self.pending else {}
            self.pending = 0
            written = 0
            self._lost = True
            try:
                async with transaction(self._producer):
                    sends = []
                    async for send, count in self._send(sealed):
                        sends.append(send)
                        written += count
                    if offsets:
                        await self._producer.send_offsets_to_transaction(offsets, self._settings.app_id)
                    await asyncio.gather(*sends)
            except MessageSizeTooLargeError as error:
                raise self._too_large(sealed) from error
            self._lost = False
            self.flushed_at = time.monotonic()
            return self.flushed_at - begun, written

    def _too_large(self, sealed: Sealed) -> RecordTooLargeError:
        """Name the largest entity: panes are written in parts, so nothing else grows without end."""
        size, name = max(((len(value or b""), key) for key, value in sealed.entities), default=(0, b""))
        return RecordTooLargeError(
            f"a record is larger than its topic takes; the largest entity is `{name.decode()}` with {size:,} bytes for"
            f" `{self._settings.entities_topic}`: raise the topic's `max.message.bytes` with kafka-configs.sh, and see"
            " why it has so many children or patches"
        )

    async def _send(self, sealed: Sealed) -> AsyncIterator[tuple[Any, int]]:
        settings = self._settings
        progress = {
            "as_of": self.shard.now,
            "written_ms": wall_clock(),
            "watermarks": self.shard.watermarks,
            "address": settings.worker_url,
        }
        links: dict[int, list[Pair]] = defaultdict(list)
        homes = home_partitions([sent.parent.encode() for sent in sealed.links], settings.partitions)
        for home, sent in zip(homes, sealed.links, strict=True):
            links[home].append(encode_link(sent))
        for event in sealed.misrouted:
            links[event.home].append(encode_misrouted(event))
        outputs: list[tuple[str, int, Iterable[Pair]]] = [
            (settings.entities_topic, self.index, sealed.entities),
            (settings.cells_topic, self.index, [*sealed.cells, (PROGRESS_KEY, encode_versioned(progress))]),
            # One by one as they are sent: all at once they would take several times the memory of the events.
            (settings.dead_letters_topic, self.index, map(self._dead_letter, sealed.rejected)),
            *((settings.links_topic, home, pairs) for home, pairs in links.items()),
        ]
        for topic, partition, pairs in outputs:
            records = ((key, value, ()) for key, value in pairs)
            async for send in send_batches(self._producer, topic, partition, records):
                yield send

    def _dead_letter(self, rejected: Rejected) -> Pair:
        """Return the record on the dead-letter topic: the reason, where the event stood, and its bytes as text."""
        value = rejected.record.value or b""
        letter = {
            "reason": rejected.reason,
            "type": rejected.source,
            "topic": self._settings.input_topic(self._plan.sources[rejected.source].source.topic),
            "partition": rejected.record.partition,
            "offset": rejected.record.offset,
            "written_ms": rejected.record.timestamp,
            "event": _readable(value),
            "event_base64": value,
        }
        key = f"{rejected.source}/{rejected.record.partition}/{rejected.record.offset}"
        return key.encode(), _encode_json(letter)


def _readable(event: bytes) -> str:
    text = event[:_TEXT_BYTES].decode(errors="backslashreplace")
    return text if len(event) <= _TEXT_BYTES else f"{text}… (the first {_TEXT_BYTES:,} of {len(event):,} bytes)"
