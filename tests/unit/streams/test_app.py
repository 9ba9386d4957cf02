"""What a worker does while a rebalance is under way in the consumer's thread."""

import asyncio
from contextlib import suppress
from typing import Any, NoReturn

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.app import Shards
from streams.owned import OwnedShard
from streams.telemetry import Telemetry

DEALS = "sales.deals"


class _Signal:
    def connect(self, *_: Any, **__: Any) -> None:
        pass


class _Consumer:
    """Its partitions were taken from it a moment ago."""

    asked = 0

    def highwater(self, _: Any) -> NoReturn:
        self.asked += 1
        raise AssertionError("Partition is not assigned")


class _App:
    on_partitions_revoked = on_rebalance_complete = on_before_shutdown = _Signal()
    rebalancing = True

    def __init__(self) -> None:
        self.consumer = _Consumer()


class _DueShard(OwnedShard):
    flushes = 0

    @property
    def due(self) -> bool:
        return True

    async def flush(self) -> tuple[float, int]:
        self.flushes += 1
        return 0.0, 0


async def test_a_partition_that_was_taken_meanwhile_has_nothing_waiting_and_ends_nothing() -> None:
    settings = Settings(flush_interval=0.01)
    plan = compile_plan(load(), settings.timezone, settings.currency)
    app, telemetry = _App(), Telemetry()
    shards = Shards(app, frozenset({DEALS}), plan, settings, lambda: 0, telemetry)
    owned = _DueShard(0, plan, settings, lambda: 0)
    owned.begin_at({DEALS: 100})
    shards._owned[0] = owned  # noqa: SLF001 - as it is until the worker hears of the rebalance
    flushing = asyncio.ensure_future(shards.flush_for_ever())
    done, _ = await asyncio.wait([flushing], timeout=0.2)
    flushing.cancel()
    with suppress(asyncio.CancelledError):
        await flushing
    await owned.close()

    assert not done
    assert app.consumer.asked
    assert owned.flushes
