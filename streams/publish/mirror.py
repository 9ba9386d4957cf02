"""The latest readings in Redis: a hash for each KPI, the sign of life, and a channel that names what changed."""

from collections import defaultdict
from typing import Any

import msgspec

from streams.feed import Updates
from streams.messages import ProgressMessage, encode, split_key

_encode = msgspec.json.Encoder().encode
_SCAN = 500


class ChangesMessage(msgspec.Struct):
    """What one tick changed: by KPI (and aggregate) the fields of its hash that are new, or are no more."""

    as_of: str | None
    changed: dict[str, list[str]]


class RedisMirror:
    """Keeps Redis equal to the readings; it is filled anew when it may hold anything else."""

    def __init__(self, redis: Any, prefix: str, generation: str) -> None:
        """Begin out of step; `generation` tells what this process wrote from what others did."""
        self._redis = redis
        self._readings = f"{prefix}:readings:"
        self._progress = f"{prefix}:progress"
        self._channel = f"{prefix}:changes"
        self._generation_key, self._generation = f"{prefix}:generation", generation.encode()

    async def fill(self, everything: Updates, progress: ProgressMessage) -> None:
        """Replace all readings in one transaction.

        Raises:
            RedisError, OSError, TimeoutError: Redis is away.
        """
        old = [name async for name in self._redis.scan_iter(f"{self._readings}*", count=_SCAN)]
        async with self._redis.pipeline(transaction=True) as pipe:
            if old:
                pipe.delete(*old)
            pipe.set(self._generation_key, self._generation)
            self._put(pipe, everything, progress)
            await pipe.execute()

    async def update(self, updates: Updates, progress: ProgressMessage) -> bool:
        """Write what changed, in one transaction; return whether Redis still held what this process wrote before.

        If it did not (it was restarted, or emptied, or another view wrote), it is to be filled.

        Raises:
            RedisError, OSError, TimeoutError: Redis is away.
        """
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.get(self._generation_key)
            self._put(pipe, updates, progress)
            generation, *_ = await pipe.execute()
        return bool(generation == self._generation)

    def _put(self, pipe: Any, updates: Updates, progress: ProgressMessage) -> None:
        changed: dict[str, list[str]] = defaultdict(list)
        fields: dict[str, dict[str, bytes]] = defaultdict(dict)
        gone: dict[str, list[str]] = defaultdict(list)
        for key, message in updates.items():
            name, field = split_key(key)
            changed[name].append(field)
            if message.gone:
                gone[name].append(field)
            else:
                fields[name][field] = encode(message)
        for name, mapping in fields.items():
            pipe.hset(self._readings + name, mapping=mapping)
        for name, names in gone.items():
            pipe.hdel(self._readings + name, *names)
        pipe.set(self._progress, encode(progress))
        if changed:
            pipe.publish(self._channel, _encode(ChangesMessage(progress.as_of, changed)))
