"""What a worker does while a rebalance is under way in the consumer's thread, and when the clock was put back."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.app import Shards
from streams.clock import ClockPutBackError
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
        self.consumer: Any = _Consumer()
        self.crashes: list[BaseException] = []

    async def crash(self, error: BaseException) -> None:
        self.crashes.append(error)


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


async def test_a_clock_that_was_put_back_ends_the_state_and_is_no_failed_flush() -> None:
    settings, told = Settings(flush_interval=0.01), [1_700_003_600_000]
    plan = compile_plan(load(), settings.timezone, settings.currency)
    app, telemetry = _App(), Telemetry()
    shards = Shards(app, frozenset({DEALS}), plan, settings, lambda: told[0], telemetry)
    owned = OwnedShard(0, plan, settings, lambda: told[0])
    owned.begin_at({DEALS: 100})
    owned.pending = 1
    shards._owned[0] = owned  # noqa: SLF001 - as it is after a rebalance
    told[0] -= 3_600_000
    with pytest.raises(ClockPutBackError):
        await shards.flush_for_ever()
    await owned.close()

    assert [type(error) for error in app.crashes] == [ClockPutBackError]
    assert shards.failure is app.crashes[0]
    assert not shards.ready()[0]
    assert telemetry.registry.get_sample_value("salespulse_fenced_flushes_total") == 0


class _QuickConsumer(_Consumer):
    """What is read again is delivered before the call that sought it returns; and it is delivered once."""

    shards: Shards

    async def seek_wait(self, positions: Mapping[Any, int]) -> None:
        for tp, offset in positions.items():
            await self.shards.apply([ConsumerRecord(tp.topic, tp.partition, offset, 0, 0, b"d", None, 0, 0, 0, ())])


async def test_what_is_read_again_counts_although_the_seek_is_not_over() -> None:
    settings = Settings()
    plan = compile_plan(load(), settings.timezone, settings.currency)
    app = _App()
    app.rebalancing, app.consumer = False, _QuickConsumer()
    shards = app.consumer.shards = Shards(app, frozenset({DEALS}), plan, settings, lambda: 0, Telemetry())
    owned = OwnedShard(0, plan, settings, lambda: 0)
    owned.begin_at({DEALS: 100})
    shards._owned[0], shards._astray = owned, {TP(DEALS, 0)}  # noqa: SLF001 - as after a rebalance
    await shards._seek_strays()  # noqa: SLF001 - what flushing does each time
    await owned.close()

    assert owned.positions == {DEALS: 101}
