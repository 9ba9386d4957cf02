"""What a view does with clocks that differ from its own, and with its own when it is put back."""

import pytest

import streams.view
from config.settings import Settings
from metrics.view import Progress
from streams.view import STALE_MS, ViewService
from tests.unit.metrics.samples import NOON, plan

HOUR = 3_600_000
SHARDS = (0, 1)


class Host:
    """A host with a clock that can be put."""

    def __init__(self) -> None:
        self.now = NOON


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host()
    monkeypatch.setattr(streams.view, "wall_clock", lambda: host.now)
    return host


@pytest.fixture
def service(host: Host) -> ViewService:
    """Give a view that has caught up with the cells of two shards."""
    made = ViewService(Settings(), plan(), lambda: host.now)
    made._phase, made._partitions = None, SHARDS  # noqa: SLF001 - as they are once the topic is read
    hear(made, NOON)
    return made


def hear(service: ViewService, written_ms: int, shards: tuple[int, ...] = SHARDS) -> None:
    """Have workers give a sign of life, written at `written_ms` by their own clocks."""
    for shard in shards:
        service.view.progress[shard] = Progress(written_ms, written_ms, {})


def evaluated(service: ViewService) -> int | None:
    service._evaluate()  # noqa: SLF001 - what happens at each tick
    return service.view.as_of


def steps(service: ViewService) -> float | None:
    return service.registry.get_sample_value("salespulse_clock_steps_total")


def test_t_stands_still_while_a_small_step_back_is_waited_out(host: Host, service: ViewService) -> None:
    assert evaluated(service) == NOON
    host.now = NOON - 4_000
    assert evaluated(service) == NOON
    assert service.feed.number == 2
    host.now = NOON + 1_000
    assert evaluated(service) == NOON + 1_000
    assert steps(service) == 0


def test_t_follows_a_clock_that_was_put_back_once_the_workers_do(host: Host, service: ViewService) -> None:
    host.now = NOON + HOUR
    hear(service, NOON + HOUR)
    assert evaluated(service) == NOON + HOUR
    host.now = NOON
    assert evaluated(service) == NOON + HOUR
    hear(service, NOON)
    assert evaluated(service) == NOON
    assert service.ready()[0]
    assert steps(service) == 1


@pytest.mark.parametrize(
    ("offset_ms", "shards", "said"),
    [
        (-STALE_MS - 1, (1,), ("no worker has reported on shard 1 for 10 s by this host's clock; see whether workers"
         " and broker are well, and the clocks right")),
        (STALE_MS + 1, (1,), "the clock of the worker of shard 1 is 10 s ahead of this host's; set both right"),
        (HOUR, (0, 1), "the clock of the worker of shards 0, 1 is 3600 s ahead of this host's; set both right"),
    ],
)  # fmt: skip
def test_readings_stay_while_a_worker_goes_by_another_clock(
    host: Host, service: ViewService, offset_ms: int, shards: tuple[int, ...], said: str
) -> None:
    assert evaluated(service) == NOON
    hear(service, NOON + offset_ms, shards)
    host.now = NOON
    assert service.ready() == (False, said)
    assert evaluated(service) == NOON


@pytest.mark.parametrize("offset_ms", [-STALE_MS, STALE_MS])
def test_clocks_may_differ_by_some_seconds(service: ViewService, offset_ms: int) -> None:
    hear(service, NOON + offset_ms)
    assert service.ready() == (True, "live")
