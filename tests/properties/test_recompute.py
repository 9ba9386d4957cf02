"""Incremental = recompute from scratch, whatever the order, repetition, batches, ticks and shards."""

from hypothesis import given
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


@given(st.data())
def test_readings_follow_time_without_events(data: st.DataObject) -> None:
    history = data.draw(histories())
    cluster = at_once(history)
    for later in sorted(data.draw(st.sets(st.sampled_from((0, 1, 60_000, 3_600_000, 86_400_000, 101 * 86_400_000))))):
        now = history.as_of + later
        expected = recompute(history.events, now, history.zone, history.currency, declarations())
        assert differences(expected, cluster.readings(now)) == []
