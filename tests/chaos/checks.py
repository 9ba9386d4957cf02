"""What must hold when a run is over; every check says how much it compared, and what differs."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from config.settings import Settings
from metrics.shard import Shard
from streams.recovery import read_tables
from tests.chaos.committed import Published, committed_cells, dead_letters, mirrored
from tests.chaos.expected import Expected, spell
from tests.chaos.scenario import CLOCK_MS
from tests.entities import entities_in
from tests.integration.cluster import plan_of

_SHOWN = 3


@dataclass(slots=True)
class Report:
    """How much was compared, by what it is, and what was found to differ."""

    compared: Counter[str] = field(default_factory=Counter)
    mismatches: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)

    def equal(self, what: str, found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
        """Compare two tables, entry by entry."""
        self.compared[what] += len(expected)
        keys = found.keys() | expected.keys()
        self.none(what, [(k, found.get(k), expected.get(k)) for k in keys if found.get(k) != expected.get(k)])

    def none(self, what: str, differing: Iterable[Any]) -> None:
        """Take note of what should not be there."""
        found = list(differing)
        if found:
            self.mismatches[what] += len(found)
            shown = "; ".join(repr(one)[:600] for one in found[:_SHOWN])
            self.texts.append(f"{what}: {len(found)} differ (found, expected): {shown}")


async def check_cells(report: Report, settings: Settings, expected: Expected) -> None:
    """Compare every reading, and every cell, of what is committed with the recomputation."""
    found = await committed_cells(settings, plan_of(settings))
    report.equal("readings", {spell(r): r.result for r in found.view.all_readings()}, expected.readings)
    report.equal("cells", found.cells, {cell: sums for cell, sums in expected.cells.items() if any(sums)})
    report.equal("references", found.references, expected.references)
    report.none("cells of no cuboid", found.strangers)


async def check_entities(report: Report, settings: Settings, expected: Expected) -> None:
    """Compare every entity with the recomputation, and the cells of each shard with those made of its entities."""
    found: dict[bytes, bytes] = {}
    for partition in range(settings.partitions):
        tables = await read_tables(settings, [settings.entities_topic, settings.cells_topic], partition)
        shard = Shard(plan_of(settings), CLOCK_MS, partition, settings.partitions)
        shard.restore(tables[settings.entities_topic], tables[settings.cells_topic])
        report.none("cells after a restart", shard.seal().cells)
        theirs = entities_in(shard)
        report.none("entities of two shards", found.keys() & theirs.keys())
        found |= theirs
    report.equal("entities", found, expected.entities)


async def check_topic(report: Report, topic: Published, expected: Expected, patience: float) -> None:
    """Compare the topic of the readings with the recomputation, as soon as it has come so far, and number by number."""
    await _until_equal(topic, expected, patience)
    report.equal("published readings", topic.content(), expected.published)
    report.compared["revisions"] += sum(map(len, topic.revisions.values()))
    report.none("revisions", topic.faulty_revisions().items())


async def _until_equal(topic: Published, expected: Expected, patience: float) -> None:
    deadline = time.monotonic() + patience
    await topic.read_on()
    while topic.content() != expected.published and time.monotonic() < deadline:
        await asyncio.sleep(1)
        await topic.read_on()


async def check_redis(report: Report, settings: Settings, expected: Expected, patience: float) -> None:
    """Compare the readings in Redis with the recomputation, as soon as they have come so far."""
    deadline = time.monotonic() + patience
    found = await mirrored(settings)
    while found != expected.published and time.monotonic() < deadline:
        await asyncio.sleep(1)
        found = await mirrored(settings)
    report.equal("readings in redis", found, expected.published)


async def check_letters(report: Report, settings: Settings, expected: Expected) -> None:
    """Compare the dead letters with what the recomputation refuses; each record is refused once."""
    letters = await dead_letters(settings)
    found = {(one["type"], one["event"].encode(), one["reason"]) for one in letters}
    report.compared["dead letters"] += len(expected.letters)
    report.none("dead letters too many", found - expected.letters)
    report.none("dead letters missing", expected.letters - found)
    places = Counter((one["topic"], one["partition"], one["offset"]) for one in letters)
    report.none("dead letters of one record", [place for place, count in places.items() if count > 1])
