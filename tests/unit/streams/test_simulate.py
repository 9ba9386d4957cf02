from collections import Counter
from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streams.envelope import TOPICS, Event, format_instant, parse_instant, source_of
from streams.simulate import Organisation

ZONE = ZoneInfo("Europe/Amsterdam")
START = parse_instant("2026-11-24T12:00:00Z")
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
FIELDS = {
    "deal": {
        "customer_id",
        "lead_id",
        "pipeline_id",
        "stage",
        "status",
        "currency",
        "lines",
        "probability",
        "owner_id",
        "team_id",
        "region",
        "channel",
        "source",
        "deal_type",
        "created_at",
        "first_contact_at",
        "expected_close_date",
        "closed_at",
        "lost_reason",
        "stage_entered_at",
    },
    "lead": {
        "created_at",
        "status",
        "qualified_at",
        "customer_id",
        "source",
        "channel",
        "region",
        "owner_id",
        "team_id",
    },
    "activity": {
        "kind",
        "direction",
        "actor",
        "status",
        "quantity",
        "rep_id",
        "team_id",
        "lead_id",
        "deal_id",
        "customer_id",
        "content_id",
        "channel",
        "region",
        "created_at",
        "occurred_at",
        "due_at",
        "delivered_at",
        "opened_at",
    },
    "plan": {
        "kind",
        "metric",
        "period",
        "rep_id",
        "team_id",
        "region",
        "product_id",
        "amount_minor",
        "currency",
        "submitted_at",
    },
    "fx_rate": {"base", "quote", "rate_date", "rate"},
}
REQUIRED = {
    "deal": {"customer_id", "pipeline_id", "stage", "status", "currency", "lines", "owner_id", "created_at"},
    "lead": {"created_at", "status"},
    "activity": {"kind", "direction", "actor", "status", "created_at"},
    "plan": {"kind", "metric", "period", "amount_minor", "currency", "submitted_at"},
    "fx_rate": {"base", "quote", "rate_date", "rate"},
}


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
            event["entity_id"] for event in Organisation(seed, start, ZONE).history(5) if event["type"] != "fx_rate"
        }

    assert ids(3, START).isdisjoint(ids(seed, start))


def test_the_steps_of_the_clock_do_not_matter() -> None:
    at_once, by_steps = (Organisation(3, START, ZONE, pace=50) for _ in range(2))
    steps = [event for minute in range(1, 61) for event in by_steps.advance(START + minute * MINUTE)]
    assert steps == at_once.advance(START + HOUR)


def test_history_is_what_arrived_and_of_the_promised_size() -> None:
    events = list(Organisation(7, START, ZONE).history(60))
    assert events == [event for _, event in arrived()]
    assert 15_000 < len(events) < 40_000


def test_every_event_is_well_formed() -> None:
    for _, event in arrived():
        kind = event["type"]
        assert event["op"] in {"put", "patch", "delete"}
        assert event["event_id"]
        assert event["entity_id"]
        assert event["version"] >= 1
        assert format_instant(parse_instant(event["updated_at"])) == event["updated_at"]
        assert source_of(event) == TOPICS[kind]
        data = event.get("data", {})
        assert (event["op"] == "delete") == ("data" not in event)
        assert set(data) <= FIELDS[kind]
        if event["op"] == "put":
            assert REQUIRED[kind] <= {name for name, value in data.items() if value is not None}
        for line in data.get("lines", ()):
            assert set(line) == {"line_id", "product_id", "quantity", "amount_minor", "cost_minor"}
            assert isinstance(line["amount_minor"], int)
            assert line["amount_minor"] > 0


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
                if name.endswith("_at") and text is not None:
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
    assert {event["type"] for event in events} == {"deal", "lead", "activity", "plan", "fx_rate"}
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
    assert len({lead.get("owner_id") for lead in leads} - {None}) == 12
    activities = [state for (kind, _), state in states.items() if kind == "activity"]
    assert {activity.get("actor") for activity in activities} >= {"human", "automation", "customer"}
    assert {activity.get("kind") for activity in activities} >= {"call", "email", "meeting", "chat"}
    assert {activity.get("status") for activity in activities} >= {"completed", "planned", "no_show", "cancelled"}
    lines = [line for deal in deals for line in deal.get("lines", ())]
    assert len({line["product_id"] for line in lines}) == 8
    assert {line["cost_minor"] is None for line in lines} == {True, False}
    plans = [state for (kind, _), state in states.items() if kind == "plan"]
    assert {plan["period"] for plan in plans} >= {"2026-10", "2026-11", "2026-Q4"}
    assert {plan["team_id"] for plan in plans} == {None, "north", "south", "east", "west"}


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
        elif event["type"] == "activity" and event["op"] == "put" and event["data"]["deal_id"] is None:
            early += event["data"]["lead_id"] not in leads
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
