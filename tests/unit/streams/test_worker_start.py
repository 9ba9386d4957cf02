"""How a worker ends that could not even start: by what failed its start, so that it knows whether to begin anew."""

from typing import Any

from aiokafka.errors import KafkaConnectionError

from config.settings import Settings
from streams.worker import _run_faust


class _Worker:
    crash_reason = None
    should_stop = True

    def execute_from_commandline(self) -> None:
        """End as Faust does when a service cannot be started."""
        end = SystemExit(1)
        end.__context__ = KafkaConnectionError("it went again")
        raise end


class _App:
    should_stop = True

    def Worker(self, **_: Any) -> _Worker:  # noqa: N802 - Faust's name
        return _Worker()


class _Shards:
    failure = None


def test_a_broker_that_goes_again_while_faust_starts_is_what_failed() -> None:
    shards: Any = _Shards()
    loop: Any = None
    failure = _run_faust(_App(), shards, Settings(), loop, lambda _: None)
    assert isinstance(failure, KafkaConnectionError)
