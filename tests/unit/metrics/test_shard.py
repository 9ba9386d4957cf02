"""A shard: what it refuses, what it sends, what it forgets and how it comes back."""

from typing import Any

import msgspec
import pytest

from metrics.calendar import parse_instant
from metrics.partitions import home_partition
from metrics.records import PROGRESS_KEY, cells_key, entity_key, is_progress
from metrics.shard import Link, Record, Rejected, Shard
from tests.unit.metrics.samples import DAY, NOON, Event, event, plan, record

UPDATED = parse_instant("2026-06-01T00:00:00Z")


def shard(*events: Event, now: int = NOON) -> Shard:
    made = Shard(plan(), now)
    for given in events:
        made.apply(given["type"], [record(given)])
    return made


def meaning(relation: str) -> int:
    return next(r.meaning for r in plan().relations if r.name == relation)


def links(*events: Event) -> list[tuple[str, str, int, Any]]:
    """Return (parent, child, version, instant) of the links of the last event."""
    made = shard(*events[:-1])
    made.seal()
    made.apply(events[-1]["type"], [record(events[-1])])
    return [(k.parent, k.child, k.key[0], k.told) for k in made.seal().links if k.relation == "lead.wins"]


# ----------------------------------------------------------------------------------------------------------- records in


def test_what_cannot_be_read_is_a_dead_letter() -> None:
    made = shard()
    broken = Record(b"{", 5, offset=7)
    made.apply("deal", [broken, record(event("deal"))])
    sealed = made.seal()
    assert sealed.rejected == [Rejected("deal", broken, "Input data was truncated")]
    assert made.counts == {("deal", "rejected"): 1, ("deal", "applied"): 1}
    assert made.size == 1
    assert not made.seal()


@pytest.mark.parametrize(("late_us", "refused"), [(300_000_000, False), (300_000_001, True)])
def test_an_update_from_the_future_is_refused(late_us: int, refused: bool) -> None:  # noqa: FBT001
    made = Shard(plan(), NOON)
    given = event("deal")
    given["updated_at"] = f"2026-06-01T00:05:00.{late_us % 10:06}Z"
    made.apply("deal", [record(given, UPDATED)])
    reasons = [r.reason for r in made.seal().rejected]
    text = "field `updated_at`: lies more than 5 minutes after the broker's time; check the producer's clock"
    assert reasons == ([text] if refused else [])


def test_null_values_are_counted_and_left() -> None:
    made = shard()
    made.apply("deal", [Record(None, 0)])
    assert made.counts == {("deal", "null"): 1}
    assert not made.seal()


def test_the_watermark_is_the_greatest_update() -> None:
    later = event("deal", version=2)
    later["updated_at"] = "2026-06-02T00:00:00Z"
    made = shard(later, event("deal"))
    assert made.watermarks == {"deal": UPDATED + DAY}
    assert made.counts == {("deal", "applied"): 1, ("deal", "stale"): 1}


def test_a_new_entity_of_another_home_is_sent_there() -> None:
    here, away = (home_partition(i.encode(), 5) for i in ("x", "y"))
    assert here != away
    made = Shard(plan(), NOON, here, 5)
    made.apply("deal", [record(event("deal")), record(event("deal", "y")), record(event("deal", "y", version=2))])
    sealed = made.seal()
    assert [(m.source, m.home, m.entity_id, m.record) for m in sealed.misrouted] == [
        ("deal", away, "y", record(event("deal", "y"))),
        ("deal", away, "y", record(event("deal", "y", version=2))),
    ]
    assert made.counts == {("deal", "applied"): 1, ("deal", "misrouted"): 2}


def test_an_entity_that_is_known_here_stays_here() -> None:
    """Its shard took it over before the partitions were numbered otherwise; to split it would be worse."""
    away = (home_partition(b"x", 5) + 1) % 5
    known = shard(event("deal")).seal().entities
    made = Shard(plan(), NOON, away, 5)
    made.restore({key: value for key, value in known if value is not None}, {})
    made.apply("deal", [record(event("deal", version=2))])
    assert made.counts == {("deal", "applied"): 1}
    assert not made.seal().misrouted


# ---------------------------------------------------------------------------------------------------------------- links

CLOSED = parse_instant("2026-06-10T08:00:00Z")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event("deal", lead_id="l1")], [("l1", "x", 1, CLOSED)]),
        ([event("deal")], []),
        ([event("deal", lead_id="l1", status="lost")], []),
        ([event("deal", lead_id="l1", owner_id=None)], []),
        ([event("deal", lead_id="l1"), event("deal", version=2, lead_id="l1", region="a")], []),
        (
            [event("deal", lead_id="l1"), event("deal", version=2, lead_id="l2")],
            [("l1", "x", 2, None), ("l2", "x", 2, CLOSED)],
        ),
        ([event("deal", lead_id="l1"), event("deal", version=2, lead_id="l1", status="open")], [("l1", "x", 2, None)]),
        ([event("deal", lead_id="l1"), event("deal", version=2, op="delete")], [("l1", "x", 2, None)]),
        ([event("deal", version=1, op="delete"), event("deal", version=2, lead_id="l1")], [("l1", "x", 2, CLOSED)]),
    ],
)
def test_a_child_tells_its_parents_what_changed(
    events: list[Event], expected: list[tuple[str, str, int, int | None]]
) -> None:
    assert links(*events) == expected


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        (event("deal", lead_id="l1"), [("l1", CLOSED)]),
        (event("deal", version=0, lead_id="l9"), [("l1", CLOSED)]),
        (event("deal", version=2, lead_id="l1", region="a"), [("l1", CLOSED)]),
        (event("deal", version=2, lead_id="l2"), [("l1", None), ("l2", CLOSED)]),
    ],
)
def test_links_are_repeated_on_request(again: Event, expected: list[tuple[str, int | None]]) -> None:
    made = shard(event("deal", lead_id="l1"))
    made.seal()
    made.apply("deal", [record(again)], repeat_links=True)
    assert [(k.parent, k.told) for k in made.seal().links if k.relation == "lead.wins"] == expected


def test_repeating_the_links_of_a_source_without_parents_sends_none() -> None:
    made = shard()
    for source in ("lead", "fx_rate"):
        made.apply(source, [record(event(source)), record(event(source))], repeat_links=True)
    assert made.seal().links == []


def test_a_link_makes_its_parent_known_and_an_older_one_changes_nothing() -> None:
    made = shard()
    sent = Link("lead.wins", "l1", "d1", (2, 2, "e"), CLOSED, meaning("lead.wins"))
    made.apply_links([sent])
    assert [key for key, _ in made.seal().entities] == [entity_key("lead", "l1")]
    made.apply_links([sent, sent._replace(key=(1, 1, "e"), told=None)])
    assert not made.seal()


# ----------------------------------------------------------------------------------------------------------------- time


def test_time_never_goes_back() -> None:
    made = shard(event("deal", closed_at="2026-06-10T10:00:00Z"))
    made.advance(NOON + 1)
    made.seal()
    made.advance(NOON)
    assert made.now == NOON + 1
    assert not made.seal()


def test_a_change_before_its_time_sets_the_timer_anew() -> None:
    later = "2026-06-12T10:00:00Z"
    made = shard()
    for version, closed_at in enumerate((later, "2026-06-13T10:00:00Z", later)):
        made.apply("deal", [record(event("deal", version=version, closed_at=closed_at))])
        made.seal()
    made.advance(parse_instant(later))
    assert not made.seal()
    made.advance(parse_instant(later) + 1)
    assert made.seal().cells
    made.advance(parse_instant(later) + 1 + DAY)
    assert not [key for key, value in made.seal().cells if value is not None]


@pytest.mark.parametrize("op_by_override", [True, False])
def test_a_deleted_entity_is_forgotten_after_four_hundred_days(op_by_override: bool) -> None:  # noqa: FBT001
    made = shard(*([event("lead")] if op_by_override else []), event("lead", version=2, op="delete"))
    made.apply("deal", [record({**event("deal"), "updated_at": "2028-01-01T00:00:00Z"})])
    made.seal()
    made.advance(UPDATED + 400 * DAY - 1)
    assert made.size == 2
    assert entity_key("lead", "x") not in dict(made.seal().entities)
    made.advance(UPDATED + 400 * DAY)
    assert made.seal().entities == [(entity_key("lead", "x"), None)]
    assert made.size == 1


def test_a_clock_that_is_ahead_of_all_events_makes_nothing_forgotten() -> None:
    """A clock can be put right again, but what was forgotten would not come back: an old event would revive it."""
    made = shard(event("lead"), event("lead", version=2, op="delete"))
    made.seal()
    made.advance(UPDATED + 500 * DAY)
    assert made.seal().entities == []
    made.apply("lead", [record(event("lead"))])
    assert made.counts["lead", "applied"] == 2
    made.apply("deal", [record({**event("deal"), "updated_at": "2028-01-01T00:00:00Z"})])
    made.seal()
    made.advance(UPDATED + 501 * DAY - 1)
    assert made.size == 2
    made.advance(UPDATED + 501 * DAY)
    assert (entity_key("lead", "x"), None) in made.seal().entities


def test_an_entity_that_is_back_is_not_forgotten() -> None:
    made = shard(event("lead"), event("lead", version=2, op="delete"), event("lead", version=3))
    made.seal()
    made.advance(UPDATED + 500 * DAY)
    assert (made.size, made.seal().entities) == (1, [])


def test_what_is_no_longer_kept_as_an_object_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrics.stored._RECENT", 0)
    made = shard(event("deal", lead_id="l1", closed_at="2026-06-12T10:00:00Z"))
    made.seal()
    made.advance(NOON + 3 * DAY)
    assert made.seal().cells
    made.apply("deal", [record(event("deal", version=2, op="delete"))])
    sealed = made.seal()
    assert {value for _, value in sealed.cells} == {None}
    assert [(k.relation, k.told) for k in sealed.links] == [("lead.wins", None), ("customer.wins", None)]


# ----------------------------------------------------------------------------------------------------------- references


@pytest.mark.parametrize(
    ("source", "changes", "there"),
    [
        ("fx_rate", {}, True),
        ("fx_rate", {"rate": None}, False),
        ("plan", {}, True),
        ("plan", {"currency": None}, False),  # an amount of nothing
        ("plan", {"currency": None, "amount_minor": None, "value": "3.5"}, True),
    ],
)
def test_complete_references_go_whole_to_the_view(source: str, changes: dict[str, Any], there: bool) -> None:  # noqa: FBT001
    sealed = shard(event(source, **changes)).seal()
    ((key, value),) = sealed.cells
    assert cells_key(key) == ["reference", source, "x"]
    assert (value is not None) is there


def test_a_deleted_reference_is_taken_from_the_view() -> None:
    made = shard(event("fx_rate"))
    made.seal()
    made.apply("fx_rate", [record(event("fx_rate", version=2, op="delete"))])
    assert [value for _, value in made.seal().cells] == [None]


# ------------------------------------------------------------------------------------------------------------- recovery


def committed(*events: Event) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
    made = Shard(plan(), NOON)
    made.restore({}, {})
    for given in events:
        made.apply(given["type"], [record(given)])
    sealed = made.seal()
    return {k: v for k, v in sealed.entities if v}, {k: v for k, v in sealed.cells if v}


HISTORY = (event("deal", lead_id="l1"), event("lead", "l1"), event("fx_rate"), event("lead", "l2", op="delete"))


def test_a_restored_shard_goes_on_where_the_other_ended() -> None:
    entities, cells = committed(*HISTORY)
    made = Shard(plan(), NOON)
    made.restore(entities, cells)
    assert not made.seal()
    made.apply("deal", [record(event("deal", lead_id="l1"))])
    assert made.counts == {("deal", "duplicate"): 1}
    made.apply("deal", [record(event("deal", version=2, op="delete"))])
    key = (2, UPDATED * 1000, "deal-x-2-delete")
    assert made.seal().links == [
        Link("lead.wins", "l1", "x", key, None, meaning("lead.wins")),
        Link("customer.wins", "c1", "x", key, None, meaning("customer.wins")),
    ]


def test_a_restored_shard_corrects_what_was_published() -> None:
    entities, cells = committed(*HISTORY)
    wrong = dict(cells)
    missing = wrong.popitem()
    changed, _ = wrong.popitem()
    wrong |= {changed: msgspec.msgpack.encode([99]), b"\x92\x01\x02": b"\x91\x01", PROGRESS_KEY: b"\x80"}
    made = Shard(plan(), NOON)
    made.restore({**entities, b"unheard/of": b"?"}, wrong)
    assert dict(made.seal().cells) == {b"\x92\x01\x02": None, changed: cells[changed], missing[0]: missing[1]}
    assert is_progress(PROGRESS_KEY)


def test_a_restore_folds_in_between() -> None:
    entities, cells = committed(*(event("lead", f"l{i}") for i in range(50)))
    made = Shard(plan(), NOON)
    made.restore(entities, cells)
    assert (made.size, made.seal().cells) == (50, [])
