"""The lease with a real Redis: one view holds it, whatever becomes of the other views and of Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.asyncio.lock import Lock

import streams.publish.lease
from config.settings import Settings
from streams.publish.lease import LEASE_SECONDS, Lease
from streams.publish.redis_client import redis_client
from tests.integration.cluster import RedisServer

NAME = "test:lease"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path)
    yield server
    server.close()


@asynccontextmanager
async def keeping(server: RedisServer) -> AsyncIterator[Lease]:
    """Have a view of its own keep the lease; it gives it back at the end."""
    redis = redis_client(Settings(redis_url=SecretStr(server.url)), 1.0)
    lease = Lease(redis, NAME)
    task = asyncio.ensure_future(lease.keep())
    try:
        yield lease
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await redis.aclose()


async def soon(lease: Lease, *, held: bool = True, within: float = LEASE_SECONDS) -> None:
    await asyncio.wait_for(lease.until_held() if held else lease.until_lost(), within)


async def test_one_holds_it_and_another_gets_what_is_given_back(server: RedisServer) -> None:
    async with keeping(server) as one:
        await soon(one)
        async with keeping(server) as other:
            await asyncio.sleep(1)
            assert not other.held
            await one.stand_down()
            assert not one.held
            await soon(other, within=2)
            await asyncio.sleep(1)
            assert not one.held
        await soon(one, within=LEASE_SECONDS + 2)


async def test_a_renewal_that_is_answered_late_does_not_undo_a_standing_down(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()
    reacquire = Lock.reacquire

    async def answered_late(lock: Lock) -> bool:
        answer = await reacquire(lock)
        asked.set()
        await asyncio.sleep(0.2)
        return answer

    monkeypatch.setattr(Lock, "reacquire", answered_late)
    async with keeping(server) as holder:
        await soon(holder)
        async with keeping(server) as other:
            await asyncio.wait_for(asked.wait(), LEASE_SECONDS)
            await holder.stand_down()
            await soon(other, within=2)
            await asyncio.sleep(0.3)  # the answer has come by now
            assert not holder.held


async def test_the_holder_goes_on_while_redis_is_away_and_gets_the_lease_again(server: RedisServer) -> None:
    async with keeping(server) as first:
        await soon(first)
        async with keeping(server) as second:
            await asyncio.sleep(1)
            server.stop()
            await asyncio.sleep(LEASE_SECONDS + 1)
            assert (first.held, second.held) == (True, False)
            server.start()  # it has forgotten everything
            await asyncio.sleep(2)
            assert first.held != second.held


async def test_a_view_that_never_reached_redis_takes_itself_for_the_only_one(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams.publish.lease, "_ALONE_AFTER_SECONDS", 1.0)
    server.stop()
    async with keeping(server) as lease:
        assert not lease.held
        await soon(lease)
        server.start()
        async with keeping(server) as other:
            await asyncio.sleep(2)
            assert lease.held != other.held


async def test_without_redis_a_view_is_the_only_one_until_it_is_fenced() -> None:
    lease = Lease(None, NAME)
    task = asyncio.ensure_future(lease.keep())
    await soon(lease)
    await lease.stand_down()
    await asyncio.sleep(0.1)
    assert not lease.held
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
