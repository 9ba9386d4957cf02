"""Secrets are planted in every setting that holds one, and commands fail: nowhere does a word of them show."""

import asyncio
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.settings import PREFIX, SECRETS, Settings, load_settings
from streams.cli import COMMANDS, main
from tests.broker import free_port
from tests.integration.cluster import ROOT, environment_of

PLANTED = {
    "kafka_sasl_password": "planted-kafka",
    "redis_url": "rediss://planted-user:planted-redis@127.0.0.1:1/0",
    "http_token": "planted-token",
}
ENDING: Mapping[str, tuple[str, ...]] = {
    "check": (),
    "kpis": ("list",),
    "explain": ("revenue",),
    "topics": ("check",),
    "dead-letters": ("list",),
    "report": ("no-such-file.jsonl",),
    "replay": ("no-such-file.jsonl",),
    "render": ("nonsense",),
}
"""The commands that end by themselves, with their arguments."""
STAYING = ("worker", "serve", "simulate")
OTHERS = {"run", "demo"}
"""`run` starts the first two, and `demo` speaks to nobody."""


def planted(**more: str) -> dict[str, str]:
    """Return the environment of a process that has nothing to talk to."""
    return {
        **environment_of(Settings()),
        **{PREFIX + name.upper(): value for name, value in PLANTED.items()},
        "SALESPULSE_KAFKA": "127.0.0.1:1",
        "SALESPULSE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "SALESPULSE_KAFKA_SASL_MECHANISM": "PLAIN",
        "SALESPULSE_KAFKA_SASL_USERNAME": "somebody",
        "SALESPULSE_LOG_LEVEL": "DEBUG",
        **more,
    }


def test_the_plan_is_complete() -> None:
    assert PLANTED.keys() == set(SECRETS)
    assert {*ENDING, *STAYING, *OTHERS} == COMMANDS.keys()


@pytest.mark.parametrize("command", ENDING)
def test_a_command_tells_no_secret(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in planted().items():
        monkeypatch.setenv(name, value)
    arguments = [str(tmp_path / part) if part.startswith("no-such") else part for part in ENDING[command]]
    for line in ([command, *arguments], [command, "--help"]):
        done = CliRunner().invoke(main, line)
        told = done.output + ("".join(traceback.format_exception(done.exception)) if done.exception else "")
        assert "planted" not in told
        assert done.output


async def test_a_process_that_waits_tells_no_secret(tmp_path: Path) -> None:
    """All at once, each with its log in both shapes between them."""
    logs, processes = [tmp_path / command for command in STAYING], []
    for number, log in enumerate(logs):
        ports = {"SALESPULSE_HTTP_PORT": str(free_port()), "SALESPULSE_WORKER_HTTP_PORT": str(free_port())}
        shape = {"SALESPULSE_LOG_FORMAT": ("json", "console")[number % 2]}
        line = [sys.executable, "-m", "streams.cli", log.name]
        with log.open("wb") as output:
            processes.append(
                await asyncio.create_subprocess_exec(
                    *line, cwd=ROOT, env=planted(**ports, **shape), stdout=output, stderr=output
                )
            )
    try:
        for log in logs:
            await _until_it_says_something(log)
        await asyncio.sleep(6)  # a view without Redis takes itself for the only one after five seconds
    finally:
        for process in processes:
            if process.returncode is None:
                process.terminate()
        await asyncio.gather(*(process.wait() for process in processes))
    for log in logs:
        text = log.read_text()
        assert "planted" not in text
        assert "Traceback" not in text


async def _until_it_says_something(log: Path) -> None:
    for _ in range(300):
        if _size(log):
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(f"`{log.name}` says nothing")


def _size(log: Path) -> int:
    return log.stat().st_size


def test_settings_and_what_goes_wrong_with_them_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in planted().items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    shown = [repr(settings), str(settings), settings.model_dump_json(), f"{settings!r:.5000}", str(vars(settings))]
    try:
        settings.redis_url.nonsense  # type: ignore[union-attr] # noqa: B018 - a mistake, whose traceback is looked at
    except AttributeError as error:
        report = traceback.TracebackException.from_exception(error, capture_locals=True)
        shown.append("".join(report.format()))
    assert "settings" in shown[-1]
    for text in shown:
        assert not any(secret in text for secret in ("planted-kafka", "planted-redis", "planted-token"))
