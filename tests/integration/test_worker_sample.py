"""The shipped sample, 20,000 opportunities, through Kafka into two workers, one of which is killed half-way."""

import asyncio
import csv
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from config.settings import Settings
from metrics.calendar import Window, bounds, parse_instant
from metrics.view import View
from tests.integration.cluster import (
    ROOT,
    WorkerProcess,
    committed_view,
    environment_of,
    make_topics,
    wait_until_applied,
)

CLOCK = "2021-11-10T23:00:00Z"
SAMPLE = ROOT / "sample" / "ms_regional_sales"
EVENTS = 40_000


def _reading(view: View, kpi: str, window: str) -> Fraction | None:
    return next(
        r.result.value
        for r in view.all_readings()
        if r.series.kpi.key == kpi and r.window == Window(window) and not r.series.grain and r.series.agg is None
    )


def _closed(window: str, view: View) -> Iterator[dict[str, str]]:
    """Yield the opportunities of the CSV that closed in the window: their dates are days of the zone, at 15:00 UTC."""
    days = bounds(Window(window), parse_instant(CLOCK), view.plan.calendar).panes
    with (SAMPLE / "opportunities.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["status"] != "Open" and days.first <= date.fromisoformat(row["close_date"]).toordinal() < days.last:
                yield row


def _check(view: View) -> None:
    assert _reading(view, "pipeline_value", "now") == 27_812_381_00
    assert _reading(view, "pipeline_weighted_value", "now") == Fraction(Decimal("10893405.50")) * 100
    assert _reading(view, "pipeline_deals", "now") == 5_333
    for window in ("7d", "30d", "90d", "mtd", "qtd", "prev_month", "prev_quarter"):
        closed = list(_closed(window, view))
        won = [row for row in closed if row["status"] == "Won"]
        assert _reading(view, "revenue", window) == sum(int(row["value"]) * 100 for row in won), window
        assert _reading(view, "win_rate", window) == Fraction(len(won), len(closed)), window


async def _replay(settings: Settings) -> None:
    command = [sys.executable, "-m", "streams.cli", "replay", str(SAMPLE / "opportunities.csv")]
    done = await asyncio.to_thread(
        subprocess.run,
        [*command, "--mapping", str(SAMPLE / "mapping.yaml")],
        cwd=ROOT,
        env=environment_of(settings),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert f"{EVENTS:,}".encode() in done.stdout + done.stderr


@pytest.mark.parametrize("kill", [False, True], ids=["undisturbed", "one worker killed"])
async def test_the_sample_gives_what_the_csv_says(
    fresh_settings: Settings,
    tmp_path: Path,
    kill: bool,  # noqa: FBT001 (a case)
) -> None:
    settings = fresh_settings.model_copy(update={"clock": CLOCK, "currency": "USD"})
    await make_topics(settings)
    workers = [WorkerProcess(settings, tmp_path / f"worker-{i}.log") for i in range(2)]
    try:
        for worker in workers:  # else one of them may have done all the work before the other one joins
            await worker.until_ready()
        replay = asyncio.create_task(_replay(settings))
        if kill:
            await _until_something_is_applied(workers[0])
            workers[0].kill()
        await replay
        await wait_until_applied(settings)
        view = await committed_view(settings, parse_instant(CLOCK))
    finally:
        for worker in workers:
            worker.close()
    _check(view)


async def _until_something_is_applied(worker: WorkerProcess) -> None:
    """Wait until a worker is at work: then to kill it is to kill it in the middle."""
    await worker.until_applied(100)
