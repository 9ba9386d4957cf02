"""The topic and Redis follow the readings: through killed workers, restarted views, two views, and a lost Redis."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from config.settings import Settings
from streams.clock import wall_clock
from streams.publish.lease import LEASE_SECONDS
from streams.simulate.organisation import Organisation
from tests.integration.cluster import RedisServer, ServeProcess, WorkerProcess, make_topics, plan_of, produce
from tests.integration.subscribers import following, keyed, still, until_equal

DAYS = 20


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.close()


@pytest.fixture
def settings(fresh_settings: Settings, redis_server: RedisServer) -> Settings:
    return fresh_settings.model_copy(update={"redis_url": SecretStr(redis_server.url), "partitions": 2})


@pytest.fixture
async def worker(settings: Settings, tmp_path: Path) -> AsyncIterator[WorkerProcess]:
    await make_topics(settings)
    process = WorkerProcess(settings, tmp_path / "worker.log")
    yield process
    process.close()


class Business:
    """Events of a simulated organisation, into Kafka as time goes by."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._organisation = Organisation(1, wall_clock(), plan_of(settings).calendar.zone, pace=2_000)

    async def begin(self) -> None:
        await produce(self._settings, list(self._organisation.history(DAYS)))

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        stopped = asyncio.Event()

        async def go_on() -> None:
            while not stopped.is_set():
                await produce(self._settings, self._organisation.advance(wall_clock()))
                await asyncio.sleep(0.3)

        task = asyncio.ensure_future(go_on())
        try:
            yield
        finally:
            stopped.set()
            await task


async def test_a_late_consumer_has_the_readings_through_a_killed_worker_and_a_restarted_view(
    settings: Settings, worker: WorkerProcess, tmp_path: Path
) -> None:
    business = Business(settings)
    await business.begin()
    view = ServeProcess(settings, tmp_path / "view.log")
    second = None
    try:
        await view.until_ready()
        async with business.going_on():
            await asyncio.sleep(5)
            async with following(settings) as table:  # late: it finds what was written before it came
                assert await until_equal(table, view.address) > 3_000

                worker.kill()
                second = WorkerProcess(settings, tmp_path / "second.log")
                await second.until_ready()
                await view.until_ready()
                await until_equal(table, view.address)

                view.kill()
                view = ServeProcess(settings, tmp_path / "view2.log")
                await view.until_ready()
                await until_equal(table, view.address)
                assert table.holes() == {}
                assert max(map(len, table.revisions.values())) > 5
            async with following(settings) as later:
                await until_equal(later, view.address)
    finally:
        view.close()
        if second is not None:
            second.close()


@pytest.mark.alone
async def test_a_killed_publisher_is_replaced_within_the_lease(
    settings: Settings, worker: WorkerProcess, tmp_path: Path
) -> None:
    business = Business(settings)
    await business.begin()
    await worker.until_ready()
    views = [ServeProcess(settings, tmp_path / "view0.log")]
    try:
        await views[0].until_ready()
        views.append(ServeProcess(settings, tmp_path / "view1.log"))
        await views[1].until_ready()
        async with following(settings) as table, business.going_on():
            await until_equal(table, views[1].address)
            for number in range(2):
                begun = len(table.progress_times) - 1
                views[number].kill()
                views.append(ServeProcess(settings, tmp_path / f"view{number + 2}.log"))
                await asyncio.sleep(LEASE_SECONDS + 3)
                times = table.progress_times[begun:]
                assert len(times) > 3
                assert max(b - a for a, b in pairwise(times)) <= LEASE_SECONDS
                await until_equal(table, views[number + 1].address)
                await views[number + 2].until_ready()
            assert table.holes() == {}
    finally:
        for view in views:
            view.close()


async def test_a_publisher_that_was_paused_cannot_write_any_more(
    settings: Settings, worker: WorkerProcess, tmp_path: Path
) -> None:
    business = Business(settings)
    await business.begin()
    await worker.until_ready()
    first = ServeProcess(settings, tmp_path / "first.log")
    second = None
    try:
        await first.until_ready()
        async with following(settings) as table, business.going_on():
            await until_equal(table, first.address)
            second = ServeProcess(settings, tmp_path / "second.log")
            await second.until_ready()
            first.pause()
            await asyncio.sleep(LEASE_SECONDS + 2)
            first.resume()
            await asyncio.sleep(3)
            await until_equal(table, second.address)
            assert table.holes() == {}
            assert "publishes no longer" in first.log.read_text()
            assert [await _in_step(view) for view in (first, second)] == [0, 1]
    finally:
        first.close()
        if second is not None:
            second.close()


async def test_redis_holds_the_readings_and_is_filled_again_after_it_was_away(
    settings: Settings, worker: WorkerProcess, redis_server: RedisServer, tmp_path: Path
) -> None:
    business = Business(settings)
    await business.begin()
    await worker.until_ready()
    view = ServeProcess(settings, tmp_path / "view.log")
    try:
        await view.until_ready()
        async with following(settings) as table, business.going_on():
            await _redis_equals(settings, view)
            notice = await _next_notice(settings)
            changed = {f"{name}|{field}" for name, fields in notice["changed"].items() for field in fields}
            assert changed
            assert changed <= (await _told(view)).keys()
            assert await _in_step(view) == 1

            redis_server.stop()
            before = len(table.progress_times)
            await asyncio.sleep(4)
            assert len(table.progress_times) - before >= 3  # everything else goes on
            await until_equal(table, view.address)
            assert await _in_step(view) == 0

            redis_server.start()
            await _redis_equals(settings, view)
            assert await _in_step(view) == 1
            redis = _redis(settings)
            await redis.flushall()
            await redis.aclose()
            await _redis_equals(settings, view)
    finally:
        view.close()


def _redis(settings: Settings) -> Any:
    assert settings.redis_url is not None
    return Redis.from_url(settings.redis_url.get_secret_value())


async def _redis_equals(settings: Settings, view: ServeProcess, patience: float = 30.0) -> None:
    """Wait until Redis and the API tell of the same instant, and the same."""
    redis = _redis(settings)
    difference: object = "never of the same instant"
    deadline = time.monotonic() + patience
    try:
        while time.monotonic() < deadline:
            before = await redis.get(f"{settings.app_id}:progress")
            mirrored: dict[str, Any] = {}
            async for name in redis.scan_iter(f"{settings.app_id}:readings:*", count=500):
                kpi = name.decode().rpartition(":")[2]
                for field, value in (await redis.hgetall(name)).items():
                    mirrored[f"{kpi}|{field.decode()}"] = msgspec.json.decode(value)
            told = await _told(view)
            as_of = {r["as_of"] for r in told.values()}
            progress = await redis.get(f"{settings.app_id}:progress")
            if progress is not None and before == progress and as_of == {msgspec.json.decode(progress)["as_of"]}:
                mine, theirs = ({k: still(r) for k, r in rows.items()} for rows in (mirrored, told))
                if mine == theirs:
                    return
                difference = [k for k in mine.keys() | theirs.keys() if mine.get(k) != theirs.get(k)][:5]
            await asyncio.sleep(0.1)
    finally:
        await redis.aclose()
    raise AssertionError(f"redis and the api differ after {patience:.0f} s: {difference}")


async def _in_step(view: ServeProcess) -> float:
    """Return whether Redis holds the readings, as a view tells it to Prometheus."""
    _, metrics = await view.get("/metrics")
    (value,) = re.findall(r"^salespulse_redis_in_step (.*)$", metrics, re.MULTILINE)
    return float(value)


async def _told(view: ServeProcess) -> dict[str, dict[str, Any]]:
    return keyed(msgspec.json.decode((await view.get("/api/v1/readings"))[1] or "[]"))


async def _next_notice(settings: Settings) -> Any:
    redis = _redis(settings)
    try:
        async with redis.pubsub() as channel:
            await channel.subscribe(f"{settings.app_id}:changes")
            async with asyncio.timeout(10):
                async for message in channel.listen():
                    if message["type"] == "message":
                        return msgspec.json.decode(message["data"])
    finally:
        await redis.aclose()
