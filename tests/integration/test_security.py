"""Kafka by TLS with users that may do only what the guide has them allowed, on a real broker; and who is kept out."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from ssl import SSLContext
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, TCPConnector
from pydantic import SecretStr

from bench.mix import event_mix
from config.settings import Settings
from config.tls import TlsFiles, client_context
from streams.kafka import NoBrokerAnswersError, may_join, require_broker
from tests.authority import Authority
from tests.deliveries import delivery, firing
from tests.integration.cluster import (
    ROOT,
    ServeProcess,
    WorkerProcess,
    environment_of,
    produce,
    totals_equal,
    wait_until_applied,
)
from tests.integration.conftest import settings_for
from tests.integration.secure_redis import SecureRedis
from tests.secure_broker import SecureBroker

CLOCK = "2026-11-01T12:00:00Z"
CLOCK_MS = 1_793_534_400_000
TYPES = {"deal", "lead", "activity", "customer"}
"""The sources of the topics that the guide's producer may write."""


@pytest.fixture(scope="module")
def broker() -> Iterator[SecureBroker]:
    broker = SecureBroker()
    try:
        yield broker.start()
    finally:
        broker.close()


@pytest.fixture
def settings(broker: SecureBroker) -> Settings:
    fresh = settings_for("localhost:1").model_copy(update={"partitions": 2, "clock": CLOCK})
    return broker.settings(fresh, "salespulse-worker")


def _events(n: int) -> list[dict[str, Any]]:
    return [msgspec.json.decode(value) for source, _, value in event_mix(n) if source in TYPES]


async def _run(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run one of our commands to its end."""
    command = [sys.executable, "-m", "streams.cli", *arguments]
    environment = environment_of(settings)
    return await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


async def _said(settings: Settings, *arguments: str) -> str:
    done = await _run(settings, *arguments)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


async def _until_logged(process: WorkerProcess | ServeProcess, text: str) -> None:
    for _ in range(300):
        if text in process.log.read_text():
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"`{text}` is not in the log; its end:\n{process.log.read_text()[-2_000:]}")


async def _until_metric(process: ServeProcess, line: str) -> None:
    """Wait until a line of the metrics is there."""
    for _ in range(300):
        _, text = await process.get("/metrics")
        if f"\n{line}" in text:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"{line} is not there; the end of the log:\n{process.log.read_text()[-2_000:]}")


async def _deliver(url: str, trust: SSLContext) -> None:
    """Deliver an alert, without the token and with it."""
    body, bearer = msgspec.json.encode(delivery(firing())), {"Authorization": "Bearer planted-token"}
    async with ClientSession(connector=TCPConnector(ssl=trust)) as client:
        async with client.post(url, data=body) as response:
            assert response.status == 401
        async with client.post(url, data=body, headers=bearer) as response:
            assert (response.status, await response.json()) == (200, {"written": 1})


async def _answers(process: WorkerProcess | ServeProcess, *paths: str) -> list[str]:
    """Return what is answered, which must be good."""
    found = [await process.get(path) for path in paths]
    assert [status for status, _ in found] == [200] * len(paths), found
    return [text for _, text in found]


@pytest.fixture
def redis(settings: Settings, tmp_path: Path) -> Iterator[SecureRedis]:
    server = SecureRedis(tmp_path, settings.app_id)
    yield server
    server.close()


async def test_everything_works_by_tls_and_each_user_may_do_no_more_than_the_guide_says(
    broker: SecureBroker, settings: Settings, redis: SecureRedis, tmp_path: Path
) -> None:
    certificate, key = broker.authority.certify("web", "DNS:localhost", "IP:127.0.0.1")
    http = {"http_ssl_certfile": certificate, "http_ssl_keyfile": key, "http_ssl_cafile": broker.authority.cafile}
    settings = settings.model_copy(update={**http, "http_token": SecretStr("planted-token")})

    def of(user: str, mechanism: str = "SCRAM-SHA-512") -> Settings:
        return broker.settings(settings, f"salespulse-{user}", mechanism)

    await broker.allow(settings)
    made = await _said(of("setup"), "topics", "create")
    assert f"made topic {settings.cells_topic}\n" in made
    assert made.endswith("all topics are as they must be\n")

    loud = {"SALESPULSE_LOG_LEVEL": "DEBUG"}
    worker = WorkerProcess(of("worker"), tmp_path / "worker.log", **loud)
    serve = ServeProcess(
        redis.settings(of("view", "PLAIN")), tmp_path / "serve.log", **loud, SALESPULSE_LOG_FORMAT="json"
    )
    try:
        events = _events(500)
        file = tmp_path / "events.jsonl"
        file.write_bytes(msgspec.json.Encoder().encode_lines(events))
        await _said(of("producer", "SCRAM-SHA-256"), "replay", str(file))
        await produce(of("producer"), [{**events[0], "event_id": "refused", "updated_at": "never"}])
        await wait_until_applied(broker.inside(settings))
        await totals_equal(broker.inside(settings), events, CLOCK_MS)

        listed = await _said(of("operator"), "dead-letters", "list", "--format", "json")
        assert [letter["type"] for letter in msgspec.json.decode(listed)["letters"]] == ["deal"]
        answers = [made, listed]

        await serve.until_ready()
        await _until_metric(serve, "salespulse_redis_in_step 1.0")
        trust = client_context(TlsFiles(broker.authority.cafile, None, None))
        await _deliver(f"{serve.address}/hooks/alertmanager", trust)
        of_view = ("/", "/metrics", "/api/v1/openapi.json", "/readyz", "/api/v1/readings/revenue/entities?window=ytd")
        answers += [*await _answers(serve, *of_view), *await _answers(worker, "/metrics", "/readyz", "/healthz")]

        # The user's password is another one from now on: Redis is left alone, and the rest goes on.
        redis.administer("ACL", "SETUSER", "salespulse", "resetpass", ">another")
        redis.administer("CLIENT", "KILL", "USER", "salespulse")
        await _until_logged(serve, "set `SALESPULSE_REDIS_URL` to user and password of one that Redis knows")
        await _until_metric(serve, "salespulse_redis_in_step 0.0")
        await _answers(serve, "/readyz")
        assert (await asyncio.to_thread(worker.terminate))[0] == 0
        assert (await asyncio.to_thread(serve.terminate))[0] == 0
    finally:
        worker.close()
        serve.close()
    logs = [worker.log.read_text(), serve.log.read_text()]
    assert "aiokafka" in logs[0]  # the libraries have said all they have to say
    assert "via PLAIN" in logs[1]
    for text in (*logs, *answers):
        assert [word for word in ("planted", "Traceback", "AuthorizationFailed") if word in text] == []


# ------------------------------------------------------------------------------------------------------ who is kept out


def _wrong(broker: SecureBroker, settings: Settings, what: str, folder: Path) -> Settings:
    """Return settings that are right but for one thing."""
    changes: Mapping[str, Mapping[str, Any]] = {
        "password": {"kafka_sasl_password": SecretStr("planted-wrong")},
        "user": {"kafka_sasl_username": "nobody"},
        "authority": {"kafka_ssl_cafile": Authority(folder, "other").cafile},
        "name": {"kafka": f"127.0.0.1:{broker.port}"},
        "plain": {
            "kafka_security_protocol": "PLAINTEXT",
            **dict.fromkeys((f"kafka_sasl_{n}" for n in ("mechanism", "username", "password")), None),
            "kafka_ssl_cafile": None,
        },
        "no TLS": {"kafka_security_protocol": "SASL_PLAINTEXT", "kafka_ssl_cafile": None},
    }
    return settings.model_copy(update=changes[what])


CLUES = {
    "password": "the broker does not let in user `salespulse-worker` by `SCRAM-SHA-512`; set"
    " `SALESPULSE_KAFKA_SASL_USERNAME` and `SALESPULSE_KAFKA_SASL_PASSWORD` to those of a user that it knows",
    "user": "the broker does not let in user `nobody`",
    "authority": "set `SALESPULSE_KAFKA_SSL_CAFILE` to a file with its authority",
    "name": "the certificate is for another host; set `SALESPULSE_KAFKA` to a name that stands in it",
    "plain": "if it wants TLS or a user, set `SALESPULSE_KAFKA_SECURITY_PROTOCOL`",
    "no TLS": "set `SALESPULSE_KAFKA_SECURITY_PROTOCOL`",
}


# A connection whose handshake failed is dropped by asyncio when its garbage is collected, with a warning now and then.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("what", CLUES)
async def test_who_is_not_let_in_is_told_the_setting_and_no_secret(
    broker: SecureBroker, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    with pytest.raises(NoBrokerAnswersError) as caught:
        await require_broker(_wrong(broker, settings, what, tmp_path))
    assert CLUES[what] in str(caught.value)
    assert "planted" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caplog.records == []  # it is said once


async def test_who_may_not_use_the_group_is_known_before_it_waits_for_ever(
    broker: SecureBroker, settings: Settings
) -> None:
    await broker.allow(settings)
    assert await may_join(broker.settings(settings, "salespulse-worker"))
    assert not await may_join(broker.settings(settings, "salespulse-view"))


async def test_a_command_ends_with_that_one_line(broker: SecureBroker, settings: Settings, tmp_path: Path) -> None:
    done = await _run(_wrong(broker, settings, "password", tmp_path), "topics", "check")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert CLUES["password"] in line


async def test_a_worker_and_a_view_wait_until_they_are_let_in_and_say_so(
    broker: SecureBroker, settings: Settings, tmp_path: Path
) -> None:
    """Passwords are changed, and users made, while programs run: who ended would have to be started again."""
    wrong = _wrong(broker, settings, "password", tmp_path)
    worker, serve = WorkerProcess(wrong, tmp_path / "worker.log"), ServeProcess(wrong, tmp_path / "serve.log")
    try:
        for process in (worker, serve):
            await process.until_ready(ready=False)
            await _until_logged(process, "does not let in")
            assert process.process.poll() is None
            log = process.log.read_text()
            assert CLUES["password"] in log
            assert "Traceback" not in log
            assert "planted" not in log
        status, text = await worker.get("/readyz")
        assert (status, "SALESPULSE_KAFKA_SASL_PASSWORD" in text) == (503, True)
        assert (await asyncio.to_thread(worker.terminate))[0] == 0
        assert (await asyncio.to_thread(serve.terminate))[0] == 0
    finally:
        worker.close()
        serve.close()
