"""Stories: entities that belong together, so that relations, rates and rare KPIs are never for nothing."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from tests.properties.fields import series
from tests.properties.situations import (
    DAY,
    EPOCH,
    HOUR,
    Draw,
    Event,
    firsts,
    midnight,
    month_of,
    one_of,
    quarter_of,
    spell,
    today,
)

Told = list[tuple[str, str, Event]]
"""(source, entity id, fields)"""
CURRENCY = one_of("EUR", "EUR", "USD")
SPANS = (HOUR, DAY, DAY + HOUR, 2 * DAY, 10 * DAY, 30 * DAY, 31 * DAY)
SINCE = one_of(*SPANS)


def _past(draw: Draw, as_of: int) -> str:
    return spell(as_of - draw(SINCE))


def _long_ago(draw: Draw, as_of: int) -> str:
    return spell(as_of - draw(one_of(40, 95, 200, 364)) * DAY)


def _edge(draw: Draw, as_of: int, zone: str) -> str:
    """Draw an instant at which windows begin or end, or one right beside it."""
    now = today(as_of, zone)
    month, quarter = firsts(now)
    days = (now, now - timedelta(29), now - timedelta(89), month, quarter, firsts(month - timedelta(1))[0])
    ends = (as_of, *(midnight(day, zone) for day in days))
    return spell(draw(one_of(*ends)) + draw(one_of(0, 0, -1, 1)))


def _year_earlier(instant: str) -> str:
    """Return the instant of a purchase that makes a customer until `instant`."""
    return spell((datetime.fromisoformat(instant) - EPOCH) // timedelta(milliseconds=1) - 365 * DAY)


def _recent_day(draw: Draw, as_of: int, zone: str) -> str:
    return (today(as_of, zone) - timedelta(draw(one_of(0, 1, 1, 3, 6, 29)))).isoformat()


def _deal(draw: Draw, as_of: int, **fields: Any) -> Event:
    return {
        "customer_id": draw(one_of("c1", "c2")),
        "pipeline_id": "new_business",
        "stage": "proposal",
        "status": "won",
        "currency": draw(CURRENCY),
        "lines": [{"line_id": "1", "product_id": "p1", "amount_minor": 333, "cost_minor": 100}],
        "owner_id": "r1",
        "team_id": "t1",
        "region": "eu",
        "created_at": spell(as_of - 200 * DAY),
        "closed_at": _past(draw, as_of),
        **fields,
    }


def answered_lead(draw: Draw, as_of: int, zone: str) -> Told:
    """A lead is answered and won, in dollars."""
    del zone
    within = ((100 * DAY, 10 * DAY + 1), (100 * DAY, 10 * DAY), (91 * DAY, 31 * DAY), (120 * DAY, 40 * DAY))
    began, ended = draw(one_of((2 * HOUR, HOUR), (DAY, HOUR), (10 * DAY, 2 * DAY), *within))
    created = as_of - began
    answered = created + draw(one_of(-HOUR, 0, HOUR, HOUR + 1_000, 30 * HOUR))
    call = {"kind": "call", "direction": "outbound", "actor": "human", "status": "completed", "lead_id": "x1"}
    story = {"lead_id": "x1", "created_at": spell(created), "closed_at": spell(as_of - ended), "currency": "USD"}
    deal = _deal(draw, as_of, **{**story, "status": draw(one_of("won", "won", "open"))})
    return [
        ("lead", "x1", {"created_at": spell(created), "status": "working", "qualified_at": spell(answered)}),
        ("activity", "x1", {**call, "created_at": spell(created), "occurred_at": spell(answered)}),
        ("deal", "x1", deal),
    ]


def growth(draw: Draw, as_of: int, zone: str) -> Told:
    """Deals are won in the last months, against forecasts and targets."""
    now = today(as_of, zone)
    month = now.replace(day=1) - timedelta(1)
    quarter = date(now.year, (now.month - 1) // 3 * 3 + 1, 1) - timedelta(1)
    deals = [
        ("deal", f"x{n}", _deal(draw, as_of, closed_at=spell(as_of - draw(one_of(*spans)) * DAY)))
        for n, spans in enumerate(((1, 2, 5), (8, 30, 35), (45, 62, 92)), 1)
    ]
    ended, running = (month_of(month), quarter_of(quarter)), (month_of(now), quarter_of(now), str(now.year))
    scope = draw(one_of({}, {}, {"team_id": "t1"}, {"region": "eu"}, {"product_id": "p1"}))
    amount = {"amount_minor": draw(one_of(300, 5_000)), "currency": draw(CURRENCY)}
    plan = {"metric": "revenue", "submitted_at": spell(as_of - 200 * DAY), **amount}
    return [
        *deals,
        (
            "plan",
            "x1",
            {"kind": "forecast", "period": draw(one_of(*ended)), **plan, **draw(one_of({}, {"team_id": "t1"}))},
        ),
        ("plan", "x2", {"kind": "target", "period": draw(one_of(*ended, *running)), **plan, **scope}),
    ]


def stages(draw: Draw, as_of: int, zone: str) -> Told:
    """A deal goes forward through its stages, or a step back."""
    del zone
    closed = draw(one_of(*SPANS))
    since = sorted((as_of - draw(one_of(*SPANS, closed)) for _ in range(3)), reverse=draw(one_of(False, False, True)))
    names = ("qualified", "proposal", "negotiation")
    entered = {s: spell(t) for s, t in zip(names, since, strict=True)}
    status = draw(one_of("open", "open", "won", "won", "lost", "cancelled"))
    now = {"status": status, "stage": draw(one_of(*names)), "closed_at": spell(as_of - closed)}
    return [("deal", "x2", _deal(draw, as_of, stage_entered_at=entered, **now))]


def coverage(draw: Draw, as_of: int, zone: str) -> Told:
    """Deals are open that may close this quarter, towards a target."""
    now = today(as_of, zone)
    close = now + timedelta(draw(one_of(-40, -1, 0, 1, 5, 90)))
    target = {"kind": "target", "metric": "revenue", "period": quarter_of(now), "submitted_at": spell(as_of - DAY)}
    amount = {"amount_minor": draw(one_of(100, 400, 90_000)), "currency": "EUR", **draw(one_of({}, {"team_id": "t1"}))}
    return [
        ("deal", "x1", _deal(draw, as_of, status="open", expected_close_date=close.isoformat())),
        ("deal", "x2", _deal(draw, as_of)),
        ("plan", "x2", {**target, **amount}),
    ]


def customers(draw: Draw, as_of: int, zone: str) -> Told:
    """Customers buy, are in touch, stay or leave; some are patients; and money is spent to win them."""
    segment, source = draw(one_of("patient", "patient", "smb")), draw(one_of("referral", "referral", None))
    own = {"created_at": _past(draw, as_of), "segment": segment, "source": source, "market": "m1", "region": "eu"}
    edge = _edge(draw, as_of, zone)
    bought = draw(one_of(edge, _year_earlier(edge), _past(draw, as_of), _long_ago(draw, as_of), _long_ago(draw, as_of)))
    leaves = draw(one_of({}, {}, *({"churned_at": t} for t in (_edge(draw, as_of, zone), spell(as_of + DAY), bought))))
    other = draw(one_of({}, {"customer_id": "c1", "closed_at": bought, "source": draw(one_of("ads", None))}))
    visited = draw(one_of(_past(draw, as_of), edge, spell(as_of + DAY)))
    visit = {"kind": "meeting", "direction": "inbound", "actor": "customer", "status": "completed", "customer_id": "c1"}
    order = {"customer_id": "c2", "status": "placed", "currency": "EUR", "amount_minor": 999, "quantity_ordered": 1}
    spent = {"category": draw(one_of("marketing", "sales")), "subcategory": "advertising", "segment": "patient"}
    amount = {"incurred_on": _recent_day(draw, as_of, zone), "amount_minor": 5_000, "currency": draw(CURRENCY)}
    return [
        ("customer", "c1", {**own, **leaves}),
        ("deal", "x1", _deal(draw, as_of, customer_id="c1", closed_at=bought, source="referral")),
        ("deal", "x2", _deal(draw, as_of, **other)),
        ("order", "x1", {**order, "ordered_at": draw(one_of(_past, _long_ago))(draw, as_of)}),
        ("activity", "x2", {**visit, "created_at": own["created_at"], "occurred_at": visited}),
        ("spend", "x1", {**spent, **amount}),
    ]


def subscriptions(draw: Draw, as_of: int, zone: str) -> Told:
    """A trial becomes a subscription, which changes its price and ends, or does not."""
    begin, change = as_of - draw(one_of(33, 200)) * DAY, draw(one_of(_past(draw, as_of), _edge(draw, as_of, zone)))
    interval = {"interval": draw(one_of("month", "year", "week")), "interval_count": 1}
    price = {"currency": draw(CURRENCY), **interval}
    amounts = draw(one_of((1_000, 2_000), (1_205, 1_000), (999, 0)))
    terms = [
        {"from": spell(begin), "to": change, "amount_minor": amounts[0], **price},
        {"from": change, "to": None, "amount_minor": amounts[1], **price},
    ]
    ended = {"ended_at": _edge(draw, as_of, zone)} if draw(one_of(False, True)) else {}
    trial = {"trial_started_at": spell(begin - 14 * DAY), "trial_ended_at": draw(one_of(spell(begin), change))}
    own = {"customer_id": "c1", "product_id": draw(one_of("p1", None)), **trial}
    free = {"customer_id": "c2", "phases": draw(one_of([], None)), **trial}
    return [
        ("customer", "c1", {"created_at": spell(begin), "segment": draw(one_of("smb", None)), "region": "eu"}),
        ("subscription", "x1", {**own, "phases": terms[: draw(one_of(2, 2, 1))], **ended}),
        ("subscription", "x2", draw(one_of(free, {**own, "customer_id": "c2", "phases": terms[1:]}))),
    ]


def quotas(draw: Draw, as_of: int, zone: str) -> Told:
    """Representatives come, sell, and leave, or are known to leave."""
    now = today(as_of, zone)
    month = now.replace(day=1) - timedelta(1)
    left = draw(one_of(None, None, spell(as_of + DAY), _past(draw, as_of), _edge(draw, as_of, zone)))
    plan = {"kind": "quota", "metric": "revenue", "rep_id": "r1", "team_id": draw(one_of("t1", None))}
    spelled = draw(one_of(month_of(now), month_of(now), month_of(month), quarter_of(now)))
    amount = {"amount_minor": draw(one_of(333, 100, 5_000, 0)), "currency": draw(CURRENCY)}
    call = {"kind": "call", "direction": "outbound", "actor": "human", "status": "completed", "team_id": "t1"}
    day = _past(draw, as_of)
    return [
        ("rep", "r1", {"role": "sales", "team_id": "t1", "hired_at": _long_ago(draw, as_of), "left_at": left}),
        ("rep", "r2", {"role": "sales", "team_id": "t2", "hired_at": _edge(draw, as_of, zone)}),
        ("plan", "x1", {**plan, **amount, "period": spelled, "submitted_at": _past(draw, as_of)}),
        ("deal", "x1", _deal(draw, as_of, closed_at=draw(one_of(day, spell(as_of - 31 * DAY))))),
        ("activity", "x1", {**call, "rep_id": "r1", "created_at": day, "occurred_at": day, "quantity": 3}),
    ]


def hotel(draw: Draw, as_of: int, zone: str) -> Told:
    """Nights of two hotels, and a run of a production line."""

    def night() -> Event:
        rooms = {"rooms_available": 100, "rooms_sold": draw(one_of(0, 80)), "room_revenue_minor": 123_457}
        day = {"on_date": _recent_day(draw, as_of, zone), "currency": draw(CURRENCY), "region": "eu"}
        return {"kind": "hotel_day", "unit_id": draw(one_of("m1", "m2")), "values": rooms, **day}

    run = {"planned_seconds": 28_800, "ideal_cycle_seconds": "0.333333333", "good_count": 1_001}
    line = {"kind": "production_run", "unit_id": "m1", "product_id": "p1", "on_date": _recent_day(draw, as_of, zone)}
    return [
        ("measurement", "x1", night()),
        ("measurement", "x2", night()),
        ("measurement", "x4", {**line, "values": run}),
    ]


def stock(draw: Draw, as_of: int, zone: str) -> Told:
    """Orders are due and shipped out of the stock of two locations."""

    def snapshot(location: str) -> Event:
        day = {"on_date": _recent_day(draw, as_of, zone), "currency": draw(CURRENCY)}
        values = {"value_minor": draw(one_of(1_000, 2_001, 0))}
        return {"kind": "inventory_snapshot", "unit_id": location, "product_id": "p1", "values": values, **day}

    shipped = as_of - draw(one_of(1, HOUR, DAY, 3 * DAY))
    promised = today(shipped + 1, zone) + timedelta(draw(one_of(-1, 0, 0, 1)))
    order = {"customer_id": "c3", "status": "fulfilled", "currency": draw(CURRENCY), "amount_minor": 999}
    order |= {"cost_minor": 500, "product_id": "p1"}
    goods = {"quantity_ordered": 2, "quantity_fulfilled": draw(one_of("2", "1.9", 2))}
    days = {"ordered_at": spell(shipped - DAY), "promised_on": promised.isoformat()}
    return [
        ("measurement", "x1", snapshot("m1")),
        ("measurement", "x2", snapshot("m1")),
        ("measurement", "x3", snapshot("m2")),
        ("order", "x1", {**order, **goods, **days, "fulfilled_at": spell(shipped)}),
        ("order", "x2", {**order, **goods, **days, "status": "placed"}),
    ]


def market(draw: Draw, as_of: int, zone: str) -> Told:
    """A market with a size and a revenue, and an indicator a year on."""
    now = today(as_of, zone)
    month = (now.replace(day=1) - timedelta(1)).replace(day=1)
    size = {"kind": "market_size", "unit_id": "m1", "on_date": draw(one_of(now, month)).isoformat()}
    turnover = {"kind": "market_revenue", "unit_id": "m1", "region": "eu", "currency": draw(CURRENCY)}
    known = now - timedelta(draw(one_of(0, 1, 20, 40, 100, 400)))
    leap = (known.month, known.day) == (2, 29)
    before = date(known.year - 1, known.month, 28 if leap else known.day) + timedelta(draw(one_of(0, 0, 0, 1)))
    indicator = {"kind": "indicator", "unit_id": draw(one_of(*series()))}
    figures = draw(one_of((105, "100"), ("99.5", 100), (3, 0), (3, -2)))
    return [
        ("customer", "c1", {"created_at": _past(draw, as_of), "market": "m1"}),
        ("deal", "x1", _deal(draw, as_of, customer_id="c1", closed_at=spell(as_of - draw(one_of(2, 32, 62)) * DAY))),
        ("measurement", "x1", {**size, "values": {"customers": draw(one_of(7, 0))}}),
        ("measurement", "x2", {**turnover, "on_date": month.isoformat(), "values": {"value_minor": 77_000}}),
        ("measurement", "x3", {**indicator, "on_date": known.isoformat(), "values": {"value": figures[0]}}),
        ("measurement", "x4", {**indicator, "on_date": before.isoformat(), "values": {"value": figures[1]}}),
    ]


def voices(draw: Draw, as_of: int, zone: str) -> Told:
    """Customers answer, mails are opened, trainings followed, pages visited."""
    del zone
    score, scale = draw(one_of((4, 5), (3, 5), (3, 4), (8, 10)))
    who = {"team_id": "t1", "product_id": draw(one_of("p1", None)), "responded_at": _past(draw, as_of), "region": "eu"}
    mail = {"kind": "email", "direction": "outbound", "actor": "automation", "status": "completed", "channel": "web"}
    opened = {"opened_at": spell(as_of + draw(one_of(-HOUR, -1, 0, DAY))), "open_unreliable": draw(one_of(None, True))}
    sent = {"created_at": _past(draw, as_of), "occurred_at": _past(draw, as_of), "delivered_at": _past(draw, as_of)}
    training = {"kind": "training", "direction": "internal", "actor": "human", "content_id": "k1", "team_id": "t1"}
    followed = {"status": draw(one_of("completed", "completed", "planned")), "occurred_at": opened["opened_at"]}
    kind = draw(one_of("web_visit", "social", "content_used", "meeting"))
    other = {"direction": "inbound", "actor": "customer", "status": "planned", "content_id": "k2", "quantity": 4}
    return [
        ("feedback", "x1", {"kind": "csat", "score": score, "scale_max": scale, **who}),
        (
            "feedback",
            "x2",
            {"kind": "nps", "score": draw(one_of(6, 7, 9)), "segment": draw(one_of("smb", None)), **who},
        ),
        ("activity", "x1", {**mail, **sent, **opened}),
        ("activity", "x2", {**training, **followed, "due_at": _past(draw, as_of), "created_at": sent["created_at"]}),
        ("activity", "x3", {"kind": kind, **other, **sent}),
    ]


Story = Callable[[Draw, int, str], Told]
