"""Whatever stands on a source topic is an event, or is refused with one short line; nothing else comes of it."""

import random
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.load import load
from metrics.calendar import EARLIEST_MS, LATEST_MS
from metrics.events import Event, RejectedError
from metrics.plan import Plan, compile_plan
from tests.fuzz.effort import effort
from tests.fuzz.extremes import Extremes
from tests.fuzz.mutations import spoil

LONGEST_REASON = 1_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@cache
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


SOURCES = tuple(plan().sources)


def decoded(source: str, value: bytes) -> Event | None:
    """Return the event in `value`, None where it is refused as it must be."""
    try:
        event = plan().sources[source].schema.decode(value)
    except RejectedError as error:
        reason = str(error)
        assert 0 < len(reason) <= LONGEST_REASON
        assert reason.isprintable()
        return None
    version, updated_us, event_id = event.key
    assert event.op in {"put", "patch", "delete"}
    assert 0 <= version < 2**63
    assert updated_us // 1000 >= EARLIEST_MS
    assert 0 < len(event_id.encode()) <= 4 * 256
    assert 0 < len(event.entity_id.encode()) <= 4 * 256
    return event


@pytest.mark.parametrize("source", SOURCES)
@effort(0.3)
@given(st.binary(max_size=200) | JSON.map(msgspec.json.encode))
def test_anything(source: str, value: bytes) -> None:
    decoded(source, value)


@pytest.mark.parametrize("source", SOURCES)
@effort()
@given(st.randoms(use_true_random=True))
def test_a_spoilt_event(source: str, draw: random.Random) -> None:
    event = Extremes(draw, plan().declarations).event(source)
    value = spoil(draw, msgspec.json.encode(event))
    for other in (source, draw.choice(SOURCES)):
        decoded(other, value)


@pytest.mark.parametrize("source", SOURCES)
@effort(0.5)
@given(st.randoms(use_true_random=True))
def test_an_event_of_extremes_has_instants_within_the_calendar(source: str, draw: random.Random) -> None:
    event = decoded(source, msgspec.json.encode(Extremes(draw, plan().declarations).event(source)))
    if event is not None and event.op == "put":
        fields = plan().sources[source].source.fields
        instants = [getattr(event.data, name) for name, field in fields.items() if field.type == "timestamp"]
        assert all(at is None or EARLIEST_MS <= at < LATEST_MS for at in instants)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status", "x" * 1_000_000),
        ("created_at", "x" * 1_000_000),
        ("created_at", "2026-01-01T00:00:00." + "0" * 1_000_000 + "Z"),
        ("created_at", "a\nb\u202ec\x1b[31m"),
        ("k" * 1_000_000, 1),
        ("a\nb`", 1),
        ("x - at `$.data.status`", 1),
    ],
    ids=["enum", "instant", "fraction", "control characters", "name", "lines", "name like a place"],
)
@pytest.mark.parametrize("op", ["put", "patch"])
def test_a_giant_or_garbled_field_makes_no_giant_or_garbled_reason(op: str, name: str, value: Any) -> None:
    event: dict[str, Any] = {
        "event_id": "e1",
        "type": "lead",
        "entity_id": "x1",
        "op": op,
        "updated_at": "2026-11-01T12:00:00Z",
        "data": {"created_at": "2026-11-01T12:00:00Z", "status": "new", name: value},
    }
    assert decoded("lead", msgspec.json.encode(event)) is None


def test_a_long_reason_keeps_the_field_and_the_rule() -> None:
    reason = str(RejectedError(f"field `created_at`: `{'x' * 500}` is not an RFC 3339 instant; write one"))
    assert reason.startswith("field `created_at`: `xxx")
    assert reason.endswith("xxx` is not an RFC 3339 instant; write one")
    assert "…" in reason
