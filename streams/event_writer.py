"""Write events to the input topics, as a well-behaved producer does: idempotent, batched, keyed by entity."""

import asyncio
import time
from contextlib import suppress
from typing import Any, Self

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, KafkaTimeoutError

from config.settings import Settings
from streams.envelope import Event, source_of
from streams.kafka import client_options, let_go, patient_producer, require_broker

_BATCH_BYTES, _LINGER_MS = 256 * 1024, 20
_BREATHE_EVERY = 500
_PATIENCE_SECONDS = 60.0


class WriteError(Exception):
    """Events could not be written. Reaction: stop and say so; what was acknowledged stays."""


class EventWriter:
    """A Kafka producer of events, used as `async with EventWriter(settings) as writer`.

    The key is the entity id, so one entity's events keep their order; the record's timestamp is the time of writing,
    never the event's (brokers delete by it). Leaving the block writes out what is pending.

    Args:
        settings: Where the brokers are and what the topics are called.
        source: Topic suffix for all events; without it each event goes where its type belongs.
    """

    def __init__(self, settings: Settings, source: str | None = None) -> None:
        self._settings, self._source = settings, source
        self._topics: dict[str, str] = {}
        self._producer: Any = None
        self._failure: BaseException | None = None
        self._written = 0
        self._stalled: tuple[int, float] | None = None
        """How many were confirmed, and when, as somebody began to wait for more."""
        self.acknowledged = 0
        """How many events the brokers have confirmed."""

    async def __aenter__(self) -> Self:
        self._producer = patient_producer(
            self._settings,
            enable_idempotence=True,
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            retry_backoff_ms=20,
        )
        try:
            await require_broker(self._settings)
            await self._producer.start()
        except (KafkaError, OSError) as error:
            await self._producer.stop()
            raise WriteError(str(error)) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        with suppress(WriteError):
            await self._confirmed()
        await let_go(self._producer)

    async def write(self, event: Event) -> None:
        """Hand over one event; waits when the brokers cannot keep up.

        Raises:
            WriteError: This event has no topic, or an earlier one was not accepted.
        """
        if self._failure is not None:
            raise WriteError(
                f"kafka did not accept an event: {self._failure!r}; the events before it are written"
            ) from None
        topic = await self._topic(event)
        key, value = event["entity_id"].encode(), msgspec.json.encode(event)
        try:
            pending = await self._sent(topic, value, key)
        except KafkaError as error:
            raise WriteError(f"kafka did not accept {event['type']} `{event['entity_id']}`: {error!r}") from None
        pending.add_done_callback(self._settle)
        self._written += 1
        if self._written % _BREATHE_EVERY == 0:
            await asyncio.sleep(0)

    async def flush(self) -> None:
        """Wait until everything handed over is acknowledged.

        Raises:
            WriteError: Something was not accepted.
        """
        await self._confirmed()
        await asyncio.sleep(0)  # the callbacks of the last batch
        if self._failure is not None:
            raise WriteError(
                f"kafka did not accept an event: {self._failure!r}; {self.acknowledged} were written"
            ) from None

    async def _sent(self, topic: str, value: bytes, key: bytes) -> "asyncio.Future[Any]":
        """Hand over a record; one that finds no place has to wait for others to be confirmed."""
        while True:
            try:
                found: asyncio.Future[Any] = await self._producer.send(topic, value, key=key)
            except KafkaTimeoutError:
                self._require_progress()
            else:
                return found

    async def _confirmed(self) -> None:
        """Wait until everything is confirmed, or refused: a producer that numbers its records would wait for ever."""
        flushing = asyncio.ensure_future(self._producer.flush())
        try:
            while not flushing.done():
                await asyncio.wait({flushing}, timeout=1.0)
                if not flushing.done():
                    self._require_progress()
        finally:
            flushing.cancel()

    def _require_progress(self) -> None:
        """Raise `WriteError` when the brokers have confirmed nothing for a minute of waiting."""
        now = time.monotonic()
        if self._stalled is None or self._stalled[0] != self.acknowledged:
            self._stalled = self.acknowledged, now
        elif now - self._stalled[1] > _PATIENCE_SECONDS:
            raise WriteError(
                f"kafka at `{self._settings.kafka}` has confirmed nothing for {_PATIENCE_SECONDS:.0f} s;"
                f" {self.acknowledged:,} events are written, begin again when it answers"
            )

    def _settle(self, pending: "asyncio.Future[Any]") -> None:
        if pending.cancelled():
            return
        failure = pending.exception()
        if failure is None:
            self.acknowledged += 1
        elif self._failure is None:
            self._failure = failure

    async def _topic(self, event: Event) -> str:
        found = self._topics.get(event["type"])
        if found is not None:
            return found
        try:
            topic = self._settings.input_topic(self._source or source_of(event))
        except ValueError as error:
            raise WriteError(str(error)) from None
        # Without this a missing topic would show as a time-out of forty seconds that names nothing, or be made wrongly.
        if topic not in await self._existing():
            raise WriteError(f"topic `{topic}` is not at `{self._settings.kafka}`; run `salespulse topics create`")
        self._topics[event["type"]] = topic
        return topic

    async def _existing(self) -> set[str]:
        admin = AIOKafkaAdminClient(**client_options(self._settings))
        try:
            await admin.start()
            return set(await admin.list_topics())
        except (KafkaError, OSError) as error:
            raise WriteError(f"kafka at `{self._settings.kafka}` does not tell its topics: {error!r}") from None
        finally:
            await admin.close()
