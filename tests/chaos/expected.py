"""What a run must end with: a recomputation of its events in one shard, kept in a file for the runs that share it."""

import asyncio
import fcntl
import json
import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.broker import dies_with
from tests.cells import Cell
from tests.chaos.feed import Feed
from tests.chaos.scenario import Declared
from tests.integration.cluster import ROOT

Letter = tuple[str, bytes, str]
"""(source, event, reason) of a refused event."""
Spelt = tuple[Any, ...]
"""(KPI, aggregate, grain, window, dimension values) of a reading."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What there must be in the end.

    Attributes:
        readings: the results, by the names of the readings.
        cells: the sums of every cell that is not zero.
        entities: the state of every entity, by its key.
        references: the records of plans and rates.
        published: every reading as it is told to others, without its revision, by its key.
        letters: what is refused.
    """

    readings: Mapping[Spelt, Any]
    cells: Mapping[Cell, list[int]]
    entities: Mapping[bytes, bytes]
    references: Mapping[bytes, bytes | None]
    published: Mapping[str, dict[str, Any]]
    letters: frozenset[Letter]


async def expected_of(feed: Feed, declared: Declared, folder: Path) -> Expected:
    """Return what a feed must end with; worked out by a process of its own, once for all runs that use the folder."""
    name = f"{feed.mix}-{feed.events}-{declared}"
    file = folder / f"{name}.pickle"
    with (folder / f"{name}.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        if not file.exists():
            told = json.dumps({"mix": feed.mix, "events": feed.events, "declared": declared})
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.recompute", told, str(file)),
                cwd=ROOT,
                preexec_fn=dies_with(os.getpid()),
            )
            if await process.wait():
                raise RuntimeError(f"the recomputation of `{name}` failed")
    return await asyncio.to_thread(_read, file)


def _read(file: Path) -> Expected:
    with file.open("rb") as stored:
        expected: Expected = pickle.load(stored)  # noqa: S301 - written by ourselves a moment ago
    return expected


def spell(reading: Any) -> Spelt:
    """Return what a reading is called, whatever plan it is of."""
    return reading.series.kpi.key, reading.series.agg, reading.series.grain, reading.window, reading.dims
