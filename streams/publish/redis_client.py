"""The way to Redis: quick to say that it is away, because the next tick tries again anyway."""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_AWAY = (RedisError, OSError, TimeoutError)
"""What is raised when Redis does not do what it is asked."""
ANSWER_SECONDS = 1.0
"""How long Redis has for an answer."""


def redis_client(url: str) -> Any:
    """Return a client for `url`; it connects when it is first used."""
    return Redis.from_url(
        url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
