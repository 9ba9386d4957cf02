"""Whatever decodes can be applied, sealed, read and taken over, in any order, with the same readings."""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.declarations import Declarations
from config.load import load
from metrics.calendar import DAY_MS, HOUR_MS, Window, parse_instant
from metrics.embedded import Embedded
from metrics.evaluate import Result
from metrics.plan import Plan, compile_plan
from metrics.shard import Shard
from tests.fuzz.effort import effort
from tests.fuzz.extremes import AS_OF, Event, Extremes

AS_OF_MS = parse_instant(AS_OF)
LATER = (0, 1, HOUR_MS, DAY_MS, 31 * DAY_MS, 400 * DAY_MS)
PLACES = (("Europe/Amsterdam", "EUR"), ("America/New_York", "JPY"), ("Pacific/Kiritimati", "KWD"))
Readings = Mapping[tuple[Any, ...], Result]


@cache
def declarations() -> Declarations:
    """Return the shipped catalogue, and KPIs of numbers in every shape."""
    return load([Path(__file__).with_name("own.yaml")])


@cache
def plan(zone: str = "Europe/Amsterdam", currency: str = "EUR") -> Plan:
    return compile_plan(declarations(), zone, currency)


def readings(embedded: Embedded, as_of: int) -> Readings:
    embedded.tick(as_of)
    return {
        (r.series.kpi.key, r.series.agg, r.series.grain, r.window, r.dims): r.result
        for r in embedded.view.all_readings()
    }


def restarted(embedded: Embedded, as_of: int) -> list[Shard]:
    """Return what another owner makes of the entities of each shard."""
    taken = []
    for index, shard in enumerate(embedded.shards):
        other = Shard(embedded.plan, as_of, index, len(embedded.shards))
        other.restore(
            {
                f"{source}/{entity_id}".encode(): embedded.plan.sources[source].codec.encode(entity)
                for source in embedded.plan.sources
                for entity_id, entity in shard.entities(source)
            },
            {},
        )
        taken.append(other)
    return taken


@effort(0.1)
@given(st.randoms(use_true_random=True), st.sampled_from(PLACES))
def test_events_of_extremes_in_any_order_with_time_going_on(draw: random.Random, place: tuple[str, str]) -> None:
    extremes = Extremes(draw, declarations())
    embedded, now = Embedded(plan(*place), AS_OF_MS, draw.choice((1, 3))), AS_OF_MS
    for _ in range(3):
        embedded.apply([extremes.event() for _ in range(draw.randrange(40))], AS_OF_MS)
        now += draw.choice(LATER)
        readings(embedded, now)
    assert [s.size for s in restarted(embedded, now)] == [s.size for s in embedded.shards]


@pytest.mark.parametrize("seed", range(2))
def test_many_extremes_give_the_same_readings_in_another_order_and_in_shards(seed: int) -> None:
    draw = random.Random(seed)
    extremes = Extremes(draw, declarations())
    events = [_renamed(draw, extremes.event()) for _ in range(1_500)]
    at_once = _applied(events, 1, len(events))
    draw.shuffle(events)
    assert _applied(events, 3, 37) == at_once


def _renamed(draw: random.Random, event: Event) -> Event:
    """Return the event for one of many entities, so that whole columns of rows are folded."""
    return event | {"entity_id": f"y{draw.randrange(200)}"} if draw.randrange(4) else event


def _applied(events: Sequence[Event], shards: int, batch: int) -> Readings:
    embedded = Embedded(plan(), AS_OF_MS, shards)
    for begin in range(0, len(events), batch):
        embedded.apply(events[begin : begin + batch], AS_OF_MS)
    return readings(embedded, AS_OF_MS)


def test_the_greatest_amounts_of_a_whole_flush_add_up_exactly() -> None:
    deals = [
        {
            "event_id": f"e{number}",
            "type": "deal",
            "entity_id": f"d{number}",
            "updated_at": AS_OF,
            "data": {
                "customer_id": "c",
                "pipeline_id": "new_business",
                "stage": "won",
                "status": "won",
                "currency": "EUR",
                "lines": [{"line_id": str(i), "product_id": "p", "amount_minor": 10**15} for i in range(10)],
                "owner_id": "r",
                "created_at": "2026-10-31T12:00:00Z",
                "closed_at": "2026-11-01T11:00:00Z",
            },
        }
        for number in range(2_000)
    ]
    found = readings(_settled(deals), AS_OF_MS)
    revenue = [
        r.value
        for (key, _, grain, window, _), r in found.items()
        if (key, grain) == ("revenue", ()) and window == Window("24h")
    ]
    assert revenue[0] == 2_000 * 10 * 10**15


def _settled(events: Sequence[Event]) -> Embedded:
    embedded = Embedded(plan(), AS_OF_MS)
    embedded.apply(events, AS_OF_MS)
    assert embedded.rejected == []
    return embedded


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_date_at_the_end_of_the_calendar_is_long_ago_or_never(day: str) -> None:
    """People write 9999-12-31 for never; it once ended the worker."""
    order = {
        "event_id": "e1",
        "type": "order",
        "entity_id": "o1",
        "updated_at": AS_OF,
        "data": {
            "customer_id": "c",
            "status": "placed",
            "currency": "EUR",
            "amount_minor": 5,
            "ordered_at": "2026-11-01T11:00:00Z",
            "promised_on": day,
            "quantity_ordered": 1,
        },
    }
    deal = {
        "event_id": "e1",
        "type": "deal",
        "entity_id": "d1",
        "updated_at": AS_OF,
        "data": {
            "customer_id": "c",
            "pipeline_id": "new_business",
            "stage": "proposal",
            "status": "open",
            "currency": "EUR",
            "lines": [],
            "owner_id": "r",
            "created_at": "2026-10-31T12:00:00Z",
            "expected_close_date": day,
        },
    }
    for zone, currency in PLACES:
        embedded = Embedded(plan(zone, currency), AS_OF_MS)
        embedded.apply([order, deal], AS_OF_MS)
        assert embedded.rejected == []
        assert readings(embedded, AS_OF_MS + DAY_MS)


@pytest.mark.parametrize("name", ["", "x" * 257])
def test_an_entry_of_times_has_a_name_of_its_own(name: str) -> None:
    """A patch of one without a name once put an instant in the place of the whole field: no owner could read that."""
    patch = {
        "event_id": "e1",
        "type": "deal",
        "entity_id": "d1",
        "op": "patch",
        "updated_at": AS_OF,
        "data": {"stage_entered_at": {name: AS_OF}},
    }
    embedded = Embedded(plan(), AS_OF_MS)
    embedded.apply([patch], AS_OF_MS)
    assert "a key in it" in embedded.rejected[0].reason


def test_what_is_held_until_the_next_flush_is_counted() -> None:
    shard = Shard(plan(), AS_OF_MS)
    assert shard.held_bytes == 0
    embedded = Embedded(plan(), AS_OF_MS)
    embedded.shards[0].apply("lead", [_Record(b"x" * 1_000), _Record(b"y" * 500)])
    assert embedded.shards[0].held_bytes == 1_500
    embedded.settle()
    assert embedded.shards[0].held_bytes == 0


class _Record(msgspec.Struct):
    value: bytes | None
    timestamp: int = AS_OF_MS
    offset: int = 0
    partition: int = 0
