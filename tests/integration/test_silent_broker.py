"""A broker that is frozen: connections stay and answers do not come. Nobody waits for it for ever."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError

from config.settings import Settings
from streams import event_writer, recovery
from streams.event_writer import EventWriter, WriteError
from streams.kafka import client_options, let_go, transaction, transactional_producer
from streams.recovery import read_committed
from streams.topics import NoLeaderError, check_topics, ensure_topics
from tests.broker import Broker
from tests.integration.cluster import ROOT, ServeProcess, WorkerProcess, environment_of, make_topics
from tests.integration.conftest import settings_for

STOP_SECONDS = 10.0
"""Docker waits so long for a process that is to end."""
DEAL = {
    "event_id": "e", "type": "deal", "entity_id": "d", "updated_at": "2026-01-01T00:00:00Z", "op": "delete",
}  # fmt: skip


@pytest.fixture
async def settings(private_broker: Broker) -> Settings:
    settings = settings_for(private_broker.address).model_copy(update={"partitions": 2})
    await make_topics(settings)
    return settings


async def test_processes_end_when_they_are_told_to(settings: Settings, private_broker: Broker, tmp_path: Path) -> None:
    worker, view = WorkerProcess(settings, tmp_path / "worker.log"), ServeProcess(settings, tmp_path / "view.log")
    try:
        await asyncio.gather(worker.until_ready(), view.until_ready())
        private_broker.pause()
        await asyncio.sleep(3)  # something is under way by now that cannot end
        ends = await asyncio.gather(*(asyncio.to_thread(process.terminate) for process in (worker, view)))
    finally:
        worker.close()
        view.close()

    assert [code for code, _ in ends] == [0, 0]
    assert max(seconds for _, seconds in ends) < STOP_SECONDS


async def test_commands_say_that_no_broker_answers(settings: Settings, private_broker: Broker, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text('{"type": "deal", "entity_id": "d", "updated_at": "2026-01-01T00:00:00Z", "op": "delete"}\n')
    private_broker.pause()

    commands = (["topics", "check"], ["dead-letters", "list"], ["replay", str(events)])
    done = await asyncio.gather(*(asyncio.to_thread(_run, settings, arguments) for arguments in commands))

    assert [process.returncode for process in done] == [1, 1, 1]
    for process in done:
        assert f"no kafka broker answers at `{settings.kafka}`" in process.stderr


def _run(settings: Settings, arguments: list[str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "streams.cli", *arguments]
    return subprocess.run(
        command, cwd=ROOT, env=environment_of(settings), capture_output=True, text=True, timeout=60, check=False
    )


async def test_reading_ends_with_an_error_when_the_broker_falls_silent_in_the_middle(
    settings: Settings, private_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "_PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr(recovery, "_AT_ONCE", 1)
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    for number in range(40):  # a megabyte each: more than is fetched at once
        await producer.send_and_wait(settings.dead_letters_topic, bytes([number]) * 900_000, partition=0)
    await producer.stop()

    read = []

    async def read_all() -> None:
        async for records in read_committed(settings, [TopicPartition(settings.dead_letters_topic, 0)]):
            private_broker.pause()
            read.extend(records)

    with pytest.raises(KafkaTimeoutError, match=r"told nothing of `.*dead-letters` partition 0 for 1 s"):
        await read_all()
    assert 0 < len(read) < 40


async def test_a_transaction_that_no_broker_ends_is_left(settings: Settings, private_broker: Broker) -> None:
    producer = transactional_producer(settings, "test", timeout_ms=10_000)
    await producer.start()

    async def write() -> None:
        async with transaction(producer):
            await producer.send_and_wait(settings.cells_topic, b"1", b"k", partition=0)
            private_broker.pause()
            raise KeyError

    with pytest.raises(KeyError):
        await asyncio.wait_for(write(), STOP_SECONDS)
    await asyncio.wait_for(let_go(producer), STOP_SECONDS)


async def test_a_writer_gives_up_when_nothing_is_confirmed_any_more(
    settings: Settings, private_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_writer, "_PATIENCE_SECONDS", 1.0)

    async def write() -> None:
        async with EventWriter(settings) as writer:
            await writer.write(_deal())
            await writer.flush()
            private_broker.pause()
            await writer.write(_deal())
            await writer.flush()

    with pytest.raises(WriteError, match=r"has confirmed nothing for 1 s; 1 events are written, begin again when it"):
        await asyncio.wait_for(write(), 30)


def _deal() -> Any:
    return dict(DEAL)


async def test_a_list_of_servers_of_which_one_is_dead_will_do(settings: Settings) -> None:
    dead_first = settings.model_copy(update={"kafka": f"nowhere.invalid:9092,127.0.0.1:1,{settings.kafka}"})
    assert await ensure_topics(dead_first, ()) == []
    with pytest.raises(KafkaError, match=r"no kafka broker answers at `nowhere\.invalid:9092`"):
        await check_topics(settings.model_copy(update={"kafka": "nowhere.invalid:9092"}), ())
    assert issubclass(NoLeaderError, KafkaError)  # so a worker waits instead of ending
