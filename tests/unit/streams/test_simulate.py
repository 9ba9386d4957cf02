import re
from collections import Counter
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from config.load import load
from metrics.events import Schema
from streams.envelope import TOPICS, Event, format_instant, parse_instant, source_of
from streams.simulate.lists import COURSES
from streams.simulate.measurements import SERIES
from streams.simulate.organisation import Organisation

ZONE = ZoneInfo("Europe/Amsterdam")
START = parse_instant("2026-11-24T12:00:00Z")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
SHARED = {"fx_rate", "rep", "measurement"}
"""What every run sends under the same ids, because there is one of it in the world."""
PLANNED = {"due_at", "left_at"}
"""Instants that may lie ahead."""


class Recorded(Organisation):
    """An organisation whose history tells when each event arrived."""

    def recorded(self, days: int) -> list[tuple[int, Event]]:
        self._start_life(self._start_ms - days * DAY)
        return list(self.arrivals(self._start_ms))


@cache
def arrived() -> tuple[tuple[int, Event], ...]:
    return tuple(Recorded(7, START, ZONE).recorded(60))


def merged(events: list[Event]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the final fields of every entity, by the order of the versions."""
    states: dict[tuple[str, str], dict[str, Any]] = {}
    for event in sorted(events, key=lambda event: event["version"]):
        state = states.setdefault((event["type"], event["entity_id"]), {})
        state |= event.get("data", {}) | {"deleted": event["op"] == "delete"}
    return states


def test_the_same_seed_and_start_give_the_same_events() -> None:
    first, second = (Organisation(3, START, ZONE, pace=50) for _ in range(2))
    assert list(first.history(10)) == list(second.history(10))
    assert first.advance(START + 5 * MINUTE) == second.advance(START + 5 * MINUTE)


@pytest.mark.parametrize(("seed", "start"), [(4, START), (3, START + 1000)])
def test_another_seed_or_start_is_another_organisation(seed: int, start: int) -> None:
    def ids(seed: int, start: int) -> set[str]:
        return {
            event["entity_id"] for event in Organisation(seed, start, ZONE).history(5) if event["type"] not in SHARED
        }

    assert ids(3, START).isdisjoint(ids(seed, start))


def test_the_steps_of_the_clock_do_not_matter() -> None:
    at_once, by_steps = (Organisation(3, START, ZONE, pace=50) for _ in range(2))
    steps = [event for minute in range(1, 61) for event in by_steps.advance(START + minute * MINUTE)]
    assert steps == at_once.advance(START + HOUR)


def test_history_is_what_arrived_and_of_the_promised_size() -> None:
    events = list(Organisation(7, START, ZONE).history(60))
    assert events == [event for _, event in arrived()]
    assert 25_000 < len(events) < 45_000


def test_every_event_is_well_formed() -> None:
    sources = load().sources
    schemas = {key: Schema(source) for key, source in sources.items()}
    for _, event in arrived():
        kind = event["type"]
        assert schemas[kind].decode(msgspec.json.encode(event)).entity_id == event["entity_id"]
        assert format_instant(parse_instant(event["updated_at"])) == event["updated_at"]
        assert source_of(event) == TOPICS[kind] == sources[kind].topic
        data = event.get("data", {})
        assert (event["op"] == "delete") == ("data" not in event)
        if event["op"] == "put":
            required = {name for name, field in sources[kind].fields.items() if field.required}
            assert required <= {name for name, value in data.items() if value is not None}


def test_every_source_has_events() -> None:
    assert {event["type"] for _, event in arrived()} == load().sources.keys()


def test_a_version_belongs_to_one_event_of_its_entity() -> None:
    ids: dict[tuple[str, str, int], set[str]] = {}
    for _, event in arrived():
        ids.setdefault((event["type"], event["entity_id"], event["version"]), set()).add(event["event_id"])
    assert {len(found) for found in ids.values()} == {1}


def test_no_time_lies_ahead_of_the_arrival() -> None:
    previous = 0
    for at, event in arrived():
        assert at >= previous
        previous = at
        assert parse_instant(event["updated_at"]) <= at
        for name, value in event.get("data", {}).items():
            for text in value.values() if isinstance(value, dict) else (value,):
                if name.endswith("_at") and name not in PLANNED and text is not None:
                    assert parse_instant(text) <= at, (name, event)


def test_closed_deals_say_when_and_open_ones_do_not() -> None:
    for (kind, _), state in merged([event for _, event in arrived()]).items():
        if kind == "deal" and not state["deleted"] and "status" in state and "lines" in state:
            assert (state["status"] == "open") == (state["closed_at"] is None)
            assert (state["status"] == "lost") == (state["lost_reason"] is not None)
            assert state["stage"] in state["stage_entered_at"]


def test_all_kinds_of_happenings_appear() -> None:
    events = [event for _, event in arrived()]
    states = merged(events)
    deals = [state for (kind, _), state in states.items() if kind == "deal"]
    assert {(event["type"], event["op"]) for event in events} >= {
        ("deal", "put"), ("deal", "patch"), ("deal", "delete"), ("lead", "put"), ("lead", "patch"), ("lead", "delete"),
        ("activity", "put"), ("activity", "patch"),
    }  # fmt: skip
    assert {deal.get("status") for deal in deals} >= {"open", "won", "lost", "cancelled"}
    assert {deal.get("stage") for deal in deals} >= {"qualified", "proposal", "negotiation"}
    assert {deal.get("currency") for deal in deals} >= {"EUR", "USD"}
    assert {deal.get("deal_type") for deal in deals} >= {"new_business", "expansion", "renewal"}
    assert {deal.get("lead_id") is None for deal in deals} == {True, False}
    leads = [state for (kind, _), state in states.items() if kind == "lead"]
    assert {lead.get("status") for lead in leads} >= {"new", "working", "qualified", "disqualified", "converted"}
    assert {lead.get("source") for lead in leads} >= {"web", "referral", "partner", "outbound", "event"}
    assert len({lead.get("owner_id") for lead in leads} - {None}) >= 12
    activities = [state for (kind, _), state in states.items() if kind == "activity"]
    assert {activity.get("actor") for activity in activities} >= {"human", "automation", "customer"}
    assert {activity.get("kind") for activity in activities} >= {
        "call", "email", "meeting", "chat", "sms", "web_visit", "social", "content_used", "training",
    }  # fmt: skip
    assert {activity.get("status") for activity in activities} >= {"completed", "planned", "no_show", "cancelled"}
    lines = [line for deal in deals for line in deal.get("lines", ())]
    assert len({line["product_id"] for line in lines}) == 8
    assert {line["cost_minor"] is None for line in lines} == {True, False}


@cache
def states_of(source: str) -> tuple[dict[str, Any], ...]:
    """Return the final fields of the entities of a source whose every field has come."""
    states = merged([event for _, event in arrived() if event["type"] == source])
    return tuple(state for state in states.values() if not state["deleted"])


def values_of(source: str, field: str) -> set[Any]:
    return {state.get(field) for state in states_of(source)}


def test_plans_are_for_every_scope_and_come_before_their_period() -> None:
    plans = states_of("plan")
    assert {plan["period"] for plan in plans} >= {"2026-08", "2026-11", "2026-Q3", "2026-Q4", "2026"}
    assert {plan["team_id"] for plan in plans} == {None, "north", "south", "east", "west"}
    assert values_of("plan", "kind") == {"quota", "target", "forecast"}
    scopes = {tuple(name for name in ("rep_id", "team_id", "region", "product_id") if plan[name]) for plan in plans}
    assert scopes == {(), ("team_id",), ("rep_id", "team_id"), ("region",), ("product_id",)}
    monthly = [plan for plan in plans if re.fullmatch(r"\d{4}-\d\d", plan["period"])]
    assert all(plan["submitted_at"] < plan["period"] for plan in monthly)
    forecasts = [
        plan for plan in monthly if (plan["kind"], plan["period"], plan["team_id"]) == ("forecast", "2026-11", None)
    ]
    assert len({plan["submitted_at"] for plan in forecasts}) == 2


def test_customers_are_of_all_kinds_and_some_are_only_named() -> None:
    assert values_of("customer", "segment") >= {"business", "consumer", "patient"}
    assert values_of("customer", "source") >= {"referral", "web", None}
    assert {state["churned_at"] is None for state in states_of("customer")} == {True, False}
    known = {entity_id for kind, entity_id in merged([event for _, event in arrived()]) if kind == "customer"}
    named = {deal["customer_id"] for deal in states_of("deal") if "customer_id" in deal}
    assert 0 < len(named - known) < 0.05 * len(named)


def test_subscriptions_are_tried_paid_changed_and_ended() -> None:
    subscriptions = states_of("subscription")
    tried = [subscription for subscription in subscriptions if subscription["trial_started_at"]]
    assert {bool(trial["phases"]) for trial in tried if trial["trial_ended_at"]} == {True, False}
    assert any(trial["trial_ended_at"] is None for trial in tried)
    changed = [subscription["phases"] for subscription in subscriptions if len(subscription["phases"]) > 1]
    amounts = [[phase["amount_minor"] for phase in phases] for phases in changed]
    assert {after > before for before, after, *_ in amounts} == {True, False}
    for phases in changed:
        assert [phase["to"] for phase in phases[:-1]] == [phase["from"] for phase in phases[1:]]
    assert {subscription["ended_at"] is None for subscription in subscriptions} == {True, False}


def test_orders_are_shipped_in_time_late_in_part_or_not_at_all() -> None:
    courses: Counter[str] = Counter()
    for order in states_of("order"):
        if order.get("status") == "fulfilled" and "promised_on" in order:
            shipped_on = datetime.fromisoformat(order["fulfilled_at"]).astimezone(ZONE).date().isoformat()
            courses["in time" if shipped_on <= order["promised_on"] else "late"] += 1
            courses["in part"] += float(order["quantity_fulfilled"]) < float(order["quantity_ordered"])
        else:
            courses[order.get("status", "")] += 1
    assert courses.keys() >= {"in time", "late", "in part", "placed", "cancelled"}
    assert courses["in time"] > 5 * courses["late"] > 0 < courses["in part"]


def test_reps_have_been_hired_and_leave_some_of_them_later() -> None:
    reps = states_of("rep")
    assert values_of("rep", "role") == {"sales", "back_office"}
    left = {rep["left_at"] for rep in reps if rep["left_at"]}
    assert {parse_instant(text) < START for text in left} == {True, False}
    assert any(parse_instant(rep["hired_at"]) > START - 60 * DAY for rep in reps)


def test_nobody_sells_after_leaving() -> None:
    left = {rep_id: state["left_at"] for (kind, rep_id), state in merged([e for _, e in arrived()]).items()
            if kind == "rep" and state["left_at"]}  # fmt: skip
    assert left
    for lead in states_of("lead"):
        if lead.get("owner_id") in left:
            assert lead["created_at"] < format_instant(parse_instant(left[lead["owner_id"]]) + DAY)


def test_measurements_come_of_each_kind_and_indicators_of_more_than_a_year() -> None:
    kinds = {"hotel_day", "production_run", "inventory_snapshot", "market_size", "market_revenue", "indicator"}
    assert values_of("measurement", "kind") == kinds
    days = {unit: {m["on_date"] for m in states_of("measurement") if m["unit_id"] == unit} for unit in SERIES}
    assert all(found >= {"2025-10-01", "2026-10-01"} for found in days.values())
    nights = [m for m in states_of("measurement") if m["kind"] == "hotel_day"]
    assert len(nights) == 3 * 60
    assert all(m["values"]["rooms_sold"] <= m["values"]["rooms_available"] for m in nights)


def test_the_indicators_are_those_of_the_catalogue() -> None:
    named = load().kpis["market_indicator"].named  # type: ignore[union-attr]
    assert named is not None
    assert SERIES.keys() == named.values.keys()


def test_mails_are_opened_by_people_and_by_programs() -> None:
    mails = [activity for activity in states_of("activity") if activity.get("delivered_at")]
    opened = [mail for mail in mails if mail.get("opened_at")]
    assert 0.2 < len(opened) / len(mails) < 0.5
    assert {mail["open_unreliable"] for mail in opened} == {True, False}


def test_training_is_finished_in_time_or_late_or_never() -> None:
    trainings = [activity for activity in states_of("activity") if activity.get("kind") == "training"]
    assert {training["content_id"] for training in trainings} == set(COURSES)
    due = [training for training in trainings if parse_instant(training["due_at"]) < START]
    assert {training["status"] for training in due} == {"planned", "completed", "cancelled"}
    done = [training for training in due if training["status"] == "completed"]
    assert {training["occurred_at"] <= training["due_at"] for training in done} == {True, False}


def test_deals_are_reopened_and_amended_after_their_start() -> None:
    patches = [event["data"] for _, event in arrived() if event["type"] == "deal" and event["op"] == "patch"]
    assert any(patch.get("status") == "open" and patch["closed_at"] is None for patch in patches)
    assert any(set(patch) == {"lines"} for patch in patches)
    assert any(set(patch) == {"owner_id", "team_id"} for patch in patches)


def test_some_events_are_late_and_some_come_twice() -> None:
    lags = [at - parse_instant(event["updated_at"]) for at, event in arrived()]
    assert 0.01 < sum(lag > HOUR for lag in lags) / len(lags) < 0.1
    assert any(lag > DAY for lag in lags)
    times = Counter(event["event_id"] for _, event in arrived())
    assert 0.005 < sum(count > 1 for count in times.values()) / len(times) < 0.02
    seen: dict[str, Event] = {}
    for _, event in arrived():
        assert seen.setdefault(event["event_id"], event) == event


def test_some_activities_arrive_before_their_lead() -> None:
    leads: set[str] = set()
    early = 0
    for _, event in arrived():
        if event["type"] == "lead" and event["op"] == "put":
            leads.add(event["entity_id"])
        elif event["type"] == "activity" and event["op"] == "put" and event["data"].get("deal_id") is None:
            early += event["data"].get("lead_id") not in {*leads, None}
    assert early > 20


def test_office_hours_are_busy_and_nights_and_weekends_quiet() -> None:
    by_hour: Counter[int] = Counter()
    by_day: Counter[int] = Counter()
    for _, event in arrived():
        if event["type"] == "lead" and event["op"] == "put" and event["version"] == 1:
            created = datetime.fromisoformat(event["data"]["created_at"]).astimezone(ZONE)
            by_hour[created.hour] += 1
            by_day[created.weekday()] += 1
    assert by_hour[10] > 5 * by_hour[3]
    assert by_day[1] > 3 * by_day[6]


def test_a_rate_comes_each_working_day_after_four() -> None:
    rates = {event["data"]["rate_date"]: at for at, event in arrived() if event["type"] == "fx_rate"}
    assert "2026-11-23" in rates
    assert "2026-11-22" not in rates
    assert datetime.fromtimestamp(rates["2026-11-23"] / 1000, ZONE).hour == 16
    assert len(rates) > 40


def test_the_pace_makes_the_present_denser_and_leaves_the_past_alone() -> None:
    calm, dense = Organisation(5, START, ZONE), Organisation(5, START, ZONE, pace=300)
    assert list(calm.history(30)) == list(dense.history(30))
    first_minute = dense.advance(START + MINUTE)
    assert len(first_minute) > 30
    assert {event["type"] for event in first_minute} >= {"lead", "deal", "activity"}
    events = first_minute + dense.advance(START + 10 * MINUTE)
    assert len(events) > 20 * len(calm.advance(START + 10 * MINUTE))
    assert any(event.get("data", {}).get("status") == "won" for event in events)


def test_a_paced_organisation_works_at_night() -> None:
    night = parse_instant("2026-11-22T02:00:00Z")
    assert len(Organisation(5, night, ZONE, pace=300).advance(night + MINUTE)) > 20


def test_faults_are_told() -> None:
    with pytest.raises(ValueError, match="pace `0` is not above 0; use 1 for real life, or more for a denser demo"):
        Organisation(1, START, ZONE, pace=0)
    organisation = Organisation(1, START, ZONE)
    organisation.advance(START)
    with pytest.raises(ValueError, match="the history comes first: ask for it once, before `advance`"):
        list(organisation.history(1))
    with pytest.raises(ValueError, match=r"type `x` has no topic of its own; use one of deal, lead, .*, or --source"):
        source_of({"type": "x"})
    with pytest.raises(ValueError, match="`2026-01-01` is not an instant; write RFC 3339 with an offset"):
        parse_instant("2026-01-01")


def test_instants_round_down_to_milliseconds() -> None:
    assert format_instant(parse_instant("2026-11-01T01:02:03.4569+01:00")) == "2026-11-01T00:02:03.456Z"
