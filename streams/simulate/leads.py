"""Leads: they come in, are answered or not, and become deals or nothing."""

from streams.envelope import format_instant
from streams.simulate.activities import Activities
from streams.simulate.customers import Customers
from streams.simulate.deals import Deals
from streams.simulate.engine import HOUR, MINUTE, SECOND, Entity, Simulation
from streams.simulate.lists import CHANNELS, REGIONS, SOURCES
from streams.simulate.people import People

_LEADS = 6.0
"""How many in an office hour."""
_ANSWERS = {"call": 55, "email": 35, "chat": 7, "meeting": 3}


class Leads:
    """The stream of leads."""

    def __init__(
        self, simulation: Simulation, people: People, activities: Activities, customers: Customers, deals: Deals
    ) -> None:
        self._simulation, self._people, self._activities = simulation, people, activities
        self._customers, self._deals = customers, deals

    def begin(self, at: int) -> None:
        """Let leads come in."""
        self._simulation.stream(at, _LEADS, self._come_in)

    def _come_in(self, at: int) -> None:
        simulation = self._simulation
        owner_id, team_id = self._people.pick()
        source = simulation.pick(SOURCES)
        lead = simulation.new("lead", "l", {
            "created_at": format_instant(at),
            "status": "new",
            "qualified_at": None,
            "customer_id": None,
            "source": source,
            "channel": simulation.pick(CHANNELS),
            "region": simulation.pick(REGIONS),
            "owner_id": owner_id,
            "team_id": team_id,
        })  # fmt: skip
        if source == "outbound" and simulation.chance(0.6):
            # Called first, typed in later: the activity is there before its lead.
            called = at - simulation.random.randint(5 * MINUTE, 3 * HOUR)
            self._activities.record(
                at, lead, kind="call", happened=called, lag=simulation.random.randint(50, 2 * SECOND)
            )
            simulation.put(lead, at, simulation.random.randint(1 * MINUTE, 40 * MINUTE))
        else:
            simulation.put(lead, at)
            self._await_answer(at, lead)
        if simulation.chance(0.012):
            simulation.schedule(simulation.later(at, 0.5), lambda t: simulation.delete(lead, t))  # spam
        else:
            simulation.schedule(simulation.later(at, 1.6), lambda t: self._judge(t, lead))

    def _await_answer(self, at: int, lead: Entity) -> None:
        simulation = self._simulation
        if lead.fields["source"] in {"web", "event"}:
            answers = at + simulation.random.randint(1 * MINUTE, 6 * MINUTE)
            simulation.schedule(answers, lambda t: self._activities.record(t, lead, kind="email", actor="automation"))
        if simulation.chance(0.93):
            answers = simulation.in_office(at + simulation.around(35 * MINUTE, 1.1))
            simulation.schedule(answers, lambda t: self._answer(t, lead))

    def _answer(self, at: int, lead: Entity) -> None:
        if lead.gone:
            return
        self._activities.record(at, lead, kind=self._simulation.pick(_ANSWERS))
        if lead.fields["status"] == "new":
            self._simulation.patch(lead, at, status="working")
        if self._simulation.chance(0.3):
            replies = at + self._simulation.around(3 * HOUR)
            self._simulation.schedule(replies, lambda t: self._reply(t, lead))

    def _reply(self, at: int, lead: Entity) -> None:
        self._activities.record(at, lead, kind="email", direction="inbound", actor="customer")

    def _judge(self, at: int, lead: Entity) -> None:
        draw = self._simulation.random.random()
        if draw < 0.5:  # noqa: PLR2004 - the shares of the outcomes; the rest stays as it is for ever
            self._simulation.patch(lead, at, status="qualified", qualified_at=format_instant(at))
            if self._simulation.chance(0.75):
                self._simulation.schedule(self._simulation.later(at, 1.0), lambda t: self._convert(t, lead))
        elif draw < 0.92:  # noqa: PLR2004
            self._simulation.patch(lead, at, status="disqualified")

    def _convert(self, at: int, lead: Entity) -> None:
        customer = self._customers.join(at, lead.fields["region"], lead.fields["source"])
        lead.fields |= {"status": "converted", "customer_id": customer.entity_id}
        self._simulation.put(lead, at)
        first_contact = lead.fields["created_at"] if self._simulation.chance(0.7) else None
        self._deals.open(at, customer, lead.fields, lead_id=lead.entity_id, first_contact_at=first_contact)
