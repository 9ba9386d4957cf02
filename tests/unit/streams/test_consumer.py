"""What is read again is delivered again: the shard decides what is new, not Faust."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

from faust.types import TP, Message

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.app import create_app
from streams.telemetry import Telemetry

DEALS = TP("sales.deals", 0)


def message(offset: int) -> Message:
    return Message(DEALS.topic, DEALS.partition, offset, 0.0, 0, None, None, b"", None)


async def test_records_before_the_last_delivered_one_are_delivered_too() -> None:
    settings = Settings()
    plan = compile_plan(load(), settings.timezone, settings.currency)
    app, _ = create_app(settings, plan, lambda: 0, Telemetry())
    offsets: list[int] = []

    async def take(one: Message) -> None:
        offsets.append(one.offset)

    consumer: Any = app.transport.create_consumer(take, on_partitions_revoked=None, on_partitions_assigned=None)

    async def getmany(timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ARG001, ASYNC109 - as Faust's
        yield DEALS, message(120)  # was on its way when the partition was sought back
        for offset in (109, 119):
            yield DEALS, message(offset)
        consumer._stopped.set()  # noqa: SLF001 - ends the loop that delivers

    consumer.getmany = getmany
    await consumer._drain_messages(SimpleNamespace(_stopped=consumer._stopped))  # noqa: SLF001 - Faust's loop
    consumer._thread.thread_loop.close()  # noqa: SLF001 - it would run in a thread of its own

    assert offsets == [120, 109, 119]
