"""The clock tells the wall's time or a fixed one."""

import time

from config.settings import Settings
from streams.clock import SMALL_STEP_MS, ClockPutBackError, clock_from, is_put_back, wall_clock


def test_the_wall_clock_tells_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    told = clock_from(Settings())()

    assert clock_from(Settings()) is wall_clock
    assert before <= told <= time.time_ns() // 1_000_000


def test_a_fixed_clock_stands_still() -> None:
    clock = clock_from(Settings(clock="2021-11-10T23:00:00Z"))

    assert (clock(), clock()) == (1_636_585_200_000, 1_636_585_200_000)


def test_a_step_back_of_five_seconds_is_waited_out_and_more_is_not() -> None:
    assert SMALL_STEP_MS == 5_000
    assert not is_put_back(10_000, 9_000)
    assert not is_put_back(10_000, 10_000)
    assert not is_put_back(10_000, 15_000)
    assert is_put_back(10_000, 15_001)


def test_a_clock_that_was_put_back_says_by_how_much_and_from_when() -> None:
    assert str(ClockPutBackError(1_636_585_200_000, 1_636_588_800_000)) == (
        "this host's clock was put back by 3600 s, from 2021-11-11T00:00:00+00:00; see that its time server is right"
    )
