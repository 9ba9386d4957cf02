"""The clients and requests of docs/subscribe.md, as they stand there, against a running installation."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.settings import Settings
from metrics.calendar import parse_instant
from tests.golden.comparison import golden_declarations, golden_events, golden_expectations
from tests.integration.cluster import (
    ROOT,
    RedisServer,
    ServeProcess,
    WorkerProcess,
    make_topics,
    produce,
    wait_until_applied,
)
from tests.integration.subscribers import following, until_equal

T3 = list(golden_expectations())[-1]
OVERLAY = Path(__file__).parents[1] / "golden" / "catalogue.yaml"
PAGE = (ROOT / "docs/subscribe.md").read_text()
COMMANDS = re.findall(r"^curl .*", PAGE, re.MULTILINE)


@pytest.fixture
async def settings(fresh_settings: Settings, tmp_path: Path) -> AsyncIterator[Settings]:
    redis = RedisServer(tmp_path)
    yield fresh_settings.model_copy(
        update={"clock": T3, "catalogue": (OVERLAY,), "redis_url": SecretStr(redis.url), "partitions": 2}
    )
    redis.close()


@pytest.fixture
async def view(settings: Settings, tmp_path: Path) -> AsyncIterator[ServeProcess]:
    """Have the golden events evaluated, and published."""
    arrived = [e for at, e in golden_events(golden_declarations().sources) if at < parse_instant(T3)]
    await make_topics(settings)
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    view = ServeProcess(settings, tmp_path / "view.log")
    await produce(settings, arrived)
    await wait_until_applied(settings)
    await view.until_ready()
    yield view
    view.close()
    worker.close()


async def _run(*command: str) -> str:
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


async def test_the_clients_and_requests_of_the_manual_work(settings: Settings, view: ServeProcess) -> None:
    async with following(settings) as table:
        readings = await until_equal(table, view.address)

    kafka = ("docs/examples/subscribe_kafka.py", settings.kafka, "--topic", settings.kpis_topic)
    redis = ("docs/examples/subscribe_redis.py", str(settings.redis_url and settings.redis_url.get_secret_value()))
    from_kafka = await _run(sys.executable, *kafka, "--once")
    from_redis = await _run(sys.executable, *redis, "--prefix", settings.app_id, "--once")
    instant = T3.replace("Z", ".000Z") if "." not in T3 else T3
    assert from_kafka.splitlines()[0] == from_redis.splitlines()[0] == f"as of {instant}: {readings} readings"
    assert "revenue|30d| = 24000.00 EUR\n" in from_redis
    assert re.search(r"^revenue\|30d\| = 24000\.00 EUR \(revision \d+\)$", from_kafka, re.MULTILINE)
    assert len(from_kafka.splitlines()) == len(from_redis.splitlines()) > 300

    assert len(COMMANDS) == 6
    answers = [await _asked(view, command) for command in COMMANDS]
    assert "revenue" in [kpi["key"] for kpi in json.loads(answers[0])]
    totals = {r["kpi"]: r["value"] for r in json.loads(answers[1])}
    assert totals == {"revenue": "24000.00", "win_rate": "0.800000000000"}
    assert [r["dimensions"] for r in json.loads(answers[2])] == [{"team": "noord"}]
    assert [r["window"] for r in json.loads(answers[3])] == ["mtd"]
    page = json.loads(answers[4])
    assert page["value"] == json.loads(answers[2])[0]["value"]
    assert page["totals"]["entities"] == len(page["entities"])
    assert answers[5].startswith("id: ")
    assert "event: snapshot" in answers[5]


async def _asked(view: ServeProcess, command: str) -> str:
    """Run a command of the manual against the view's address; a stream for a moment only."""
    program, *arguments = shlex.split(command.replace("http://127.0.0.1:8080", view.address))
    if "-N" not in arguments:
        return await _run(program, "--fail-with-body", "--silent", "--show-error", *arguments)
    process = await asyncio.create_subprocess_exec(
        program, "--silent", *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    text = (await asyncio.wait_for(process.stdout.readuntil(b"\n\n"), 10)).decode()
    process.terminate()
    await process.wait()
    return text
