"""A steady load: ``python -m bench.load EVENTS_A_SECOND SECONDS`` produces the event mix of the last hours at a pace.

It makes the events first, says `loaded`, waits for a line on its standard input, and then produces.
"""

import asyncio
import sys
import time
from collections import defaultdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from aiokafka import AIOKafkaProducer

from bench.mix import event_mix, mix_ends_at
from config.load import load
from config.settings import Settings
from metrics.partitions import home_partition
from streams.kafka import client_options, send_batches

_STEP_SECONDS = 0.1


async def _produce(rate: int, seconds: int, settings: Settings) -> None:
    topics = {key: settings.input_topic(source.topic) for key, source in load().sources.items()}
    count = rate * seconds
    begins = datetime.now(UTC) - (mix_ends_at(count) - mix_ends_at(0))
    events = list(event_mix(count, begins=begins))
    producer: Any = AIOKafkaProducer(**client_options(settings), max_batch_size=400_000, enable_idempotence=True)
    await producer.start()
    sys.stdout.write("loaded\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)
    begun, feed, step = time.monotonic(), iter(events), round(rate * _STEP_SECONDS)
    number = 0
    while piece := list(islice(feed, step)):
        found: dict[tuple[str, int], list[Any]] = defaultdict(list)
        for source, key, value in piece:
            found[topics[source], home_partition(key, settings.partitions)].append((key, value, ()))
        sends = []
        for (topic, partition), records in found.items():
            sends += [send async for send, _ in send_batches(producer, topic, partition, records)]
        await asyncio.gather(*sends)
        number += 1
        await asyncio.sleep(max(0.0, begun + number * _STEP_SECONDS - time.monotonic()))
    sys.stdout.write(f"produced in {time.monotonic() - begun:.1f} s\n")
    await producer.stop()


if __name__ == "__main__":
    asyncio.run(_produce(int(sys.argv[1]), int(sys.argv[2]), Settings()))
