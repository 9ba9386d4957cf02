"""The oracle: every shipped KPI recomputed from scratch out of the list of events, in the plainest Python there is.

It follows the definitions, not the code: a naive merge per field, one hand-written formula for each KPI, windows by
`zoneinfo`, money by `Fraction`. Of the declarations it takes only what is configured: windows, grains, field lists,
pipelines. It shares nothing with `metrics/`.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from config.declarations import Declarations, Measure, State

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR, DAY = 3_600_000, 86_400_000
EXPONENTS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
CONVERSION_WITHIN, ANSWER_WITHIN, OUTREACH_BEFORE = 90 * DAY, HOUR, DAY
FX_MAX_AGE_DAYS = 7

Event = Mapping[str, Any]
Entity = dict[str, Any]
Dims = tuple[str, ...]
Key = tuple[str, str | None, tuple[str, ...], str, Dims]
"""(KPI, aggregate where it has several, grain, window, dimension values)."""


class Answer(NamedTuple):
    """An exact value, or None with the reason."""

    value: Fraction | None
    reason: str | None = None


Table = Mapping[Dims, Answer]


# ----------------------------------------------------------------------------------------------------------------- time


def ms(text: str | None) -> int | None:
    return None if text is None else (datetime.fromisoformat(text) - EPOCH) // timedelta(milliseconds=1)


def microseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Clock:
    """T and the business time zone."""

    as_of: int
    zone: str

    def date_of(self, instant: int) -> date:
        return (EPOCH + timedelta(milliseconds=instant)).astimezone(ZoneInfo(self.zone)).date()

    def midnight(self, day: date) -> int:
        local = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.zone))
        return (local.astimezone(UTC) - EPOCH) // timedelta(milliseconds=1)

    @property
    def today(self) -> date:
        return self.date_of(self.as_of - 1)

    def days(self, token: str) -> tuple[date, date]:
        """Return the first day of a window and the day after its last."""
        today, tomorrow = self.today, self.today + timedelta(1)
        if token[0].isdigit():
            return today - timedelta(int(token[:-1]) - 1), tomorrow
        if token.endswith("td"):
            return begin(token[0], today), tomorrow
        unit = token.removeprefix("prev_")[0]
        end = begin(unit, today)
        return begin(unit, end - timedelta(1)), end

    def days_before(self, token: str) -> tuple[date, date]:
        """Return the comparison window of growth."""
        first, end = self.days(token)
        if token[0].isdigit():
            return first - (end - first), first
        if token.endswith("td"):
            before = begin(token[0], first - timedelta(1))
            return before, min(before + (end - first), first)
        return begin(token.removeprefix("prev_")[0], first - timedelta(1)), first

    def has(self, token: str, *, before: bool = False) -> Callable[[int | None], bool]:
        """Return the test whether an instant lies in a window."""
        if token in ("1h", "24h"):
            start = (self.as_of - int(token[:-1]) * HOUR) // 60_000 * 60_000  # whole minutes, the oldest one included
            end = self.as_of
        else:
            first, last = self.days_before(token) if before else self.days(token)
            start, end = self.midnight(first), min(self.midnight(last), self.as_of)
        return lambda instant: instant is not None and start <= instant < end

    def period(self, token: str) -> str:
        """Return how plans spell the calendar period of a window."""
        first, _ = self.days(token)
        match token.removeprefix("prev_")[0]:
            case "m":
                return f"{first.year:04}-{first.month:02}"
            case "q":
                return f"{first.year:04}-Q{(first.month + 2) // 3}"
            case _:
                return f"{first.year:04}"


def begin(unit: str, day: date) -> date:
    match unit:
        case "d":
            return day
        case "w":
            return day - timedelta(day.isoweekday() - 1)
        case "m":
            return date(day.year, day.month, 1)
        case "q":
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case _:
            return date(day.year, 1, 1)


# ---------------------------------------------------------------------------------------------------------------- merge


def order_key(event: Event) -> tuple[int, int, str]:
    updated = microseconds(event["updated_at"])
    version = event.get("version")
    return (updated if version is None else version), updated, event["event_id"]


def merge(events: Iterable[Event], declarations: Declarations) -> dict[str, dict[str, Entity]]:
    """Return the last-writer-wins state of every entity by source and id; a deleted one has `deleted` true."""
    by_entity: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        by_entity[event["type"], event["entity_id"]].append(event)
    merged: dict[str, dict[str, Entity]] = defaultdict(dict)
    for (source, entity_id), own in by_entity.items():
        merged[source][entity_id] = merge_one(own, declarations.sources[source].fields)
    return merged


def merge_one(events: Iterable[Event], fields: Mapping[str, Any]) -> Entity:
    ordered = sorted(events, key=order_key)
    entity: Entity = dict.fromkeys(fields)
    entity["deleted"] = False
    for event in ordered:
        entity["deleted"] = event["op"] == "delete"
        if event["op"] == "put":
            entity.update({name: event["data"].get(name) for name in fields})
        elif event["op"] == "patch":
            for name, value in event["data"].items():
                by_entry = fields[name].type == "times" and value is not None
                entity[name] = ({**(entity[name] or {}), **value} or entity[name]) if by_entry else value
    return entity


# ---------------------------------------------------------------------------------------------------------------- world


class World:
    """Everything that is so as of T."""

    def __init__(
        self, events: Iterable[Event], as_of: int, zone: str, currency: str, declarations: Declarations
    ) -> None:
        self.clock = Clock(as_of, zone)
        self.as_of = as_of
        self.currency = currency
        self.declarations = declarations
        self.merged = merge(events, declarations)
        self.deals = self._live("deal")
        self.leads = self._live("lead")
        self.activities = self._live("activity")
        self.rates = self._live("fx_rate")
        self.plans = self._live("plan")

    def _live(self, source: str) -> dict[str, Entity]:
        required = [n for n, f in self.declarations.sources[source].fields.items() if f.required]
        return {
            i: e
            for i, e in sorted(self.merged[source].items())
            if not e["deleted"] and all(e[n] is not None for n in required) and self._consistent(source, e)
        }

    @staticmethod
    def _consistent(source: str, entity: Entity) -> bool:
        match source:
            case "deal":
                return entity["status"] == "open" or entity["closed_at"] is not None
            case "activity":
                return entity["status"] != "completed" or entity["occurred_at"] is not None
            case "plan":
                return entity["amount_minor"] is None or entity["currency"] is not None
            case _:
                return True

    # ---- money

    def worth(self, currency: str, day: date) -> Fraction | None:
        """Return the reporting minor units of one minor unit on a day."""
        if currency == self.currency:
            return Fraction(1)
        bases = {r["base"] for r in self.rates.values() if Decimal(r["rate"]) > 0}
        for base in sorted(bases, key=lambda b: (b != self.currency, b)):
            bought, sold = self._rate(base, currency, day), self._rate(base, self.currency, day)
            if bought is not None and sold is not None:
                shift = EXPONENTS[self.currency] - EXPONENTS[currency]
                return sold / bought * Fraction(10) ** shift
        return None

    def _rate(self, base: str, quote: str, day: date) -> Fraction | None:
        if base == quote:
            return Fraction(1)
        published = [
            (date.fromisoformat(r["rate_date"]), i, Fraction(r["rate"]))
            for i, r in self.rates.items()
            if (r["base"], r["quote"]) == (base, quote) and Decimal(r["rate"]) > 0
        ]
        known = [p for p in published if p[0] <= day]
        if not known or (day - max(known)[0]).days > FX_MAX_AGE_DAYS:
            return None
        return max(known)[2]

    # ---- deals

    def closed_day(self, deal: Entity) -> date:
        closed = ms(deal["closed_at"])
        assert closed is not None
        return self.clock.date_of(closed)

    def is_open(self, deal: Entity) -> bool:
        return deal["status"] == "open" and self.exists(deal)

    def exists(self, entity: Entity) -> bool:
        created = ms(entity["created_at"])
        return created is not None and created < self.as_of

    def chance(self, deal: Entity) -> Fraction | None:
        if deal["probability"] is not None:
            return Fraction(deal["probability"])
        stage = self.declarations.pipelines.get(deal["pipeline_id"], {}).get(deal["stage"])
        return None if stage is None else Fraction(stage.probability)

    def cycle(self, deal: Entity) -> int | None:
        start, end = ms(deal["first_contact_at"] or deal["created_at"]), ms(deal["closed_at"])
        assert start is not None
        assert end is not None
        return (end - start) // 1000 if end >= start else None

    # ---- leads

    def first_win(self, lead_id: str) -> int | None:
        wins = [ms(d["closed_at"]) for d in self.deals.values() if d["lead_id"] == lead_id and d["status"] == "won"]
        return min((w for w in wins if w is not None and w < self.as_of), default=None)

    def first_response(self, lead_id: str) -> int | None:
        created = ms(self.leads[lead_id]["created_at"])
        assert created is not None
        contacts = [
            ms(a["occurred_at"])
            for a in self.activities.values()
            if a["lead_id"] == lead_id
            and (a["actor"], a["direction"], a["status"]) == ("human", "outbound", "completed")
            and a["kind"] in ("call", "email", "meeting", "chat", "sms")
        ]
        return min((c for c in contacts if c is not None and created - OUTREACH_BEFORE <= c < self.as_of), default=None)

    def response_seconds(self, lead_id: str) -> int | None:
        created, answered = ms(self.leads[lead_id]["created_at"]), self.first_response(lead_id)
        if created is None or answered is None:
            return None
        return max(0, (answered - created) // 1000)

    def waits(self, lead_id: str) -> bool:
        lead = self.leads[lead_id]
        return lead["status"] in ("new", "working") and self.exists(lead) and self.first_response(lead_id) is None

    # ---- plans

    def target(self, metric: str, period: str, scope: Mapping[str, str], first: date) -> Fraction | None:
        fields = {"team": "team_id", "rep": "rep_id", "region": "region", "product": "product_id"}
        found = [
            (ms(p["submitted_at"]) or 0, i, p)
            for i, p in self.plans.items()
            if (p["kind"], p["metric"], p["period"]) == ("target", metric, period)
            and {d: p[f] for d, f in fields.items() if p[f] is not None} == scope
            and (p["amount_minor"] is not None or p["value"] is not None)
        ]
        submitted = [f for f in found if f[0] < self.as_of]
        if not submitted:
            return None
        plan = max(submitted, key=lambda f: f[:2])[2]
        if plan["amount_minor"] is None:
            return Fraction(plan["value"])
        worth = self.worth(plan["currency"], first)
        return None if worth is None else plan["amount_minor"] * worth


# ----------------------------------------------------------------------------------------------------------- dimensions

ENTITY_FIELDS = {
    "deal": {
        "team": "team_id", "rep": "owner_id", "region": "region", "channel": "channel", "source": "source",
        "pipeline": "pipeline_id", "deal_type": "deal_type", "stage": "stage", "lost_reason": "lost_reason",
    },
    "lead": {
        "team": "team_id", "rep": "owner_id", "source": "source", "channel": "channel", "region": "region",
        "status": "status",
    },
    "activity": {"kind": "kind", "team": "team_id", "rep": "rep_id"},
}  # fmt: skip


def dims_of(source: str, entity: Entity, grain: tuple[str, ...], line: Mapping[str, Any] | None = None) -> Dims:
    def value(dimension: str) -> str:
        if dimension == "product":
            assert line is not None
            return str(line["product_id"])
        found = entity[ENTITY_FIELDS[source][dimension]]
        return "unknown" if found is None else str(found)

    return tuple(value(d) for d in grain)


def parts(source: str, entities: Iterable[Entity], grain: tuple[str, ...]) -> Iterator[tuple[Dims, Entity, list[Any]]]:
    """Yield (dimension values, entity, its lines that have them): one for each entity, or for each line of a deal."""
    for entity in entities:
        if "product" in grain:
            for line in entity["lines"]:
                yield dims_of(source, entity, grain, line), entity, [line]
        else:
            yield dims_of(source, entity, grain), entity, entity.get("lines") or []


# ------------------------------------------------------------------------------------------------------------- formulas


class Formulas:
    """One method for each KPI: (grain, window) to the value of each row of dimension values that has records."""

    def __init__(self, world: World) -> None:
        self.w = world

    def count(self, source: str, entities: Iterable[Entity], grain: tuple[str, ...]) -> dict[Dims, Fraction]:
        found: dict[Dims, Fraction] = defaultdict(Fraction)
        for dims, _, _ in parts(source, entities, grain):
            found[dims] += 1
        return found

    # ---- revenue

    def won(self, token: str, *, before: bool = False, status: tuple[str, ...] = ("won",)) -> list[Entity]:
        within = self.w.clock.has(token, before=before)
        return [d for d in self.w.deals.values() if d["status"] in status and within(ms(d["closed_at"]))]

    def money(
        self,
        deals: Iterable[Entity],
        grain: tuple[str, ...],
        amount: Callable[[Entity, Any], int],
        day: Callable[[Entity], date],
    ) -> dict[Dims, Fraction]:
        found: dict[Dims, Fraction] = defaultdict(Fraction)
        for dims, deal, lines in parts("deal", deals, grain):
            worth = self.w.worth(deal["currency"], day(deal))
            if worth is not None:
                found[dims] += sum(amount(deal, line) for line in lines) * worth
        return found

    def booked(self, grain: tuple[str, ...], token: str, *, before: bool = False) -> dict[Dims, Fraction]:
        return self.money(
            self.won(token, before=before), grain, lambda _, line: int(line["amount_minor"]), self.w.closed_day
        )

    def revenue(self, grain: tuple[str, ...], token: str) -> Table:
        return zero_or_more(self.booked(grain, token))

    def revenue_growth(self, grain: tuple[str, ...], token: str) -> Table:
        now, before = self.booked(grain, token), self.booked(grain, token, before=True)
        return defaultdict(
            lambda: Answer(None, "denominator_zero"),
            {d: Answer(now.get(d, Fraction(0)) / b - 1) for d, b in before.items() if b > 0},
        )

    monthly_revenue_growth = revenue_growth

    def avg_deal_size(self, grain: tuple[str, ...], token: str) -> Table:
        valued = [d for d in self.won(token) if self.w.worth(d["currency"], self.w.closed_day(d)) is not None]
        return quotient(self.booked(grain, token), self.count("deal", valued, grain))

    def avg_profit_margin(self, grain: tuple[str, ...], token: str) -> Table:
        def of_costed(part: str) -> dict[Dims, Fraction]:
            def amount(_: Entity, line: Any) -> int:
                return 0 if line.get("cost_minor") is None else int(line[part])

            return self.money(self.won(token), grain, amount, self.w.closed_day)

        amounts, costs = of_costed("amount_minor"), of_costed("cost_minor")
        return quotient({d: a - costs[d] for d, a in amounts.items()}, amounts)

    def target_attainment(self, grain: tuple[str, ...], token: str) -> Table:
        booked, period = self.booked(grain, token), self.w.clock.period(token)
        first, _ = self.w.clock.days(token)

        class Attained(dict[Dims, Answer]):
            def __missing__(_, dims: Dims) -> Answer:  # noqa: N805 (self is the table of formulas)
                target = self.w.target("revenue", period, dict(zip(grain, dims, strict=True)), first)
                if target is None:
                    return Answer(None, "no_plan")
                return Answer(booked.get(dims, Fraction(0)) / target) if target else Answer(None, "denominator_zero")

        return Attained()

    # ---- funnel

    def created(
        self, source: str, entities: Mapping[str, Entity], grain: tuple[str, ...], token: str
    ) -> dict[Dims, Fraction]:
        within = self.w.clock.has(token)
        return self.count(source, (e for e in entities.values() if within(ms(e["created_at"]))), grain)

    def leads_generated(self, grain: tuple[str, ...], token: str) -> Table:
        return zero_or_more(self.created("lead", self.w.leads, grain, token))

    def sales_ready_leads(self, grain: tuple[str, ...], token: str) -> Table:
        within = self.w.clock.has(token)
        ready = [e for e in self.w.leads.values() if e["status"] != "disqualified" and within(ms(e["qualified_at"]))]
        return zero_or_more(self.count("lead", ready, grain))

    def opportunities_generated(self, grain: tuple[str, ...], token: str) -> Table:
        return zero_or_more(self.created("deal", self.w.deals, grain, token))

    def opportunities_won(self, grain: tuple[str, ...], token: str) -> Table:
        return zero_or_more(self.count("deal", self.won(token), grain))

    def opportunities_lost(self, grain: tuple[str, ...], token: str) -> Table:
        return zero_or_more(self.count("deal", self.won(token, status=("lost",)), grain))

    def win_rate(self, grain: tuple[str, ...], token: str) -> Table:
        closed = self.count("deal", self.won(token, status=("won", "lost")), grain)
        return quotient(self.count("deal", self.won(token), grain), closed)

    def cohort(self, token: str, span: int) -> list[str]:
        within = self.w.clock.has(token)
        return [i for i, e in self.w.leads.items() if within((ms(e["created_at"]) or 0) + span)]

    def of_leads(self, ids: Iterable[str], grain: tuple[str, ...]) -> dict[Dims, Fraction]:
        return self.count("lead", (self.w.leads[i] for i in ids), grain)

    def lead_conversion_rate(self, grain: tuple[str, ...], token: str) -> Table:
        def converted(lead_id: str) -> bool:
            created, win = ms(self.w.leads[lead_id]["created_at"]), self.w.first_win(lead_id)
            return created is not None and win is not None and 0 <= win - created < CONVERSION_WITHIN

        cohort = self.cohort(token, CONVERSION_WITHIN)
        return quotient(self.of_leads(filter(converted, cohort), grain), self.of_leads(cohort, grain))

    def lead_conversion_rate_period(self, grain: tuple[str, ...], token: str) -> Table:
        within = self.w.clock.has(token)
        wins = [i for i in self.w.leads if within(self.w.first_win(i))]
        return quotient(self.of_leads(wins, grain), self.created("lead", self.w.leads, grain, token))

    # ---- speed

    def sales_cycle_length(self, grain: tuple[str, ...], token: str, agg: str) -> Table:
        samples: dict[Dims, list[int]] = defaultdict(list)
        for dims, deal, _ in parts("deal", self.won(token), grain):
            if (seconds := self.w.cycle(deal)) is not None:
                samples[dims].append(seconds)
        return aggregated(samples, agg)

    def lead_response_time(self, grain: tuple[str, ...], token: str, agg: str) -> Table:
        samples: dict[Dims, list[int]] = defaultdict(list)
        for lead_id in self.cohort(token, 0):
            if (seconds := self.w.response_seconds(lead_id)) is not None:
                samples[dims_of("lead", self.w.leads[lead_id], grain)].append(seconds)
        return aggregated(samples, agg)

    def lead_response_within_sla(self, grain: tuple[str, ...], token: str) -> Table:
        cohort = self.cohort(token, ANSWER_WITHIN)
        answered = [i for i in cohort if (s := self.w.response_seconds(i)) is not None and s <= ANSWER_WITHIN // 1000]
        return quotient(self.of_leads(answered, grain), self.of_leads(cohort, grain))

    def leads_waiting(self, grain: tuple[str, ...], _: str) -> Table:
        return zero_or_more(self.of_leads(filter(self.w.waits, self.w.leads), grain))

    def lead_waiting_age_max(self, grain: tuple[str, ...], _: str) -> Table:
        oldest: dict[Dims, int] = {}
        for lead_id in filter(self.w.waits, self.w.leads):
            lead = self.w.leads[lead_id]
            dims, created = dims_of("lead", lead, grain), ms(lead["created_at"])
            assert created is not None
            oldest[dims] = min(created, oldest.get(dims, created))
        ages = {d: Answer(Fraction((self.w.as_of - created) // 1000)) for d, created in oldest.items()}
        return defaultdict(lambda: Answer(None, "no_samples"), ages)

    # ---- pipeline

    def open_deals(self) -> list[Entity]:
        return [d for d in self.w.deals.values() if self.w.is_open(d)]

    def open_value(self, grain: tuple[str, ...]) -> dict[Dims, Fraction]:
        return self.money(
            self.open_deals(), grain, lambda _, line: int(line["amount_minor"]), lambda _: self.w.clock.today
        )

    def open_weighted(self, grain: tuple[str, ...]) -> dict[Dims, Fraction]:
        found: dict[Dims, Fraction] = defaultdict(Fraction)
        for dims, deal, lines in parts("deal", self.open_deals(), grain):
            worth, chance = self.w.worth(deal["currency"], self.w.clock.today), self.w.chance(deal)
            if worth is not None and chance is not None:
                found[dims] += round(sum(line["amount_minor"] for line in lines) * chance) * worth
        return found

    def pipeline_value(self, grain: tuple[str, ...], _: str) -> Table:
        return zero_or_more(self.open_value(grain))

    def pipeline_weighted_value(self, grain: tuple[str, ...], _: str) -> Table:
        return zero_or_more(self.open_weighted(grain))

    def pipeline_deals(self, grain: tuple[str, ...], _: str) -> Table:
        return zero_or_more(self.count("deal", self.open_deals(), grain))

    def pipeline_leads(self, grain: tuple[str, ...], _: str) -> Table:
        statuses = ("new", "working", "qualified")
        leads = [e for e in self.w.leads.values() if e["status"] in statuses and self.w.exists(e)]
        return zero_or_more(self.count("lead", leads, grain))

    def pipeline_health(self, grain: tuple[str, ...], _: str) -> Table:
        return quotient(self.open_weighted(grain), self.open_value(grain))

    def avg_open_deal_size(self, grain: tuple[str, ...], _: str) -> Table:
        valued = [d for d in self.open_deals() if self.w.worth(d["currency"], self.w.clock.today) is not None]
        return quotient(self.open_value(grain), self.count("deal", valued, grain))

    # ---- engagement

    def sales_activities(self, grain: tuple[str, ...], token: str) -> Table:
        within = self.w.clock.has(token)
        found: dict[Dims, Fraction] = defaultdict(Fraction)
        for dims, activity, _ in parts("activity", self.w.activities.values(), grain):
            of_ours = (activity["actor"], activity["status"]) == ("human", "completed")
            if of_ours and activity["kind"] in ("call", "email", "meeting") and within(ms(activity["occurred_at"])):
                found[dims] += 1 if activity["quantity"] is None else activity["quantity"]
        return zero_or_more(found)


def zero_or_more(sums: Mapping[Dims, Fraction]) -> Table:
    return defaultdict(lambda: Answer(Fraction(0)), {d: Answer(Fraction(s)) for d, s in sums.items()})


def quotient(numerators: Mapping[Dims, Fraction], denominators: Mapping[Dims, Fraction]) -> Table:
    return defaultdict(
        lambda: Answer(None, "denominator_zero"),
        {d: Answer(numerators.get(d, Fraction(0)) / below) for d, below in denominators.items() if below},
    )


def aggregated(samples: Mapping[Dims, list[int]], agg: str) -> Table:
    def of(values: list[int]) -> Fraction:
        if agg == "mean":
            return Fraction(sum(values), len(values))
        return Fraction(sorted(values)[int(agg[1:]) * (len(values) - 1) // 100])

    return defaultdict(lambda: Answer(None, "no_samples"), {d: Answer(of(v)) for d, v in samples.items()})


# ------------------------------------------------------------------------------------------------------------- readings

SOURCE_OF = {
    **dict.fromkeys(
        (
            *("leads_generated", "sales_ready_leads", "lead_conversion_rate", "lead_conversion_rate_period"),
            *(
                "lead_response_time",
                "lead_response_within_sla",
                "leads_waiting",
                "lead_waiting_age_max",
                "pipeline_leads",
            ),
        ),
        "lead",
    ),
    "sales_activities": "activity",
}
"""Whose entities carry the label values; `deal` for all others."""
ONLY = {
    ("pipeline_leads", "status"): ("new", "working", "qualified"),
    ("sales_activities", "kind"): ("call", "email", "meeting"),
}
"""The only values that a KPI can have, exported with or without entities."""
TESTED = frozenset(n for n, f in vars(Formulas).items() if callable(f) and not n.startswith("_")) - {
    *("count", "won", "money", "booked", "created", "cohort", "of_leads", "open_deals", "open_value", "open_weighted")
}


def recompute(
    events: Iterable[Event], as_of: int, zone: str, currency: str, declarations: Declarations
) -> dict[Key, Answer]:
    """Return every reading that there is as of T."""
    world = World(events, as_of, zone, currency, declarations)
    formulas = Formulas(world)
    readings: dict[Key, Answer] = {}
    for kpi in declarations.kpis.values():
        several = isinstance(kpi, Measure | State) and len(kpi.aggs) > 1
        aggs: tuple[str | None, ...] = kpi.aggs if isinstance(kpi, Measure | State) and several else (None,)
        for grain in kpi.grains:
            rows = rows_of(world, kpi.key, grain)
            for window in kpi.windows:
                for agg in aggs:
                    table = getattr(formulas, kpi.key)(grain, window, *([agg] if agg else []))
                    readings |= {(kpi.key, agg, grain, window, dims): table[dims] for dims in rows}
    return readings


def rows_of(world: World, kpi: str, grain: tuple[str, ...]) -> set[Dims]:
    """Return the label values that are exported: declared ones, and those that a live entity carries."""
    if not grain:
        return {()}
    source = SOURCE_OF.get(kpi, "deal")
    entities = {"deal": world.deals, "lead": world.leads, "activity": world.activities}[source]
    rows = {dims for dims, _, _ in parts(source, entities.values(), grain)}
    only = ONLY.get((kpi, grain[0]))
    if only is not None:
        return {(v,) for v in only}
    if grain == ("stage",):
        rows |= {(stage,) for stages in world.declarations.pipelines.values() for stage in stages}
    return rows
