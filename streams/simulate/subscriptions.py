"""Subscriptions: trials that convert or not, changes of the price, and cancellations."""

from typing import Any

from streams.envelope import format_instant
from streams.simulate.customers import Customers
from streams.simulate.engine import DAY, SECOND, Entity, Simulation
from streams.simulate.lists import REGIONS, currency_of

_NEW = 0.2
"""How many in an office hour."""
_STOCK, _STOCK_DAYS = 300, 550
_TRIALS, _TRIAL_DAYS = 12, 14.0
_CHANGE_DAYS = 110.0
_CHANGES = {"none": 36, "upgrade": 32, "downgrade": 12, "cancel": 20}
_PRICES = {"p-basic": 4_900, "p-plus": 12_900, "p-pro": 34_900}
_LADDER = tuple(_PRICES)
_PRODUCTS = {"p-basic": 50, "p-plus": 35, "p-pro": 15}
_INTERVALS = {"month": 70, "quarter": 8, "year": 22}
_MONTHS = {"month": 1, "quarter": 3, "year": 10}
"""How many months are paid for an interval: a year costs ten."""
_REASONS = {"price": 40, "not_used": 30, "competitor": 20, "ended_business": 10}


class Subscriptions:
    """The subscriptions, of customers of old and of new ones."""

    def __init__(self, simulation: Simulation, customers: Customers) -> None:
        self._simulation, self._customers = simulation, customers

    def begin(self, at: int) -> None:
        """Send the subscriptions that ran already, and let more come."""
        for _ in range(_STOCK):
            self._resume(at)
        for _ in range(_TRIALS):
            self._try(at)
        self._simulation.stream(at, _NEW, self._subscribe)

    def _resume(self, at: int) -> None:
        """Send one that began long ago; a few have ended since."""
        begun = at - int(self._simulation.random.random() ** 2 * _STOCK_DAYS * DAY) - DAY
        lag = self._simulation.random.randint(100, 2 * SECOND)
        subscription = self._new(self._customers.stranger(at, created_at=begun, lag=lag))
        self._pay(subscription, begun)
        if self._simulation.chance(0.15):
            self._end(subscription, begun + int((at - begun) * self._simulation.random.random()))
        else:
            self._go_on(at, subscription)
        self._simulation.put(subscription, at, lag)

    def _subscribe(self, at: int) -> None:
        if self._simulation.chance(0.75):
            self._try(at)
            return
        subscription = self._new(self._subscriber(at))
        self._pay(subscription, at)
        self._simulation.put(subscription, at)
        self._go_on(at, subscription)

    def _try(self, at: int) -> None:
        subscription = self._new(self._subscriber(at), trial_started_at=format_instant(at))
        self._simulation.put(subscription, at)
        self._simulation.schedule(self._simulation.later(at, _TRIAL_DAYS), lambda t: self._decide(t, subscription))

    def _subscriber(self, at: int) -> Entity:
        return self._customers.stranger(at) if self._simulation.chance(0.6) else self._customers.pick()

    def _new(self, customer: Entity, **more: Any) -> Entity:
        product_id = self._simulation.pick(_PRODUCTS)
        return self._simulation.new("subscription", "s", {
            "customer_id": customer.entity_id,
            "plan_id": f"{product_id}-{self._simulation.pick(_INTERVALS)}",
            "product_id": product_id,
            "trial_started_at": None,
            "trial_ended_at": None,
            "phases": [],
            "ended_at": None,
            "end_reason": None,
            **more,
        })  # fmt: skip

    def _pay(self, subscription: Entity, at: int) -> None:
        """Begin a phase with the price of the plan; the one before ends."""
        fields = subscription.fields
        product_id, _, interval = fields["plan_id"].rpartition("-")
        before = [phase | {"to": phase["to"] or format_instant(at)} for phase in fields["phases"]]
        currency = before[-1]["currency"] if before else currency_of(self._simulation.pick(REGIONS))
        phase = {"from": format_instant(at), "to": None, "amount_minor": _PRICES[product_id] * _MONTHS[interval],
                 "currency": currency, "interval": interval, "interval_count": 1}  # fmt: skip
        fields |= {"product_id": product_id, "phases": [*before, phase]}

    def _end(self, subscription: Entity, at: int) -> None:
        subscription.fields |= {"ended_at": format_instant(at), "end_reason": self._simulation.pick(_REASONS)}

    def _decide(self, at: int, subscription: Entity) -> None:
        """Let a trial become paid, or end."""
        subscription.fields["trial_ended_at"] = format_instant(at)
        if self._simulation.chance(0.45):
            self._pay(subscription, at)
            self._go_on(at, subscription)
        self._simulation.put(subscription, at)

    def _go_on(self, at: int, subscription: Entity) -> None:
        later = self._simulation.later(at, _CHANGE_DAYS)
        self._simulation.schedule(later, lambda t: self._reconsider(t, subscription))

    def _reconsider(self, at: int, subscription: Entity) -> None:
        """Let a subscriber take a larger or a smaller plan, stop, or go on."""
        change = self._simulation.pick(_CHANGES)
        product_id, _, interval = subscription.fields["plan_id"].rpartition("-")
        step = _LADDER.index(product_id) + {"upgrade": 1, "downgrade": -1}.get(change, 0)
        if change == "cancel":
            self._end(subscription, at)
        elif change != "none" and 0 <= step < len(_LADDER):
            subscription.fields["plan_id"] = f"{_LADDER[step]}-{interval}"
            self._pay(subscription, at)
        if change != "none":
            self._simulation.put(subscription, at)
        if change != "cancel":
            self._go_on(at, subscription)
