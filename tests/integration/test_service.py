"""The whole service as processes: `salespulse worker` and `salespulse serve` on a real broker, asked over HTTP."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession
from prometheus_client.parser import text_string_to_metric_families

from config.settings import Settings
from metrics.calendar import parse_instant
from tests.golden.comparison import golden_declarations, golden_events, golden_expectations
from tests.integration.cluster import OK, ROOT, WorkerProcess, environment_of, make_topics, produce, wait_until_applied

T3 = list(golden_expectations())[-1]
OVERLAY = Path(__file__).parents[1] / "golden" / "catalogue.yaml"


@pytest.fixture
def settings(fresh_settings: Settings) -> Settings:
    return fresh_settings.model_copy(update={"clock": T3, "catalogue": (OVERLAY,)})


@pytest.fixture
def serving(settings: Settings, tmp_path: Path) -> Iterator[str]:
    """Start `salespulse serve`, and give its address."""
    environment = {**environment_of(settings), "SALESPULSE_HTTP_PORT": str(settings.http_port)}
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    yield f"http://127.0.0.1:{settings.http_port}"
    process.terminate()
    assert process.wait(10) == 0


async def _get(address: str) -> tuple[int, str]:
    try:
        async with ClientSession() as session, session.get(address) as response:
            return response.status, await response.text()
    except ClientError:
        return 0, ""


async def _until(address: str, status: int, within: float = 60.0) -> str:
    deadline = time.monotonic() + within
    while (answer := await _get(address))[0] != status:
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.2)
    return answer[1]


def _samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_the_service_serves_the_golden_values(settings: Settings, serving: str, tmp_path: Path) -> None:
    declarations = golden_declarations()
    arrived = [e for at, e in golden_events(declarations.sources) if at < parse_instant(T3)]
    await make_topics(settings)
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        await produce(settings, arrived)
        await wait_until_applied(settings)
        await _until(f"{serving}/readyz", OK)
        await asyncio.sleep(2)  # two ticks
        exposed = await _until(f"{serving}/metrics", OK)
        _promtool_accepts(exposed)
        _shows_the_golden_values(_samples(exposed))
        assert "Sales revenue" in await _until(f"{serving}/", OK)
        worker.kill()
        await _until(f"{serving}/readyz", 503)
    finally:
        worker.close()


def _shows_the_golden_values(samples: dict[Any, float]) -> None:
    month = (("window", "30d"),)
    assert samples["sales_revenue_euros", month] == 24_000.0
    assert samples["sales_revenue_by_team_euros", (("team", "noord"), ("window", "prev_month"))] == 12_000.0
    assert samples["sales_win_rate_ratio", month] == 0.8
    assert samples["sales_win_rate_numerator", month] == 4.0
    assert samples["sales_pipeline_value_euros", ()] == 22_181.82
    assert samples["sales_lead_waiting_age_max_seconds", ()] == 1_440_000.0
    # Nothing closed in November: the ratio has no series, its sides are there to say why.
    assert ("sales_win_rate_ratio", (("window", "mtd"),)) not in samples
    assert samples["sales_win_rate_denominator", (("window", "mtd"),)] == 0.0


def _promtool_accepts(exposed: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        if os.environ.get("CI"):
            pytest.fail("promtool is not installed; install Debian's package `prometheus`")
        return
    done = subprocess.run([promtool, "check", "metrics"], input=exposed, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
