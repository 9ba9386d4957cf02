"""Everything that is so as of T: the entities that live, what money is worth, what is planned."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from fractions import Fraction
from typing import Any

from config.declarations import Declarations, Dimension
from tests.properties.oracle.answers import Dims, Grain
from tests.properties.oracle.clock import DAY, Clock, ms
from tests.properties.oracle.ledger import Children, customers_of, paid_from
from tests.properties.oracle.merging import Entity, Event, merge

OUTREACH_BEFORE = DAY
EXPONENTS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
REQUIRED = {
    "deal": (
        *("customer_id", "pipeline_id", "stage", "status", "currency", "lines", "owner_id", "created_at"),
    ),
    "lead": ("created_at", "status"),
    "activity": ("kind", "direction", "actor", "status", "created_at"),
    "customer": ("created_at",),
    "subscription": ("customer_id", "phases"),
    "order": ("customer_id", "status", "currency", "amount_minor", "ordered_at", "quantity_ordered"),
    "rep": ("role", "team_id", "hired_at"),
    "plan": ("kind", "metric", "period", "submitted_at"),
    "spend": ("incurred_on", "category", "amount_minor", "currency"),
    "feedback": ("kind", "score", "responded_at"),
    "measurement": ("kind", "unit_id", "on_date", "values"),
    "fx_rate": ("base", "quote", "rate_date", "rate"),
}  # fmt: skip
MEASURED = {
    "hotel_day": ("rooms_available", "rooms_sold", "room_revenue_minor"),
    "production_run": ("planned_seconds", "ideal_cycle_seconds", "good_count"),
    "inventory_snapshot": ("value_minor",),
    "market_size": ("customers",),
    "market_revenue": ("value_minor",),
    "indicator": ("value",),
}
"""The numbers of each kind of measurement."""
FIELDS = {
    "deal": {
        "team": "team_id", "rep": "owner_id", "region": "region", "channel": "channel", "source": "source",
        "pipeline": "pipeline_id", "deal_type": "deal_type", "stage": "stage", "lost_reason": "lost_reason",
    },
    "lead": {
        "team": "team_id", "rep": "owner_id", "source": "source", "channel": "channel", "region": "region",
        "status": "status",
    },
    "activity": {
        "kind": "kind", "team": "team_id", "rep": "rep_id", "channel": "channel", "region": "region",
        "content": "content_id", "course": "content_id",
    },
    "customer": {"source": "source", "segment": "segment", "region": "region", "market": "market"},
    "subscription": {"product": "product_id"},
    "order": {"product": "product_id", "region": "region", "channel": "channel"},
    "rep": {"team": "team_id", "rep": "id"},
    "spend": {"category": "category", "channel": "channel", "region": "region", "segment": "segment"},
    "feedback": {
        "kind": "kind", "team": "team_id", "product": "product_id", "channel": "channel", "region": "region",
        "segment": "segment",
    },
    "measurement": {
        "property": "unit_id", "line": "unit_id", "location": "unit_id", "market": "unit_id", "series": "unit_id",
        "region": "region", "product": "product_id",
    },
}  # fmt: skip
"""By source and dimension: the field with the value."""
SCOPE = {"team": "team_id", "rep": "rep_id", "region": "region", "product": "product_id"}


class World:
    """The entities as of T, by source."""

    def __init__(
        self, events: Iterable[Event], as_of: int, zone: str, currency: str, declarations: Declarations
    ) -> None:
        self.clock = Clock(as_of, zone)
        """Whose windows are read: it may be put back, for readings as of an earlier instant."""
        self.today = self.clock.today
        self.as_of = as_of
        self.currency = currency
        self.declarations = declarations
        self._merged = merge(events, declarations)
        self._worth: dict[tuple[str | None, date], Fraction | None] = {}
        self.deals = self._live("deal")
        self.leads = self._live("lead")
        self.activities = self._live("activity")
        self.subscriptions = self._live("subscription")
        self.orders = self._live("order")
        self.reps = self._live("rep")
        self.plans = self._live("plan")
        self.spend = self._live("spend")
        self.feedback = self._live("feedback")
        self.measurements = self._live("measurement")
        self.rates = self._live("fx_rate")
        self.accounts = self._live("customer")
        """The customers that have a record of their own."""
        children = Children(
            [d for d in self.deals if d["status"] == "won"],
            [s for s in self.subscriptions if paid_from(s) is not None],
            [o for o in self.orders if o["status"] in ("placed", "fulfilled")],
            [a for a in self.activities if (a["actor"], a["status"]) == ("customer", "completed")],
        )
        self.customers = customers_of(self.accounts, children, as_of)
        """All customers, also those that others only name."""

    def _live(self, source: str) -> list[Entity]:
        """Return the complete entities that are not deleted."""
        entities = [{"id": i, **read(e)} for i, e in sorted(self._merged[source].items()) if not e["deleted"]]
        return [
            e for e in entities if all(e[n] is not None for n in REQUIRED[source]) and self._is_consistent(source, e)
        ]

    @staticmethod
    def _is_consistent(source: str, entity: Entity) -> bool:
        match source:
            case "deal":
                return entity["status"] == "open" or entity["closed_at"] is not None
            case "activity":
                return entity["status"] != "completed" or entity["occurred_at"] is not None
            case "plan":
                return entity["amount_minor"] is None or entity["currency"] is not None
            case "measurement":
                values = entity["values"]
                has_amount = values.get("room_revenue_minor") is not None or values.get("value_minor") is not None
                return all(values.get(n) is not None for n in MEASURED[entity["kind"]]) and (
                    entity["currency"] is not None or not has_amount
                )
            case "feedback":
                return entity["kind"] != "csat" or entity["scale_max"] is not None
            case _:
                return True

    # ---- money

    def worth(self, currency: str | None, day: date) -> Fraction | None:
        """Return the reporting minor units of one minor unit on a day."""
        if (currency, day) not in self._worth:
            self._worth[currency, day] = None if currency is None else self._value(currency, day)
        return self._worth[currency, day]

    def _value(self, currency: str, day: date) -> Fraction | None:
        if currency == self.currency:
            return Fraction(1)
        bases = {r["base"] for r in self.rates if Fraction(r["rate"]) > 0}
        for base in sorted(bases, key=lambda b: (b != self.currency, b)):
            bought, sold = self._rate(base, currency, day), self._rate(base, self.currency, day)
            if bought is not None and sold is not None:
                shift = EXPONENTS[self.currency] - EXPONENTS[currency]
                return sold / bought * Fraction(10) ** shift
        return None

    def _rate(self, base: str, quote: str, day: date) -> Fraction | None:
        if base == quote:
            return Fraction(1)
        known = [
            (r["rate_date"], r["id"], Fraction(r["rate"]))
            for r in self.rates
            if (r["base"], r["quote"]) == (base, quote) and Fraction(r["rate"]) > 0 and r["rate_date"] <= day
        ]
        max_age_days = self.declarations.defaults.fx.max_age // DAY
        if not known or (day - max(known)[0]).days > max_age_days:
            return None
        return max(known)[2]

    # ---- plans

    def planned(
        self,
        kind: str,
        period: str,
        first: date,
        scope: Mapping[str, str],
        *,
        alone: bool = False,
        before: int | None = None,
    ) -> Fraction | None:
        """Return the newest plan's revenue: of exactly this scope, or of all that name it where it stands `alone`."""
        wanted = {SCOPE[d]: value for d, value in scope.items()}
        submitted = [
            p
            for p in self.plans
            if (p["kind"], p["metric"], p["period"]) == (kind, "revenue", period)
            and all(p[f] == wanted.get(f) for f in (wanted if alone else SCOPE.values()))
            and (p["amount_minor"] is not None or p["value"] is not None)
            and p["submitted_at"] < (self.clock.as_of if before is None else min(before, self.clock.as_of))
        ]
        if not submitted:
            return None
        plan = max(submitted, key=lambda p: (p["submitted_at"], p["id"]))
        if plan["amount_minor"] is None:
            return Fraction(plan["value"])
        worth = self.worth(plan["currency"], first)
        return None if worth is None else plan["amount_minor"] * worth

    # ---- deals

    def exists(self, entity: Entity) -> bool:
        return bool(entity["created_at"] < self.as_of)

    def stages(self, deal: Entity) -> dict[str, int]:
        """Return the order of the stages that the deal's pipeline declares."""
        return {s: d.order for s, d in self.declarations.pipelines.get(deal["pipeline_id"], {}).items()}

    def chance(self, deal: Entity) -> Fraction | None:
        if deal["probability"] is not None:
            return Fraction(str(deal["probability"]))
        stage = self.declarations.pipelines.get(deal["pipeline_id"], {}).get(deal["stage"])
        return None if stage is None else Fraction(stage.probability)

    # ---- leads

    def first_win(self, lead: Entity) -> int | None:
        wins = [d["closed_at"] for d in self.deals if d["lead_id"] == lead["id"] and d["status"] == "won"]
        return min((w for w in wins if w < self.as_of), default=None)

    def first_response(self, lead: Entity) -> int | None:
        contacts = [
            a["occurred_at"]
            for a in self.activities
            if a["lead_id"] == lead["id"]
            and (a["actor"], a["direction"], a["status"]) == ("human", "outbound", "completed")
            and a["kind"] in ("call", "email", "meeting", "chat", "sms")
        ]
        return min((c for c in contacts if lead["created_at"] - OUTREACH_BEFORE <= c < self.as_of), default=None)

    # ---- dimensions

    def label(self, source: str, dimension: str, value: Any) -> str:
        """Return the label value of an attribute."""
        if value is None:
            return "unknown"
        declared = self.declarations.sources[source].dimensions.get(dimension)
        listed = declared.values if isinstance(declared, Dimension) else ()
        return str(value) if not listed or value in listed else "other"

    def dims_of(self, source: str, entity: Entity, grain: Grain) -> Dims:
        return tuple(self.label(source, d, entity[FIELDS[source][d]]) for d in grain)

    def parts(self, deals: Iterable[Entity], grain: Grain) -> Iterator[tuple[Dims, Entity, list[Any]]]:
        """Yield (dimension values, deal, its lines that have them): one for each deal, or for each line by product."""
        for deal in deals:
            if "product" in grain:
                for line in deal["lines"]:
                    product = {"product": self.label("deal", "product", line["product_id"])}
                    yield tuple(product.get(d) or self.dims_of("deal", deal, (d,))[0] for d in grain), deal, [line]
            else:
                yield self.dims_of("deal", deal, grain), deal, deal["lines"]


def read(entity: Entity) -> Entity:
    """Return an entity with its instants in epoch milliseconds and its days as dates."""
    return {name: _read(name, value) for name, value in entity.items()}


def _read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "stage_entered_at":
        return {stage: ms(at) for stage, at in value.items() if at is not None}
    if name == "phases":
        return [{**phase, "from": ms(phase["from"]), "to": ms(phase.get("to"))} for phase in value]
    if name.endswith("_at"):
        return ms(value)
    return date.fromisoformat(value) if name.endswith(("_on", "_date")) else value
