"""The topic `sales.alerts`: a record for each delivered alert, written in the order in which they are delivered.

The newest record of a key holds. A delivery tells nothing of its own age, but Alertmanager sends the next one of a
group only when the last one was answered, or given up: so whatever comes here is written in its turn.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from config.settings import Settings
from streams.kafka import client_options

CONFIRM_SECONDS = 10.0
"""How long a delivery may take; Alertmanager must be told before it begins the next one, after its `group_interval`."""
_CLOSE_SECONDS = 2.0
_RETRY_MS = 250
_REQUEST_BYTES = 8 * 1024 * 1024
KeyedRecord = tuple[bytes, bytes]


class NotWrittenError(Exception):
    """Kafka did not confirm the records. Reaction: say so to who delivered them, and have them delivered again."""


class AlertTopic:
    """Writes to the topic; connects at the first record, and anew after a failure."""

    def __init__(self, settings: Settings) -> None:
        """Begin without a connection."""
        self._settings = settings
        self._producer: Any = None
        self._turn = asyncio.Lock()

    async def write(self, records: Sequence[KeyedRecord]) -> None:
        """Write records and wait until all are confirmed by every replica that is in step.

        Records that were not confirmed in time may still be written later, before those of the next call.

        Raises:
            NotWrittenError: not all were confirmed in time.
        """
        try:
            async with asyncio.timeout(CONFIRM_SECONDS), self._turn:
                await self._write(records)
        except TimeoutError:
            raise NotWrittenError(
                f"kafka at `{self._settings.kafka}` did not confirm within {CONFIRM_SECONDS:.0f} s"
            ) from None
        except (KafkaError, OSError) as error:
            raise NotWrittenError(f"kafka at `{self._settings.kafka}` does not take alerts: {error}") from error

    async def _write(self, records: Sequence[KeyedRecord]) -> None:
        try:
            if self._producer is None:
                self._producer = await self._connected()
            sent = [await self._producer.send(self._settings.alerts_topic, value, key) for key, value in records]
            await asyncio.gather(*sent)
        except (KafkaError, OSError):
            await self.close()
            raise

    async def _connected(self) -> Any:
        producer = AIOKafkaProducer(
            **client_options(self._settings),
            enable_idempotence=True,  # and so `acks=all`, and no record twice or out of order because it was sent again
            retry_backoff_ms=_RETRY_MS,
            max_request_size=_REQUEST_BYTES,
        )
        try:
            await producer.start()
            await self._check_topic(producer)
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _check_topic(self, producer: Any) -> None:
        # All topics are asked for: a question about one would make it, on a cluster that makes them by itself.
        if not (await producer.client.fetch_all_metadata()).partitions_for_topic(self._settings.alerts_topic):
            raise KafkaError(f"topic `{self._settings.alerts_topic}` is not there; run `salespulse topics create`")

    async def close(self) -> None:
        """Let go of the connection; what waits for a broker is given up, and will be delivered again."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            await asyncio.wait_for(producer.stop(), _CLOSE_SECONDS)
        except (KafkaError, TimeoutError):
            producer._sender.sender_task.cancel()  # noqa: SLF001 - aiokafka has no other way to give up
            await producer.client.close()
