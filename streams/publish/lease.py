"""The lease: which one of several views publishes.

It is a lock in Redis that the holder renews. It decides who *should* publish; that nobody else *can* is Kafka's work,
whose transactions fence an older publisher. So a holder that was paused, or a Redis that is away, costs no revision.
"""

import asyncio
from contextlib import suppress
from typing import Any

import structlog
from redis.asyncio.lock import Lock
from redis.exceptions import LockError

from streams.publish.redis_client import REDIS_AWAY, redis_remedy

LEASE_SECONDS = 5.0
"""A publisher that is gone is replaced within so long."""
_LOCK_SECONDS = 3.0
"""The lock of a publisher that is gone ends earlier, because taking over takes time, too."""
_RENEW_SECONDS = 0.5
_ALONE_AFTER_SECONDS = 5.0
"""A view that has never reached Redis publishes all the same: it may well be the only one."""
_log = structlog.get_logger(__name__)


class Lease:
    """Whether this view is the one that publishes."""

    def __init__(self, redis: Any | None, name: str) -> None:
        """Begin without the lease; without Redis this view counts as the only one."""
        self._lock = None if redis is None else Lock(redis, name, timeout=_LOCK_SECONDS, thread_local=False)
        self._acquired = False
        self._answered = False
        """Whether Redis has ever answered."""
        self._held = asyncio.Event()
        self._lost = asyncio.Event()
        self._lost.set()
        self._not_before = 0.0
        self._turn = asyncio.Lock()
        """Renewing and standing down take turns: an answer to a renewal must not undo a standing down."""

    @property
    def held(self) -> bool:
        """Whether this view is to publish."""
        return self._held.is_set()

    async def until_held(self) -> None:
        """Wait until this view is to publish."""
        await self._held.wait()

    async def until_lost(self) -> None:
        """Wait until it is no longer to publish."""
        await self._lost.wait()

    async def keep(self) -> None:
        """Acquire the lease and renew it, for ever; give it back when cancelled."""
        if self._lock is None:
            self._hold(held=True)
            await asyncio.Event().wait()  # for good: nothing is to be renewed
            return
        begun = _now()
        try:
            while True:
                async with self._turn:
                    if _now() >= self._not_before:
                        await self._try(self._lock, begun)
                await asyncio.sleep(_RENEW_SECONDS)
        finally:
            await self._give_back(self._lock)

    async def _try(self, lock: Lock, begun: float) -> None:
        try:
            self._acquired = await self._owned(lock)
        except REDIS_AWAY as error:
            if not self._answered and not self._not_before and _now() - begun > _ALONE_AFTER_SECONDS:
                why = f"redis does not let this view in, so it takes itself for the only one: {error}"
                self._hold(held=True, why=why, remedy=redis_remedy(error))
        else:
            self._answered = True
            self._hold(held=self._acquired)

    async def _owned(self, lock: Lock) -> bool:
        """Renew the lock, or acquire it; return whether it is ours."""
        if self._acquired:
            with suppress(LockError):  # it ran out, and may be somebody else's by now
                return bool(await lock.reacquire())
        return bool(await lock.acquire(blocking=False))

    async def _give_back(self, lock: Lock) -> None:
        if self._acquired:
            self._acquired = False
            with suppress(*REDIS_AWAY):
                await lock.release()

    async def stand_down(self) -> None:
        """Stop publishing because another publisher has fenced this one; try again only after a while.

        Without Redis nothing tells whether the other one still lives: then this view never publishes again.
        """
        async with self._turn:
            self._not_before = _now() + LEASE_SECONDS
            self._hold(held=False, why="another view publishes now")
            if self._lock is not None:
                await self._give_back(self._lock)

    def _hold(self, *, held: bool, **why: str) -> None:
        if held != self.held:
            _log.info("this view publishes" if held else "this view publishes no longer", **why)
        begin, end = (self._held, self._lost) if held else (self._lost, self._held)
        begin.set()
        end.clear()


def _now() -> float:
    return asyncio.get_running_loop().time()
