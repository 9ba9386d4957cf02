"""A rebalance is brought to its end although what it waits for was cancelled; a worker that is to end does so."""

import asyncio
from typing import Any

import pytest

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.app import create_app
from streams.clock import clock_from
from streams.telemetry import Telemetry


@pytest.fixture
async def recovery() -> Any:
    """Make the service that ends the rebalances of an app, which is not started."""
    settings = Settings()
    plan = compile_plan(load(), settings.timezone, settings.currency)
    app, _ = create_app(settings, plan, clock_from(settings), Telemetry(plan.sources))
    return app.tables.recovery


async def test_a_rebalance_whose_seek_is_cancelled_is_ended_all_the_same(recovery: Any) -> None:
    attempts, ended = [], asyncio.Event()

    async def resume(generation_id: int = 0) -> None:
        attempts.append(generation_id)
        if len(attempts) == 1:
            raise asyncio.CancelledError  # as the consumer's thread tells of a request that it has given up
        ended.set()

    recovery._resume_streams = resume  # noqa: SLF001 - stands for what is cancelled
    task = asyncio.create_task(recovery._restart_recovery(recovery))  # noqa: SLF001 - Faust names it so
    recovery.signal_recovery_start.set()
    await asyncio.wait_for(ended.wait(), 5)
    assert len(attempts) == 2
    task.cancel()
    await asyncio.wait({task}, timeout=5)
    assert task.cancelled()
