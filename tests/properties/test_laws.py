"""What must hold besides the right value: of restarts, retractions, shards, grains, views and ticks."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from config.declarations import FieldType, Measure, State
from metrics.calendar import LATEST_MS
from metrics.records import LAYOUT_PREFIX, REFERENCE, cells_key
from metrics.relations import attribute
from metrics.shard import Record
from metrics.view import View
from tests.cells import Cell, cells_in, references_in
from tests.properties.cluster import Cluster, at_once, declarations, differences, grown, plan_for, readings
from tests.properties.histories import History, deliveries, histories
from tests.properties.oracle import merge, ms
from tests.properties.situations import DAY, Event, spell

HALF = settings(max_examples=settings().max_examples // 2)
LATER = (0, 1, 60_000, 3_600_000, DAY, 91 * DAY)


# ---------------------------------------------------------------------------------------------------------------- merge


@HALF
@given(st.data())
def test_merged_entities_are_the_last_writers(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = grown(history, data.draw(deliveries(history)), data.draw(st.integers(1, 3)))
    expected = {
        f"{source}/{i}".encode(): {
            n: _plain(declarations().sources[source].fields.get(n), v) for n, v in entity.items()
        }
        for source, entities in merge(history.events, declarations()).items()
        for i, entity in entities.items()
    }
    actual = {}
    for key, value in (item for records in cluster.entities for item in records.items()):
        if key.startswith(LAYOUT_PREFIX):
            continue
        plan = cluster.plan.sources[key.decode().partition("/")[0]]
        entity = plan.codec.decode(value)
        if entity.key[0] >= 0 or entity.overrides:  # else only its children have named it
            state = {n: getattr(entity.data, attribute(n)) for n in plan.source.fields}
            actual[key] = {n: _stored(plan.source.fields[n], v) for n, v in state.items()} | {"deleted": entity.deleted}
    assert actual == expected


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    "timestamp": ms,
    "date": lambda text: date.fromisoformat(text).toordinal(),
    "times": lambda times: {k: ms(v) for k, v in times.items()} or None,
    "decimal": lambda number: Decimal(str(number)),
}


def _plain(field: FieldType | None, value: Any) -> Any:
    """Return a value of an event as `_stored` gives it."""
    if field is None or value is None:
        return value
    match field.type:
        case "list":
            return [_plain_record(field, item) for item in value]
        case "object":
            return _plain_record(field, value)
        case kind:
            return _CONVERSIONS[kind](value) if kind in _CONVERSIONS else value


def _plain_record(field: FieldType, value: Mapping[str, Any]) -> dict[str, Any]:
    return {n: _plain(f, value.get(n)) for n, f in field.fields.items()}


def _stored(field: FieldType, value: Any) -> Any:
    match field.type:
        case "decimal" if value is not None:
            return Decimal(str(value))
        case "times":
            return value or None
        case "list" if value is not None:
            return [_stored_record(field, item) for item in value]
        case "object" if value is not None:
            return _stored_record(field, value)
        case _:
            return value


def _stored_record(field: FieldType, value: object) -> dict[str, Any]:
    return {n: _stored(f, getattr(value, attribute(n))) for n, f in field.fields.items()}


# -------------------------------------------------------------------------------------------------------------- restart


@HALF
@given(st.data())
def test_a_restart_at_the_same_time_corrects_nothing_and_loses_nothing(data: st.DataObject) -> None:
    history = data.draw(histories())
    steps = data.draw(deliveries(history))
    shards = data.draw(st.integers(1, 3))
    cluster = grown(history, (), shards)
    for batch, tick in steps:
        cluster.advance(tick or 0)
        cluster.apply(batch)
        for i in data.draw(st.sets(st.integers(0, shards - 1))):
            assert cluster.restart(i, cluster.now) == []
    live = grown(history, steps, shards)
    assert differences(live.readings(history.as_of), cluster.readings(history.as_of)) == []
    assert cluster.contents() == live.contents()
    assert [s.size for s in cluster.shards] == [s.size for s in live.shards]


@HALF
@given(st.data())
def test_a_restart_later_catches_up_with_time(data: st.DataObject) -> None:
    history = data.draw(histories())
    shards = data.draw(st.integers(1, 3))
    cluster, live = at_once(history, shards), at_once(history, shards)
    later = history.as_of + data.draw(st.sampled_from(LATER))
    for i in range(shards):
        cluster.restart(i, later)
    cluster.commit()
    live.advance(later)
    assert cluster.contents() == live.contents()
    assert differences(live.readings(later), cluster.readings(later)) == []


@HALF
@given(st.data())
def test_links_that_are_sent_again_change_nothing(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = grown(history, data.draw(deliveries(history)), 1)
    before = [dict(records) for records in cluster.cells]
    for event in data.draw(st.lists(st.sampled_from(history.events))):
        record = Record(msgspec.json.encode(event), LATEST_MS)
        cluster.shards[0].apply(event["type"], [record], repeat_links=True)
    cluster.commit()
    assert cluster.cells == before


# ----------------------------------------------------------------------------------------------------------- retraction


@HALF
@given(st.data())
def test_deleting_everything_leaves_no_cell(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = grown(history, data.draw(deliveries(history)), data.draw(st.integers(1, 3)))
    ids = sorted({(e["type"], e["entity_id"]) for e in history.events})
    cluster.apply([_delete(n, source, i, history.as_of) for n, (source, i) in enumerate(ids)])
    assert cluster.cells == [{} for _ in cluster.shards]
    values = cluster.readings(history.as_of).values()
    assert {v.value for v in values} <= {None, 0}


def _delete(number: int, source: str, entity_id: str, as_of: int) -> Event:
    version = 2**62
    return {
        "event_id": f"d{number}",
        "type": source,
        "entity_id": entity_id,
        "op": "delete",
        "version": version,
        "updated_at": spell(as_of),
    }


# -------------------------------------------------------------------------------------------------------------- merging


@HALF
@given(histories(), st.integers(2, 5))
def test_the_cells_of_shards_add_up_to_those_of_one(history: History, shards: int) -> None:
    one, many = at_once(history), at_once(history, shards)
    assert _added_up(many) == _added_up(one)
    assert many.readings(history.as_of) == one.readings(history.as_of)


def _added_up(cluster: Cluster) -> tuple[dict[Cell, list[int]], dict[bytes, bytes | None]]:
    sums: dict[Cell, list[int]] = {}
    references: dict[bytes, bytes | None] = {}
    for records in cluster.cells:
        for cell, added in cells_in(cluster.plan, records).items():
            sums[cell] = [a + b for a, b in zip(added, sums.get(cell) or [0] * len(added), strict=True)]
        references |= references_in(records)
    return {cell: added for cell, added in sums.items() if any(added)}, references


@HALF
@given(histories())
def test_fine_grains_sum_to_the_coarse_one(history: History) -> None:
    by_grain: dict[tuple[Any, ...], Fraction] = defaultdict(Fraction)
    grains = set()
    for (key, agg, grain, window, _), answer in at_once(history).readings(history.as_of).items():
        kpi = declarations().kpis[key]
        if isinstance(kpi, Measure | State) and agg is None and kpi.aggs[0] in ("sum", "count"):
            assert answer.value is not None or (isinstance(kpi, Measure) and kpi.require is not None)
            by_grain[key, window, grain] += answer.value or 0
            grains.add((key, window, grain))
    assert {g: by_grain[g] for g in grains} == {(k, w, g): by_grain[k, w, ()] for k, w, g in grains}


@HALF
@given(st.integers(0, 2**32), st.integers(1, 100))
def test_a_batch_folds_to_what_its_events_fold_to_one_by_one(seed: int, count: int) -> None:
    chance = random.Random(seed)
    now = ms("2026-06-15T12:00:00Z") or 0
    events = [_deal(n, chance, now) for n in range(count)]
    plan = plan_for("Europe/Amsterdam", "EUR")
    one_by_one, at_a_time = Cluster(plan, now), Cluster(plan, now)
    for event in events:
        one_by_one.apply([event])
    at_a_time.apply(events)
    assert at_a_time.contents() == one_by_one.contents()


def _deal(number: int, chance: random.Random, now: int) -> Event:
    amounts = [chance.choice((0, 1, 999, 10**15)) for _ in range(chance.choice((1, 2, 40)))]
    return {
        "event_id": f"e{number}",
        "type": "deal",
        "entity_id": f"d{chance.randrange(30)}",
        "version": number,
        "updated_at": spell(now),
        "data": {
            "customer_id": "c",
            "pipeline_id": "new_business",
            "stage": chance.choice(("proposal", "negotiation")),
            "status": chance.choice(("open", "won", "lost")),
            "currency": chance.choice(("EUR", "JPY")),
            "lines": [{"line_id": str(i), "product_id": f"p{i % 3}", "amount_minor": a} for i, a in enumerate(amounts)],
            "owner_id": chance.choice(("r1", "r2")),
            "created_at": spell(now - chance.randrange(800 * DAY)),
            "closed_at": spell(now - chance.randrange(800 * DAY)),
        },
    }


# ----------------------------------------------------------------------------------------------------------------- view


@HALF
@given(st.data())
def test_a_late_view_reads_the_same_from_the_compacted_cells(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = grown(history, data.draw(deliveries(history)), data.draw(st.integers(1, 3)))
    live = cluster.readings(history.as_of)
    assert readings(cluster.late_view(), history.as_of) == live


@HALF
@given(st.data())
def test_repeated_cells_change_no_reading(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = at_once(history)
    once = cluster.readings(history.as_of)
    records: Mapping[bytes, bytes] = cluster.cells[0]
    again = data.draw(st.permutations(sorted(records)))
    view = View(cluster.plan)
    for key in again:
        view.apply(0, key, None)
        view.apply(0, key, records[key])
        view.apply(0, key, records[key])
    assert readings(view, history.as_of) == once
    for key in again:
        cluster.view.apply(0, key, records[key])
    assert cluster.view.tick(history.as_of) == [] or _has_references(records)
    assert readings(cluster.view, history.as_of) == once


def _has_references(records: Mapping[bytes, bytes]) -> bool:
    return any(cells_key(key)[0] == REFERENCE for key in records)


@HALF
@given(st.data())
def test_the_changes_of_ticks_add_up_to_all_readings(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = grown(history, (), data.draw(st.integers(1, 2)))
    seen: dict[Any, Any] = {}
    for batch, tick in [*data.draw(deliveries(history)), ((), history.as_of), ((), history.as_of + 2 * DAY)]:
        cluster.apply(batch)
        cluster.advance(tick or cluster.now)
        for r in cluster.view.tick(cluster.now):
            where = (r.series.kpi.key, r.series.agg, r.series.grain, r.window, r.dims)
            gone = r.result.value is None and r.result.reason is None
            assert seen.get(where) != r.result
            seen.pop(where, None)
            if not gone:
                seen[where] = r.result
        everything = cluster.view.all_readings()
        assert seen == {
            (r.series.kpi.key, r.series.agg, r.series.grain, r.window, r.dims): r.result for r in everything
        }
