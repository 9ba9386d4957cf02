"""Incremental = recompute from scratch, whatever the order, repetition, batches, ticks and shards."""

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.properties.cluster import at_once, declarations, differences, grown
from tests.properties.histories import History, deliveries, histories
from tests.properties.oracle import TESTED, recompute
from tests.properties.situations import DAY, HOUR

ROUNDS = settings(
    max_examples=25, phases=[Phase.generate], database=None, deadline=None, suppress_health_check=list(HealthCheck)
)


def test_the_oracle_has_a_formula_for_every_kpi() -> None:
    assert set(declarations().kpis) == TESTED


def test_every_kpi_is_something_else_than_nothing_or_zero_in_some_history() -> None:
    never = set(TESTED)

    def look(history: History) -> None:
        found = recompute(history.events, history.as_of, history.zone, history.currency, declarations())
        never.difference_update(key[0] for key, answer in found.items() if answer.value)

    for number in range(40):
        if never:
            seed(number)(ROUNDS(given(histories())(look)))()
    assert never == set()


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
    for later in sorted(data.draw(st.sets(st.sampled_from((0, 1, 60_000, HOUR, DAY, 101 * DAY, 366 * DAY))))):
        now = history.as_of + later
        expected = recompute(history.events, now, history.zone, history.currency, declarations())
        assert differences(expected, cluster.readings(now)) == []


@settings(max_examples=settings().max_examples // 3)
@given(histories(), st.integers(2, 3))
def test_values_of_few_samples_are_not_shown(history: History, min_samples: int) -> None:
    expected = recompute(history.events, history.as_of, history.zone, history.currency, declarations(min_samples))
    assert differences(expected, at_once(history, 1, min_samples).readings(history.as_of)) == []
