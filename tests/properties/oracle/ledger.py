"""Customers with what their deals, subscriptions, orders and activities make of them."""

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from tests.properties.oracle.clock import DAY
from tests.properties.oracle.merging import Entity

HORIZON = 365 * DAY
"""How long a purchase makes somebody a customer who has no subscription."""
PER_MONTH = {
    "day": Fraction(365, 12),
    "week": Fraction(52, 12),
    "month": Fraction(1),
    "quarter": Fraction(1, 3),
    "year": Fraction(1, 12),
}
Interval = tuple[int, int | None]
"""(start, end], without an end while it is open."""


# -------------------------------------------------------------------------------------------------------- subscriptions


def paid_phases(subscription: Entity) -> list[Entity]:
    return [p for p in subscription["phases"] if p["amount_minor"] > 0]


def paid_from(subscription: Entity) -> int | None:
    return min((p["from"] for p in paid_phases(subscription)), default=None)


def per_month(phase: Entity) -> int:
    """Return the phase's amount for a month, rounded half-even to the minor unit of its own currency."""
    exact: Fraction = phase["amount_minor"] * PER_MONTH[phase["interval"]] / phase["interval_count"]
    return round(exact)


def phases_at(subscription: Entity, t: int) -> list[Entity]:
    """Return the paid phases that run at t, seen from the left."""
    ended = subscription["ended_at"]
    running = [p for p in paid_phases(subscription) if p["from"] < t and (p["to"] is None or t <= p["to"])]
    return running if ended is None or t <= ended else []


# ------------------------------------------------------------------------------------------------------------ customers


class Children(NamedTuple):
    """The entities that name customers: won deals, paid subscriptions, orders that stand, what they did themselves."""

    won: list[Entity]
    subscriptions: list[Entity]
    orders: list[Entity]
    contacts: list[Entity]

    def of(self, customer_id: str) -> "Children":
        return Children(*([e for e in entities if e["customer_id"] == customer_id] for entities in self))


def customers_of(accounts: Iterable[Entity], children: Children, as_of: int) -> list[Entity]:
    """Return every customer: who has a record, and who is named by a purchase, a subscription or an own activity."""
    records = {a["id"]: a for a in accounts}
    named = {e["customer_id"] for entities in children for e in entities} - {None}
    return [customer(i, records.get(i), children.of(i), as_of) for i in sorted(records.keys() | named)]


def customer(customer_id: str, record: Entity | None, children: Children, as_of: int) -> Entity:
    own = record or dict.fromkeys(("acquired_at", "churned_at", "source", "segment", "region", "market"))
    wins = [d["closed_at"] for d in children.won]
    earlier = [d for d in children.won if d["closed_at"] < as_of]
    first_win = min(earlier, key=lambda d: (d["closed_at"], d["id"]), default={"source": None})
    paid = [(start, s["ended_at"]) for s in children.subscriptions if (start := paid_from(s)) is not None]
    acquired = [start for start, _ in paid] + wins + ([] if own["acquired_at"] is None else [own["acquired_at"]])
    purchases: list[Interval] = [(p, p + HORIZON) for p in (*wins, *(o["ordered_at"] for o in children.orders))]
    return {
        "id": customer_id,
        "source": own["source"] or first_win["source"],
        **{name: own[name] for name in ("segment", "region", "market")},
        "acquired_at": min(acquired, default=None),
        "subscribed": cut(paid, own["churned_at"]),
        "intervals": cut(paid or purchases, own["churned_at"]),
        "subscriptions": children.subscriptions,
        "contacted": [a["occurred_at"] for a in children.contacts],
    }


def cut(intervals: list[Interval], churned: int | None) -> list[Interval]:
    """Return the intervals, those that began before the customer left ended then."""

    def end_of(start: int, end: int | None) -> int | None:
        if churned is None or start >= churned:
            return end
        return churned if end is None else min(end, churned)

    return [(start, end_of(start, end)) for start, end in intervals]


def is_active(intervals: Iterable[Interval], t: int) -> bool:
    """Return whether t lies in one of the intervals, seen from the left."""
    return any(start < t and (end is None or t <= end) for start, end in intervals)
