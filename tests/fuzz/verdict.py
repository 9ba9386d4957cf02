"""Compare what a worker made of the records on its sources with a recomputation from the same records."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from config.settings import Settings
from metrics.shard import Record, Shard
from metrics.view import View
from streams.dead_letters import letter_of, rule_of
from streams.kafka import client_options
from tests.fuzz.outcome import Outcome
from tests.integration.cluster import committed_view, plan_of

LONGEST_REASON = 1_000
_LARGEST_FETCH = 9 * 1024 * 1024
Refused = dict[tuple[str, int, int], int]
"""By topic, partition and offset: the hash of the bytes."""


async def verify(settings: Settings, as_of: int, outcome: Outcome) -> None:
    """Take down in `outcome` all that is not as a recomputation in one shard says."""
    shard, expected = Shard(plan_of(settings), as_of), View(plan_of(settings))
    refused = await _recomputed(settings, shard, expected)
    outcome.entities = shard.size
    _check_counts(outcome, shard.counts)
    await _check_letters(settings, refused, outcome)
    expected.tick(as_of)
    found, wanted = _readings(await committed_view(settings, as_of)), _readings(expected)
    outcome.faults += [
        f"{where}: {found.get(where)}, recomputed {wanted.get(where)}"
        for where in sorted(found.keys() | wanted.keys(), key=str)
        if found.get(where) != wanted.get(where)
    ]


async def _recomputed(settings: Settings, shard: Shard, view: View) -> Refused:
    """Apply all records to one shard and give a view the cells; return what was refused."""
    refused: Refused = {}
    for source, plan in shard.plan.sources.items():
        topic = settings.input_topic(plan.source.topic)
        for partition in range(settings.partitions):
            async for batch in _batches(settings, topic, partition):
                shard.apply(source, [Record(r.value, r.timestamp, r.offset, partition) for r in batch])
                sealed = shard.seal()
                for record in (r.record for r in sealed.rejected):
                    refused[topic, partition, record.offset] = hash(record.value)
                _show(view, sealed.cells)
                shard.apply_links(sealed.links)
    while sealed := shard.seal():
        _show(view, sealed.cells)
        shard.apply_links(sealed.links)
    return refused


def _show(view: View, cells: Sequence[tuple[bytes, bytes | None]]) -> None:
    for key, value in cells:
        view.apply(0, key, value)


def _readings(view: View) -> Mapping[Any, Any]:
    return {(r.series.kpi.key, r.series.agg, r.series.grain, r.window, r.dims): r.result for r in view.all_readings()}


def _check_counts(outcome: Outcome, counts: Mapping[tuple[str, str], int]) -> None:
    expected: dict[str, int] = {}
    for (_, name), n in counts.items():
        expected[name] = expected.get(name, 0) + n
    told = outcome.outcomes
    for name in ("rejected", "null"):
        outcome.check(told.get(name, 0) == expected.get(name, 0), f"{name}: {told.get(name)}, not {expected.get(name)}")
    # One that belongs elsewhere is counted there once more.
    once = sum(told.values()) - told.get("misrouted", 0)
    outcome.check(once == outcome.records, f"{once} outcomes of {outcome.records} records")


async def _check_letters(settings: Settings, refused: Refused, outcome: Outcome) -> None:
    """Check that each refused record has one letter, with its bytes and a reason, and nothing else has one."""
    topic, left = settings.dead_letters_topic, dict(refused)
    for partition in range(settings.partitions):
        async for batch in _batches(settings, topic, partition):
            for record in batch:
                letter = letter_of(record.key, record.value, record.timestamp)
                if letter is None:
                    outcome.faults.append(f"no letter: {record.value[:200]!r}")
                    continue
                outcome.letters += 1
                outcome.largest_letter = max(outcome.largest_letter, len(record.value))
                outcome.reasons[rule_of(letter.reason)] += 1
                known = left.pop((letter.topic, letter.partition, letter.offset), None)
                outcome.check(known is not None, f"a letter that is not expected, or a second one: {letter.key}")
                outcome.check(known in {None, hash(letter.event)}, f"other bytes in letter {letter.key}")
                said = 0 < len(letter.reason) <= LONGEST_REASON and letter.reason.isprintable()
                outcome.check(said, f"letter {letter.key} has the reason {letter.reason[:200]!r}")
    outcome.check(not left, f"{len(left)} refused records have no letter, such as {list(left)[:3]}")


async def _batches(settings: Settings, topic: str, partition: int) -> AsyncIterator[Sequence[Any]]:
    """Yield the committed records of a partition."""
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings),
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=_LARGEST_FETCH,
    )
    await consumer.start()
    try:
        tp = TopicPartition(topic, partition)
        consumer.assign([tp])
        end = (await consumer.end_offsets([tp]))[tp]
        while await consumer.position(tp) < end:
            for batch in (await consumer.getmany(tp, timeout_ms=500)).values():
                yield batch
    finally:
        await consumer.stop()
