"""Records that the consumer runs past while partitions are being assigned are read all the same."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bench.mix import event_mix
from config.settings import Settings
from streams.app import create_app
from streams.clock import clock_from
from streams.telemetry import Telemetry
from tests.integration.cluster import committed_offsets, make_topics, plan_of, produce, wait_until_applied

CLOCK = "2026-11-01T12:00:00Z"
EVENTS = 2_000


@pytest.fixture
def settings(fresh_settings: Settings) -> Settings:
    return fresh_settings.model_copy(update={"clock": CLOCK})


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[Any]:
    """Make a worker in this process, so that a test can take part in its rebalances; the test starts it."""
    plan = plan_of(settings)
    app, shards = create_app(settings, plan, clock_from(settings), Telemetry(plan.sources))
    yield app
    await app.stop()
    assert shards.failure is None


async def _run_past_everything(app: Any) -> None:
    """Move the consumer to the ends, as Faust does when it throws away what it fetched during a rebalance."""
    await app.consumer.seek_wait(await app.consumer.highwaters(*app.consumer.assignment()))


async def test_records_run_past_before_anything_is_committed(settings: Settings, app: Any) -> None:
    await make_topics(settings)
    await produce(settings, [json.loads(value) for _, _, value in event_mix(EVENTS, 3)])
    ran_past = asyncio.Event()

    async def run_past(*_: Any, **__: Any) -> None:
        await _run_past_everything(app)
        ran_past.set()

    app.on_rebalance_complete.connect(run_past, weak=False)
    await app.start()
    await wait_until_applied(settings, patience=30)

    assert ran_past.is_set()
    offsets = await committed_offsets(settings)
    assert sum(n for (topic, _), n in offsets.items() if topic != settings.links_topic) == EVENTS
