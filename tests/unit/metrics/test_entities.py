"""Last writer wins, field by field."""

from itertools import permutations
from typing import Any

import msgspec
import pytest

from metrics.entities import Entity, link, merge, newest_key
from metrics.events import OrderKey
from tests.unit.metrics.samples import Event, event, plan

DEAL = plan().sources["deal"]


def put(version: int, **changes: Any) -> Event:
    return event("deal", "d", version, **changes)


def patch(version: int, **changes: Any) -> Event:
    return event("deal", "d", version, "patch", **changes)


def delete(version: int) -> Event:
    return event("deal", "d", version, "delete")


def merged(*events: Event) -> tuple[Entity, list[str]]:
    """Return the state after the events, each packed and unpacked in between, and the outcomes."""
    state, outcomes = None, []
    for made in events:
        new, outcome = merge(DEAL.schema, state, DEAL.schema.decode(msgspec.json.encode(made)))
        outcomes.append(outcome)
        if new is not None:
            state = DEAL.codec.decode(DEAL.codec.encode(new))
    assert state is not None
    return state, outcomes


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([put(1, region="a"), put(2, region="b")], {"region": "b"}),
        ([put(1, region="a", channel="c"), put(2, region="b")], {"region": "b", "channel": None}),
        ([put(1, region="a", channel="c"), patch(2, region="b")], {"region": "b", "channel": "c"}),
        ([put(1, region="a"), patch(2, region=None)], {"region": None, "stage": "proposal"}),
        ([put(3, region="a"), patch(2, region="b")], {"region": "a"}),
        ([put(1, region="a"), patch(2, region="b"), put(3)], {"region": None}),
        ([put(1), patch(2, region="b"), patch(3, channel="c")], {"region": "b", "channel": "c"}),
        ([put(1), delete(2)], {"deleted": True}),
        ([put(1), delete(2), put(3)], {"deleted": False}),
        ([put(1), delete(2), patch(3, region="b")], {"deleted": False, "region": "b", "stage": "proposal"}),
        ([put(2), delete(1)], {"deleted": False}),
        ([delete(1)], {"deleted": True, "stage": None}),
        ([patch(1, region="b")], {"region": "b", "stage": None}),
        (
            [
                put(1, stage_entered_at={"a": "2026-01-01T00:00:00Z"}),
                patch(2, stage_entered_at={"b": "2026-01-02T00:00:00Z"}),
            ],
            {"stage_entered_at": {"a": 1_767_225_600_000, "b": 1_767_312_000_000}},
        ),
        (
            [
                put(1, stage_entered_at={"a": "2026-01-01T00:00:00Z"}),
                put(2, stage_entered_at={"b": "2026-01-02T00:00:00Z"}),
            ],
            {"stage_entered_at": {"b": 1_767_312_000_000}},
        ),
        (
            [patch(3, stage_entered_at={"a": "2026-01-01T00:00:00Z"}), patch(2, stage_entered_at=None), put(1)],
            {"stage_entered_at": {"a": 1_767_225_600_000}},
        ),
        (
            [patch(2, stage_entered_at={"a": "2026-01-01T00:00:00Z"}), patch(3, stage_entered_at=None)],
            {"stage_entered_at": None},
        ),
        (
            [put(1), patch(2, stage_entered_at={"a": "2026-01-01T00:00:00Z"}), patch(3, stage_entered_at={"a": None})],
            {"stage_entered_at": {"a": None}},
        ),
    ],
)
def test_any_order_gives_the_last_writers_fields(events: list[Event], expected: dict[str, Any]) -> None:
    for order in permutations(events):
        state, _ = merged(*order, *order)
        found = {n: state.deleted if n == "deleted" else getattr(state.data, n) for n in expected}
        assert found == expected


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([put(1), put(2)], "applied"),
        ([put(2), put(2)], "duplicate"),
        ([put(2), put(1)], "stale"),
        ([put(1), patch(2, region="a"), patch(2, region="a")], "duplicate"),
        ([put(1), patch(2, region="a"), put(1)], "duplicate"),
        ([put(2), patch(1, region="a")], "stale"),
        ([put(1), patch(3, region="a"), patch(2, region="b", channel="c")], "applied"),
        ([put(1), patch(3, region="a"), patch(2, region="b")], "stale"),
        ([put(1), delete(2), delete(2)], "duplicate"),
        ([put(3), delete(2)], "stale"),
        ([put(1), patch(3), put(2)], "applied"),
    ],
)
def test_outcomes(events: list[Event], outcome: str) -> None:
    assert merged(*events)[1][-1] == outcome


def test_equal_versions_are_ordered_by_time_and_then_by_id() -> None:
    older, newer = put(1, region="a"), put(1, region="b")
    newer["updated_at"] = "2026-06-01T00:00:00.000001Z"
    assert merged(newer, older)[0].data.region == "b"
    newer["updated_at"], newer["event_id"] = older["updated_at"], "zz"
    assert merged(newer, older)[0].data.region == "b"


def test_without_a_version_the_microseconds_count() -> None:
    made = put(1)
    del made["version"]
    assert merged(made)[0].key == (1_780_272_000_000_000, 1_780_272_000_000_000, made["event_id"])


def test_an_entity_is_known_once_an_event_has_set_a_field() -> None:
    only_named = link(None, DEAL.schema, "r", "child", ((1, 1, "e"), 5))
    assert only_named is not None
    assert not only_named.known
    assert Entity((1, 1, "e"), None).known
    assert merge(DEAL.schema, only_named, DEAL.schema.decode(msgspec.json.encode(patch(1, region="b"))))[0].known  # type: ignore[union-attr]


KEYS: tuple[OrderKey, ...] = ((1, 1, "a"), (2, 1, "a"))


def test_of_a_childs_links_the_newest_counts_and_the_same_key_replaces() -> None:
    first = link(None, DEAL.schema, "r", "c", (KEYS[1], 5))
    assert first is not None
    assert link(first, DEAL.schema, "r", "c", (KEYS[1], 5)) is None
    assert link(first, DEAL.schema, "r", "c", (KEYS[0], 7)) is None
    again = link(first, DEAL.schema, "r", "c", (KEYS[1], None))
    assert again is not None
    other = link(again, DEAL.schema, "r", "d", (KEYS[0], 7))
    assert other is not None
    assert other.children == {"r": {"c": (KEYS[1], None), "d": (KEYS[0], 7)}}


def test_the_newest_key_is_that_of_the_newest_event() -> None:
    state, _ = merged(put(1), patch(3, region="a"), patch(2, channel="b"))
    assert newest_key(state)[0] == 3
