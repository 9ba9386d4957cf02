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
from aiohttp import ClientSession
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from pydantic import SecretStr

from config.settings import Settings
from metrics.calendar import parse_instant
from streams.alerts.delivery import decode_delivery
from streams.alerts.hook import PATH
from streams.alerts.message import AlertMessages, encode_alert
from streams.clock import wall_clock
from streams.kafka import client_options
from tests.deliveries import Json, delivery, firing, resolved
from tests.golden.comparison import golden_declarations, golden_events, golden_expectations
from tests.integration.cluster import (
    ROOT,
    RedisServer,
    ServeProcess,
    WorkerProcess,
    make_topics,
    plan_of,
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


async def test_the_client_of_the_alerts_knows_which_fire_and_what_changes(
    fresh_settings: Settings, tmp_path: Path
) -> None:
    await make_topics(fresh_settings)
    view = ServeProcess(fresh_settings, tmp_path / "view.log")
    client = ("docs/examples/subscribe_alerts.py", fresh_settings.kafka, "--topic", fresh_settings.alerts_topic)
    try:
        await view.until_ready(ready=False)  # alerts are taken, though there is no worker
        await _deliver(view, firing(), firing("1" * 16), firing("2" * 16, team="zuid"))
        await _deliver(view, resolved("1" * 16))
        await _write_old_alert(fresh_settings, "3" * 16)
        head, *lines = (await _run(sys.executable, *client, "--once")).splitlines()
        assert (head, sorted(lines)) == (
            "alerts that fire: 2",
            [
                "firing WinRateLow team=noord (warning), since 2026-11-10T12:00:00.123Z: Win rate of noord is 12%",
                "firing WinRateLow team=zuid (warning), since 2026-11-10T12:00:00.123Z: Win rate of noord is 12%",
            ],
        )

        process = await asyncio.create_subprocess_exec(
            sys.executable, "-u", *client, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        assert process.stdout is not None
        for _ in range(3):
            await asyncio.wait_for(process.stdout.readline(), 20)
        await _deliver(view, firing("2" * 16, team="zuid"))  # told again
        await _deliver(view, resolved())
        line = (await asyncio.wait_for(process.stdout.readline(), 20)).decode()
        process.terminate()
        await process.wait()
    finally:
        view.close()

    assert line.startswith("resolved WinRateLow team=noord (warning), ended 2026-11-10T14:00:00.500Z: ")


async def _deliver(view: ServeProcess, *alerts: Json) -> None:
    async with ClientSession() as session, session.post(f"{view.address}{PATH}", json=delivery(*alerts)) as response:
        assert response.status == 200, await response.text()


async def _write_old_alert(settings: Settings, fingerprint: str) -> None:
    """Write an alert that fires as it was told 16 minutes ago, and not again; the topic must let us tell the time."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    config = {"cleanup.policy": "compact", "message.timestamp.type": "CreateTime"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, settings.alerts_topic, config)])
    await admin.close()
    alert = decode_delivery(json.dumps(delivery(firing(fingerprint))).encode()).alerts[0]
    value = encode_alert(AlertMessages(plan_of(settings)).message(alert))
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    try:
        told_ms = wall_clock() - 16 * 60_000
        await producer.send_and_wait(settings.alerts_topic, value, fingerprint.encode(), timestamp_ms=told_ms)
    finally:
        await producer.stop()


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
