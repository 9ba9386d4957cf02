"""Write refused events once more to the topics that they came from."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from config.settings import Settings
from streams.dead_letters import DeadLetter, DeadLettersError
from streams.kafka import let_go, patient_producer

PATIENCE_SECONDS = 60.0
"""How long the brokers may confirm no event at all."""
_REQUEST_BYTES = 8 * 1024 * 1024


class _Identified(msgspec.Struct):
    entity_id: str


_decode = msgspec.json.Decoder(_Identified).decode


def entity_id_of(event: bytes) -> str | None:
    """Return the entity id of an event, or None where it cannot be read."""
    try:
        return _decode(event).entity_id or None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def distinct(letters: Iterable[DeadLetter]) -> Sequence[DeadLetter]:
    """Return the newest letter of each event, the oldest first.

    An event that was tried again and is still wrong has several letters. Were each of them tried, their number would
    double every time.
    """
    newest: dict[tuple[str, bytes], DeadLetter] = {}
    for letter in sorted(letters, key=lambda letter: letter.refused_ms):
        newest[letter.topic, letter.event] = letter
    return sorted(newest.values(), key=lambda letter: letter.refused_ms)


async def retry(settings: Settings, letters: Sequence[DeadLetter], topics: Mapping[str, int]) -> Mapping[str, str]:
    """Write the events of `letters`, byte by byte, and wait until each one is confirmed.

    Args:
        settings: where the brokers are.
        letters: what is written, to the topic of each.
        topics: the topics that there are.

    Returns:
        The keys of the letters whose events were not accepted, each with the reason.

    Raises:
        DeadLettersError: a topic is missing, or no broker answers; nothing was written then.
    """
    for missing in {letter.topic for letter in letters} - topics.keys():
        raise DeadLettersError(f"topic `{missing}` is not at `{settings.kafka}`; run `salespulse topics create`")
    producer = patient_producer(
        settings,
        enable_idempotence=True,
        linger_ms=20,
        max_request_size=_REQUEST_BYTES,
        retry_backoff_ms=20,
    )
    try:
        await producer.start()
        outcomes = await _write_all(producer, letters)
    except (KafkaError, OSError) as error:
        remedy = "start it, or set `SALESPULSE_KAFKA`"
        raise DeadLettersError(f"no kafka broker answers at `{settings.kafka}` ({error}); {remedy}") from error
    finally:
        await let_go(producer)
    return {letter.key: outcome for letter, outcome in zip(letters, outcomes, strict=True) if outcome}


async def _write_all(producer: AIOKafkaProducer, letters: Sequence[DeadLetter]) -> Sequence[str | None]:
    """Write them all; give up what is left when none is confirmed for a while, as the producer itself would not."""
    writes = [asyncio.ensure_future(_write(producer, letter)) for letter in letters]
    done = -1
    while done < (done := sum(write.done() for write in writes)) < len(writes):
        await asyncio.wait(writes, timeout=PATIENCE_SECONDS)
    for write in writes:
        write.cancel()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    silence = f"not confirmed within {PATIENCE_SECONDS:.0f} s; it may have been written, and trying again does no harm"
    return [silence if isinstance(outcome, BaseException) else outcome for outcome in outcomes]


async def _write(producer: AIOKafkaProducer, letter: DeadLetter) -> str | None:
    entity_id = entity_id_of(letter.event)
    try:
        await producer.send_and_wait(letter.topic, letter.event, key=entity_id.encode() if entity_id else None)
    except KafkaError as error:
        return repr(error)
    return None
