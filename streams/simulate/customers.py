"""Who buys: customers, what they do of their own accord, and what they think."""

from typing import Any

from streams.envelope import format_instant
from streams.simulate.activities import Activities
from streams.simulate.engine import HOUR, Entity, Simulation
from streams.simulate.lists import CHANNELS, MARKETS, REGIONS, SEGMENTS, SOURCES

_CONTACTS, _OPINIONS, _FAREWELLS = 0.8, 0.3, 0.03
"""How often in an office hour."""
_CONTACT_KINDS = {"email": 45, "call": 30, "chat": 15, "sms": 6, "meeting": 4}
_CSAT = {"5": 46, "4": 32, "3": 12, "2": 6, "1": 4}
_NPS = {"10": 24, "9": 22, "8": 20, "7": 12, "6": 8, "5": 6, "3": 5, "0": 3}
_CSAT_SCALE = 5


class Customers:
    """The customers and the accounts that may become some."""

    def __init__(self, simulation: Simulation, activities: Activities) -> None:
        self._simulation, self._activities = simulation, activities
        self._all: list[Entity] = []
        self._patients: list[Entity] = []
        self._by_id: dict[str, Entity] = {}

    def begin(self, at: int) -> None:
        """Let customers get in touch, give their opinion and say goodbye."""
        self._simulation.stream(at, _CONTACTS, self._contact)
        self._simulation.stream(at, _OPINIONS, self._recommend)
        self._simulation.stream(at, _FAREWELLS, self._say_goodbye)

    def join(
        self, at: int, region: str, source: str, *, created_at: int | None = None, lag: int | None = None
    ) -> Entity:
        """Make a customer; of one in fifty no record ever comes, only what others say about it."""
        segment = self._simulation.pick(SEGMENTS)
        customer = self._simulation.new("customer", "c", {
            "created_at": format_instant(at if created_at is None else created_at),
            "acquired_at": None,
            "churned_at": None,
            "source": source if self._simulation.chance(0.9) else None,
            "segment": segment,
            "market": self._simulation.pick(MARKETS[segment]),
            "region": region,
        })  # fmt: skip
        self._all.append(customer)
        self._by_id[customer.entity_id] = customer
        if segment == "patient":
            self._patients.append(customer)
        if self._simulation.chance(0.98):
            self._simulation.put(customer, at, lag)
        return customer

    def stranger(self, at: int, **more: Any) -> Entity:
        """Make a customer of whom nothing else is known."""
        return self.join(at, self._simulation.pick(REGIONS), self._simulation.pick(SOURCES), **more)

    def any(self) -> bool:
        """Return whether there are any."""
        return bool(self._all)

    def pick(self) -> Entity:
        """Draw one of all there are."""
        return self._simulation.random.choice(self._all)

    # ----------------------------------------------------------------------------------------------------- what they do

    def _contact(self, at: int) -> None:
        """Let a customer get in touch; patients do so more often, for an appointment."""
        customer = self._simulation.random.choice(self._patients) if self._simulation.chance(0.5) else self.pick()
        kind = self._simulation.pick(_CONTACT_KINDS)
        self._activities.record(at, customer, kind=kind, direction="inbound", actor="customer")

    def _say_goodbye(self, at: int) -> None:
        customer = self.pick()
        if customer.fields["churned_at"] is None:
            self._simulation.patch(customer, at, churned_at=format_instant(at))

    # -------------------------------------------------------------------------------------------------- what they think

    def may_rate(self, at: int, about: Entity, product_id: str) -> None:
        """Ask the customer how satisfying a deal or an order was; one in three answers."""
        if self._simulation.chance(0.33):
            answers = at + int(self._simulation.around(20 * HOUR) / self._simulation.pace) + 1
            self._simulation.schedule(answers, lambda t: self._rate(t, about, product_id))

    def _rate(self, at: int, about: Entity, product_id: str) -> None:
        customer = self._by_id[about.fields["customer_id"]]
        score = int(self._simulation.pick(_CSAT))
        self._respond(at, customer, kind="csat", score=score, scale_max=_CSAT_SCALE, product_id=product_id,
                      rep_id=about.fields.get("owner_id"), team_id=about.fields.get("team_id"),
                      channel=about.fields["channel"])  # fmt: skip

    def _recommend(self, at: int) -> None:
        score = int(self._simulation.pick(_NPS))
        self._respond(at, self.pick(), kind="nps", score=score, channel=self._simulation.pick(CHANNELS))

    def _respond(self, at: int, customer: Entity, **fields: Any) -> None:
        attributes = {name: customer.fields[name] for name in ("region", "segment")}
        response = {"responded_at": format_instant(at), "customer_id": customer.entity_id, **attributes, **fields}
        self._simulation.put(self._simulation.new("feedback", "f", response), at)
