"""What is refused can be listed, shown and written once more, with a real worker on a real broker."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from config.settings import Settings
from streams.kafka import client_options
from tests.integration.cluster import (
    ROOT,
    WorkerProcess,
    committed_entities,
    environment_of,
    make_topics,
)

RETURNS = """
sources:
  - key: goods_return
    topic: goods-returns
    fields:
      returned_at: {type: timestamp, required: true}
"""
MENDED = (
    RETURNS
    + """
      why: {type: string}
"""
)
ENVELOPE = {"event_id": "e-1", "type": "goods_return", "op": "put", "updated_at": "2026-09-01T08:00:00Z"}
UNDECLARED = json.dumps(
    ENVELOPE | {"entity_id": "R-1", "data": {"returned_at": "2026-09-01T08:00:00Z", "why": "é"}}
).encode()
GOOD = json.dumps(ENVELOPE | {"entity_id": "R-2", "data": {"returned_at": "2026-09-01T08:00:00Z"}}).encode()
GARBAGE = b'\xff\x00 {"no json'
WITHIN_SECONDS = 30.0


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "returns.yaml"
    path.write_text(RETURNS)
    return path


@pytest.fixture
def settings(fresh_settings: Settings, catalogue: Path) -> Settings:
    return fresh_settings.model_copy(update={"partitions": 2, "catalogue": (catalogue,)})


async def _run(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "streams.cli", "dead-letters", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment_of(settings), capture_output=True, check=False, timeout=30
    )


async def _said(settings: Settings, *arguments: str) -> bytes:
    done = await _run(settings, *arguments)
    assert done.returncode == 0, done.stderr.decode()
    return bytes(done.stdout)


async def _listed(settings: Settings, until: Callable[[Mapping[str, Any]], bool]) -> Mapping[str, Any]:
    """Return what the list says once it is as expected."""
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        document: Mapping[str, Any] = json.loads(await _said(settings, "list", "--format", "json"))
        if until(document):
            return document
        assert time.monotonic() < deadline, document
        await asyncio.sleep(0.1)


async def _produce(settings: Settings, values: Mapping[str, bytes]) -> None:
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    try:
        for key, value in values.items():
            await producer.send_and_wait(settings.input_topic("goods-returns"), value, key=key.encode())
    finally:
        await producer.stop()


async def _records(settings: Settings) -> list[tuple[bytes | None, bytes | None]]:
    """Return keys and values of all events on the topic, in the order of their times."""
    topic = settings.input_topic("goods-returns")
    consumer: Any = AIOKafkaConsumer(topic, **client_options(settings), auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[Any] = []
        while len(found) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
    finally:
        await consumer.stop()
    return [(r.key, r.value) for r in sorted(found, key=lambda r: r.timestamp)]


@contextmanager
def _worker(settings: Settings, folder: Path) -> Any:
    worker = WorkerProcess(settings, folder / "worker.log")
    try:
        yield worker
    finally:
        worker.close()


async def test_refused_events_are_listed_shown_and_applied_once_their_cause_is_mended(
    settings: Settings, catalogue: Path, tmp_path: Path
) -> None:
    await make_topics(settings)
    assert b"no dead letters" in await _said(settings, "list")
    with _worker(settings, tmp_path) as worker:
        await _produce(settings, {"R-1": UNDECLARED, "R-2": GOOD, "R-3": GARBAGE})
        document = await _listed(settings, lambda found: found["count"] == 2)
        code, _ = await asyncio.to_thread(worker.terminate)
        assert code == 0

    keys = {of["reason"].partition(" ")[0]: of["key"] for of in document["letters"]}
    garbage = keys.pop("JSON")
    (undeclared,) = keys.values()
    table = (await _said(settings, "list", "--since", "1h", "--type", "goods_return")).decode()
    assert f"\n{undeclared}  20" in f"\n{table}"
    assert "unknown field `why`" in table
    assert "\n2 dead letters\n" in table
    assert b"no dead letters" in await _said(settings, "list", "--type", "deal")
    _, partition, offset = undeclared.split("/")
    shown = (await _said(settings, "show", undeclared)).decode()
    assert '\n    "why": "\\u00e9"\n' in shown
    assert f"{settings.input_topic('goods-returns')}, partition {partition}, offset {offset}" in shown
    assert await _said(settings, "show", undeclared, "--raw") == UNDECLARED
    assert await _said(settings, "show", garbage, "--raw") == GARBAGE

    await asyncio.to_thread(catalogue.write_text, MENDED)
    dry = await _said(settings, "retry", "--all", "--dry-run")
    assert b"2 events would be written" in dry
    assert len(await _records(settings)) == 3
    with _worker(settings, tmp_path) as worker:
        await worker.until_ready()
        said = (await _said(settings, "retry", undeclared, garbage)).decode()
        assert f"wrote {undeclared} to `{settings.input_topic('goods-returns')}` with key `R-1`" in said
        assert f"wrote {garbage} to `{settings.input_topic('goods-returns')}` without a key" in said
        assert "2 events written" in said
        document = await _listed(settings, lambda found: found["count"] == 3)
        await worker.until_applied(1)
        code, _ = await asyncio.to_thread(worker.terminate)
        assert code == 0

    assert sorted((await _records(settings))[3:], key=str) == sorted([(b"R-1", UNDECLARED), (None, GARBAGE)], key=str)
    newest = document["letters"][0]["key"]
    assert newest not in {undeclared, garbage}
    assert await _said(settings, "show", newest, "--raw") == GARBAGE
    assert await committed_entities(settings) == 2
    assert b"1 event would be written" in await _said(settings, "retry", garbage, newest, "--dry-run")


async def test_what_is_unknown_or_missing_ends_with_1_and_the_remedy(settings: Settings) -> None:
    missing = await _run(settings, "list")
    assert missing.returncode == 1
    assert f"topic `{settings.dead_letters_topic}` is not at" in missing.stderr.decode()
    assert "run `salespulse topics create`" in missing.stderr.decode()

    await make_topics(settings)
    for arguments in (["show", "deal/0/99"], ["retry", "deal/0/99"]):
        unknown = await _run(settings, *arguments)
        assert (unknown.returncode, unknown.stdout) == (1, b"")
        assert "no dead letter `deal/0/99` is on" in unknown.stderr.decode()
    nothing = await _run(settings, "retry", "--all", "--yes")
    assert (nothing.returncode, nothing.stdout) == (0, b"0 events written\n")
