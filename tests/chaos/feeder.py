"""Write a feed to Kafka at its pace, whatever happens to the broker: each record until it is acknowledged.

    python -m tests.chaos.feeder '{"mix": 1, "events": 1000, "shuffled": false, "rate": 500.0}'

A record may be written twice, when an acknowledgement is lost; none is left out.
"""

import asyncio
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bench.mix import Wire
from config.settings import Settings
from metrics.partitions import home_partitions
from streams.kafka import client_options, send_batches
from tests.chaos.feed import ASTRAY, Feed
from tests.integration.cluster import plan_of

_AT_ONCE = 2_000
_ANSWER_SECONDS = 15
_PAUSE_SECONDS = 0.5
Pair = tuple[bytes, bytes]
Waiting = dict[tuple[str, int], list[Pair]]


class Feeder:
    """An idempotent producer that begins anew after each failure."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._producer: Any = None
        self.repeats = 0
        """How often a list of records was written once more."""

    async def deliver(self, waiting: Waiting) -> None:
        """Write records until all are acknowledged."""
        while waiting:
            try:
                producer = await self._started()
                sends = {place: await self._send(producer, *place, pairs) for place, pairs in waiting.items()}
                results = await asyncio.gather(*sends.values(), return_exceptions=True)
                for place, done in zip(sends, results, strict=True):
                    if not isinstance(done, BaseException):
                        del waiting[place]
                if not waiting:
                    return
            except (KafkaError, OSError, TimeoutError):
                pass
            self.repeats += 1
            await self.stop()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _started(self) -> Any:
        if self._producer is None:
            producer: Any = AIOKafkaProducer(
                **client_options(self._settings) | {"request_timeout_ms": _ANSWER_SECONDS * 1000},
                enable_idempotence=True,
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    @staticmethod
    async def _send(producer: Any, topic: str, partition: int, pairs: Iterable[Pair]) -> Any:
        records = ((key, value, ()) for key, value in pairs)
        return asyncio.gather(*[send async for send, _ in send_batches(producer, topic, partition, records)])

    async def stop(self) -> None:
        """Let go of the producer, without waiting for what it has not written."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(producer.stop(), _PAUSE_SECONDS)


def _placed(
    wires: Iterable[Wire], topics: Mapping[str, str], partitions: int, astray: random.Random | None
) -> Iterator[tuple[int, Waiting]]:
    """Yield the number of records, and the records by topic and partition; some in the partition of another shard."""
    left = iter(wires)
    while chunk := list(islice(left, _AT_ONCE)):
        waiting: Waiting = defaultdict(list)
        homes = home_partitions([key for _, key, _ in chunk], partitions)
        for (source, key, value), home in zip(chunk, homes, strict=True):
            lost = astray is not None and astray.random() < ASTRAY
            waiting[topics[source], (home + lost) % partitions].append((key, value))
        yield len(chunk), waiting


async def _feed(settings: Settings, feed: Feed, rate: float) -> None:
    topics = {key: settings.input_topic(s.source.topic) for key, s in plan_of(settings).sources.items()}
    feeder = Feeder(settings)
    begun, written = time.monotonic(), 0
    astray = random.Random(feed.mix) if feed.shuffled else None
    for count, waiting in _placed(feed.wire(), topics, settings.partitions, astray):
        await asyncio.sleep(begun + written / rate - time.monotonic())
        await feeder.deliver(waiting)
        written += count
    await feeder.stop()
    seconds = time.monotonic() - begun
    print(f"{written:,} records in {seconds:.0f} s, {feeder.repeats} times written again", flush=True)


if __name__ == "__main__":
    _told = json.loads(sys.argv[1])
    _rate = _told.pop("rate")
    asyncio.run(_feed(Settings(), Feed(**_told), _rate))
