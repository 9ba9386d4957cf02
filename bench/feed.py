"""The feed of a run: events in the order and partitions of their production, made once and kept in a file.

As a program (``python -m bench.feed FILE``) it loads a feed, waits for a line on its standard input, and produces
everything as fast as it can, so that the consumer is behind from the first moment on.
"""

import asyncio
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from bench import mix, mix_others, population, sales, workloads
from bench.mix import Wire
from bench.workloads import Totals, Workload
from config.settings import Settings
from metrics.partitions import home_partition
from streams.kafka import client_options

CACHE = Path(__file__).parent / "results" / "feeds"
PARTITIONS = 8
_PIECE = 20_000
_LENGTH_BYTES = 4
_encode = msgspec.msgpack.Encoder().encode


class Portion(msgspec.Struct):
    """Consecutive records of one partition."""

    topic: str
    """Without the prefix."""
    partition: int
    records: list[tuple[bytes, bytes]]


_decode = msgspec.msgpack.Decoder(Portion).decode


@dataclass(frozen=True)
class Feed:
    """What a file of events holds."""

    path: Path
    events: int
    counts: dict[str, list[int]]
    """The number of records by topic and partition."""
    totals: Totals
    """What a plain loop over the events adds up to."""


def feed_of(workload: Workload, events: int) -> Feed:
    """Return the feed of a workload; make it when it is not kept from an earlier run."""
    path = CACHE / f"{workload.name}-{events}-{_fingerprint()}.feed"
    summary = path.with_suffix(".json")
    if not summary.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        _drop_outdated(workload)
        feed = _make(workload, events, path)
        summary.write_text(json.dumps(asdict(feed) | {"path": str(path)}))
    return Feed(**json.loads(summary.read_text()) | {"path": path})


def _fingerprint() -> str:
    """Return what changes when the events, or the loops over them, do."""
    sources = [Path(str(module.__file__)).read_bytes() for module in (mix, mix_others, population, sales, workloads)]
    return hashlib.sha256(b"".join(sources)).hexdigest()[:12]


def _drop_outdated(workload: Workload) -> None:
    """Remove the feeds of earlier versions of the events: they are large, and never used again."""
    for old in CACHE.glob(f"{workload.name}-*"):
        if _fingerprint() not in old.name:
            old.unlink()


def _make(workload: Workload, events: int, path: Path) -> Feed:
    topics = {key: source.topic for key, source in workload.load().sources.items()}
    counts: dict[str, list[int]] = {}
    with path.open("wb") as file:
        for portion in _portions(workload.events(events), topics):
            counts.setdefault(portion.topic, [0] * PARTITIONS)[portion.partition] += len(portion.records)
            encoded = _encode(portion)
            file.write(len(encoded).to_bytes(_LENGTH_BYTES, "little") + encoded)
    totals = workload.totals(value for portion in read(path) for _, value in portion.records)
    return Feed(path, events, counts, totals)


def _portions(events: Iterator[Wire], topics: dict[str, str]) -> Iterator[Portion]:
    """Yield the events in pieces, each by its partitions, as a producer's batches would be."""
    homes: dict[bytes, int] = {}
    while piece := list(islice(events, _PIECE)):
        found: dict[tuple[str, int], list[tuple[bytes, bytes]]] = defaultdict(list)
        for source, key, value in piece:
            home = homes.get(key)
            if home is None:
                home = homes[key] = home_partition(key, PARTITIONS)
            found[topics[source], home].append((key, value))
        for (topic, partition), records in sorted(found.items()):
            yield Portion(topic, partition, records)


def read(path: Path) -> Iterator[Portion]:
    """Yield the portions of a feed in the order of their production."""
    with path.open("rb") as file:
        while length := file.read(_LENGTH_BYTES):
            yield _decode(file.read(int.from_bytes(length, "little")))


# -------------------------------------------------------------------------------------------------------------- produce


async def _produce(portions: Iterable[Portion], settings: Settings) -> None:
    producer: Any = AIOKafkaProducer(**client_options(settings), max_batch_size=400_000, enable_idempotence=True)
    await producer.start()
    sys.stdout.write("loaded\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        sends = [send for portion in portions for send in await _send(producer, portion, settings)]
        await asyncio.gather(*sends)
    finally:
        await producer.stop()


async def _send(producer: Any, portion: Portion, settings: Settings) -> list[Any]:
    topic, partition = settings.input_topic(portion.topic), portion.partition
    sends = []
    batch = producer.create_batch()
    for key, value in portion.records:
        if batch.append(key=key, value=value, timestamp=None) is None:
            sends.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    sends.append(await producer.send_batch(batch, topic, partition=partition))
    return sends


if __name__ == "__main__":
    asyncio.run(_produce(list(read(Path(sys.argv[1]))), Settings()))
