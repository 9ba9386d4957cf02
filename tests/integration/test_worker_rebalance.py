"""No record is left out when the consumer has run past it; a consumer that cannot join its group is noticed."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from bench.mix import event_mix
from config.settings import Settings
from metrics.calendar import parse_instant
from streams.app import Shards, create_app
from streams.clock import clock_from
from streams.telemetry import Telemetry
from tests.integration.cluster import make_topics, plan_of, produce, totals_equal, wait_until_applied

CLOCK = "2026-11-01T12:00:00Z"
EVENTS = [json.loads(value) for _, _, value in event_mix(2_000, 3)]
Worker = tuple[Any, Shards]


@pytest.fixture
def settings(fresh_settings: Settings) -> Settings:
    return fresh_settings.model_copy(update={"clock": CLOCK})


@pytest.fixture
async def worker(settings: Settings) -> AsyncIterator[Worker]:
    """Make a worker in this process, so that a test can take part in its rebalances; the test starts it."""
    plan = plan_of(settings)
    app, shards = create_app(settings, plan, clock_from(settings), Telemetry(plan.sources))
    yield app, shards
    await app.stop()
    assert shards.failure is None


async def _all_is_applied(settings: Settings) -> None:
    await wait_until_applied(settings, patience=30)
    await totals_equal(settings, EVENTS, parse_instant(CLOCK))


@pytest.mark.parametrize("share", [1.0, 0.5], ids=["to the end", "half-way"])
async def test_a_consumer_that_ran_past_records_before_anything_was_committed(
    settings: Settings, worker: Worker, share: float
) -> None:
    app, _ = worker
    await make_topics(settings)
    await produce(settings, EVENTS)
    ran_past = asyncio.Event()

    async def run_past(*_: Any, **__: Any) -> None:
        """Do as Faust does when it throws away what it fetched during a rebalance."""
        ends = await app.consumer.highwaters(*app.consumer.assignment())
        await app.consumer.seek_wait({tp: int(end * share) for tp, end in ends.items()})
        ran_past.set()

    app.on_rebalance_complete.connect(run_past, weak=False)
    await app.start()
    await _all_is_applied(settings)
    assert ran_past.is_set()


async def test_records_that_were_on_their_way_when_the_consumer_was_led_back(
    settings: Settings, worker: Worker
) -> None:
    app, shards = worker
    await make_topics(settings)
    assigned = asyncio.Event()

    async def have(*_: Any, **__: Any) -> None:
        assigned.set()

    app.on_rebalance_complete.connect(have, weak=False)
    await app.start()
    await assigned.wait()
    await asyncio.sleep(10 * settings.flush_interval)
    deals = settings.input_topic("deals")
    for partition in range(settings.partitions):
        await shards.apply([ConsumerRecord(deals, partition, 7, 0, 0, None, b"{}", None, 0, 0, ())])
    await produce(settings, EVENTS)
    await _all_is_applied(settings)


async def test_a_consumer_that_knows_no_broker_to_ask_for_its_group_ends_the_app(
    settings: Settings, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, _ = worker
    await make_topics(settings)

    async def look_up(*_: Any) -> int:
        raise AssertionError("Did we not perform bootstrap?")  # as aiokafka does when a broker told of none and went

    monkeypatch.setattr(AIOKafkaClient, "coordinator_lookup", look_up)
    await app.start()
    await asyncio.wait_for(app.wait_until_stopped(), 10)
    assert app.crashed
    assert isinstance(app.crash_reason, KafkaError)
