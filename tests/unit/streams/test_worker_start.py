"""How a worker ends that could not even start: by what failed its start, so that it knows whether to begin anew."""

import asyncio
import os
import signal
from contextlib import closing, suppress
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from config.settings import Settings
from streams.worker import _run_faust, _run_until_stopped


class _Worker:
    crash_reason = None
    should_stop = True
    _signal_stop_time: float | None = None

    def execute_from_commandline(self) -> None:
        """End as Faust does when a service cannot be started."""
        end = SystemExit(1)
        end.__context__ = KafkaConnectionError("it went again")
        raise end


class _Told(_Worker):
    _signal_stop_time = 1.0


class _App:
    should_stop = True

    def __init__(self, worker: _Worker) -> None:
        self._worker = worker

    def Worker(self, **_: Any) -> _Worker:  # noqa: N802 - Faust's name
        return self._worker


class _Shards:
    failure: BaseException | None = None


class _FailedShards(_Shards):
    failure = KafkaConnectionError("the last flush")


def ended(worker: _Worker, shards: Any) -> BaseException | None:
    loop: Any = None
    return _run_faust(_App(worker), shards, Settings(), loop, lambda _: None)


def test_a_broker_that_goes_again_while_faust_starts_is_what_failed() -> None:
    failure = ended(_Worker(), _Shards())
    assert isinstance(failure, KafkaConnectionError)
    assert failure.args == ("it went again",)


def test_a_flush_that_failed_is_why_a_worker_begins_anew() -> None:
    assert ended(_Worker(), _FailedShards()) is _FailedShards.failure


def test_a_worker_that_was_told_to_stop_does_not_begin_anew_because_its_last_flush_failed() -> None:
    assert ended(_Told(), _FailedShards()) is None


async def _deaf(times: int) -> None:
    """Lose the order to stop so many times, as clients of Kafka do, and be done then."""
    os.kill(os.getpid(), signal.SIGTERM)
    for _ in range(times):
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


@pytest.mark.parametrize("times", [1, 2])
def test_a_worker_that_is_told_to_stop_before_it_works_stops_although_the_order_got_lost(times: int) -> None:
    with closing(asyncio.new_event_loop()) as loop:
        assert not _run_until_stopped(loop, _deaf(times))


def test_a_worker_that_is_not_told_to_stop_goes_on() -> None:
    with closing(asyncio.new_event_loop()) as loop:
        assert _run_until_stopped(loop, asyncio.sleep(0))
