"""What the fields of each source may hold: few different values, so that they meet; times at the ends of windows."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from hypothesis import strategies as st

from config.declarations import State
from config.load import load
from tests.properties.situations import Draw, Event, dates, often, one_of, periods

Strategy = st.SearchStrategy[Any]
Fields = Mapping[str, Strategy]
IDS = {"customer": ("c1", "c2", "c3"), "rep": ("r1", "r2", "r3")}
"""The entity ids by source; all others have `x1` to `x3`."""
TEAM, REP, REGION, CHANNEL = one_of("t1", "t2", None), one_of("r1", "r2", "r3"), one_of("eu", None), one_of("web", None)
CUSTOMER, PRODUCT = one_of("c1", "c2", "c3"), one_of("p1", "p2", None)
CURRENCY = one_of("EUR", "USD", "USD", "JPY", "KWD")
AMOUNT = one_of(0, 1, 5, 333, 10_000, 10**15)
SEGMENT = one_of("patient", "patient", "smb", None)
WHOLE, NUMBER = one_of(0, 1, 80, 100), one_of(0, 1, 7, "2.5", "0.333333333", 1.5)


@cache
def series() -> tuple[str, ...]:
    """Return the indicators that are declared."""
    kpi = load().kpis["market_indicator"]
    assert isinstance(kpi, State)
    assert kpi.named is not None
    return tuple(kpi.named.values)


class Times(NamedTuple):
    """The strategies that depend on T: of instants and dates, there or not, of plans' periods, of phases."""

    when: Strategy
    maybe: Strategy
    day: Strategy
    some_day: Strategy
    periods: tuple[str, ...]
    phases: Strategy


@cache
def fields_of(source: str, as_of: int, zone: str) -> tuple[Fields, Fields]:
    """Return the strategies of the fields that a source mostly gives, and of the others."""
    return SOURCES[source](
        Times(
            st.sampled_from(often(as_of, zone)),
            st.sampled_from((*often(as_of, zone), *(None,) * 20)),
            st.sampled_from(dates(as_of, zone)),
            st.sampled_from((*dates(as_of, zone), *(None,) * 20)),
            periods(as_of, zone),
            phases(as_of, zone),
        )
    )


def deal(t: Times) -> tuple[Fields, Fields]:
    return {
        "customer_id": CUSTOMER,
        "pipeline_id": one_of("new_business", "new_business", "regional", "elsewhere"),
        "stage": one_of("proposal", "negotiation", "qualify", "odd"),
        "status": one_of("won", "won", "open", "open", "lost", "cancelled"),
        "currency": CURRENCY,
        "lines": lines(),
        "owner_id": REP,
        "created_at": t.when,
        "closed_at": t.maybe,
        "lead_id": one_of("x1", "x2", None),
    }, {
        "team_id": TEAM,
        "region": REGION,
        "channel": CHANNEL,
        "source": one_of("ads", "referral", "unknown", None),
        "deal_type": one_of("new_business", "renewal", None),
        "probability": one_of("0", "0.25", "0.333", "1", 0.5, None),
        "first_contact_at": t.maybe,
        "expected_close_date": t.some_day,
        "lost_reason": one_of("price", None),
        "stage_entered_at": st.one_of(
            st.none(),
            st.dictionaries(one_of("qualified", "proposal", "negotiation", "odd"), t.maybe, max_size=3),
        ),
    }


def lead(t: Times) -> tuple[Fields, Fields]:
    return {
        "created_at": t.when,
        "status": one_of("new", "working", "qualified", "disqualified", "converted"),
    }, {
        "qualified_at": t.maybe,
        "customer_id": one_of("c1", None),
        "source": one_of("ads", None),
        "channel": CHANNEL,
        "region": REGION,
        "owner_id": REP,
        "team_id": TEAM,
    }


def activity(t: Times) -> tuple[Fields, Fields]:
    return {
        "kind": one_of("call", "email", "email", "chat", "social", "meeting", "web_visit", "training", "content_used"),
        "direction": one_of("outbound", "outbound", "outbound", "inbound"),
        "actor": one_of("human", "human", "human", "automation", "customer"),
        "status": one_of("completed", "completed", "completed", "planned", "cancelled"),
        "created_at": t.when,
        "occurred_at": t.maybe,
        "lead_id": one_of("x1", "x2"),
    }, {
        "quantity": one_of(1, 3, 2**53, None),
        "rep_id": REP,
        "team_id": TEAM,
        "customer_id": CUSTOMER,
        "content_id": one_of("case_study", "k1", None),
        "channel": CHANNEL,
        "region": REGION,
        "due_at": t.maybe,
        "delivered_at": t.maybe,
        "opened_at": t.maybe,
        "open_unreliable": one_of(True, False, None),
    }


def customer(t: Times) -> tuple[Fields, Fields]:
    return {"created_at": t.when, "segment": SEGMENT}, {
        "acquired_at": t.maybe,
        "churned_at": t.maybe,
        "source": one_of("referral", "ads", None),
        "market": one_of("m1", "m2", None),
        "region": REGION,
    }


def subscription(t: Times) -> tuple[Fields, Fields]:
    return {
        "customer_id": CUSTOMER,
        "phases": st.one_of(st.none(), t.phases, t.phases),
    }, {
        "plan_id": one_of("basic", None),
        "product_id": PRODUCT,
        "trial_started_at": t.maybe,
        "trial_ended_at": t.maybe,
        "ended_at": t.maybe,
        "end_reason": one_of("price", None),
    }


def order(t: Times) -> tuple[Fields, Fields]:
    return {
        "customer_id": CUSTOMER,
        "status": one_of("placed", "fulfilled", "fulfilled", "cancelled"),
        "currency": CURRENCY,
        "amount_minor": AMOUNT,
        "ordered_at": t.when,
        "quantity_ordered": one_of(1, "2.5", 3),
        "promised_on": t.some_day,
        "fulfilled_at": t.maybe,
        "quantity_fulfilled": one_of(1, "2.5", 3, None),
        "cost_minor": one_of(0, 700, 12_345, None),
    }, {"region": REGION, "channel": CHANNEL, "product_id": PRODUCT}


def rep(t: Times) -> tuple[Fields, Fields]:
    return {
        "role": one_of("sales", "sales", "sales", "support"),
        "team_id": one_of("t1", "t2"),
        "hired_at": t.when,
    }, {"left_at": t.maybe}


def spend(t: Times) -> tuple[Fields, Fields]:
    return {
        "incurred_on": t.day,
        "category": one_of("marketing", "sales", "other"),
        "amount_minor": AMOUNT,
        "currency": CURRENCY,
    }, {
        "subcategory": one_of("advertising", "advertising", "salaries", None),
        "channel": CHANNEL,
        "region": REGION,
        "segment": SEGMENT,
    }


def feedback(t: Times) -> tuple[Fields, Fields]:
    return {
        "kind": one_of("csat", "nps"),
        "score": one_of(0, 3, 4, 6, 7, 8, 9, 10),
        "scale_max": one_of(5, 10, 7, None),
        "responded_at": t.when,
    }, {
        "customer_id": CUSTOMER,
        "rep_id": REP,
        "team_id": TEAM,
        "product_id": PRODUCT,
        "channel": CHANNEL,
        "region": REGION,
        "segment": SEGMENT,
    }


def measurement(t: Times) -> tuple[Fields, Fields]:
    return {
        "kind": one_of(
            *("hotel_day", "production_run", "inventory_snapshot", "market_size", "market_revenue", "indicator")
        ),
        "unit_id": one_of("m1", "m2", *series()),
        "on_date": t.day,
        "values": numbers(),
        "currency": one_of("EUR", "USD", "JPY"),
    }, {"region": REGION, "product_id": PRODUCT}


def fx_rate(t: Times) -> tuple[Fields, Fields]:
    return {
        "base": one_of("EUR", "EUR", "EUR", "USD"),
        "quote": one_of("USD", "JPY", "KWD", "EUR"),
        "rate_date": t.day,
        "rate": one_of("1.25", "1.1", "0.9871", "165", "0"),
    }, {}


def plan(t: Times) -> tuple[Fields, Fields]:
    return {
        "kind": one_of("target", "target", "quota", "quota", "forecast"),
        "metric": one_of(*("revenue",) * 8, "mrr"),
        "period": one_of(*t.periods),
        "submitted_at": t.when,
    }, {
        "team_id": one_of("t1", None, None),
        "rep_id": one_of("r1", "r2", None),
        "product_id": one_of("p1", None, None),
        "amount_minor": one_of(0, 1_000, 5_000_000, None),
        "currency": one_of("EUR", "EUR", "USD", None),
        "value": one_of("12.5", None),
    }


@st.composite
def lines(draw: Draw) -> list[Event]:
    """Draw the lines of a deal."""
    return [
        {
            "line_id": str(i),
            "product_id": draw(one_of("p1", "p2")),
            "amount_minor": draw(AMOUNT),
            **draw(one_of({}, {"cost_minor": None}, {"cost_minor": 2}, {"cost_minor": 7_000, "quantity": "1.5"})),
        }
        for i in range(draw(one_of(1, 1, 2, 0)))
    ]


@st.composite
def phases(draw: Draw, as_of: int, zone: str) -> list[Event]:
    """Draw the phases of a subscription, in no order; some of them end before they begin."""
    when = often(as_of, zone)
    return [
        {
            "from": draw(st.sampled_from(when)),
            "amount_minor": draw(one_of(0, 1, 999, 1_000, 12_005)),
            "currency": draw(CURRENCY),
            "interval": draw(one_of("month", "month", "day", "week", "quarter", "year")),
            "interval_count": draw(one_of(1, 1, 3)),
            **({"to": draw(st.sampled_from(when))} if draw(st.booleans()) else {}),
        }
        for _ in range(draw(one_of(1, 1, 2, 3, 0)))
    ]


@st.composite
def numbers(draw: Draw) -> Event:
    """Draw the numbers of a measurement: those of all kinds, as the kind may change; now and then without one."""
    left_out = draw(one_of(*(None,) * 10, "rooms_sold", "rooms_available", "good_count", "planned_seconds"))
    values = {
        "rooms_available": draw(WHOLE),
        "rooms_sold": draw(WHOLE),
        "room_revenue_minor": draw(AMOUNT),
        "planned_seconds": draw(NUMBER),
        "ideal_cycle_seconds": draw(NUMBER),
        "good_count": draw(WHOLE),
        "value_minor": draw(AMOUNT),
        "customers": draw(WHOLE),
        "value": draw(one_of(0, 100, "104.5", -2, 0.25)),
    }
    return {name: value for name, value in values.items() if name != left_out}


SOURCES: Mapping[str, Callable[[Times], tuple[Fields, Fields]]] = {
    "deal": deal,
    "lead": lead,
    "activity": activity,
    "customer": customer,
    "subscription": subscription,
    "order": order,
    "rep": rep,
    "spend": spend,
    "feedback": feedback,
    "measurement": measurement,
    "fx_rate": fx_rate,
    "plan": plan,
}
