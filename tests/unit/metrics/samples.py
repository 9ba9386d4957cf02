"""Events with all that is required, to be varied in one thing at a time, and the shipped catalogue compiled."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from config.load import load
from metrics.calendar import LATEST_MS, Window, parse_instant
from metrics.embedded import Embedded
from metrics.evaluate import Result
from metrics.plan import Plan, SeriesPlan, compile_plan
from metrics.shard import Record
from metrics.view import View

Event = dict[str, Any]
DAY = 86_400_000
_DATA: Mapping[str, Event] = {
    "deal": {
        "customer_id": "c1",
        "pipeline_id": "new_business",
        "stage": "proposal",
        "status": "won",
        "currency": "EUR",
        "lines": [{"line_id": "1", "product_id": "p1", "amount_minor": 1_000}],
        "owner_id": "r1",
        "created_at": "2026-05-01T08:00:00Z",
        "closed_at": "2026-06-10T08:00:00Z",
    },
    "lead": {"created_at": "2026-06-10T08:00:00Z", "status": "new"},
    "activity": {
        "kind": "call",
        "direction": "outbound",
        "actor": "human",
        "status": "completed",
        "created_at": "2026-06-10T08:00:00Z",
        "occurred_at": "2026-06-10T08:00:00Z",
    },
    "fx_rate": {"base": "EUR", "quote": "USD", "rate_date": "2026-06-10", "rate": "1.25"},
    "plan": {
        "kind": "target",
        "metric": "revenue",
        "period": "2026-06",
        "amount_minor": 2_000,
        "currency": "EUR",
        "submitted_at": "2026-05-20T08:00:00Z",
    },
}
NOON = parse_instant("2026-06-10T10:00:00Z")
"""Noon in Amsterdam, on the day on which things happen."""


@cache
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


def event(source: str, entity_id: str = "x", version: int = 1, op: str = "put", **changes: Any) -> Event:
    """Return an event; a put has all that is required besides `changes`, a patch nothing."""
    data = {**(_DATA[source] if op == "put" else {}), **changes}
    made = {
        "event_id": f"{source}-{entity_id}-{version}-{op}",
        "type": source,
        "entity_id": entity_id,
        "op": op,
        "version": version,
        "updated_at": "2026-06-01T00:00:00.000Z",
    }
    return made if op == "delete" else {**made, "data": data}


def record(made: Event, written_ms: int = LATEST_MS) -> Record:
    return Record(msgspec.json.encode(made), written_ms)


def told(*events: Event, now: int = NOON, shards: int = 1) -> Embedded:
    """Return the core that was given the events and ticked at `now`."""
    core = Embedded(plan(), now, shards)
    core.apply(events, LATEST_MS)
    core.tick(now)
    assert core.rejected == []
    return core


def series(key: str, agg: str | None = None, grain: tuple[str, ...] = ()) -> tuple[int, SeriesPlan]:
    return next((i, s) for i, s in enumerate(plan().series) if (s.kpi.key, s.agg, s.grain) == (key, agg, grain))


def sides(found: Result) -> tuple[object, object]:
    """Return the numerator and the denominator."""
    return found.numerator, found.denominator


def result(view: View, key: str, window: str = "now", agg: str | None = None, **dims: str) -> Result:
    """Return one result of the last tick."""
    i, _ = series(key, agg, tuple(dims))
    return view.readings[i, Window(window)][tuple(dims.values())]
