"""The way to Redis: quick to say that it is away, because the next tick tries again anyway."""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_AWAY = (RedisError, OSError, TimeoutError)
"""What is raised when Redis does not do what it is asked."""


def redis_client(url: str, answer_seconds: float) -> Any:
    """Return a client for `url` that gives Redis so long for an answer; it connects when it is first used."""
    return Redis.from_url(
        url,
        socket_timeout=answer_seconds,
        socket_connect_timeout=answer_seconds,
        retry=Retry(NoBackoff(), 0),
    )
