"""The clock of a host is put forward and back: T follows, and in the end every reading is as if nothing had been."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientError, ClientSession

from config.settings import Settings
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from streams.clock import SMALL_STEP_MS, wall_clock
from streams.messages import Messages, encode
from streams.owned import HEARTBEAT_SECONDS
from streams.simulate.organisation import Organisation
from tests.integration.cluster import OK, ServeProcess, WorkerProcess, make_topics, plan_of, produce
from tests.integration.stepped import SteppedClock
from tests.integration.subscribers import following, keyed, still, until_equal

DAYS = 2
GROUPS_OFF = ("healthcare", "hospitality", "manufacturing", "market", "enablement", "satisfaction", "cost")
"""Without them all is done in half the time, and what depends on T most is still there."""
SOME_READINGS = 1_500
PAUSE_SECONDS = 0.5
"""A recomputation takes a while: looked at more often, nothing would be right any sooner."""
HOUR, YEAR = 3_600, 365 * 86_400
SECONDS = 45.0
"""What a worker may take until it has begun anew, been given its partitions, and computed everything again."""
Event = dict[str, Any]


class Host:
    """A worker and a view whose clocks a test may put, and what a recomputation says that they must show."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self._plan = plan_of(settings)
        self.worker_clock, self.view_clock = SteppedClock(folder / "worker.clock"), SteppedClock(folder / "view.clock")
        self.worker = WorkerProcess(settings, folder / "worker.log", **self.worker_clock.environment)
        self.view = ServeProcess(settings, folder / "view.log", **self.view_clock.environment)
        self._organisation = Organisation(3, wall_clock(), self._plan.calendar.zone, pace=500)
        self._known: list[Event] = []

    def close(self) -> None:
        self.worker.close()
        self.view.close()

    def put(self, offset_seconds: int) -> None:
        """Put both clocks."""
        self.worker_clock.put(offset_seconds)
        self.view_clock.put(offset_seconds)

    async def begin(self) -> None:
        """Write a history."""
        await self._write(list(self._organisation.history(DAYS)))

    async def happen(self) -> None:
        """Write what has happened since, by the right time."""
        await self._write(list(self._organisation.advance(wall_clock())))

    async def _write(self, events: list[Event]) -> None:
        self._known += events
        await produce(self.settings, events)

    async def until_right(self) -> float:
        """Wait until the view is ready, as of the time it is told, and shows all that a recomputation shows.

        Returns the seconds that it took.
        """
        begun, difference = time.monotonic(), "not ready"
        while time.monotonic() - begun < SECONDS:
            with suppress(ClientError):
                shown = await self._shown()
                as_of = parse_instant(next(iter(shown.values()))["as_of"]) if shown else 0
                if abs(as_of - self.view_clock.now()) < 3_000 and (await self.view.get("/readyz"))[0] == OK:
                    mine, theirs = self._expected(as_of), {k: still(r) for k, r in shown.items()}
                    if mine == theirs:
                        return time.monotonic() - begun
                    keys = [k for k in mine.keys() | theirs.keys() if mine.get(k) != theirs.get(k)]
                    difference = f"{len(keys)}: {[(k, mine.get(k), theirs.get(k)) for k in keys[:2]]}"
            await asyncio.sleep(PAUSE_SECONDS)
        raise AssertionError(f"not right after {SECONDS:.0f} s: {difference}; {await self.view.get('/readyz')}")

    async def _shown(self) -> dict[str, Event]:
        async with ClientSession() as session, session.get(f"{self.view.address}/api/v1/readings") as response:
            return keyed(await response.json()) if response.status == OK else {}

    def _expected(self, as_of: int) -> dict[str, Event]:
        core, messages = Embedded(self._plan, as_of), Messages(self._plan)
        core.apply(self._known, wall_clock())
        core.tick(as_of)
        told = [msgspec.json.decode(encode(messages.message(r, as_of))) for r in core.view.all_readings()]
        return {k: still(r) for k, r in keyed(told).items()}

    async def steps(self) -> tuple[int, int]:
        """Return how many steps back the worker and the view have counted."""
        found = []
        for process in (self.worker, self.view):
            _, text = await process.get("/metrics")
            counted = re.search(r"^salespulse_clock_steps_total (\S+)$", text, re.MULTILINE)
            found.append(-1 if counted is None else round(float(counted[1])))
        return found[0], found[1]


@pytest.fixture
async def host(fresh_settings: Settings, tmp_path: Path) -> AsyncIterator[Host]:
    settings = fresh_settings.model_copy(update={"partitions": 2, "groups_off": GROUPS_OFF})
    await make_topics(settings)
    host = Host(settings, tmp_path)
    yield host
    host.close()


async def test_a_year_forward_and_back_and_hours_both_ways_leave_no_trace(host: Host) -> None:
    await host.begin()
    await host.until_right()
    async with following(host.settings) as table:
        host.worker_clock.put(YEAR)
        assert "s ahead of this host's; set both right" in await host.view.until_ready(ready=False)

        for step, counted in ((YEAR, 0), (-HOUR, 1), (0, 1)):
            host.put(step)
            await host.happen()
            await host.until_right()
            assert await host.steps() == (counted, counted)

        host.put(-SMALL_STEP_MS // 1000 + 1)
        before = await host.view.get("/readyz")
        await host.happen()
        await asyncio.sleep(HEARTBEAT_SECONDS + 1)
        assert before == await host.view.get("/readyz")
        await host.until_right()
        assert await host.steps() == (1, 1)

        assert await until_equal(table, host.view.address) > SOME_READINGS
        assert table.holes() == {}
    assert host.worker.log.read_text().count("beginning anew") == 1
    assert host.view.log.read_text().count("the clock was put back") == 1
