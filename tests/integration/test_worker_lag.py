"""The lag that a worker tells is what waits, and not what a producer's transactions leave behind."""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from bench.mix import event_mix
from config.settings import Settings
from streams.kafka import client_options
from tests.integration.cluster import WorkerProcess, make_topics, plan_of

EVENTS = [json.loads(value) for _, _, value in event_mix(300, 3)]


async def test_markers_of_transactions_do_not_wait(fresh_settings: Settings, tmp_path: Path) -> None:
    settings = fresh_settings.model_copy(update={"clock": "2026-11-01T12:00:00Z"})
    await make_topics(settings)
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    try:
        await worker.until_ready()
        await _produce_in_transactions(settings)
        await worker.until_applied(len(EVENTS))
        await _until_nothing_waits(worker)
    finally:
        worker.close()


async def _produce_in_transactions(settings: Settings) -> None:
    topics = {key: settings.input_topic(s.source.topic) for key, s in plan_of(settings).sources.items()}
    producer: Any = AIOKafkaProducer(**client_options(settings), transactional_id=f"{settings.app_id}-crm")
    await producer.start()
    try:
        for start in range(0, len(EVENTS), 50):
            async with producer.transaction():
                for event in EVENTS[start : start + 50]:
                    value, key = json.dumps(event).encode(), event["entity_id"].encode()
                    await producer.send(topics[event["type"]], value, key)
    finally:
        await producer.stop()


async def _until_nothing_waits(worker: WorkerProcess, within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while True:
        _, text = await worker.get("/metrics")
        lags = re.findall(r"^salespulse_consumer_lag{.*} (\S+)$", text, re.MULTILINE)
        if lags and set(lags) == {"0.0"}:
            return
        assert time.monotonic() < deadline, lags
        await asyncio.sleep(0.5)
