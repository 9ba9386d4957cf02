"""Incremental = recompute from scratch, whatever the order, repetition, batches, ticks and shards."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.cluster import at_once, declarations, differences, grown
from tests.properties.histories import deliveries, histories
from tests.properties.oracle import TESTED, recompute


def test_the_oracle_has_a_formula_for_every_kpi() -> None:
    assert set(declarations().kpis) == TESTED


@given(st.data())
def test_any_delivery_gives_what_a_recomputation_gives(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = grown(history, data.draw(deliveries(history)), data.draw(st.integers(1, 5)))
    expected = recompute(history.events, history.as_of, history.zone, history.currency, declarations())
    assert differences(expected, cluster.readings(history.as_of)) == []


@settings(max_examples=settings().max_examples // 3)
@given(st.data())
def test_entities_that_are_not_at_hand_as_objects_make_no_difference(data: st.DataObject) -> None:
    history = data.draw(histories())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metrics.stored._RECENT", data.draw(st.sampled_from((0, 1))))
        cluster = grown(history, data.draw(deliveries(history)), data.draw(st.integers(1, 2)))
        actual = cluster.readings(history.as_of)
    expected = recompute(history.events, history.as_of, history.zone, history.currency, declarations())
    assert differences(expected, actual) == []


@settings(max_examples=settings().max_examples // 2)
@given(st.data())
def test_readings_follow_time_without_events(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = at_once(history)
    for later in sorted(data.draw(st.sets(st.sampled_from((0, 1, 60_000, 3_600_000, 86_400_000, 101 * 86_400_000))))):
        now = history.as_of + later
        expected = recompute(history.events, now, history.zone, history.currency, declarations())
        assert differences(expected, cluster.readings(now)) == []
