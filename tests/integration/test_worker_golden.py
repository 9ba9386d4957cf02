"""The golden example through a real broker, with two workers and four partitions."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from metrics.calendar import parse_instant
from tests.golden.comparison import compare, golden_declarations, golden_events, golden_expectations, results_of
from tests.integration.cluster import WorkerProcess, committed_view, make_topics, produce, wait_until_applied

Events = list[dict[str, Any]]
T1, T2, T3 = golden_expectations()
OVERLAY = Path(__file__).parents[1] / "golden" / "catalogue.yaml"
VALUES = 56


def _shuffled_with_duplicates(events: Events) -> Events:
    chance = random.Random(11)
    again = [*events, *chance.sample(events, 10)]
    chance.shuffle(again)
    return again


@pytest.mark.parametrize(
    ("as_of", "arrange"),
    [(T1, list), (T2, list), (T3, list), (T3, _shuffled_with_duplicates)],
    ids=["T1", "T2", "T3", "T3 shuffled with duplicates"],
)
async def test_every_value_comes_out_of_two_workers(
    fresh_settings: Settings, tmp_path: Path, as_of: str, arrange: Callable[[Events], Events]
) -> None:
    settings = fresh_settings.model_copy(update={"clock": as_of, "catalogue": (OVERLAY,)})
    declarations = golden_declarations()
    arrived = [e for at, e in golden_events(declarations.sources) if at < parse_instant(as_of)]
    await make_topics(settings)
    workers = [WorkerProcess(settings, tmp_path / f"worker-{i}.log") for i in range(2)]
    try:
        for worker in workers:  # else the first one may have done all the work before the second one joins
            await worker.until_ready()
        await produce(settings, arrange(arrived))
        await wait_until_applied(settings)
        found = compare(results_of(await committed_view(settings, parse_instant(as_of))), as_of, declarations)
        assert all(w.log.read_text().count("shard opened") for w in workers)
    finally:
        for worker in workers:
            worker.close()
    assert found.differences == []
    assert found.values == VALUES


async def test_events_one_at_a_time_with_a_restart_between_them(fresh_settings: Settings, tmp_path: Path) -> None:
    """Each event in a transaction of its own; the only worker is killed half-way and another one takes over."""
    settings = fresh_settings.model_copy(update={"clock": T3, "catalogue": (OVERLAY,)})
    declarations = golden_declarations()
    arrived = [e for at, e in golden_events(declarations.sources) if at < parse_instant(T3)]
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
        found = compare(results_of(await committed_view(settings, parse_instant(T3))), T3, declarations)
    finally:
        worker.close()
    assert found.differences == []
    assert found.values == VALUES
