"""The stage for the pictures: a Prometheus with a past of some days, and a live installation that it watches."""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, Protocol
from zoneinfo import ZoneInfo

from config.load import load
from config.settings import Settings
from grafana.render import history
from grafana.render.installation import SERVE, VIEW, Installation, installed
from grafana.render.life import Life
from grafana.render.monitor import Monitor
from metrics.plan import compile_plan
from streams.clock import wall_clock
from tests.broker import Broker

SEED = 1
EVENTS_A_SECOND = 600
"""So fast the past is written to Kafka: the load under which the service is looked at."""
_SECOND_WORKER_AFTER = 0.4
_PAST_SHARE = 0.8
"""How much of the past's time goes into its readings; the rest into Prometheus' files."""
_SETTLE_SECONDS = 25.0
"""So long the readings are watched before pictures are made of them: scrapes, rules, and alerts that wait."""


class Told(Protocol):
    """Hears how far something is."""

    def __call__(self, what: str, share: float) -> None:
        """Hear the share that is done of a step."""
        ...


class Stage(NamedTuple):
    """What pictures are made of."""

    prometheus: str
    """Its address."""
    since_ms: int | None
    """Since when the service itself is watched; it has no past before."""


@asynccontextmanager
async def staged(names: frozenset[str], folder: Path, told: Told) -> AsyncIterator[Stage]:
    """Set the stage up, and clear it away afterwards.

    Args:
        names: the metrics of KPIs that need a past.
        folder: where everything is kept; an empty one.
        told: hears of every step.

    Raises:
        MissingProgramError: a program is not installed.
        NoBrokerError: no broker can be had.
    """
    life = Life(wall_clock(), ZoneInfo(Settings().timezone), SEED)
    async with AsyncExitStack() as running:
        broker = Broker(private=True)  # the topics have their usual names in the pictures
        running.callback(broker.close)
        await asyncio.to_thread(broker.start)
        installation = await running.enter_async_context(installed(broker.address, folder))
        monitor = running.enter_context(Monitor(folder / "monitor", history.LOOKBACK_SECONDS))
        since = wall_clock()
        await running.enter_async_context(_going_on(installation.visit()))
        memory = Monitor(folder / "memory", history.LOOKBACK_SECONDS)
        await asyncio.gather(
            asyncio.to_thread(_remember, life, names, memory, told), _load(installation, life, monitor, told)
        )
        monitor.adopt(memory.data)
        await running.enter_async_context(_going_on(installation.live(life)))
        monitor.scrape(installation.targets, readings=True)
        await _settle(told)
        yield Stage(monitor.url, since)


def _remember(life: Life, names: frozenset[str], monitor: Monitor, told: Told) -> None:
    """Give the Prometheus the readings of the days before, and what its recording rules would have made of them."""
    settings = Settings()
    plan = compile_plan(load(), settings.timezone, settings.currency)
    kept = history.Kept(names, {"job": SERVE, "instance": VIEW})
    file = monitor.data.with_suffix(".om")
    with file.open("w") as out:
        history.write_readings(plan, life, kept, out, lambda share: told("the past", share * _PAST_SHARE))
    history.make_blocks(file, monitor.data)
    with monitor, file.open("w") as out:
        history.write_recordings(monitor, life.now, out)
    history.make_blocks(file, monitor.data)
    told("the past", 1.0)


async def _load(installation: Installation, life: Life, monitor: Monitor, told: Told) -> None:
    """Let the service read all that happened, first one worker, then two."""
    events = life.events
    half = int(len(events) * _SECOND_WORKER_AFTER)
    monitor.scrape(installation.targets, readings=False)
    await installation.load(events[:half], EVENTS_A_SECOND, lambda n: told("the load", n / len(events)))
    await installation.add_worker()
    monitor.scrape(installation.targets, readings=False)
    await installation.load(events[half:], EVENTS_A_SECOND, lambda n: told("the load", (half + n) / len(events)))
    told("the load", 1.0)


async def _settle(told: Told) -> None:
    begun = time.monotonic()
    while (share := (time.monotonic() - begun) / _SETTLE_SECONDS) < 1:
        told("the present", share)
        await asyncio.sleep(0.5)
    told("the present", 1.0)


@asynccontextmanager
async def _going_on(work: Coroutine[Any, Any, NoReturn]) -> AsyncIterator[None]:
    """Let something be done for ever beside the block; what ends it ends the block with its error."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
