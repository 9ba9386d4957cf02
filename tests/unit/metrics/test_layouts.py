"""Stored records: none is misread, whatever has become of it, and whatever is declared by now."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
import pytest

from config.declarations import FieldType
from metrics.layouts import StoredLayouts
from metrics.plan import Plan, compile_plan
from metrics.records import RECORD_VERSION, UnreadableRecordError, entity_key, layout_key, pane_key
from metrics.shard import Link, Shard
from metrics.view import View
from tests.unit.metrics.samples import NOON, event, plan, record

Table = dict[bytes, bytes]
GIVEN = (event("deal", lead_id="l1"), event("lead", "l1"), event("fx_rate"), event("plan"))


@cache
def stored() -> tuple[Mapping[bytes, bytes], Mapping[bytes, bytes], tuple[Link, ...]]:
    """Return what a shard writes: entities (with their layouts), cells, links."""
    made = Shard(plan(), NOON)
    made.restore({}, {})
    for given in GIVEN:
        made.apply(given["type"], [record(given)])
    sealed = made.seal()
    made.apply_links(sealed.links)
    later = made.seal()
    entities = {k: v for k, v in [*sealed.entities, *later.entities] if v}
    return entities, {k: v for k, v in [*sealed.cells, *later.cells] if v}, tuple(sealed.links)


def entities() -> Table:
    return dict(stored()[0])


def restored(table: Table, other: Plan | None = None) -> Shard:
    made = Shard(other or plan(), NOON)
    made.restore(table, stored()[1])
    return made


def refusal(table: Table, other: Plan | None = None) -> str:
    with pytest.raises(UnreadableRecordError) as caught:
        restored(table, other)
    return str(caught.value)


def with_fields(**changed: FieldType | None) -> Plan:
    """Compile the catalogue with other fields of deals; None takes one away."""
    declared = plan().declarations
    deal = declared.sources["deal"]
    fields = {n: f for n, f in {**deal.fields, **changed}.items() if f is not None}
    sources = {**declared.sources, "deal": deal.model_copy(update={"fields": fields})}
    return compile_plan(declared.model_copy(update={"sources": sources}), "Europe/Amsterdam", "EUR")


# --------------------------------------------------------------------------------------------------------------- damage


@pytest.mark.parametrize("key", [entity_key("deal", "x"), entity_key("lead", "l1"), layout_key("deal")])
def test_a_record_that_is_cut_short_anywhere_is_refused_by_its_name(key: bytes) -> None:
    whole = entities()[key]
    for length in range(len(whole)):
        text = refusal({**entities(), key: whole[:length]})
        assert f"record `{key.decode().lstrip('/')}`: it is damaged" in text
        assert "delete the entities topic and replay the sources" in text


@pytest.mark.parametrize("version", [RECORD_VERSION - 1, RECORD_VERSION + 1])
@pytest.mark.parametrize("key", [entity_key("deal", "x"), layout_key("deal")])
def test_a_record_of_another_release_is_refused_with_both_versions(key: bytes, version: int) -> None:
    _, *parts = msgspec.msgpack.decode(entities()[key])
    text = refusal({**entities(), key: msgspec.msgpack.encode([version, *parts])})
    assert f"record `{key.decode().lstrip('/')}`: it has version `{version}`, this release reads 3" in text
    assert "start the release and the declarations that wrote it" in text


def test_a_record_whose_values_have_other_types_is_refused() -> None:
    parts = msgspec.msgpack.decode(entities()[b"deal/x"])
    parts[3] = [7 for _ in parts[3]]
    assert "entity record `deal/x`: it is damaged" in refusal({**entities(), b"deal/x": msgspec.msgpack.encode(parts)})


def test_an_entity_under_a_damaged_key_is_refused_and_not_counted_under_another() -> None:
    assert refusal({**entities(), b"deal/\xff": entities()[b"deal/x"]}) == (
        "entity record b'deal/\\xff': its key is damaged; write one without value under it, and start again"
    )


def test_a_record_whose_layout_nobody_describes_is_refused() -> None:
    parts = msgspec.msgpack.decode(entities()[b"deal/x"])
    parts[1] += 1
    text = refusal({**entities(), b"deal/x": msgspec.msgpack.encode(parts)})
    assert "entity record `deal/x`: no record of the topic describes its layout" in text


def test_damaged_cells_are_written_anew_and_refused_by_a_view() -> None:
    _, cells, _ = stored()
    for key, value in [*cells.items()][:: len(cells) // 5]:
        for poison in (value[:-1], b"", b"\x93\x01", msgspec.msgpack.encode([RECORD_VERSION + 1, []])):
            made = Shard(plan(), NOON)
            made.restore(entities(), {**cells, key: poison})
            assert dict(made.seal().cells) == {key: value}
            with pytest.raises(UnreadableRecordError, match=r"it is damaged|it has version"):
                View(plan()).apply(0, key, poison)


@pytest.mark.parametrize("key", [b"", b"\x92", b"\x90", b"\x94\x01\x02\x03\x04", b"\xff"])
def test_cells_under_a_damaged_key_are_deleted_and_refused_by_a_view(key: bytes) -> None:
    _, cells, _ = stored()
    made = Shard(plan(), NOON)
    made.restore(entities(), {**cells, key: b"?"})
    assert dict(made.seal().cells) == {key: None}
    with pytest.raises(UnreadableRecordError, match="its key"):
        View(plan()).apply(0, key, b"?")


def test_empty_panes_are_read() -> None:
    view = View(plan())
    view.apply(0, pane_key(next(iter(plan().cuboids)), 0), msgspec.msgpack.encode([RECORD_VERSION, []]))
    view.tick(NOON)


# --------------------------------------------------------------------------------------------------- other declarations


def test_a_field_of_another_type_is_refused_by_its_name() -> None:
    text = refusal(entities(), with_fields(customer_id=FieldType(type="integer")))
    assert (
        "entity record `deal/x`: field `customer_id` was declared as `string` when it was written and is `integer` now,"
        " which needs another name"
    ) in text


def test_a_field_that_is_gone_is_left_out_and_a_new_one_is_empty() -> None:
    other = with_fields(rep_note=FieldType(type="string"), forecast_category=None)
    assert "rep_note" in other.sources["deal"].schema.names
    made = restored(entities(), other)
    [(_, entity)] = made.entities("deal")
    assert entity.data.rep_note is None
    assert entity.data.customer_id == "c1"


def test_records_are_written_once_in_the_new_layout_and_every_layout_is_kept() -> None:
    other = with_fields(rep_note=FieldType(type="string"))
    sealed = restored(entities(), other).seal()
    written = dict(sealed.entities)
    assert set(written) == {b"deal/x", layout_key("deal"), b"lead/l1", layout_key("lead"), layout_key("customer"),
                            b"customer/c1"}  # fmt: skip
    kept = msgspec.msgpack.decode(written[layout_key("deal")] or b"", type=StoredLayouts)
    assert [layout.checksum for layout in kept.layouts] == [
        other.sources["deal"].layout.checksum,
        plan().sources["deal"].layout.checksum,
    ]
    after: dict[bytes, Any] = {**entities(), **written}
    assert restored(after, other).seal().entities == []


def test_children_are_told_anew_by_declarations_that_tell_something_else() -> None:
    other = with_fields(rep_note=FieldType(type="string"))
    _, _, links = stored()
    sent = restored(entities(), other).seal().links
    meanings = {relation.name: relation.meaning for relation in other.relations}
    assert sent == [sent_before._replace(meaning=meanings[sent_before.relation]) for sent_before in links]
    assert {link.meaning for link in sent}.isdisjoint(link.meaning for link in links)


def test_a_link_of_an_earlier_meaning_counts_no_more() -> None:
    other = with_fields(rep_note=FieldType(type="string"))
    made = restored(entities(), other)
    made.seal()
    made.apply_links(stored()[2])
    assert made.seal().entities == []


def test_a_link_of_an_unknown_meaning_stops_the_worker() -> None:
    made = restored(entities())
    unknown = stored()[2][0]._replace(meaning=1)
    with pytest.raises(UnreadableRecordError, match="workers with other declarations run beside it"):
        made.apply_links([unknown])
