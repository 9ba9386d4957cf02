"""The T of timers and readings: the wall clock, or one fixed instant; and what becomes of T when the clock is put back.

Durations (how old, how late, how often) are measured with the monotonic clock, which nobody can set.
"""

import time
from collections.abc import Callable

from config.settings import Settings
from metrics.calendar import from_ms

Clock = Callable[[], int]
"""Tells the time in milliseconds since the Unix epoch."""
SMALL_STEP_MS = 5_000
"""A clock that is put back by so little, as time servers do, is waited out: T stands still until it is there again."""


class ClockPutBackError(Exception):
    """The clock was put back further than is waited out. Reaction: begin anew, from what is committed, as of now."""

    def __init__(self, now: int, before: int) -> None:
        """Say that it is `now` although T is at `before`."""
        super().__init__(
            f"this host's clock was put back by {(before - now) / 1000:.0f} s, from {from_ms(before).isoformat()};"
            " see that its time server is right"
        )


def is_put_back(now: int, before: int) -> bool:
    """Return whether the clock was put back so far that a T of `before` cannot wait for it."""
    return now < before - SMALL_STEP_MS


def wall_clock() -> int:
    """Return the present time in milliseconds since the Unix epoch, rounded down."""
    return time.time_ns() // 1_000_000


def clock_from(settings: Settings) -> Clock:
    """Return the clock that the settings ask for; a fixed one tells the same time for ever."""
    instant = settings.fixed_clock_ms()
    return wall_clock if instant is None else lambda: instant
