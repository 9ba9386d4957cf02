"""Waiting for a broker, and the broker of the tests itself."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import Settings
from streams.kafka import wait_for_broker
from streams.topics import check_topics, ensure_topics
from tests.broker import Broker, NoBrokerError, free_port
from tests.integration.conftest import settings_for


async def test_nothing_is_said_when_the_broker_is_there(fresh_settings: Settings) -> None:
    said: list[str] = []

    await wait_for_broker(fresh_settings, said.append)

    assert said == []


async def test_waiting_ends_when_the_broker_comes(idle_broker: Broker, caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []
    settings = settings_for(idle_broker.address)

    waiting = asyncio.create_task(wait_for_broker(settings, said.append))
    await asyncio.sleep(1)
    assert not waiting.done()
    await asyncio.to_thread(idle_broker.start)
    await asyncio.wait_for(waiting, 30)

    assert said[0].startswith(f"no kafka broker answers at `{idle_broker.address}` (Unable connect to ")
    assert said[0].endswith("still trying: start the broker, or set `SALESPULSE_KAFKA` to where it is")
    assert said[-1].startswith(f"kafka broker at `{idle_broker.address}` answers after ")
    assert caplog.records == []


async def test_complaints_keep_their_distance() -> None:
    said: list[str] = []
    settings = settings_for(f"127.0.0.1:{free_port()}")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wait_for_broker(settings, said.append, longest_pause=0.02, say_every=0.4), 1.0)

    assert 2 <= len(said) <= 3


async def test_a_server_that_never_answers_is_no_broker() -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = settings_for(f"127.0.0.1:{silent.getsockname()[1]}")
        waiting = wait_for_broker(settings, said.append, answer_within=0.2, longest_pause=0.1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting, 1.0)

    assert len(said) == 1


async def test_other_tasks_keep_their_log_while_one_waits(caplog: pytest.LogCaptureFixture) -> None:
    waiting = asyncio.create_task(wait_for_broker(settings_for(f"127.0.0.1:{free_port()}"), lambda _: None))
    await asyncio.sleep(0.1)
    logging.getLogger("aiokafka").warning("heard")
    waiting.cancel()

    assert [record.getMessage() for record in caplog.records] == ["heard"]


async def test_a_broker_keeps_its_data_when_it_is_stopped_and_killed(private_broker: Broker) -> None:
    settings = settings_for(private_broker.address)
    await ensure_topics(settings, ("deals",))

    await asyncio.to_thread(private_broker.restart)
    assert await check_topics(settings, ("deals",)) == []

    await asyncio.to_thread(private_broker.kill)
    await asyncio.to_thread(private_broker.start)
    assert await check_topics(settings, ("deals",)) == []


async def test_a_paused_broker_does_not_answer_until_it_goes_on(private_broker: Broker) -> None:
    settings = settings_for(private_broker.address)
    private_broker.pause()
    waiting = asyncio.create_task(wait_for_broker(settings, lambda _: None, answer_within=0.3, longest_pause=0.1))
    await asyncio.sleep(1)
    assert not waiting.done()

    private_broker.resume()
    await asyncio.wait_for(waiting, 10)


@pytest.mark.usefixtures("idle_broker")  # skips where Java is missing
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_broker_dies_with_its_parent(tmp_path: Path) -> None:
    program = """
import time
from tests.broker import Broker
broker = Broker(private=True).start()
print(broker._control._process.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=os.environ | {"TMPDIR": str(tmp_path)}
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()

    assert _ends(pid)


@pytest.mark.usefixtures("idle_broker")  # skips where Java is missing
def test_the_program_tells_its_address_and_ends_on_a_signal() -> None:
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.broker", "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(2)]
        program.send_signal(signal.SIGINT)

    assert lines == [
        f"kafka broker at 127.0.0.1:{port}; Ctrl-C ends it\n",
        f"export SALESPULSE_KAFKA=127.0.0.1:{port}\n",
    ]
    assert program.returncode == 0


def test_a_given_broker_is_taken_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESPULSE_KAFKA", "kafka.example:9092")

    with Broker() as given:
        assert given.address == "kafka.example:9092"
        with pytest.raises(NoBrokerError, match=r"`kafka.example:9092` is not ours to control"):
            given.kill()


def test_without_java_the_reason_and_the_remedy_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(
        NoBrokerError,
        match=r"no kafka broker: there is no `java`, and docker compose does not work; install Java 17 and Maven, or",
    ):
        Broker()


@pytest.mark.usefixtures("idle_broker")  # skips where Java is missing
def test_a_port_that_is_taken_is_shown_in_the_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        broker = Broker(server.getsockname()[1], private=True)
        with pytest.raises(NoBrokerError, match=r"(?s)ended with code 1 at its start; the end of its log .*in use"):
            broker.start()
        broker.close()


def _ends(pid: int) -> bool:
    """Return whether the process is gone, or only its entry is left, within five seconds."""
    for _ in range(50):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state in "ZX":
            return True
        signal.sigtimedwait([], 0.1)
    return False
