"""The golden examples through a real broker, with two workers and four partitions."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from metrics.calendar import parse_instant
from tests.golden.comparison import (
    FIRST,
    SECOND,
    Comparison,
    Example,
    compare,
    golden_declarations,
    golden_events,
    golden_expectations,
    results_of,
)
from tests.integration.cluster import WorkerProcess, committed_view, make_topics, produce, wait_until_applied

Events = list[dict[str, Any]]
T1, T2, T3 = golden_expectations(FIRST)
U1, U2, U3 = golden_expectations(SECOND)


def _shuffled_with_duplicates(events: Events) -> Events:
    chance = random.Random(11)
    again = [*events, *chance.sample(events, len(events) // 4)]
    chance.shuffle(again)
    return again


def _settings_at(as_of: str, example: Example, fresh: Settings) -> Settings:
    return fresh.model_copy(update={"clock": as_of, "catalogue": (example.catalogue,)})


def _arrived(example: Example, as_of: str) -> Events:
    events = golden_events(golden_declarations(example).sources, example)
    return [e for at, e in events if at < parse_instant(as_of)]


async def _compared(settings: Settings, example: Example) -> Comparison:
    view = await committed_view(settings, parse_instant(settings.clock))
    return compare(results_of(view), settings.clock, golden_declarations(example), example)


@pytest.mark.parametrize(
    ("example", "as_of", "arrange"),
    [
        (FIRST, T1, list),
        (FIRST, T2, list),
        (FIRST, T3, list),
        (FIRST, T3, _shuffled_with_duplicates),
        (SECOND, U1, list),
        (SECOND, U2, list),
        (SECOND, U3, list),
        (SECOND, U3, _shuffled_with_duplicates),
    ],
    ids=["T1", "T2", "T3", "T3 shuffled with duplicates", "U1", "U2", "U3", "U3 shuffled with duplicates"],
)
async def test_every_value_comes_out_of_two_workers(
    fresh_settings: Settings, tmp_path: Path, example: Example, as_of: str, arrange: Callable[[Events], Events]
) -> None:
    settings = _settings_at(as_of, example, fresh_settings)
    await make_topics(settings)
    workers = [WorkerProcess(settings, tmp_path / f"worker-{i}.log") for i in range(2)]
    try:
        for worker in workers:  # else the first one may have done all the work before the second one joins
            await worker.until_ready()
        await produce(settings, arrange(_arrived(example, as_of)))
        await wait_until_applied(settings)
        found = await _compared(settings, example)
        assert all(w.log.read_text().count("shard opened") for w in workers)
    finally:
        for worker in workers:
            worker.close()
    assert found.differences == []
    assert found.values == len(golden_expectations(example)[as_of])


@pytest.mark.parametrize(("example", "as_of"), [(FIRST, T3), (SECOND, U3)], ids=["T3", "U3"])
async def test_events_one_at_a_time_with_a_restart_between_them(
    fresh_settings: Settings, tmp_path: Path, example: Example, as_of: str
) -> None:
    """Each event in a transaction of its own; the only worker is killed half-way and another one takes over."""
    settings = _settings_at(as_of, example, fresh_settings)
    arrived = _arrived(example, as_of)
    await make_topics(settings)
    worker = WorkerProcess(settings, tmp_path / "worker-0.log")
    try:
        for number, event in enumerate(arrived):
            if number == len(arrived) // 2:
                await wait_until_applied(settings)
                worker.kill()
                worker = WorkerProcess(settings, tmp_path / "worker-1.log")
            await produce(settings, [event])
        await wait_until_applied(settings)
        found = await _compared(settings, example)
    finally:
        worker.close()
    assert found.differences == []
    assert found.values == len(golden_expectations(example)[as_of])
