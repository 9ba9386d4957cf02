"""The embedded mode: a demo that answers while it loads, and lives by the clock that it is given."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from fractions import Fraction

import pytest

from config.load import load
from metrics.calendar import Window, parse_instant
from metrics.embedded import Embedded
from metrics.plan import Plan, compile_plan
from metrics.view import View
from streams.local import Demo, feed

START = parse_instant("2026-03-04T10:00:00Z")  # a Wednesday morning in the office


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


def total(view: View, key: str, window: str) -> Fraction | None:
    for reading in view.all_readings():
        if (reading.series.kpi.key, reading.window, reading.dims) == (key, Window(window), ()):
            return reading.result.value
    raise AssertionError(f"no reading of {key} over {window}")


@asynccontextmanager
async def living(demo: Demo) -> AsyncIterator[Callable[[Callable[[], bool]], Awaitable[None]]]:
    """Let the demo run; what is given waits until a condition holds."""
    stopped = asyncio.Event()
    task = asyncio.ensure_future(demo.run(stopped))

    async def until(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                assert not task.done(), task
                await asyncio.sleep(0)

    try:
        yield until
    finally:
        stopped.set()
        await task


async def test_it_says_how_far_the_history_is_and_then_is_live(plan: Plan) -> None:
    clock = Clock()
    demo = Demo(plan, clock, seed=3, days=3)
    assert demo.ready() == (False, "loading the history")
    heard: list[str] = []

    def live() -> bool:
        ready, text = demo.ready()
        if text not in heard:
            heard.append(text)
        return ready

    async with living(demo) as until:
        await until(live)

    assert heard[-1] == "live"
    assert all(text.startswith("loading the history") for text in heard[:-1])
    assert any("loading the history of 3 days: " in text for text in heard)
    assert demo.view.as_of == START
    assert (total(demo.view, "pipeline_value", "now") or 0) > 0
    assert (total(demo.view, "leads_generated", "7d") or 0) > 0


async def test_the_same_seed_and_start_give_the_same_readings(plan: Plan) -> None:
    demos = [Demo(plan, Clock(), seed=5, days=2) for _ in range(2)]
    for demo in demos:
        async with living(demo) as until:
            await until(lambda demo=demo: demo.ready()[0])  # type: ignore[misc]

    assert demos[0].view.readings == demos[1].view.readings


async def test_events_go_on_with_the_clock(plan: Plan) -> None:
    clock = Clock()
    demo = Demo(plan, clock, seed=1, pace=300, days=1)
    async with living(demo) as until:
        await until(lambda: demo.ready()[0])
        before = total(demo.view, "leads_generated", "24h")

        clock.now += 4_000
        assert demo.ready()[0]
        clock.now += 120_000
        assert demo.ready() == (False, "the last evaluation was 124 s ago")
        await until(lambda: demo.ready()[0])

        clock.now -= 60_000
        assert demo.ready() == (False, "the clock was put back by 60 s; start the demo again")

    assert demo.view.as_of == START + 124_000
    assert (total(demo.view, "leads_generated", "24h") or 0) > (before or 0)


async def test_stopping_while_loading_ends_at_once(plan: Plan) -> None:
    demo = Demo(plan, Clock(), days=60)
    stopped = asyncio.Event()
    stopped.set()

    await asyncio.wait_for(demo.run(stopped), 10)

    assert not demo.ready()[0]


async def test_without_history_it_begins_with_what_is_under_way(plan: Plan) -> None:
    demo = Demo(plan, Clock(), days=0)
    async with living(demo) as until:
        await until(lambda: demo.ready()[0])

    assert demo.view.as_of == START


def test_feeding_tells_how_far_the_sources_are(plan: Plan) -> None:
    embedded = Embedded(plan, START)
    rate = {"event_id": "1", "type": "fx_rate", "entity_id": "EUR/USD:2026-03-03", "updated_at": "2026-03-03T15:00:00Z",
            "data": {"base": "EUR", "quote": "USD", "rate_date": "2026-03-03", "rate": "1.1"}}  # fmt: skip

    feed(embedded, [rate], START)

    assert embedded.view.progress[0].watermarks == {"fx_rate": parse_instant("2026-03-03T15:00:00Z")}
    assert embedded.view.progress[0].written_ms == START
