"""State of other declarations is taken over as if it had been theirs: nothing is misread, and nothing replayed."""

import random
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from config.declarations import Children, Condition, Declarations, FieldType, Source
from metrics.plan import Plan, compile_plan
from tests.properties.cluster import Cluster, declarations, differences, grown
from tests.properties.histories import deliveries, histories

SEEDS = 3


def _rearranged(fields: Mapping[str, FieldType], chance: random.Random) -> dict[str, FieldType]:
    """Return the fields, and those of their parts, in another order, with one more among them."""
    parts = {
        name: field.model_copy(update={"fields": _rearranged(field.fields, chance)}) if field.fields else field
        for name, field in fields.items()
    }
    parts["added"] = FieldType(type=chance.choice(["string", "integer", "boolean"]))
    names = list(parts)
    chance.shuffle(names)
    return {name: parts[name] for name in names}


def _children(children: Mapping[str, Children]) -> dict[str, Children]:
    """Return the children of a customer and a lead, which tell other things: more orders, anybody's contacts."""
    updates: dict[str, dict[str, Any]] = {
        "orders": {"where": {"status": Condition(in_=("placed", "fulfilled", "returned"))}},
        "contacts": {"where": {"status": "completed"}},
        "subscriptions": {"carry": ("product_id", "monthly", "ended_at")},
    }
    return {name: told.model_copy(update=updates.get(name, {})) for name, told in children.items()}


@cache
def _plan(zone: str, currency: str, seed: int) -> Plan:
    shipped, chance = declarations(), random.Random(seed)

    def changed(source: Source) -> Source:
        fields = _rearranged(source.fields, chance)
        return source.model_copy(update={"fields": fields, "children": _children(source.children)})

    sources = {key: changed(source) for key, source in shipped.sources.items()}
    other: Declarations = shipped.model_copy(update={"sources": sources})
    return compile_plan(other, zone, currency)


@settings(max_examples=settings().max_examples // 3)
@given(st.data())
def test_state_of_other_declarations_gives_the_readings_of_a_replay(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = grown(history, data.draw(deliveries(history)), data.draw(st.integers(1, 3)))
    plan = _plan(history.zone, history.currency, data.draw(st.integers(0, SEEDS - 1)))
    replayed = Cluster(plan, history.as_of)
    replayed.apply(history.events)
    cluster.upgrade(plan)
    assert differences(replayed.readings(history.as_of), cluster.readings(history.as_of)) == []
    before = [dict(records) for records in cluster.entities]
    assert not any(cluster.restart(i, cluster.now) for i in range(len(cluster.shards)))
    assert cluster.entities == before


@settings(max_examples=settings().max_examples // 6)
@given(st.data())
def test_declarations_that_come_back_find_their_readings_again(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = grown(history, data.draw(deliveries(history)), data.draw(st.integers(1, 3)))
    first, other = cluster.plan, _plan(history.zone, history.currency, data.draw(st.integers(0, SEEDS - 1)))
    expected = cluster.readings(history.as_of)
    for plan in (other, first):
        cluster.upgrade(plan)
    assert differences(expected, cluster.readings(history.as_of)) == []
