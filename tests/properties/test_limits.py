"""What must hold when dimensions are full: a value that is named is whole, and `other` holds the rest, to the cent."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.admitted import OTHER
from metrics.limits import is_open
from metrics.plan import Plan, compile_plan
from metrics.relations import ENTITY_ID, dimension_path, list_of
from metrics.shard import Shard
from metrics.view import View
from tests.properties.cluster import Cluster, declarations, differences
from tests.properties.histories import History, Step, deliveries, histories
from tests.properties.oracle import Answer, Key
from tests.properties.situations import Event

FEW = settings(max_examples=settings().max_examples // 4)
LIMITS = {"team": 1, "region": 1, "channel": 1, "product": 1, "rep": 1, "source": 1, "stage": 1}
"""Histories draw from two or three values of each of these."""
BY_MEMBERS = frozenset({"quota_attainment", "quota_attainment_rep"})
"""What is counted over reps: it needs all of their names."""
BY_VALUE = frozenset({"referral_rate", "patient_referral_rate"})
"""What asks for the source `referral`: an event that says `other` in its place is another event."""


@cache
def plan_with(limit: int, zone: str, currency: str, _process: int = 0) -> Plan:
    """Return the plan of one process, whose dimensions have so many values at most."""
    given = declarations()
    limits = {name: limit * most for name, most in LIMITS.items()}
    defaults = given.defaults.model_copy(update={"dimension_limit": 5_000, "dimension_limits": limits})
    return compile_plan(given.model_copy(update={"defaults": defaults}), zone, currency)


def begin_anew(plan: Plan) -> Plan:
    """Have a plan forget the values that came, as a process does that is started."""
    for admitted in plan.admitted.values():
        admitted.values.clear()
    for cube in plan.cubes:
        cube.combinations.clear()
    return plan


class Installation(Cluster):
    """A cluster in which every shard is in a process of its own."""

    def __init__(self, history: History, shards: int) -> None:
        """Begin as of long before the history's T."""
        self._plans = [begin_anew(plan_with(1, history.zone, history.currency, i)) for i in range(shards)]
        super().__init__(plan_with(1, history.zone, history.currency, -1), history.as_of - 500 * 86_400_000, shards)

    def _opened(self, i: int, shards: int, now: int) -> Shard:
        shard = Shard(begin_anew(self._plans[i]), now, i, shards)
        shard.restore(self.entities[i], self.cells[i])
        return shard

    def deliver(self, history: History, steps: Sequence[Step], data: st.DataObject) -> dict[Key, Answer]:
        """Apply a history step by step; some shards are taken over by new processes in between."""
        for batch, tick in steps:
            if tick is not None:
                self.advance(tick)
                self.view.tick(tick)
            self.apply(batch)
            for i in data.draw(st.sets(st.integers(0, len(self.shards) - 1))):
                self.restart(i, self.now)
        return self.readings(history.as_of)


def unbounded(history: History, events: tuple[Event, ...]) -> dict[Key, Answer]:
    cluster = Cluster(plan_with(1_000, history.zone, history.currency), history.as_of)
    cluster.apply(events)
    return cluster.readings(history.as_of)


def open_dimensions(grain: tuple[str, ...]) -> set[str]:
    return set(grain) & LIMITS.keys()


def reps(history: History) -> set[str]:
    """Return every rep that an event of a history names."""
    told = [
        (event["entity_id"] if event["type"] == "rep" else None, event.get("data") or {}) for event in history.events
    ]
    return {rep for own, data in told for rep in (own, data.get("owner_id"), data.get("rep_id")) if rep is not None}


def apart_by_members(history: History) -> frozenset[str]:
    """Return what cannot be compared because there are more reps than names of them."""
    return BY_MEMBERS if len(reps(history)) > LIMITS["rep"] else frozenset()


def without(kpis: frozenset[str], readings: Mapping[Key, Answer]) -> dict[Key, Answer]:
    return {key: answer for key, answer in readings.items() if key[0] not in kpis}


@FEW
@given(st.data())
def test_what_is_named_is_whole_and_what_is_not_by_a_full_dimension_is_exact(data: st.DataObject) -> None:
    history = data.draw(histories())
    installation = Installation(history, data.draw(st.integers(1, 3)))
    apart = apart_by_members(history)
    found = without(apart, installation.deliver(history, data.draw(deliveries(history)), data))
    plain = without(apart, unbounded(history, history.events))
    named = {key: answer for key, answer in found.items() if not _is_folded(key)}
    assert differences({key: plain[key] for key in named if key in plain}, named) == []
    assert {key for key in plain if not open_dimensions(key[2])} <= found.keys()


def _is_folded(key: Key) -> bool:
    return any(value == OTHER for name, value in zip(key[2], key[4], strict=True) if name in LIMITS)


@FEW
@given(st.data())
def test_series_are_bounded_whatever_the_shards_say(data: st.DataObject) -> None:
    history = data.draw(histories())
    installation = Installation(history, data.draw(st.integers(1, 3)))
    installation.deliver(history, data.draw(deliveries(history)), data)
    for view in (installation.view, installation.late_view()):
        view.tick(history.as_of)
        for i, series in enumerate(view.plan.series):
            for window in series.windows:
                for position, name in enumerate(series.grain):
                    if name in LIMITS:
                        values = {dims[position] for dims in view.readings[i, window]}
                        assert len(values) <= view.plan.limits.most(name)


@FEW
@given(st.data())
def test_in_one_process_readings_are_those_of_events_that_say_other(data: st.DataObject) -> None:
    """The plain version: what is not admitted is replaced in the events, before anything is computed."""
    history = data.draw(histories())
    installation = Installation(history, 1)
    found = installation.deliver(history, data.draw(deliveries(history)), data)
    (plan,) = installation._plans  # noqa: SLF001 - the one process
    told = tuple(_saying_other(event, plan) for event in history.events)
    apart = apart_by_members(history)
    if plan.admitted["source"].find("referral") == OTHER:
        apart |= BY_VALUE
    assert differences(without(apart, unbounded(history, told)), without(apart, found)) == []


def _saying_other(event: Event, plan: Plan) -> Event:
    source = plan.declarations.sources[event["type"]]
    if source.broadcast or not event.get("data"):
        return event
    changed = copy.deepcopy(event)
    for name in source.dimensions.keys() & LIMITS.keys():
        for items in (None, "lines"):
            path = dimension_path(source, name, items)
            if path != ENTITY_ID and is_open(source, name, items):
                for holder, field in _holders(changed["data"], path, list_of(source, path)):
                    if holder.get(field) is not None:
                        holder[field] = plan.admitted[name].find(holder[field])
    return changed


def _holders(given: dict[str, Any], path: str, of_list: str | None) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield what holds the field of a path, and the field's name there."""
    if of_list is None:
        yield given, path
    for item in (given.get(of_list) or ()) if of_list is not None else ():
        yield item, path.partition(".")[2]


@FEW
@given(st.data())
def test_two_views_name_the_same_values_once_a_shard_is_full(data: st.DataObject) -> None:
    history = data.draw(histories())
    installation = Installation(history, data.draw(st.integers(1, 3)))
    found = installation.deliver(history, data.draw(deliveries(history)), data)
    late = installation.late_view()
    late.tick(history.as_of)
    assert found == _all(late)


def _all(view: View) -> dict[Key, Answer]:
    return {
        (r.series.kpi.key, r.series.agg, r.series.grain, r.window.token, r.dims): Answer(
            r.result.value, r.result.reason, r.result.samples
        )
        for r in view.all_readings()
    }
