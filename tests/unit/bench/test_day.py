"""The simulated day: its company stays as large as it is, and what is judged of it is judged rightly."""

from datetime import datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from bench.day_form import Form, begin_before_now
from bench.day_results import DayResult, Produced
from bench.day_watch import Sample, Seen, Tick
from bench.population import Population

ZONE = "Europe/Amsterdam"


def form(**changes: float) -> Form:
    given = {"hours": 1.0, "rate": 10.0, "speed": 1.0, "burst": 10.0, "burst_minutes": 1.0, "begins": 0.0}
    return Form(**{**given, **changes}, entities=1_000, begun="")


def result(*samples: Sample, ticks: tuple[Tick, ...] = (), **changes: float) -> DayResult:
    produced = Produced(events=10, of_the_day=10, late=0.0)
    seen = Seen(list(samples), list(ticks), applied=10)
    return DayResult(form(**changes), seen, produced, 0.0, 0.0, 0.0, compared=1, wrong=())


def sample(second: float, size: float = 100, lag: int = 0) -> Sample:
    return Sample(second, round(size), round(size), lag, 0.0)


def test_a_company_never_has_more_entities_than_places() -> None:
    company = Population(1_000)
    for _ in islice(company.draw_at(float(second) for second in range(1_000_000)), 8_000):
        pass
    kinds = [source for source, _, _ in company.last_events()]
    assert kinds.count("deal") == 300
    assert kinds.count("lead") == 150
    assert kinds.count("activity") == 400


def test_some_entities_are_deleted_before_their_place_is_used_again() -> None:
    company = Population(1_000)
    events = list(islice(company.draw_at(float(second) for second in range(1_000_000)), 8_000))
    assert sum(b'"op":"delete"' in value for _, _, value in events) > 300


@pytest.mark.parametrize("hours", [0.1, 1, 24, 48])
def test_a_day_is_over_and_has_a_midnight_in_it(hours: float) -> None:
    begins = begin_before_now(hours, ZONE)
    last = begins + hours * 3600
    assert last <= datetime.now(ZoneInfo(ZONE)).timestamp()
    first_day, last_day = (datetime.fromtimestamp(at, ZoneInfo(ZONE)).date() for at in (begins, last))
    assert first_day < last_day


def test_there_are_more_events_in_the_burst() -> None:
    day = form()
    begin = day.burst_begins
    assert len(list(day.instants(0, 10))) == 100
    assert len(list(day.instants(begin, begin + 10))) == 1_000
    assert all(begin <= at < begin + 10 for at in day.instants(begin, begin + 10))


def test_memory_that_grows_in_the_second_half_breaks_the_promise() -> None:
    flat = result(*(sample(second, 100 if second > 1_000 else second) for second in range(0, 3_600, 10)))
    growing = result(*(sample(second, 1_000 + second / 60) for second in range(0, 3_600, 10)))
    assert flat.growth("worker_bytes") == pytest.approx(0)
    assert growing.growth("worker_bytes") == pytest.approx(0.029, abs=0.001)
    assert not growing.good


def test_lag_has_gone_when_it_stays_below_one_second() -> None:
    over = form().burst_ends
    day = result(sample(over, lag=500), sample(over + 20, lag=5), sample(over + 40, lag=11), sample(over + 60, lag=10))
    assert day.recovered() == 40


def test_a_late_evaluation_or_a_missing_one_breaks_the_promise() -> None:
    late = result(ticks=(Tick(10.3, 10), Tick(13.1, 11)))
    missing = result(ticks=(Tick(10.3, 10), Tick(14.3, 14)))
    assert late.latest() == pytest.approx(2.1)
    assert missing.widest_gap() == 4
    broken = {verdict.what for day in (late, missing) for verdict in day.verdicts() if not verdict.kept}
    assert {"latest evaluation", "between two evaluations"} <= broken
