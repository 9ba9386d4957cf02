"""The borders of what counts, one entity at a time."""

from fractions import Fraction
from typing import Any

import pytest

from metrics.calendar import parse_instant
from metrics.evaluate import Result
from tests.unit.metrics.samples import DAY, NOON, Event, event, plan, result, sides, told


@pytest.mark.parametrize(
    ("closed_at", "later", "value"),
    [
        ("2026-06-10T09:59:59.999Z", 0, 1_000),
        ("2026-06-10T10:00:00.000Z", 0, 0),  # as of T is strictly before T
        ("2026-06-10T10:00:00.000Z", 1, 1_000),
        ("2026-06-12T10:00:00.000Z", 2 * DAY, 0),
        ("2026-06-12T10:00:00.000Z", 2 * DAY + 1, 1_000),
        ("2026-06-03T22:00:00.000Z", 0, 1_000),  # the first midnight of seven days
        ("2026-06-03T21:59:59.999Z", 0, 0),
    ],
)
def test_revenue_counts_from_the_closing_on(closed_at: str, later: int, value: int) -> None:
    core = told(event("deal", closed_at=closed_at))
    core.tick(NOON + later)
    assert result(core.view, "revenue", "7d").value == value


@pytest.mark.parametrize("status", ["open", "lost", "cancelled"])
def test_only_won_deals_are_revenue(status: str) -> None:
    assert result(told(event("deal", status=status)).view, "revenue", "30d").value == 0


@pytest.mark.parametrize(
    ("closed_at", "value"),
    [
        ("2026-03-01T08:00:00.000Z", 1),  # at the lead's own instant
        ("2026-03-01T07:59:59.999Z", 0),  # before the lead
        ("2026-05-30T07:59:59.999Z", 1),
        ("2026-05-30T08:00:00.000Z", 0),  # exactly 90 days: too late
    ],
)
def test_a_lead_converts_within_ninety_days(closed_at: str, value: int) -> None:
    lead = event("lead", "l1", created_at="2026-03-01T08:00:00Z")
    core = told(lead, event("deal", lead_id="l1", closed_at=closed_at), shards=3)
    found = result(core.view, "lead_conversion_rate", "30d")
    assert sides(found) == (value, 1)


@pytest.mark.parametrize(("now", "cohort"), [("2026-05-30T08:00:00.000Z", 0), ("2026-05-30T08:00:00.001Z", 1)])
def test_a_lead_matures_when_its_ninety_days_are_over(now: str, cohort: int) -> None:
    core = told(event("lead", created_at="2026-03-01T08:00:00Z"), now=NOON - 100 * DAY)
    core.tick(parse_instant(now))
    assert result(core.view, "lead_conversion_rate", "30d").denominator == cohort


@pytest.mark.parametrize(
    ("occurred_at", "changes", "seconds"),
    [
        ("2026-06-10T08:30:00.999Z", {}, 1_800),
        ("2026-06-10T08:00:00.000Z", {}, 0),
        ("2026-06-10T07:00:00.000Z", {}, 0),  # called first, typed in later
        ("2026-06-09T08:00:00.000Z", {}, 0),
        ("2026-06-09T07:59:59.999Z", {}, None),  # an earlier story
        ("2026-06-10T10:00:00.000Z", {}, None),  # not before T
        ("2026-06-10T08:30:00.000Z", {"actor": "automation"}, None),
        ("2026-06-10T08:30:00.000Z", {"direction": "inbound"}, None),
        ("2026-06-10T08:30:00.000Z", {"status": "planned"}, None),
        ("2026-06-10T08:30:00.000Z", {"kind": "social"}, None),
        ("2026-06-10T08:30:00.000Z", {"lead_id": None}, None),
    ],
)
def test_the_first_response_of_a_person(occurred_at: str, changes: dict[str, Any], seconds: int | None) -> None:
    call = event("activity", **{"lead_id": "l1", "occurred_at": occurred_at, **changes})
    view = told(event("lead", "l1"), call, shards=2).view
    assert result(view, "lead_response_time", "24h", "mean").value == seconds
    assert result(view, "leads_waiting").value == (seconds is None)
    assert result(view, "lead_waiting_age_max").value == (7_200 if seconds is None else None)


@pytest.mark.parametrize(("occurred_at", "value"), [("2026-06-10T09:00:00.999Z", 1), ("2026-06-10T09:00:01.000Z", 0)])
def test_within_an_hour_is_an_hour_at_most(occurred_at: str, value: int) -> None:
    view = told(event("lead", "l1"), event("activity", lead_id="l1", occurred_at=occurred_at)).view
    assert result(view, "lead_response_within_sla", "24h").value == value


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 40 * 86_400),
        ({"first_contact_at": "2026-06-09T08:00:00Z"}, 86_400),
        ({"first_contact_at": "2026-06-10T08:00:00Z"}, 0),
        ({"first_contact_at": "2026-06-10T08:00:00.001Z"}, None),  # after the closing: left out and counted
    ],
)
def test_the_cycle_runs_from_the_first_contact(changes: dict[str, Any], seconds: int | None) -> None:
    view = told(event("deal", **changes)).view
    assert result(view, "sales_cycle_length", "7d", "mean").value == seconds
    expected = [("deal", "negative_closed_at", 1)] if seconds is None else []
    assert list(view.incomplete()) == expected


@pytest.mark.parametrize(
    ("source", "changes", "reason"),
    [
        ("deal", {"owner_id": None}, "missing_owner_id"),
        ("deal", {"closed_at": None}, "missing_closed_at"),
        ("deal", {"status": "cancelled", "closed_at": None}, "missing_closed_at"),
        ("lead", {"status": None}, "missing_status"),
        ("activity", {"occurred_at": None}, "missing_occurred_at"),
    ],
)
def test_an_incomplete_entity_counts_nowhere_but_as_such(source: str, changes: dict[str, Any], reason: str) -> None:
    core = told(event(source, **changes))
    assert list(core.view.incomplete()) == [(source, reason, 1)]
    values = {r.result.value for r in core.view.all_readings()}
    assert values <= {None, 0}
    core.apply([event(source, version=2)], NOON)
    core.tick(NOON)
    assert list(core.view.incomplete()) == []


@pytest.mark.parametrize(
    ("changes", "weighted"),
    [
        ({}, 500),
        ({"probability": "0.25"}, 250),
        ({"probability": 0}, 0),
        ({"stage": "negotiation"}, 800),
        ({"pipeline_id": "regional", "stage": "close"}, 900),
        ({"lines": [{"line_id": "1", "product_id": "p", "amount_minor": 5}]}, 2),  # half to even
        ({"stage": "unheard of"}, 0),
    ],
)
def test_the_chance_of_closing_is_the_deals_own_or_its_stages(changes: dict[str, Any], weighted: int) -> None:
    view = told(event("deal", status="open", **changes)).view
    assert result(view, "pipeline_weighted_value").value == weighted
    unknown = [("deal", "no_probability", 1)] if changes.get("stage") == "unheard of" else []
    assert list(view.incomplete()) == unknown


def test_what_is_not_there_yet_is_no_stock() -> None:
    core = told(event("deal", status="open", created_at="2026-06-11T00:00:00Z"))
    assert result(core.view, "pipeline_deals").value == 0
    core.tick(parse_instant("2026-06-11T00:00:00.001Z"))
    assert result(core.view, "pipeline_deals").value == 1


@pytest.mark.parametrize(("quantity", "value"), [(None, 1), (3, 3)])
def test_an_activity_without_a_quantity_is_one(quantity: int | None, value: int) -> None:
    view = told(event("activity", quantity=quantity)).view
    assert result(view, "sales_activities", "24h").value == value


def test_lines_without_cost_are_on_neither_side_of_the_margin() -> None:
    lines: list[Event] = [
        {"line_id": "1", "product_id": "p1", "amount_minor": 600, "cost_minor": 150},
        {"line_id": "2", "product_id": "p2", "amount_minor": 999},
        {"line_id": "3", "product_id": "p3", "amount_minor": 200, "cost_minor": 0},
    ]
    view = told(event("deal", lines=lines)).view
    assert result(view, "avg_profit_margin", "7d") == Result(
        Fraction(650, 800), None, Fraction(650), Fraction(800), None
    )
    assert result(view, "avg_profit_margin", "30d", product="p1").value == Fraction(450, 600)
    assert result(view, "avg_profit_margin", "30d", product="p2") == Result(
        None, "denominator_zero", Fraction(0), Fraction(0), None
    )
    assert result(view, "revenue", "7d", product="p2").value == 999


def test_the_text_of_the_functions_can_be_read() -> None:
    code = plan().sources["deal"].code
    assert code is not None
    assert code.text.startswith("def contribute(entity, now, entity_id):\n")


def test_the_memory_of_chances_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrics.derived._MEMO_SIZE", 1)
    deals = [event("deal", f"d{n}", status="open", probability=f"0.{n}") for n in (1, 2, 3, 1)]
    assert result(told(*deals).view, "pipeline_weighted_value").value == 600


def test_the_value_of_a_plan_is_the_decimal_that_was_written() -> None:
    plan_of_a_tenth = event("plan", amount_minor=None, currency=None, value=0.1)
    core = told(event("deal"), plan_of_a_tenth)
    assert result(core.view, "target_attainment", "mtd").value == Fraction(1_000) / Fraction("0.1")
