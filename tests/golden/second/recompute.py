"""The second golden example from scratch: at each as-of time every KPI is computed anew from the events known then.

There is no incremental state here and nothing of the product is imported: events are folded into entities (last writer
wins), and each KPI is written out as its definition reads, over plain lists, with exact fractions.

    python recompute.py            writes expected.json
    python recompute.py --check    compares expected.json, the values derived by hand, and 20 shuffles with duplicates
"""

import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
ZONE = ZoneInfo("Europe/Amsterdam")
AS_OF = ("2021-03-28T22:00:00.000Z", "2021-03-31T22:00:00.000Z", "2021-04-14T12:30:00.000Z")
FX_MAX_AGE = timedelta(days=7)
HORIZON = timedelta(days=365)
EXPONENTS = {"EUR": 2, "USD": 2, "GBP": 2, "JPY": 0}
STAGES = {
    "new_business": {"qualified": 1, "proposal": 2, "negotiation": 3},
    "regional": {"qualify": 1, "develop": 2, "propose": 3, "close": 4},
}
RESPONSE_KINDS = {"call", "email", "meeting", "chat", "sms"}
ACTIVITY_KINDS = {"call", "email", "meeting"}
MAX_AGE_DAYS = {"spending": 60, "confidence": 28, "interest": 60}
LISTED = {"content": {"battle_card", "brochure"}}
"""The closed lists: any other value is `other`."""
FIELDS = {
    "team": "team_id", "rep": "rep_id", "owner": "owner_id", "product": "product_id", "pipeline": "pipeline_id",
    "content": "content_id", "course": "content_id", "line": "unit_id", "location": "unit_id",
}  # fmt: skip
ROWS: dict[str, tuple[str, ...]] = {
    "team": ("noord", "zuid"),
    "rep": ("r1", "r2", "r4"),
    "region": ("oost", "west"),
    "channel": ("web", "phone"),
    "product": ("P1", "P2"),
    "segment": ("business", "patient", "unknown"),
    "line": ("L1", "L2"),
    "kind": ("call", "email", "meeting"),
    "content": ("battle_card", "brochure", "other", "unknown"),
    "course": ("onboarding", "objections"),
    "pipeline": ("new_business", "regional"),
    "stage": ("qualified", "proposal", "negotiation"),
    "deal_type": ("new_business", "expansion", "renewal"),
    "source": ("web", "event", "referral"),
    "status": ("new", "working", "qualified"),
    "lost_reason": ("price", "competitor"),
}
"""The rows that are told of a dimension."""

SOURCES = {
    "revenue": "deal",
    "opportunities_lost": "deal",
    "feedback_responses": "feedback",
    "website_visits": "activity",
    "social_interactions": "activity",
    "acquisition_spend": "spend",
    "ad_spend": "spend",
    "avg_purchase_value": "order",
    "order_fulfillment_rate": "order",
}
UNLISTED = {"channel", "lost_reason"}
"""Dimensions without any list: a value has a row as soon as a live entity of the KPI's source carries it."""
NO_ROW = "no row"

Entity = dict[str, Any]
Event = dict[str, Any]
Value = dict[str, str | None]
Rows = Iterator[tuple[str, Value]]


# ----------------------------------------------------------------------------------------------------------------- time


def instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZONE).astimezone(UTC)


def local_date(at: datetime) -> date:
    return at.astimezone(ZONE).date()


def date_before(at: datetime) -> date:
    """Return the local date of the instant just before `at`."""
    return local_date(at - timedelta(microseconds=1))


def month_of(day: date, offset: int = 0) -> date:
    years, month = divmod(day.year * 12 + day.month - 1 + offset, 12)
    return date(years, month + 1, 1)


def quarter_of(day: date, offset: int = 0) -> date:
    return month_of(month_of(day, -((day.month - 1) % 3)), 3 * offset)


@dataclass(frozen=True)
class Window:
    """Instants in [start, end); for date-typed fields the local dates first to last."""

    start: datetime
    end: datetime
    first: date
    last: date
    period: str = ""

    def has(self, at: str | None) -> bool:
        return at is not None and self.start <= moment(at) < self.end

    def has_date(self, day: str | None) -> bool:
        return day is not None and self.first <= date.fromisoformat(day) <= self.last


def window(token: str, as_of: datetime) -> Window:
    today = date_before(as_of)
    if token in {"1h", "24h"}:
        return Window(as_of - timedelta(hours=int(token[:-1])), as_of, date.max, date.min)
    if token.startswith("prev_"):
        return _previous(token.removeprefix("prev_"), today)
    first = {
        "dtd": today,
        "wtd": today - timedelta(days=today.weekday()),
        "mtd": month_of(today),
        "qtd": quarter_of(today),
        "ytd": date(today.year, 1, 1),
    }.get(token) or today - timedelta(days=int(token[:-1]) - 1)
    return Window(midnight(first), as_of, first, today, period_name(token.removesuffix("td"), first))


def _previous(unit: str, today: date) -> Window:
    monday = today - timedelta(days=today.weekday())
    first, after = {
        "day": (today - timedelta(days=1), today),
        "week": (monday - timedelta(days=7), monday),
        "month": (month_of(today, -1), month_of(today)),
        "quarter": (quarter_of(today, -1), quarter_of(today)),
    }[unit]
    return Window(midnight(first), midnight(after), first, after - timedelta(days=1), period_name(unit[0], first))


def period_name(unit: str, first: date) -> str:
    return {"m": f"{first:%Y-%m}", "q": f"{first.year}-Q{(first.month + 2) // 3}"}.get(unit, "")


# --------------------------------------------------------------------------------------------------------------- values


def text(value: Fraction | int, places: int) -> str:
    with localcontext(prec=60):
        exact = Decimal(Fraction(value).numerator) / Decimal(Fraction(value).denominator)
        return format(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN), "f")


def side(value: Fraction | int) -> str:
    return text(value, 6).rstrip("0").rstrip(".")


def absent(reason: str) -> Value:
    return {"value": None, "reason": reason}


def count(number: int) -> Value:
    return {"value": str(number)}


def money(minor: Fraction | int) -> Value:
    return {"value": text(Fraction(minor) / 100, 2)}


def ratio(above: Fraction | int, below: Fraction | int, *, is_money: bool = False) -> Value:
    """Return a quotient with its sides; that of an amount in major units, its numerator in minor units."""
    if below == 0:
        return absent("denominator_zero")
    value = Fraction(above) / below
    return {
        "value": text(value / 100 if is_money else value, 12),
        "num": side(above),
        "den": side(below),
    }


def plain(value: Fraction, *, is_money: bool = False) -> Value:
    """Return what a formula gives: a value without sides."""
    return {"value": text(value / 100 if is_money else value, 12)}


def against(above: Fraction | int, below: Fraction | None, missing: str) -> Value:
    """Return a formula's quotient, which is told only over a positive denominator that is there."""
    if below is None:
        return absent(missing)
    if below <= 0:
        return absent("denominator_zero" if below == 0 else "denominator_negative")
    return plain(Fraction(above) / below)


def mean_of(values: Sequence[Fraction | int]) -> Value:
    if not values:
        return absent("no_samples")
    return {"value": text(Fraction(sum(values)) / len(values), 3), "num": side(sum(values)), "den": str(len(values))}


def quantile_of(values: Sequence[int], q: str) -> Value:
    if not values:
        return absent("no_samples")
    return {"value": str(sorted(values)[int(Decimal(q) * (len(values) - 1))]), "samples": str(len(values))}


def series(kpi: str, token: str, dimensions: Mapping[str, str]) -> str:
    return "|".join([kpi, token, *(f"{k}={v}" for k, v in sorted(dimensions.items()))])


# ------------------------------------------------------------------------------------------------------------- entities


def fold(events: Iterable[Event]) -> dict[str, dict[str, Entity]]:
    """Return the live entities by type and id, whatever the order of arrival and however often an event came."""
    histories: dict[tuple[str, str], list[Event]] = {}
    for event in {e["event_id"]: e for e in events}.values():
        histories.setdefault((event["type"], event["entity_id"]), []).append(event)
    live: dict[str, dict[str, Entity]] = {}
    for (kind, entity_id), history in histories.items():
        state = _last_state(sorted(history, key=lambda e: (e["version"], e["updated_at"], e["event_id"])))
        if state is not None:
            live.setdefault(kind, {})[entity_id] = {**state, "id": entity_id}
    return live


def _last_state(history: Sequence[Event]) -> Entity | None:
    state: Entity | None = None
    for event in history:
        if event["op"] == "delete":
            state = None
        elif event["op"] == "put" or state is None:
            state = dict(event["data"])
        else:
            entered = {**(state.get("stage_entered_at") or {}), **(event["data"].get("stage_entered_at") or {})}
            state = {**state, **event["data"], **({"stage_entered_at": entered} if entered else {})}
    return state


def label(entity: Mapping[str, Any], dimension: str) -> str:
    value = entity.get(FIELDS.get(dimension, dimension))
    if value is None:
        return "unknown"
    return str(value) if value in LISTED.get(dimension, {value}) else "other"


def rows(
    items: Iterable[Entity], *dimensions: str, values: Mapping[str, tuple[str, ...]] | None = None
) -> Iterator[tuple[dict[str, str], list[Entity]]]:
    """Yield all of the items, and for each row of each dimension those that belong to it."""
    everything = list(items)
    yield {}, everything
    for dimension in dimensions:
        for value in (values or {}).get(dimension) or ROWS[dimension]:
            yield {dimension: value}, [i for i in everything if label(i, dimension) == value]


class World:
    """The entities as of T, and the fields of theirs that are derived from others."""

    def __init__(self, events: Iterable[Event], as_of: datetime) -> None:
        """Fold what had arrived strictly before `as_of`."""
        self.as_of, self.today = as_of, date_before(as_of)
        self._live = fold(e for e in events if moment(e["arrived_at"]) < as_of)
        self.deals, self.leads, self.reps, self.orders = map(self.all, ("deal", "lead", "rep", "order"))
        self.activities, self.feedback = self.all("activity"), self.all("feedback")
        self.spend, self.subscriptions = self.all("spend"), self.all("subscription")
        self.measurements, self.plans = self.all("measurement"), self.all("plan")

    def all(self, kind: str) -> list[Entity]:
        return list(self._live.get(kind, {}).values())

    def window(self, token: str) -> Window:
        return window(token, self.as_of)

    def passed(self, at: str | None) -> bool:
        return at is not None and moment(at) < self.as_of

    # money, in minor units of the reporting currency

    def converted(self, minor: int | None, currency: str, day: date) -> Fraction | None:
        if minor is None or currency == "EUR":
            return None if minor is None else Fraction(minor)
        rates = {
            date.fromisoformat(r["rate_date"]): Fraction(r["rate"])
            for r in self.all("fx_rate")
            if r["quote"] == currency
        }
        dates = [d for d in rates if d <= day <= d + FX_MAX_AGE]
        return Fraction(minor) * 10 ** (2 - EXPONENTS[currency]) / rates[max(dates)] if dates else None

    def value_of(self, record: Entity, on: str, field: str = "amount_minor") -> Fraction | None:
        """Return an amount at the rate of the local date of the field `on`."""
        day = date.fromisoformat(record[on]) if len(record[on]) == len("2021-03-28") else local_date(moment(record[on]))
        minor = record["values"][field] if "values" in record else record[field]
        return self.converted(minor, record["currency"], day)

    def total(self, records: Iterable[Entity], on: str, field: str = "amount_minor") -> Fraction:
        return sum((self.value_of(r, on, field) or Fraction(0) for r in records), Fraction(0))

    # deals

    def ended(self, status: str) -> list[Entity]:
        return [d for d in self.deals if d["status"] == status]

    def won(self, span: Window) -> list[Entity]:
        return [d for d in self.ended("won") if closed_in(span, d)]

    def open(self) -> list[Entity]:
        return [d for d in self.deals if d["status"] == "open"]

    def amount(self, deal: Entity, product: str | None = None) -> Fraction:
        day = self.today if deal["status"] == "open" else local_date(moment(deal["closed_at"]))
        lines = [line for line in deal["lines"] if product in (None, label(line, "product"))]
        return sum(
            (self.converted(line["amount_minor"], deal["currency"], day) or Fraction(0) for line in lines), Fraction(0)
        )

    def revenue(self, deals: Iterable[Entity], product: str | None = None) -> Fraction:
        return sum((self.amount(d, product) for d in deals), Fraction(0))

    def exits(self) -> Iterator[Entity]:
        """Yield the exits of all deals from the stages of their pipelines."""
        for deal in self.deals:
            order = STAGES[deal["pipeline_id"]]
            entered = {s: at for s, at in (deal.get("stage_entered_at") or {}).items() if s in order}
            for stage, at in entered.items():
                later = [e for s, e in entered.items() if order[s] > order[stage] and e > at]
                if deal["status"] == "won" and deal["closed_at"] >= at:
                    later.append(deal["closed_at"])
                if deal["status"] == "cancelled":
                    continue
                if later:
                    yield {**deal, "stage": stage, "at": min(later), "forward": True}
                elif deal["status"] == "lost" and at == max(entered.values()):
                    yield {**deal, "stage": stage, "at": deal["closed_at"], "forward": False}

    # leads

    def response_seconds(self, lead: Entity) -> int | None:
        """Return how long the lead waited for a person of ours; contacts up to a day before its creation count as 0."""
        created = moment(lead["created_at"])
        found = [
            moment(a["occurred_at"])
            for a in self.activities
            if a.get("lead_id") == lead["id"] and a["kind"] in RESPONSE_KINDS
            and (a["actor"], a["direction"], a["status"]) == ("human", "outbound", "completed")
            and self.passed(a["occurred_at"]) and moment(a["occurred_at"]) >= created - timedelta(days=1)
        ]  # fmt: skip
        return max(0, int((min(found) - created).total_seconds())) if found else None

    # people

    def headcount(self, at: datetime) -> list[Entity]:
        return [
            r
            for r in self.reps
            if r["role"] == "sales" and moment(r["hired_at"]) < at and (not r["left_at"] or at <= moment(r["left_at"]))
        ]

    def plan(self, kind: str, span: Window, scope: Mapping[str, str], *, locked: bool = False) -> Fraction | None:
        """Return the newest plan of the period and of exactly this scope; a rep's whatever else it names."""
        before = min(self.as_of, span.start) if locked else self.as_of
        names = ("rep_id",) if "rep_id" in scope else ("rep_id", "team_id", "region", "product_id")
        found = [
            (p["submitted_at"], p["id"], p)
            for p in self.plans
            if (p["kind"], p["metric"], p["period"]) == (kind, "revenue", span.period)
            and moment(p["submitted_at"]) < before
            and all(p.get(name) == scope.get(name) for name in names)
        ]
        if not found:
            return None
        newest = max(found, key=lambda f: f[:2])[2]
        return self.converted(newest["amount_minor"], newest["currency"], span.first)

    # customers

    def customers(self) -> list[Entity]:
        """Return all that are named; of those without a record of their own nothing is known."""
        own = self._live.get("customer", {})
        named = {e["customer_id"] for e in [*self.deals, *self.subscriptions, *self.orders]}
        return [own.get(c, {"id": c}) for c in sorted(named | own.keys())]

    def wins(self, customer: Entity) -> list[tuple[str, str, str | None]]:
        deals = [d for d in self.deals if d["customer_id"] == customer["id"] and d["status"] == "won"]
        return sorted((d["closed_at"], d["id"], d["source"]) for d in deals)

    def contracts(self, customer: Entity) -> list[tuple[str, str | None]]:
        subscriptions = [s for s in self.subscriptions if s["customer_id"] == customer["id"]]
        return [(min(starts), s["ended_at"]) for s in subscriptions if (starts := [p["from"] for p in paid(s)])]

    def acquired_at(self, customer: Entity) -> str | None:
        starts = [at for at, *_ in [*self.wins(customer), *self.contracts(customer)]]
        return min([*starts, *filter(None, [customer.get("acquired_at")])], default=None)

    def source_of(self, customer: Entity) -> str:
        first = [source for _, _, source in self.wins(customer)[:1]]
        return customer.get("source") or next(filter(None, first), "unknown")

    def is_subscriber(self, customer: Entity, at: datetime) -> bool:
        return any(moment(a) < at and (b is None or at <= moment(b)) for a, b in self.contracts(customer))

    def is_active(self, customer: Entity, at: datetime) -> bool:
        if self.contracts(customer):
            return self.is_subscriber(customer, at)
        orders = [o for o in self.orders if o["customer_id"] == customer["id"] and o["status"] != "cancelled"]
        bought = [at for at, *_ in self.wins(customer)] + [o["ordered_at"] for o in orders]
        return any(moment(p) < at <= moment(p) + HORIZON for p in bought)

    def mrr(self, customers: Iterable[Entity], at: datetime, day: date) -> Fraction:
        ids = {c["id"] for c in customers}
        total = Fraction(0)
        for subscription in self.subscriptions:
            if subscription["customer_id"] in ids and (end := instant(subscription["ended_at"]) or at) >= at:
                for phase in paid(subscription):
                    if moment(phase["from"]) < at <= min(end, instant(phase["to"]) or end):
                        total += self.converted(per_month(phase), phase["currency"], day) or 0
        return total

    # measurements

    def measured(self, kind: str, span: Window | None = None) -> list[Entity]:
        return [m for m in self.measurements if m["kind"] == kind and (span is None or span.has_date(m["on_date"]))]

    def latest(self, kind: str, unit: str) -> Entity | None:
        """Return the newest record that is not dated after today."""
        found = [
            m for m in self.measured(kind) if m["unit_id"] == unit and date.fromisoformat(m["on_date"]) <= self.today
        ]
        return max(found, key=lambda m: str(m["on_date"]), default=None)


def closed_in(span: Window, deal: Entity) -> bool:
    return span.has(deal["closed_at"])


def spent_in(span: Window, record: Entity) -> bool:
    return span.has_date(record["incurred_on"])


def responded_in(span: Window, feedback: Entity) -> bool:
    return span.has(feedback["responded_at"])


def acquired_in(span: Window, customer: Entity) -> bool:
    return span.has(customer["acquired_at"])


def paid(subscription: Entity) -> list[Entity]:
    return [p for p in subscription["phases"] if p["amount_minor"] > 0]


def per_month(phase: Entity) -> int:
    months = {
        "day": Fraction(365, 12),
        "week": Fraction(52, 12),
        "month": Fraction(1),
        "quarter": Fraction(1, 3),
        "year": Fraction(1, 12),
    }
    return round(Fraction(phase["amount_minor"]) * months[phase["interval"]] / int(phase["interval_count"]))


# ----------------------------------------------------------------------------------------------------------------- KPIs


def cut(
    world: World, tokens: str, items: Iterable[Entity], inside: Callable[[Window, Entity], bool], *dimensions: str,
    values: Mapping[str, tuple[str, ...]] | None = None,
) -> Iterator[tuple[str, Window, dict[str, str], list[Entity]]]:  # fmt: skip
    """Yield the rows of each window; only a window marked with * is also cut by the dimensions."""
    everything = list(items)
    for token in tokens.split():
        span = world.window(token.rstrip("*"))
        found = [i for i in everything if inside(span, i)]
        for dims, part in rows(found, *(dimensions if token.endswith("*") else ()), values=values):
            yield token.rstrip("*"), span, dims, part


def revenue(w: World) -> Rows:
    tokens = "7d 24h dtd mtd* qtd ytd prev_day prev_week prev_month prev_quarter*"
    channels = {"channel": ("direct", "partner")}
    dimensions = ("team", "region", "channel", "source", "pipeline", "deal_type")
    for token, span, dims, won in cut(w, tokens, w.ended("won"), closed_in, *dimensions, values=channels):
        yield series("revenue", token, dims), money(w.revenue(won))
        if not dims and token in {"mtd", "qtd", "prev_quarter"}:
            for product in (*ROWS["product"], "P9"):
                yield series("revenue", token, {"product": product}), money(w.revenue(won, product))
        yield from _against_target(w, token, span, dims, won)


def _against_target(w: World, token: str, span: Window, dims: dict[str, str], won: list[Entity]) -> Rows:
    if span.period and dims.keys() <= {"team", "region"}:
        scope = {FIELDS.get(k, k): v for k, v in dims.items()}
        yield (
            series("target_attainment", token, dims),
            against(w.revenue(won), w.plan("target", span, scope), "no_plan"),
        )
        if not dims:
            bar = w.plan("target", span, {"product_id": "P1"})
            yield series("target_attainment", token, {"product": "P1"}), against(w.revenue(won, "P1"), bar, "no_plan")


def forecasts(w: World) -> Rows:
    for token, span, dims, won in cut(w, "prev_month* prev_quarter", w.ended("won"), closed_in, "team"):
        actual = w.revenue(won)
        forecast = w.plan("forecast", span, {FIELDS[k]: v for k, v in dims.items()}, locked=True)
        missing = forecast is None
        off = Fraction(0) if forecast is None else forecast - actual
        accuracy = absent("no_plan") if missing else against(max(Fraction(0), actual - abs(off)), actual, "")
        yield series("forecast_accuracy", token, dims), accuracy
        yield series("forecast_bias", token, dims), absent("no_plan") if missing else against(off, actual, "")


def quotas(w: World) -> Rows:
    for token in ("mtd", "prev_month"):
        span = w.window(token)
        members = []
        for rep in w.headcount(span.end):
            won = w.revenue(d for d in w.won(span) if d["owner_id"] == rep["id"])
            quota = w.plan("quota", span, {"rep_id": rep["id"]})
            yield series("quota_attainment_rep", token, {"rep": rep["id"]}), against(won, quota, "no_plan")
            if quota:
                members.append({**rep, "reached": round(won) >= round(quota)})
        for dims, part in rows(members, "team"):
            yield series("quota_attainment", token, dims), ratio(sum(m["reached"] for m in part), len(part))


def team(w: World) -> Rows:
    for token in ("90d", "qtd", "prev_quarter"):
        span = w.window(token)
        start, end = w.headcount(span.start), w.headcount(span.end)
        left = [r for r in w.reps if r["role"] == "sales" and span.has(r["left_at"])]
        for (dims, gone), (_, first), (_, last) in zip(*(rows(x, "team") for x in (left, start, end)), strict=True):
            yield series("sales_team_turnover", token, dims), ratio(len(gone), Fraction(len(first) + len(last), 2))
    span = w.window("30d")
    held = [
        a for a in w.activities if (a["actor"], a["status"]) == ("human", "completed") and a["kind"] in ACTIVITY_KINDS
    ]
    held = [a for a in held if span.has(a["occurred_at"])]
    heads = {dims.get("team"): len(reps) for dims, reps in rows(w.headcount(span.end), "team")}
    for dims, part in rows(held, "team", "kind"):
        quantity = sum(a.get("quantity", 1) for a in part)
        yield series("sales_activities", "30d", dims), count(quantity)
        yield series("sales_productivity", "30d", dims), ratio(quantity, heads[dims.get("team")])


def funnel(w: World) -> Rows:
    for token, _, dims, part in cut(w, "30d* mtd prev_month", w.ended("lost"), closed_in, "lost_reason", "team"):
        yield series("opportunities_lost", token, dims), count(len(part))
    ready = [x for x in w.leads if x["status"] != "disqualified"]
    tokens = "7d 30d* mtd prev_month"
    for token, _, dims, part in cut(w, tokens, ready, lambda s, x: s.has(x["qualified_at"]), "team", "source"):
        yield series("sales_ready_leads", token, dims), count(len(part))
    for dims, part in rows((x for x in w.leads if x["status"] in ROWS["status"]), "status", "team", "source"):
        yield series("pipeline_leads", "now", dims), count(len(part))


def responses(w: World) -> Rows:
    tokens = "30d* prev_week"
    for token, _, dims, part in cut(w, tokens, w.leads, lambda s, x: s.has(x["created_at"]), "team"):
        seconds = [s for lead in part if (s := w.response_seconds(lead)) is not None]
        yield series("lead_response_time_mean", token, dims), mean_of(seconds)
        yield series("lead_response_time_p50", token, dims), quantile_of(seconds, "0.5")
        yield series("lead_response_time_p90", token, dims), quantile_of(seconds, "0.9")


def stages(w: World) -> Rows:
    tokens = "30d* 90d* qtd* prev_quarter*"
    exits = list(w.exits())
    for token, _, dims, part in cut(w, tokens, exits, lambda s, x: s.has(x["at"]), "stage", "team", "pipeline"):
        yield series("stage_conversion_rate", token, dims), ratio(sum(x["forward"] for x in part), len(part))
    for dims, part in rows(w.open(), "stage", "team", "pipeline"):
        entries = [instant((d.get("stage_entered_at") or {}).get(d["stage"])) for d in part]
        ages = [int((w.as_of - e).total_seconds()) for e in entries if e is not None and e < w.as_of]
        yield series("stage_age_mean", "now", dims), mean_of(ages)
        yield series("stage_age_max", "now", dims), count(max(ages)) if ages else absent("no_samples")


def coverage(w: World) -> Rows:
    span = w.window("qtd")
    last_day = quarter_of(w.today, 1) - timedelta(days=1)
    expected = [
        d for d in w.open() if d["expected_close_date"] and date.fromisoformat(d["expected_close_date"]) <= last_day
    ]
    for (dims, part), (_, won) in zip(rows(expected, "team"), rows(w.won(span), "team"), strict=True):
        target = w.plan("target", span, {FIELDS[k]: v for k, v in dims.items()})
        gap = None if target is None else target - w.revenue(won)
        yield series("pipeline_coverage", "now", dims), against(w.revenue(part), gap, "no_plan")


def purchases(w: World) -> Rows:
    bought = [o for o in w.orders if o["status"] != "cancelled" and w.value_of(o, "ordered_at") is not None]
    tokens = "24h 7d 30d* dtd mtd prev_day prev_month"
    dimensions = ("channel", "region", "product")
    for token, _, dims, part in cut(w, tokens, bought, lambda s, o: s.has(o["ordered_at"]), *dimensions):
        yield series("avg_purchase_value", token, dims), ratio(w.total(part, "ordered_at"), len(part), is_money=True)


def fulfillment(w: World) -> Rows:
    due = [o for o in w.orders if o["status"] != "cancelled" and o["promised_on"]]
    due = [o for o in due if w.passed(o["fulfilled_at"]) or date.fromisoformat(o["promised_on"]) < w.today]
    tokens = "7d 30d* mtd prev_month"
    dimensions = ("region", "product", "channel")
    for token, _, dims, part in cut(w, tokens, due, lambda s, o: s.has_date(o["promised_on"]), *dimensions):
        yield series("order_fulfillment_rate", token, dims), ratio(sum(_on_time_in_full(w, o) for o in part), len(part))


def _on_time_in_full(w: World, order: Entity) -> bool:
    if not w.passed(order["fulfilled_at"]) or order["quantity_fulfilled"] is None:
        return False
    on_time = local_date(moment(order["fulfilled_at"])) <= date.fromisoformat(order["promised_on"])
    return on_time and Decimal(order["quantity_fulfilled"]) >= Decimal(order["quantity_ordered"])


def inventory(w: World) -> Rows:
    sold = [o for o in w.orders if o["status"] == "fulfilled" and o["cost_minor"] is not None]
    for token in ("90d", "365d", "qtd", "ytd", "prev_quarter"):
        span = w.window(token)
        snapshots = w.measured("inventory_snapshot", span)
        shipped = [o for o in sold if span.has(o["fulfilled_at"])]
        for (dims, out), (_, stock) in zip(rows(shipped, "product"), rows(snapshots, "product"), strict=True):
            cost = w.total(out, "fulfilled_at", "cost_minor")
            turns = ratio(cost, _mean_by_location(w, stock)) if stock else absent("no_source_records")
            yield series("inventory_turnover", token, dims), turns


def _mean_by_location(w: World, snapshots: list[Entity]) -> Fraction:
    at: dict[str, list[Fraction]] = {}
    for record in snapshots:
        value = w.value_of(record, "on_date", "value_minor")
        if value is not None:
            at.setdefault(record["unit_id"], []).append(value)
    return sum((sum(values, Fraction(0)) / len(values) for values in at.values()), Fraction(0))


def production(w: World) -> Rows:
    tokens = "7d 30d mtd* prev_month*"
    for token, _, dims, runs in cut(
        w, tokens, w.measured("production_run"), lambda s, r: s.has_date(r["on_date"]), "line", "product"
    ):
        ideal = sum(
            (Fraction(r["values"]["ideal_cycle_seconds"]) * r["values"]["good_count"] for r in runs), Fraction(0)
        )
        planned = sum(r["values"]["planned_seconds"] for r in runs)
        yield (
            series("production_efficiency", token, dims),
            ratio(ideal, planned) if runs else absent("no_source_records"),
        )


def opinions(w: World) -> Rows:
    complete = [f for f in w.feedback if f["kind"] == "nps" or f["scale_max"] is not None]
    values = {
        "kind": ("nps", "csat"),
        "channel": ("mail", "web"),
        "segment": ("business", "patient"),
        "product": ("P1", "P2", "unknown"),
    }
    tokens = "24h 7d* 30d dtd mtd* prev_day prev_week prev_month"
    dimensions = ("kind", "channel", "region")
    for token, _, dims, part in cut(w, tokens, complete, responded_in, *dimensions, values=values):
        yield series("feedback_responses", token, dims), count(len(part))
    dimensions, tokens = ("segment", "product", "region"), "7d 30d mtd* prev_month"
    asked = [f for f in complete if f["kind"] == "nps"]
    for token, _, dims, part in cut(w, tokens, asked, responded_in, *dimensions, values=values):
        balance = sum(f["score"] >= 9 for f in part) - sum(f["score"] <= 6 for f in part)
        yield series("nps", token, dims), ratio(balance, len(part))


def training(w: World) -> Rows:
    assigned = [a for a in w.activities if a["kind"] == "training" and a["status"] != "cancelled"]
    tokens = "30d* 90d qtd ytd prev_quarter"
    for token, _, dims, part in cut(w, tokens, assigned, lambda s, a: s.has(a["due_at"]), "team", "course"):
        done = [a for a in part if a["status"] == "completed" and w.passed(a["occurred_at"])]
        yield series("training_completion_rate", token, dims), ratio(len(done), len(part))


def engagement(w: World) -> Rows:
    meetings = [a for a in w.activities if a["kind"] == "meeting" and a["status"] != "cancelled"]
    tokens = "24h 7d 30d dtd mtd* prev_day prev_month"
    for token, _, dims, part in cut(w, tokens, meetings, lambda s, a: s.has(a["created_at"]), "team", "rep"):
        yield series("meetings_scheduled", token, dims), count(len(part))
    values: dict[str, tuple[str, ...]] = {
        "channel": ("search", "mail", "unknown"),
        "region": ("oost", "west", "unknown"),
    }
    tokens = "1h 24h 7d 30d dtd wtd mtd* prev_day prev_week prev_month"
    yield from _quantities(w, "website_visits", "web_visit", tokens, values)
    values = {"channel": ("linkedin", "instagram")}
    yield from _quantities(w, "social_interactions", "social", "24h dtd 7d 30d* mtd prev_week", values)
    values = {"content": ROWS["content"], "team": ROWS["team"]}
    yield from _quantities(w, "content_usage", "content_used", "7d 30d mtd* prev_month*", values)


def _quantities(w: World, kpi: str, kind: str, tokens: str, values: Mapping[str, tuple[str, ...]]) -> Rows:
    of_kind = [a for a in w.activities if a["kind"] == kind]
    for token, _, dims, part in cut(w, tokens, of_kind, lambda s, a: s.has(a["occurred_at"]), *values, values=values):
        yield series(kpi, token, dims), count(sum(a.get("quantity", 1) for a in part))


def cost(w: World) -> Rows:
    acquiring = [s for s in w.spend if s["category"] in {"marketing", "sales"}]
    values = {"category": ("marketing", "sales"), "channel": ("search", "social", "print")}
    for token, _, dims, part in cut(w, "30d mtd*", acquiring, spent_in, "category", "region", values=values):
        yield series("acquisition_spend", token, dims), _spent(w, part)
    tokens, advertising = "7d 30d mtd* prev_month", [x for x in acquiring if x["subcategory"] == "advertising"]
    for token, _, dims, part in cut(w, tokens, advertising, spent_in, "channel", "region", values=values):
        yield series("ad_spend", token, dims), _spent(w, part)


def _spent(w: World, records: list[Entity]) -> Value:
    return money(w.total(records, "incurred_on")) if records else absent("no_source_records")


def patients(w: World) -> Rows:
    everybody = [c for c in w.customers() if c.get("segment") == "patient"]
    spend = [s for s in w.spend if s["segment"] == "patient" and s["category"] in {"marketing", "sales"}]
    new = [{**c, "acquired_at": w.acquired_at(c)} for c in everybody]
    for token, span, dims, part in cut(w, "30d 90d mtd* prev_month*", new, acquired_in, "region"):
        paid_for = [s for s in spend if spent_in(span, s) and dims.items() <= {("region", s["region"])}]
        per_patient = ratio(w.total(paid_for, "incurred_on"), len(part), is_money=True)
        yield series("patient_acquisition_cost", token, dims), per_patient if paid_for else absent("no_source_records")
    for token, _, dims, part in cut(w, "30d 365d mtd* prev_month", new, acquired_in, "region"):
        referred = sum(w.source_of(c) == "referral" for c in part)
        yield series("patient_referral_rate", token, dims), ratio(referred, len(part))
    own = [a for a in w.activities if (a["actor"], a["status"]) == ("customer", "completed")]
    for token, span, dims, part in cut(w, "30d* 90d mtd qtd", everybody, lambda s, c: w.is_active(c, s.end), "region"):
        in_touch = {a.get("customer_id") for a in own if span.has(a["occurred_at"])}
        yield series("patient_engagement_rate", token, dims), ratio(sum(c["id"] in in_touch for c in part), len(part))


def subscribers(w: World) -> Rows:
    tokens = "30d* 90d mtd prev_month prev_quarter"
    for token, span, dims, part in cut(w, tokens, w.customers(), lambda _, __: True, "segment"):
        at_start = [c for c in part if w.is_subscriber(c, span.start)]
        lost = [c for c in at_start if not w.is_subscriber(c, span.end)]
        churn = ratio(len(lost), len(at_start))
        yield series("subscriber_churn_rate", token, dims), churn
        if span == w.window("30d"):
            yield from _recurring(w, dims, part, churn)


def _recurring(w: World, dims: dict[str, str], customers: list[Entity], churn: Value) -> Rows:
    span = w.window("30d")
    now = w.mrr(customers, w.as_of, w.today)
    yield series("mrr", "now", dims), money(now)
    day = date_before(span.start)
    before = [(w.mrr([c], span.start, day), w.mrr([c], span.end, day)) for c in customers]
    lost = ratio(sum(max(Fraction(0), a - b) for a, b in before), sum(a for a, _ in before))
    yield series("mrr_churn_rate", "30d", dims), lost
    heads = sum(w.is_subscriber(c, w.as_of) for c in customers)
    rate = Fraction(churn.get("num") or 0) / Fraction(churn.get("den") or 1)
    lifetime = plain(now / heads / rate, is_money=True) if heads and rate else absent("denominator_zero")
    yield series("subscription_ltv", "now", dims), lifetime


def market(w: World) -> Rows:
    for unit in ("nl_smb", "be_ent"):
        size = w.latest("market_size", unit)
        bought = [c for c in w.customers() if c.get("market") == unit and w.passed(w.acquired_at(c))]
        share = absent("no_source_records") if size is None else ratio(len(bought), size["values"]["customers"])
        yield series("market_penetration_rate", "now", {"market": unit}), share
    for token in ("prev_month", "prev_quarter"):
        span = w.window(token)
        sizes = rows(w.measured("market_revenue", span), "region")
        for (dims, won), (_, records) in zip(rows(w.won(span), "region"), sizes, strict=True):
            share = ratio(w.revenue(won), w.total(records, "on_date", "value_minor"))
            yield series("market_share", token, dims), share if records else absent("no_source_records")
    for unit, max_age in MAX_AGE_DAYS.items():
        now = w.latest("indicator", unit)
        if now is None or w.today - date.fromisoformat(now["on_date"]) > timedelta(days=max_age):
            now = None
        value = absent("no_source_records") if now is None else plain(Fraction(now["values"]["value"]))
        yield series("market_indicator", "now", {"series": unit}), value
        yield series("market_indicator_growth", "now", {"series": unit}), _growth(w, unit, now)


def _growth(w: World, unit: str, now: Entity | None) -> Value:
    if now is None:
        return absent("no_source_records")
    day = date.fromisoformat(now["on_date"])
    year_before = day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day).isoformat()
    before = [
        m["values"]["value"] for m in w.measured("indicator") if (m["unit_id"], m["on_date"]) == (unit, year_before)
    ]
    rise = Fraction(now["values"]["value"]) - Fraction(before[0]) if before else Fraction(0)
    return against(rise, Fraction(before[0]) if before else None, "no_source_records")


KPIS = (
    *(revenue, forecasts, quotas, team, funnel, responses, stages, coverage, purchases, fulfillment, inventory),
    *(production, opinions, training, engagement, cost, patients, subscribers, market),
)


def evaluate(events: Iterable[Event], as_of: datetime) -> dict[str, Value]:
    world = World(events, as_of)
    found: dict[str, Value] = {}
    for kpi in KPIS:
        for key, value in kpi(world):
            assert key not in found, key
            if has_row(world, key):
                found[key] = value
    return found


def has_row(world: World, key: str) -> bool:
    kpi, _, *dimensions = key.split("|")
    pairs = [pair.split("=") for pair in dimensions]
    return all(
        any(label(e, dimension) == value for e in world.all(SOURCES[kpi]))
        for dimension, value in pairs
        if dimension in UNLISTED
    )


# -------------------------------------------------------------------------------------------------------------- by hand

HAND: Mapping[str, tuple[str | None, str | None, str | None]] = {
    # revenue: K0 5 000; K1 5 000; K4 4 800 USD, 4 000 and later 3 840; K12 1 200; K14 800 until deleted; K13; K15 3 000
    "revenue|dtd": ("6000", "0", "0"),
    "revenue|24h": ("6000", "0", "0"),
    "revenue|mtd": ("11000", "10840", "3000"),
    "revenue|qtd": ("16000", "15840", "3000"),
    "revenue|ytd": ("16000", "15840", "23040"),
    "revenue|prev_day": ("0", "0", "0"),
    "revenue|prev_week": ("0", "5840", "3000"),
    "revenue|prev_month": ("5000", "5000", "15040"),
    "revenue|prev_quarter": ("0", "0", "20040"),
    "revenue|mtd|channel=direct": ("9800", "9640", "0"),
    "revenue|mtd|channel=partner": ("1200", "1200", "3000"),
    "revenue|mtd|region=oost": ("9800", "9640", "3000"),
    "revenue|mtd|region=west": ("1200", "1200", "0"),
    "revenue|mtd|source=web": ("6200", "6200", "3000"),
    "revenue|mtd|source=event": ("4000", "3840", "0"),
    "revenue|mtd|source=referral": ("800", "800", "0"),
    "revenue|mtd|pipeline=new_business": ("9800", "9640", "3000"),
    "revenue|mtd|pipeline=regional": ("1200", "1200", "0"),
    "revenue|mtd|deal_type=expansion": ("1200", "1200", "0"),
    "revenue|mtd|deal_type=renewal": ("0", "0", "0"),
    "revenue|mtd|product=P1": ("5200", "5200", "3000"),
    "revenue|mtd|product=P2": ("4800", "4640", "0"),
    "revenue|mtd|product=P9": ("1000", "1000", "0"),
    "revenue|prev_quarter|team=noord": ("0", "0", "8840"),
    "revenue|prev_quarter|team=zuid": ("0", "0", "11200"),
    "target_attainment|mtd": ("11/10", "1084/1000", None),
    "target_attainment|qtd": ("4/5", "792/1000", "1/10"),
    "target_attainment|prev_month": (None, None, "1504/1000"),
    "target_attainment|prev_quarter": (None, None, "1002/1000"),
    "target_attainment|mtd|region=oost": ("9800/8000", "9640/8000", None),
    "target_attainment|mtd|region=west": (None, None, None),
    "target_attainment|mtd|team=noord": (None, None, None),
    "target_attainment|prev_quarter|team=noord": (None, None, "1"),
    "target_attainment|prev_quarter|team=zuid": (None, None, "112/100"),
    "target_attainment|qtd|product=P1": ("10200/12000", "10200/12000", None),
    "target_attainment|prev_quarter|product=P1": (None, None, "85/100"),
    "forecast_accuracy|prev_month": (None, None, "12000/15040"),
    "forecast_bias|prev_month": (None, None, "-3040/15040"),
    "forecast_accuracy|prev_month|team=noord": (None, None, "8000/8840"),
    "forecast_bias|prev_month|team=noord": (None, None, "-840/8840"),
    "forecast_bias|prev_month|team=zuid": (None, None, None),
    "forecast_accuracy|prev_quarter": (None, None, "15080/20040"),
    "forecast_bias|prev_quarter": (None, None, "4960/20040"),
    # quota: r1 5 000, revised to 9 000 on the 30th; r2 6 000 USD at 1.20 = 5 000; r4 1 000, left on the 30th
    "quota_attainment|mtd": ("2/3", "0", "1"),
    "quota_attainment|mtd|team=noord": ("1", "0", "1"),
    "quota_attainment|mtd|team=zuid": ("1/2", "0", None),
    "quota_attainment|prev_month": (None, None, "1/2"),
    "quota_attainment|prev_month|team=noord": (None, None, "0"),
    "quota_attainment|prev_month|team=zuid": (None, None, "1"),
    "quota_attainment_rep|mtd|rep=r1": ("9000/5000", "8840/9000", None),
    "quota_attainment_rep|mtd|rep=r2": ("800/5000", "800/5000", None),
    "sales_team_turnover|90d": ("0", "2/5", "1/3"),
    "sales_team_turnover|qtd": ("0", "2/5", "0"),
    "sales_team_turnover|prev_quarter": ("0", "0", "2/5"),
    "sales_activities|30d": ("2", "3", "3"),
    "sales_activities|30d|team=noord": ("1", "2", "2"),
    "sales_activities|30d|kind=meeting": ("0", "0", "1"),
    "sales_productivity|30d": ("2/3", "3/2", "1"),
    "sales_productivity|30d|team=noord": ("1", "2", "1"),
    "sales_productivity|30d|team=zuid": ("1/2", "1", "1"),
    "sales_productivity|30d|kind=call": ("1/3", "1", "1/3"),
    "sales_productivity|30d|kind=email": ("1/3", "1/2", "1/3"),
    "opportunities_lost|30d": ("1", "2", "2"),
    "opportunities_lost|mtd": ("1", "2", "0"),
    "opportunities_lost|prev_month": ("0", "0", "2"),
    "opportunities_lost|30d|lost_reason=price": (NO_ROW, "1", "1"),
    "opportunities_lost|30d|team=noord": ("0", "0", "0"),
    "sales_ready_leads|7d": ("0", "0", "0"),
    "sales_ready_leads|30d": ("3", "2", "2"),
    "sales_ready_leads|mtd": ("3", "2", "1"),
    "sales_ready_leads|prev_month": ("0", "0", "2"),
    "sales_ready_leads|30d|team=zuid": ("2", "1", "2"),
    "sales_ready_leads|30d|source=web": ("2", "2", "1"),
    "pipeline_leads|now": ("5", "4", "3"),
    "pipeline_leads|now|status=new": ("2", "1", "0"),
    "pipeline_leads|now|status=working": ("0", "1", "1"),
    "pipeline_leads|now|status=qualified": ("3", "2", "2"),
    "pipeline_leads|now|team=noord": ("2", "2", "2"),
    "pipeline_leads|now|source=web": ("3", "3", "2"),
    "lead_response_time_mean|30d": ("5625", "5220", "6375"),
    "lead_response_time_p50|30d": ("600", "3600", "3600"),
    "lead_response_time_p90|30d": ("7200", "7200", "7200"),
    "lead_response_time_p90|30d|team=noord": ("600", "600", "3600"),
    "lead_response_time_p90|30d|team=zuid": ("7200", "7200", "7200"),
    "lead_response_time_p90|prev_week": ("7200", "300", None),
    "stage_conversion_rate|30d": ("9/10", "7/9", "8/10"),
    "stage_conversion_rate|qtd": ("10/11", "9/11", "1"),
    "stage_conversion_rate|prev_quarter": (None, None, "10/12"),
    "stage_conversion_rate|30d|stage=qualified": ("4/5", "3/4", "4/5"),
    "stage_conversion_rate|30d|stage=proposal": ("1", "0", "1/2"),
    "stage_conversion_rate|30d|stage=negotiation": ("1", "1", None),
    "stage_conversion_rate|qtd|stage=qualified": ("5/6", "4/5", "1"),
    "stage_conversion_rate|qtd|stage=proposal": ("1", "1/2", "1"),
    "stage_conversion_rate|prev_quarter|stage=qualified": (None, None, "5/6"),
    "stage_conversion_rate|prev_quarter|stage=negotiation": (None, None, "1"),
    "stage_conversion_rate|30d|team=noord": ("1", "1", "1"),
    "stage_conversion_rate|30d|team=zuid": ("4/5", "4/6", "5/7"),
    "stage_conversion_rate|30d|pipeline=new_business": ("6/7", "4/6", "5/7"),
    "stage_conversion_rate|30d|pipeline=regional": ("1", "1", "1"),
    "stage_age_mean|now": ("958320", "970200", "2145600"),
    "stage_age_max|now": ("2368800", "2628000", "3803400"),
    "stage_age_mean|now|stage=proposal": ("910800", None, None),
    "stage_age_max|now|stage=proposal": ("1083600", None, None),
    "stage_age_mean|now|stage=qualified": ("392400", "392400", "1567800"),
    "stage_age_mean|now|team=noord": ("1553400", "1380600", "2556000"),
    "stage_age_mean|now|team=zuid": ("561600", "559800", "1735200"),
    "pipeline_coverage|now": ("115/40", "11500/4160", "1368181818181/2700000000000"),
    "pipeline_coverage|now|team=noord": (None, None, "9/2"),
    "pipeline_coverage|now|team=zuid": (None, "5/6", None),
    "avg_purchase_value|24h": ("700", "1000", None),
    "avg_purchase_value|dtd": ("700", "1000", None),
    "avg_purchase_value|7d": ("975/2", "1225/2", "550"),
    "avg_purchase_value|30d": ("5200/9", "6650/11", "545"),
    "avg_purchase_value|mtd": ("5200/9", "6650/11", "550"),
    "avg_purchase_value|prev_day": (None, None, None),
    "avg_purchase_value|prev_month": (None, None, "7100/11"),
    "avg_purchase_value|30d|channel=web": ("590", "3400/6", "550"),
    "avg_purchase_value|30d|channel=phone": ("1125/2", "3250/5", "2700/5"),
    "order_fulfillment_rate|7d": ("2/5", "1/4", "1"),
    "order_fulfillment_rate|30d": ("3/7", "3/8", "4/10"),
    "order_fulfillment_rate|mtd": ("3/7", "3/8", "1"),
    "order_fulfillment_rate|prev_month": (None, None, "2/8"),
    "order_fulfillment_rate|30d|region=oost": ("2/5", "2/5", "2/5"),
    "order_fulfillment_rate|30d|region=west": ("1/2", "1/3", "2/5"),
    "order_fulfillment_rate|30d|product=P1": ("2/3", "1/2", "2/5"),
    "order_fulfillment_rate|30d|product=P2": ("1/4", "1/4", "2/5"),
    "order_fulfillment_rate|30d|channel=web": ("3/4", "3/5", "1/2"),
    "order_fulfillment_rate|30d|channel=phone": ("0", "0", "1/4"),
    "inventory_turnover|qtd": ("2600/20500", "2750/20400", "1325/11000"),
    "inventory_turnover|90d": ("13/100", "2750/20400", "4300/20750"),
    "inventory_turnover|365d": ("13/100", "2750/19900", "4300/20400"),
    "inventory_turnover|prev_quarter": ("0", "0", "2975/21000"),
    "inventory_turnover|qtd|product=P1": ("1525/14500", "1675/14400", "725/11000"),
    "inventory_turnover|qtd|product=P2": ("1075/6000", "1075/6000", None),
    "production_efficiency|7d": ("44900/57600", "57100/72000", "9999999999/10000000000"),
    "production_efficiency|mtd": ("44900/57600", "57100/72000", "9999999999/10000000000"),
    "production_efficiency|30d": ("44900/57600", "57100/72000", "67099999999/89200000000"),
    "production_efficiency|prev_month": (None, None, "57100/79200"),
    "production_efficiency|mtd|line=L1": ("30500/28800", "42700/43200", None),
    "production_efficiency|mtd|line=L2": ("1/2", "1/2", "9999999999/10000000000"),
    "nps|7d": ("1/4", "0", "-1"),
    "nps|30d": ("1/4", "1/4", "1/5"),
    "nps|mtd": ("1/4", "1/4", "-1"),
    "nps|prev_month": (None, None, "1/2"),
    "nps|mtd|region=oost": ("2/3", "2/3", None),
    "nps|mtd|region=west": ("-1", "-1", "-1"),
    "nps|mtd|segment=business": ("0", "0", "-1"),
    "nps|mtd|segment=patient": ("1/2", "1/2", None),
    "nps|mtd|product=unknown": ("1", "1", None),
    "feedback_responses|24h": ("2", "0", "0"),
    "feedback_responses|dtd": ("1", "0", "0"),
    "feedback_responses|7d": ("5", "4", "1"),
    "feedback_responses|30d": ("5", "5", "6"),
    "feedback_responses|prev_day": ("1", "0", "0"),
    "feedback_responses|prev_week": ("0", "5", "0"),
    "feedback_responses|7d|kind=nps": ("4", "3", "1"),
    "feedback_responses|7d|kind=csat": ("1", "1", "0"),
    "training_completion_rate|30d": ("1/4", "2/4", "1"),
    "training_completion_rate|90d": ("1/4", "2/4", "3/4"),
    "training_completion_rate|qtd": ("1/4", "2/4", None),
    "training_completion_rate|ytd": ("1/4", "2/4", "3/4"),
    "training_completion_rate|prev_quarter": (None, None, "3/4"),
    "training_completion_rate|30d|team=noord": ("1/2", "1/2", "1"),
    "training_completion_rate|30d|team=zuid": ("0", "1/2", "1"),
    "training_completion_rate|30d|course=onboarding": ("1/2", "1", "1"),
    "training_completion_rate|30d|course=objections": ("0", "0", "1"),
    "meetings_scheduled|24h": ("2", "0", "0"),
    "meetings_scheduled|dtd": ("1", "0", "0"),
    "meetings_scheduled|7d": ("2", "1", "0"),
    "meetings_scheduled|30d": ("2", "1", "2"),
    "meetings_scheduled|mtd": ("2", "1", "1"),
    "meetings_scheduled|prev_day": ("1", "0", "0"),
    "meetings_scheduled|prev_month": ("0", "0", "1"),
    "meetings_scheduled|mtd|rep=r1": ("1", "1", "0"),
    "meetings_scheduled|mtd|team=zuid": ("1", "0", "1"),
    "website_visits|1h": ("0", "0", "7"),
    "website_visits|24h": ("45", "1", "7"),
    "website_visits|dtd": ("40", "1", "7"),
    "website_visits|wtd": ("45", "1", "7"),
    "website_visits|mtd": ("45", "46", "7"),
    "website_visits|30d": ("45", "46", "53"),
    "website_visits|prev_day": ("5", "0", "0"),
    "website_visits|prev_week": ("0", "45", "0"),
    "website_visits|prev_month": ("0", "0", "46"),
    "website_visits|mtd|channel=unknown": ("0", "1", "0"),
    "website_visits|mtd|region=west": ("5", "5", "0"),
    "social_interactions|dtd": ("5", "0", "0"),
    "social_interactions|30d": ("5", "5", "9"),
    "social_interactions|mtd": ("5", "5", "4"),
    "social_interactions|prev_week": ("0", "5", "4"),
    "social_interactions|30d|channel=instagram": (NO_ROW, NO_ROW, "4"),
    "content_usage|7d": ("3", "4", "1"),
    "content_usage|30d": ("5", "6", "5"),
    "content_usage|mtd": ("5", "6", "1"),
    "content_usage|prev_month": ("0", "0", "6"),
    "content_usage|mtd|content=battle_card": ("2", "2", "0"),
    "content_usage|mtd|content=brochure": ("0", "1", "0"),
    "content_usage|mtd|content=other": ("3", "3", "0"),
    "content_usage|mtd|content=unknown": ("0", "0", "1"),
    "content_usage|mtd|team=zuid": ("3", "4", "0"),
    "acquisition_spend|mtd": ("3800", "3792", "300"),
    "acquisition_spend|mtd|category=marketing": ("1800", "1792", "300"),
    "acquisition_spend|mtd|category=sales": ("2000", "2000", None),
    "ad_spend|7d": ("200", "192", None),
    "ad_spend|30d": ("1800", "1792", "192"),
    "ad_spend|mtd": ("1800", "1792", "0"),
    "ad_spend|prev_month": (None, None, "1792"),
    "ad_spend|mtd|channel=search": ("1200", "1192", None),
    "ad_spend|mtd|channel=social": ("600", "600", None),
    "ad_spend|mtd|channel=print": (NO_ROW, NO_ROW, "0"),
    "ad_spend|mtd|region=oost": ("1600", "1600", None),
    "patient_acquisition_cost|30d": ("800/3", "264", None),
    "patient_acquisition_cost|90d": ("800/3", "264", "546"),
    "patient_acquisition_cost|mtd": ("800/3", "264", None),
    "patient_acquisition_cost|prev_month": (None, None, "396"),
    "patient_acquisition_cost|mtd|region=oost": ("300", "300", None),
    "patient_acquisition_cost|mtd|region=west": ("200", "192", None),
    "patient_acquisition_cost|prev_month|region=oost": (None, None, "600"),
    "patient_referral_rate|30d": ("2/3", "2/3", None),
    "patient_referral_rate|365d": ("2/4", "2/4", "1/3"),
    "patient_referral_rate|mtd": ("2/3", "2/3", None),
    "patient_referral_rate|prev_month": (None, None, "1/2"),
    "patient_referral_rate|mtd|region=oost": ("1", "1", None),
    "patient_referral_rate|mtd|region=west": ("0", "0", None),
    "patient_engagement_rate|30d": ("1/4", "1/4", "1/2"),
    "patient_engagement_rate|90d": ("2/4", "2/4", "1"),
    "patient_engagement_rate|mtd": ("1/4", "1/4", "1/2"),
    "patient_engagement_rate|qtd": ("2/4", "2/4", "1/2"),
    "patient_engagement_rate|30d|region=oost": ("1/3", "1/3", "0"),
    "patient_engagement_rate|30d|region=west": ("0", "0", "1"),
    "subscriber_churn_rate|30d": ("0", "1/5", "2/6"),
    "subscriber_churn_rate|90d": ("0", "1/5", "1/5"),
    "subscriber_churn_rate|mtd": ("0", "1/5", "1/6"),
    "subscriber_churn_rate|prev_month": ("0", "0", "1/5"),
    "subscriber_churn_rate|30d|segment=business": ("0", "1/3", "1/3"),
    "subscriber_churn_rate|30d|segment=patient": ("0", "0", "1/2"),
    "subscriber_churn_rate|30d|segment=unknown": ("0", "0", "0"),
    "mrr|now": ("456", "372", "359.09"),
    "mrr|now|segment=business": ("290", "210", "210"),
    "mrr_churn_rate|30d": ("60/440", "140/440", "166/431"),
    "mrr_churn_rate|30d|segment=business": ("0", "80/240", "80/230"),
    "mrr_churn_rate|30d|segment=unknown": ("60/100", "60/100", "60/100"),
    "subscription_ltv|now": (None, "310", "2370/11"),
    "subscription_ltv|now|segment=business": (None, "210", "210"),
    "subscription_ltv|now|segment=patient": (None, None, "2400/11"),
    "subscription_ltv|now|segment=unknown": (None, None, None),
    "market_penetration_rate|now|market=nl_smb": ("3/200", "3/200", "3/250"),
    "market_penetration_rate|now|market=be_ent": (None, None, None),
    "market_share|prev_month": ("5/70", "5/70", "15040/40000"),
    "market_share|prev_month|region=oost": ("0", "0", "8840/40000"),
    "market_share|prev_month|region=west": ("5/20", "5/20", None),
    "market_share|prev_quarter": (None, None, "20040/170000"),
    "market_share|prev_quarter|region=west": (None, None, "11200/20000"),
    "market_indicator|now|series=spending": ("104.5", "104.5", "106.05"),
    "market_indicator|now|series=confidence": ("-8", "-8", None),
    "market_indicator|now|series=interest": ("2.5", "2.5", "2.5"),
    "market_indicator_growth|now|series=spending": ("45/1000", "45/1000", None),
    "market_indicator_growth|now|series=confidence": (None, None, None),
    "market_indicator_growth|now|series=interest": (None, None, None),
}
"""What was derived by hand at the three as-of times; None is absent."""


def is_close(value: str | None, by_hand: str | None) -> bool:
    if value is None or by_hand is None or NO_ROW in (value, by_hand):
        return value == by_hand
    return abs(Fraction(value) - Fraction(by_hand)) <= max(Fraction(1), abs(Fraction(by_hand))) / 10**6


def differences(found: Mapping[str, Mapping[str, Value]]) -> Iterator[str]:
    """Yield where the script and the hand disagree."""
    for key, by_hand in HAND.items():
        for as_of, expected in zip(AS_OF, by_hand, strict=True):
            value = found[as_of].get(key, {"value": NO_ROW})["value"]
            if not is_close(value, expected):
                yield f"{as_of} {key}: {value}, by hand {expected}"


def shuffled(events: Sequence[Event], seed: int) -> list[Event]:
    """Return the events in another order of arrival, one in six of them twice."""
    chance = random.Random(seed)
    again = [*events, *chance.sample(events, len(events) // 6)]
    chance.shuffle(again)
    return [{**e, "arrived_at": AS_OF[0]} for e in again]


def main() -> int:
    events = [json.loads(line) for line in (HERE / "events.jsonl").read_text("utf-8").splitlines()]
    found = {as_of: evaluate(events, moment(as_of)) for as_of in AS_OF}
    content = json.dumps({"events": len(events), "as_of": found}, indent=1) + "\n"
    if "--check" not in sys.argv:
        (HERE / "expected.json").write_text(content, "utf-8")
        return 0
    faults = list(differences(found))
    if (HERE / "expected.json").read_text("utf-8") != content:
        faults.append("expected.json is not what the script gives; run it without --check and read the difference")
    known = [e for e in events if moment(e["arrived_at"]) < moment(AS_OF[-1])]
    faults += [
        f"another order of arrival makes a difference (seed {seed})"
        for seed in range(20)
        if evaluate(shuffled(known, seed), moment(AS_OF[-1])) != found[AS_OF[-1]]
    ]
    print(*faults, sep="\n")
    print(f"{len(HAND) * len(AS_OF)} values by hand, {sum(map(len, found.values()))} by script, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
