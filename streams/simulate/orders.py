"""Orders: goods that are promised for a day, and shipped in time, too late, in part or not at all."""

from datetime import date, timedelta
from decimal import Decimal

from streams.envelope import format_instant
from streams.simulate.customers import Customers
from streams.simulate.engine import DAY, Entity, Simulation
from streams.simulate.lists import CHANNELS, GOODS, PRODUCTS, currency_of

_ORDERS = 1.1
"""How many in an office hour."""
_SHIPPING = {"in_time": 86, "late": 6, "in_part": 4, "cancelled": 3, "forgotten": 1}


class Orders:
    """The orders of goods."""

    def __init__(self, simulation: Simulation, customers: Customers) -> None:
        self._simulation, self._customers = simulation, customers

    def begin(self, at: int) -> None:
        """Let orders come in."""
        self._simulation.stream(at, _ORDERS, self._order)

    def _order(self, at: int) -> None:
        simulation = self._simulation
        customer = self._customers.stranger(at) if simulation.chance(0.1) else self._customers.pick()
        product_id, quantity = simulation.pick(GOODS), simulation.random.choice((1, 1, 1, 2, 2, 4))
        product = next(product for product in PRODUCTS if product.product_id == product_id)
        promised_on = self._simulation.local(at).date() + timedelta(days=simulation.random.randint(2, 7))
        order = simulation.new("order", "o", {
            "customer_id": customer.entity_id,
            "status": "placed",
            "currency": currency_of(customer.fields["region"]),
            "amount_minor": int(product.price_minor * quantity * simulation.random.uniform(0.9, 1.0)),
            "cost_minor": product.cost_minor(quantity),
            "ordered_at": format_instant(at),
            "promised_on": promised_on.isoformat(),
            "fulfilled_at": None,
            "quantity_ordered": str(quantity),
            "quantity_fulfilled": None,
            "region": customer.fields["region"],
            "channel": simulation.pick(CHANNELS),
            "product_id": product_id,
        })  # fmt: skip
        simulation.put(order, at)
        self._plan_shipping(at, order, promised_on)

    def _plan_shipping(self, at: int, order: Entity, promised_on: date) -> None:
        simulation, course = self._simulation, self._simulation.pick(_SHIPPING)
        days = (promised_on - simulation.local(at).date()).days
        share = simulation.random.uniform(1.1, 2.5) if course == "late" else simulation.random.uniform(0.2, 0.9)
        ships = at + int(days * share * DAY / simulation.pace)
        if course == "cancelled":
            simulation.schedule(ships, lambda t: simulation.patch(order, t, status="cancelled"))
        elif course != "forgotten":
            simulation.schedule(ships, lambda t: self._ship(t, order, in_full=course != "in_part"))

    def _ship(self, at: int, order: Entity, *, in_full: bool) -> None:
        ordered = Decimal(order.fields["quantity_ordered"])
        shipped = ordered if in_full else ordered / 2
        instant = format_instant(at)
        self._simulation.patch(order, at, status="fulfilled", fulfilled_at=instant, quantity_fulfilled=str(shipped))
        self._customers.may_rate(at, order, order.fields["product_id"])
