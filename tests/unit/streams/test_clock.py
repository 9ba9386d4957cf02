"""The clock tells the wall's time or a fixed one."""

import time

from config.settings import Settings
from streams.clock import clock_from, wall_clock


def test_the_wall_clock_tells_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    told = clock_from(Settings())()

    assert clock_from(Settings()) is wall_clock
    assert before <= told <= time.time_ns() // 1_000_000


def test_a_fixed_clock_stands_still() -> None:
    clock = clock_from(Settings(clock="2021-11-10T23:00:00Z"))

    assert (clock(), clock()) == (1_636_585_200_000, 1_636_585_200_000)
