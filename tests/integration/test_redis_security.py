"""Redis by TLS, as a user that may do no more than a view needs."""

import asyncio
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis.exceptions import NoPermissionError, RedisError

from config.settings import Settings
from streams.feed import Updates
from streams.messages import ProgressMessage, ReadingMessage
from streams.publish.lease import Lease
from streams.publish.mirror import RedisMirror
from streams.publish.redis_client import redis_client, redis_remedy
from tests.authority import Authority
from tests.integration.secure_redis import SecureRedis

APP_ID = "salespulse-eu"
NOW = "2026-11-01T12:00:00.000Z"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureRedis]:
    server = SecureRedis(tmp_path_factory.mktemp("redis"), APP_ID)
    yield server
    server.close()


@pytest.fixture
def settings(server: SecureRedis) -> Settings:
    return server.settings(Settings(app_id=APP_ID))


async def _said(settings: Settings) -> tuple[RedisError, str]:
    """Return what goes wrong at the first command, and the remedy."""
    redis = redis_client(settings, 2.0)
    try:
        with pytest.raises(RedisError) as caught:
            await redis.get(f"{APP_ID}:generation")
    finally:
        await redis.aclose()
    return caught.value, redis_remedy(caught.value)


def _updates(value: str | None) -> Updates:
    """Return a reading, or with None the same one when it is no more."""
    message = ReadingMessage(
        kpi="revenue",
        window="30d",
        start=NOW,
        end=NOW,
        as_of=NOW,
        grain=(),
        dimensions={},
        value=value,
        unit="none",
        definition_version="1",
    )
    return {"revenue|30d": message}


async def test_what_the_guide_allows_is_what_a_view_needs(server: SecureRedis, settings: Settings) -> None:
    redis, other = redis_client(settings, 2.0), redis_client(settings, 2.0)
    progress = ProgressMessage(as_of=NOW, watermarks={})
    lease = Lease(redis, f"{APP_ID}:lease:kpis")
    keeping = asyncio.ensure_future(lease.keep())
    try:
        await asyncio.wait_for(lease.until_held(), 5)
        await asyncio.sleep(1.2)  # it is renewed
        assert lease.held
        mirror = RedisMirror(other, APP_ID, "one")
        await mirror.fill(_updates("1"), progress)
        assert await mirror.update(_updates("2"), progress)
        assert await mirror.update(_updates(None), progress)
        await mirror.fill(_updates("3"), progress)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await redis.aclose()
        await other.aclose()
    assert server.administer("HLEN", f"{APP_ID}:readings:revenue") == "1"
    assert server.administer("EXISTS", f"{APP_ID}:lease:kpis") == "0"  # given back
    assert server.administer("ACL", "LOG") == ""


@pytest.mark.parametrize("key", ["other:generation", "salespulse-us:generation"])
async def test_another_key_is_not_its_business(settings: Settings, key: str) -> None:
    redis = redis_client(settings, 2.0)
    try:
        with pytest.raises(NoPermissionError) as caught:
            await redis.get(key)
        assert redis_remedy(caught.value) == "allow the user of `SALESPULSE_REDIS_URL` what docs/deploy.md lists"
        for command in (("FLUSHALL",), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("ACL", "LIST")):
            with pytest.raises(NoPermissionError):
                await redis.execute_command(*command)
    finally:
        await redis.aclose()


async def test_who_is_not_let_in_is_told_the_setting_and_no_secret(
    server: SecureRedis, settings: Settings, tmp_path: Path
) -> None:
    cases = {
        "to user and password of one that Redis knows": server.settings(settings, "planted-wrong"),
        "set `SALESPULSE_REDIS_SSL_CAFILE` to a file with the authority": settings.model_copy(
            update={"redis_ssl_cafile": Authority(tmp_path, "other").cafile}
        ),
        "to a host that stands in it": server.settings(settings, host="127.0.0.1"),
        "start it, or set `SALESPULSE_REDIS_URL`": settings.model_copy(
            update={"redis_url": SecretStr("rediss://salespulse:planted@localhost:1/0")}
        ),
    }
    plain = SecretStr(f"redis://salespulse:planted@localhost:{server.port}/0")
    cases["with `rediss://` if it wants TLS"] = Settings(redis_url=plain)
    for clue, wrong in cases.items():
        error, remedy = await _said(wrong)
        assert clue in remedy, repr(error)
        text = "".join(traceback.format_exception(error))
        assert "planted" not in text
