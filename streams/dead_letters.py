"""The dead letters: events that were refused, read from their topic, and what an overview of them says."""

import heapq
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from config.settings import Settings
from streams.kafka import NoBrokerAnswersError
from streams.recovery import read_committed
from streams.topics import partition_counts


class DeadLettersError(Exception):
    """Dead letters could not be read, or not be written again. Reaction: stop and show the text."""


class DeadLetter(msgspec.Struct, frozen=True):
    """One refused event.

    Attributes:
        reason: why it was refused.
        type: the event type that its topic is for.
        topic: where the event stood, with `partition` and `offset`.
        written_ms: time of the event's record, in ms since the epoch.
        event: its bytes; the letter's `event_base64`.
        key: `type/partition/offset`, the key of the letter.
        refused_ms: time of the letter's own record, in ms since the epoch.
    """

    reason: str
    type: str
    topic: str
    partition: int
    offset: int
    written_ms: int
    event: bytes = msgspec.field(name="event_base64")
    key: str = ""
    refused_ms: int = 0


_decode = msgspec.json.Decoder(DeadLetter).decode
_VALUE = re.compile(r"^(field `[^`]*`: )`.*`", re.DOTALL)
_ITEM = re.compile(r"\[\d+\]")
_PLACE = re.compile(r" \(byte \d+\)$")


class Overview:
    """The newest letters and the totals of all, in memory for the newest alone.

    Args:
        limit: how many of the newest are kept.
        type_: only letters of this event type, if given.
        since_ms: only letters that were written at this instant (ms since the epoch) or later.
    """

    def __init__(self, limit: int, type_: str | None = None, since_ms: int = 0) -> None:
        self._limit, self._type, self._since = limit, type_, since_ms
        self._heap: list[tuple[int, int, DeadLetter]] = []
        self._totals: Counter[tuple[str, str]] = Counter()

    def add(self, letter: DeadLetter) -> None:
        """Take one more letter into account, if it is one of those that are asked for."""
        if letter.refused_ms < self._since or self._type not in {None, letter.type}:
            return
        self._totals[letter.type, rule_of(letter.reason)] += 1
        # The second part is unique, so that letters themselves are never compared.
        heapq.heappush(self._heap, (letter.refused_ms, self.count, letter))
        if len(self._heap) > self._limit:
            heapq.heappop(self._heap)

    @property
    def count(self) -> int:
        """How many letters there are."""
        return self._totals.total()

    @property
    def newest(self) -> Sequence[DeadLetter]:
        """The newest letters, the newest first."""
        return [letter for *_, letter in sorted(self._heap, reverse=True)]

    @property
    def totals(self) -> Mapping[tuple[str, str], int]:
        """How many letters each pair of type and reason (without the values in it) has, the most first."""
        return dict(sorted(self._totals.items(), key=lambda total: (-total[1], total[0])))


def rule_of(reason: str) -> str:
    """Return a reason without what differs from event to event: the value of the field, and the place in the text."""
    return _VALUE.sub(r"\1`…`", _ITEM.sub("[…]", _PLACE.sub("", reason)))


def letter_of(key: bytes | None, value: bytes | None, refused_ms: int) -> DeadLetter | None:
    """Return the letter that a record holds, or None if it holds none: somebody else wrote it."""
    try:
        letter = _decode(value or b"")
        return msgspec.structs.replace(letter, key=(key or b"").decode(), refused_ms=refused_ms)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


async def topics_of(settings: Settings) -> Mapping[str, int]:
    """Return the number of partitions of each topic; the one of the dead letters is among them.

    Raises:
        DeadLettersError: no broker answers, or the topic of the dead letters is missing.
    """
    try:
        counts = await partition_counts(settings)
    except NoBrokerAnswersError as error:
        raise DeadLettersError(str(error)) from error
    except (KafkaError, OSError) as error:
        raise DeadLettersError(f"topics at `{settings.kafka}`: {error}") from error
    if settings.dead_letters_topic not in counts:
        raise DeadLettersError(
            f"topic `{settings.dead_letters_topic}` is not at `{settings.kafka}`; run `salespulse topics create`"
        )
    return counts


async def read_letters(settings: Settings, partitions: int) -> AsyncIterator[DeadLetter]:
    """Yield every committed letter up to now; those of one partition come in the order in which they were written.

    Raises:
        DeadLettersError: the brokers stopped answering.
    """
    topic = settings.dead_letters_topic
    try:
        async for records in read_committed(settings, [TopicPartition(topic, p) for p in range(partitions)]):
            for record in records:
                letter = letter_of(record.key, record.value, record.timestamp)
                if letter is not None:
                    yield letter
    except (KafkaError, OSError) as error:
        raise DeadLettersError(f"topic `{topic}` at `{settings.kafka}` cannot be read: {error!r}") from error
