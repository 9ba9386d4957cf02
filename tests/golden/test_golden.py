"""The worked example: 40 events in arrival order, and what every KPI is at three as-of times, derived by hand."""

import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.plan import Plan
from tests.golden.comparison import Comparison, compare, golden_events, golden_expectations, golden_plan, results_of

AS_OF = tuple(golden_expectations())
VALUES = 56
SIDES = dict(zip(AS_OF, (26, 26, 20), strict=True))
"""Numerators and denominators: a formula, such as growth, has none."""
SAMPLES = 3
Event = dict[str, Any]


@cache
def plan() -> Plan:
    return golden_plan()


def arrived(before: int, since: int = 0) -> list[Event]:
    return [event for at, event in golden_events(plan().sources) if since <= at < before]


def whole(events: list[Event]) -> list[list[Event]]:
    return [events]


def singly(events: list[Event]) -> list[list[Event]]:
    return [[event] for event in events]


def duplicated(events: list[Event]) -> list[list[Event]]:
    return [[event for event in events for _ in range(3)], events[::-1]]


def reversed_(events: list[Event]) -> list[list[Event]]:
    return singly(events[::-1])


def shuffled(seed: int) -> Callable[[list[Event]], list[list[Event]]]:
    def deliver(events: list[Event]) -> list[list[Event]]:
        chance = random.Random(seed)
        events = [*events, *chance.sample(events, len(events) // 2)]
        chance.shuffle(events)
        cut = chance.randrange(len(events))
        return [events[:cut], *singly(events[cut:])]

    return deliver


def compared(core: Embedded, as_of: str) -> Comparison:
    return compare(results_of(core.view), as_of, plan().declarations)


def assert_all_equal(found: Comparison, as_of: str) -> None:
    assert found == Comparison(VALUES, SIDES[as_of], SAMPLES, [])


@pytest.mark.parametrize("deliver", [whole, singly, duplicated, reversed_, *map(shuffled, range(5))])
@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("as_of", AS_OF)
def test_delivery_and_partitions_make_no_difference(
    as_of: str, shards: int, deliver: Callable[[list[Event]], list[list[Event]]]
) -> None:
    now = parse_instant(as_of)
    core = Embedded(plan(), now, shards)
    for batch in deliver(arrived(now)):
        core.apply(batch, now)
    core.tick(now)
    assert core.rejected == []
    assert_all_equal(compared(core, as_of), as_of)


@pytest.mark.parametrize("deliver", [whole, singly, shuffled(1)])
@pytest.mark.parametrize("shards", [1, 4])
def test_history_grows_to_the_same_values(shards: int, deliver: Callable[[list[Event]], list[list[Event]]]) -> None:
    core = Embedded(plan(), parse_instant("2026-01-01T00:00:00Z"), shards)
    since = 0
    for as_of in AS_OF:
        now = parse_instant(as_of)
        for batch in deliver(arrived(now, since)):
            core.apply(batch, now)
        core.tick(now)
        assert_all_equal(compared(core, as_of), as_of)
        since = now


def test_each_event_in_its_own_second_grows_to_the_same_values() -> None:
    core = Embedded(plan(), parse_instant("2026-01-01T00:00:00Z"), 4)
    events = golden_events(plan().sources)
    for as_of in AS_OF:
        now = parse_instant(as_of)
        while events and events[0][0] < now:
            at, event = events.pop(0)
            core.tick(at)
            core.apply([event], at)
        core.tick(now)
        assert_all_equal(compared(core, as_of), as_of)
    assert events == []


def test_a_missing_series_and_a_wrong_value_are_differences() -> None:
    as_of = AS_OF[0]
    core = Embedded(plan(), parse_instant(as_of))
    core.apply(arrived(parse_instant(as_of)), parse_instant(as_of))
    core.tick(parse_instant(as_of))
    results = results_of(core.view)
    del results["win_rate|mtd"]
    revenue = results["revenue|30d"]
    assert revenue.value is not None
    results["revenue|30d"] = revenue._replace(value=revenue.value + 1)
    results["avg_deal_size|30d"] = results["avg_deal_size|30d"]._replace(value=None, reason="denominator_zero")
    results["lead_response_time_p50|30d"] = results["lead_response_time_p50|30d"]._replace(samples=1)
    found = compare(results, as_of, plan().declarations)
    assert [d.partition(":")[0] for d in found.differences] == [
        "revenue|30d",
        "avg_deal_size|30d",
        "win_rate|mtd",
        "lead_response_time_p50|30d",
    ]
    assert found.values == VALUES
