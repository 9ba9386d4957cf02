"""The worked examples: events in arrival order, and what every KPI is at three as-of times, derived by hand."""

import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from config.declarations import Measure, State
from config.load import load
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.plan import Plan
from tests.golden.comparison import (
    FIRST,
    SECOND,
    Comparison,
    Example,
    compare,
    golden_events,
    golden_expectations,
    golden_plan,
    results_of,
    series_key,
)
from tests.golden.second import recompute

EXAMPLES = (FIRST, SECOND)
COMPARED = {
    "2026-10-25T23:00:00.000Z": (93, 50, 3),
    "2026-10-31T23:00:00.000Z": (93, 62, 3),
    "2026-11-10T12:00:00.000Z": (92, 44, 3),
    "2021-03-28T22:00:00.000Z": (399, 272, 8),
    "2021-03-31T22:00:00.000Z": (399, 270, 8),
    "2021-04-14T12:30:00.000Z": (402, 276, 6),
}
"""How many values, sides of ratios and numbers of samples are compared; a formula, such as growth, has no sides."""
START = parse_instant("2020-01-01T00:00:00Z")
MOMENTS = [pytest.param(x, as_of, id=f"{x.name} {as_of[:10]}") for x in EXAMPLES for as_of in golden_expectations(x)]
Event = dict[str, Any]


@cache
def plan(example: Example) -> Plan:
    return golden_plan(example)


def arrived(example: Example, before: int, since: int = 0) -> list[Event]:
    return [event for at, event in golden_events(plan(example).sources, example) if since <= at < before]


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


def compared(core: Embedded, example: Example, as_of: str) -> Comparison:
    return compare(results_of(core.view), as_of, plan(example).declarations, example)


def assert_all_equal(core: Embedded, example: Example, as_of: str) -> None:
    assert core.rejected == []
    assert compared(core, example, as_of) == Comparison(*COMPARED[as_of], [])


@pytest.mark.parametrize("deliver", [whole, singly, duplicated, reversed_, *map(shuffled, range(5))])
@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize(("example", "as_of"), MOMENTS)
def test_delivery_and_partitions_make_no_difference(
    example: Example, as_of: str, shards: int, deliver: Callable[[list[Event]], list[list[Event]]]
) -> None:
    now = parse_instant(as_of)
    core = Embedded(plan(example), now, shards)
    for batch in deliver(arrived(example, now)):
        core.apply(batch, now)
    core.tick(now)
    assert_all_equal(core, example, as_of)


@pytest.mark.parametrize("deliver", [whole, singly, shuffled(1)])
@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda x: x.name)
def test_history_grows_to_the_same_values(
    example: Example, shards: int, deliver: Callable[[list[Event]], list[list[Event]]]
) -> None:
    core = Embedded(plan(example), START, shards)
    since = 0
    for as_of in golden_expectations(example):
        now = parse_instant(as_of)
        for batch in deliver(arrived(example, now, since)):
            core.apply(batch, now)
        core.tick(now)
        assert_all_equal(core, example, as_of)
        since = now


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda x: x.name)
def test_each_event_in_its_own_second_grows_to_the_same_values(example: Example) -> None:
    core = Embedded(plan(example), START, 4)
    events = golden_events(plan(example).sources, example)
    for as_of in golden_expectations(example):
        now = parse_instant(as_of)
        while events and events[0][0] < now:
            at, event = events.pop(0)
            core.tick(at)
            core.apply([event], at)
        core.tick(now)
        assert_all_equal(core, example, as_of)
    assert events == []


def test_a_missing_series_and_a_wrong_value_are_differences() -> None:
    as_of = next(iter(golden_expectations(FIRST)))
    core = Embedded(plan(FIRST), parse_instant(as_of))
    core.apply(arrived(FIRST, parse_instant(as_of)), parse_instant(as_of))
    core.tick(parse_instant(as_of))
    results = results_of(core.view)
    del results["win_rate|mtd"]
    revenue = results["revenue|30d"]
    assert revenue.value is not None
    results["revenue|30d"] = revenue._replace(value=revenue.value + 1)
    results["avg_deal_size|30d"] = results["avg_deal_size|30d"]._replace(value=None, reason="denominator_zero")
    results["lead_response_time_p50|30d"] = results["lead_response_time_p50|30d"]._replace(samples=1)
    found = compare(results, as_of, plan(FIRST).declarations)
    assert [d.partition(":")[0] for d in found.differences] == [
        "revenue|30d",
        "avg_deal_size|30d",
        "win_rate|mtd",
        "lead_response_time_p50|30d",
    ]
    assert found.values == COMPARED[as_of][0]


def test_a_kpi_that_is_not_declared_is_a_difference() -> None:
    as_of = next(iter(golden_expectations(FIRST)))
    core = Embedded(plan(FIRST), parse_instant(as_of))
    core.apply(arrived(FIRST, parse_instant(as_of)), parse_instant(as_of))
    core.tick(parse_instant(as_of))
    declared = plan(FIRST).declarations
    fewer = declared.model_copy(update={"kpis": {k: v for k, v in declared.kpis.items() if k != "mrr"}})
    found = compare(results_of(core.view), as_of, fewer)
    assert found.differences == ["mrr|now: expected 230.00, there is no such series"]


def test_every_kpi_and_aggregate_has_a_value_in_an_example() -> None:
    told = {
        key.partition("|")[0]
        for example in EXAMPLES
        for values in golden_expectations(example).values()
        for key, expected in values.items()
        if expected["value"] is not None
    }
    declared = {
        series_key(kpi.key, agg, "", {}).partition("|")[0]
        for kpi in plan(SECOND).declarations.kpis.values()
        for agg in (kpi.aggs if isinstance(kpi, Measure | State) and len(kpi.aggs) > 1 else (None,))
    }
    assert len(plan(SECOND).declarations.kpis) == 74  # with `revenue_by_product`, a grain of revenue, they are 75
    assert told == declared


@pytest.mark.parametrize("key", ["production_efficiency", "inventory_turnover", "training_completion_rate", "nps"])
def test_the_second_example_computes_what_is_shipped_only_for_more_windows(key: str) -> None:
    shown = {"title", "description", "formula", "declared_grains", "targets", "alerts", "companions", "display"}
    shipped, widened = load().kpis[key], plan(SECOND).declarations.kpis[key]
    assert widened.model_dump(exclude=shown) == shipped.model_dump(exclude=shown)


def test_the_second_example_is_what_its_script_gives_and_what_was_derived_by_hand() -> None:
    events = [json.loads(line) for line in (SECOND.folder / "events.jsonl").read_text("utf-8").splitlines()]
    found = {as_of: recompute.evaluate(events, recompute.moment(as_of)) for as_of in recompute.AS_OF}
    assert found == golden_expectations(SECOND)
    assert list(recompute.differences(found)) == []
    assert len(recompute.HAND) == 259
