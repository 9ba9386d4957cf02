"""The T of timers and readings: the wall clock, or one fixed instant."""

import time
from collections.abc import Callable

from config.settings import Settings

Clock = Callable[[], int]
"""Tells the time in milliseconds since the Unix epoch."""


def wall_clock() -> int:
    """Return the present time in milliseconds since the Unix epoch, rounded down."""
    return time.time_ns() // 1_000_000


def clock_from(settings: Settings) -> Clock:
    """Return the clock that the settings ask for; a fixed one tells the same time for ever."""
    instant = settings.fixed_clock_ms()
    return wall_clock if instant is None else lambda: instant
