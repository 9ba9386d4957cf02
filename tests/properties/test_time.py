"""Awkward times: clocks that change, leap days, week 53, events a year late or early, T that jumps over all of them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.calendar import MINUTE_MS
from metrics.history import NotKeptError, Past
from metrics.view import View
from tests.properties.cluster import Cluster, declarations, differences, plan_for, readings
from tests.properties.histories import THEMES, drawn_event, drawn_rates, drawn_stories
from tests.properties.moments import MINUTE, ZONES, moments, ways
from tests.properties.oracle import Answer, Key, recompute
from tests.properties.situations import DAY, HOUR, Draw, Event, one_of, spell

CURRENCY = "EUR"
SOME = settings(max_examples=settings().max_examples // 8)
FEW = settings(max_examples=settings().max_examples // 15)
FEWEST = settings(max_examples=settings().max_examples // 60)
_LATE = (0, 0, 0, 1_000, HOUR, DAY, 400 * DAY, -5 * MINUTE)
"""How long before its arrival an event was made; a producer's clock may be up to five minutes ahead."""
_EDGES = (-1, -1, 0, -1_000, -MINUTE, -HOUR, -HOUR - 1, -DAY, -DAY - 1, -90 * DAY, -90 * DAY - 1, -365 * DAY)
_STEPS_ON_THE_WAY = (MINUTE, MINUTE, HOUR, DAY)
_AHEAD = (6_000, HOUR, DAY, 366 * DAY, 500 * DAY, 1_100 * DAY)
"""How far a wrong clock is ahead."""


@dataclass(frozen=True)
class Journey:
    """The instants that T comes to, and what arrives at each of them."""

    zone: str
    stops: tuple[tuple[int, tuple[Event, ...]], ...]


@st.composite
def journeys(draw: Draw, zone: str) -> Journey:
    """Draw a way of T over an awkward moment, with events whose times lie near the ends of windows anywhere on it.

    So what arrives at the first stop may tell of a year ahead, and what arrives at the last one of a year ago.
    """
    moment = draw(st.sampled_from(moments(zone)))
    way = draw(ways(moment))
    theme = draw(st.sampled_from(THEMES))
    sources = st.sampled_from([s for s, weight in theme.sources.items() for _ in range(weight)])
    events = [
        _on_the_way(draw, drawn_event(draw, n, draw(sources), zone, draw(one_of(*way, moment))), way)
        for n in range(draw(one_of(10, 6, 3)))
    ]
    events += drawn_stories(draw, theme, zone, draw(one_of(*way, moment)))
    events += drawn_rates(draw, CURRENCY, zone, draw(one_of(*way)))
    arrivals: list[list[Event]] = [[] for _ in way]
    for event in draw(st.permutations(events)):
        stop = draw(st.integers(0, len(way) - 1))
        late = 0 if event.get("op") == "delete" else draw(one_of(*_LATE))
        arrivals[stop].append({**event, "updated_at": spell(way[stop] - late)})
    return Journey(zone, tuple(zip(way, map(tuple, arrivals), strict=True)))


def _on_the_way(draw: Draw, event: Event, way: Sequence[int]) -> Event:
    """Return the event with some of its instants put where T passes them, or where they leave a window then."""
    given = event.get("data", {})
    moved = {
        name: spell(draw(one_of(*way)) + draw(one_of(*_EDGES)))
        for name, value in given.items()
        if name.endswith("_at") and isinstance(value, str) and draw(one_of(True, False))
    }
    return event if not moved else {**event, "data": {**given, **moved}}


def _expected(events: Sequence[Event], as_of: int, zone: str, then: int | None = None) -> dict[Key, Answer]:
    return recompute(events, as_of, zone, CURRENCY, declarations(), then)


def _started(journey: Journey, shards: int = 1) -> Cluster:
    return Cluster(plan_for(journey.zone, CURRENCY), journey.stops[0][0], shards)


def _described(as_of: int, zone: str) -> str:
    return datetime.fromtimestamp(as_of / 1000, UTC).astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds")


# --------------------------------------------------------------------------------------------------------- T moves on


@pytest.mark.parametrize("zone", ZONES)
def test_at_every_stop_on_the_way_the_readings_are_those_of_a_recomputation(zone: str) -> None:
    @SOME
    @given(st.data())
    def check(data: st.DataObject) -> None:
        journey = data.draw(journeys(zone))
        cluster = _started(journey, data.draw(one_of(1, 1, 3)))
        known: list[Event] = []
        for as_of, arrived in journey.stops:
            step = data.draw(one_of(None, *_STEPS_ON_THE_WAY))
            for before in range(data.draw(one_of(1, 2, 5)) if step else 0, 0, -1):
                cluster.advance(as_of - before * (step or 0))
                cluster.view.tick(cluster.now)
            cluster.advance(as_of)
            cluster.apply(arrived)
            known += arrived
            found = differences(_expected(known, as_of, zone), cluster.readings(as_of))
            assert found == [], _described(as_of, zone)

    check()


# ------------------------------------------------------------------------------------------ a clock that was put wrong


@pytest.mark.parametrize("zone", ZONES)
def test_a_clock_that_was_ahead_for_a_while_leaves_no_trace(zone: str) -> None:
    """The shards begin anew from what they committed, and the view, which goes on, reads its windows as of the right T.

    What arrived meanwhile counts, and what had been deleted stays deleted, also when its events are delivered again.
    """

    @FEW
    @given(st.data())
    def check(data: st.DataObject) -> None:
        journey = data.draw(journeys(zone))
        shards = data.draw(one_of(1, 1, 2))
        cluster, steady = _started(journey, shards), _started(journey, shards)
        wrong = data.draw(st.integers(0, len(journey.stops) - 1))
        known: list[Event] = []
        for number, (as_of, arrived) in enumerate(journey.stops):
            known += arrived
            steady.advance(as_of)
            steady.apply(arrived)
            if number != wrong:
                cluster.advance(as_of)
                cluster.apply(arrived)
                continue
            before = data.draw(st.integers(0, len(arrived)))
            cluster.apply(arrived[:before])
            cluster.advance(as_of + data.draw(one_of(*_AHEAD)))
            cluster.view.tick(cluster.now)
            cluster.apply(arrived[before:])
            cluster.view.tick(cluster.now)
            cluster.now = as_of
            for i in range(shards):
                cluster.restart(i, as_of)
            assert differences(_expected(known, as_of, zone), cluster.readings(as_of)) == [], _described(as_of, zone)
            cluster.apply(_of_deleted(known))
            assert cluster.contents() == steady.contents()
        last = journey.stops[-1][0]
        assert differences(_expected(known, last, zone), cluster.readings(last)) == [], _described(last, zone)
        assert cluster.contents() == steady.contents()

    check()


def _of_deleted(events: Sequence[Event]) -> list[Event]:
    """Return all events of the entities that one of them deletes."""
    deleted = {(e["type"], e["entity_id"]) for e in events if e.get("op") == "delete"}
    return [e for e in events if (e["type"], e["entity_id"]) in deleted]


@FEW
@given(st.data())
def test_a_view_that_goes_back_shows_what_one_shows_that_was_never_ahead(data: st.DataObject) -> None:
    journey = data.draw(journeys(data.draw(one_of(*ZONES))))
    cluster = _started(journey)
    for as_of, arrived in journey.stops:
        cluster.advance(as_of)
        cluster.apply(arrived)
    there, back = View(cluster.plan), cluster.view
    for key, value in cluster.cells[0].items():
        there.apply(0, key, value)
    for as_of in data.draw(st.permutations([*(stop for stop, _ in journey.stops), cluster.now + DAY])):
        back.tick(as_of)
    as_of = journey.stops[0][0] - data.draw(one_of(0, 1, HOUR, DAY))
    assert readings(back, as_of) == readings(there, as_of)


# -------------------------------------------------------------------------------------------------------------- history


@pytest.mark.parametrize("zone", ZONES)
def test_what_was_then_is_what_a_recomputation_says_of_the_same_windows(zone: str) -> None:
    """History is as it is known now: the entities as they are at the last stop, over the windows as of then."""

    @FEWEST
    @given(st.data())
    def check(data: st.DataObject) -> None:
        journey = data.draw(journeys(zone))
        cluster = _started(journey)
        for as_of, arrived in journey.stops:
            cluster.advance(as_of)
            cluster.apply(arrived)
        now = cluster.now
        cluster.view.tick(now)
        calendar, known = cluster.plan.calendar, [event for _, arrived in journey.stops for event in arrived]
        for stop, _ in journey.stops:
            for then in {calendar.day_start(calendar.day_of(stop)), stop // MINUTE_MS * MINUTE_MS}:
                if then < now:
                    expected = _expected(known, now, zone, then)
                    found = _of_then(cluster.view, then)
                    assert differences({k: a for k, a in expected.items() if k in found}, found) == [], (
                        _described(then, zone),
                        _described(now, zone),
                    )

    check()


def _of_then(view: View, then: int) -> dict[Key, Answer]:
    """Return all that the panes of a view tell of an earlier instant."""
    past, found = Past(view, then), {}
    for index, series in enumerate(view.plan.series):
        for window in series.windows:
            with suppress(NotKeptError):
                for dims, result in past.read(index, window).items():
                    key = series.kpi.key, series.agg, series.grain, window.token, dims
                    found[key] = Answer(result.value, result.reason, result.samples)
    return found
