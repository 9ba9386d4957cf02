"""Deals: they are opened, worked on stage by stage, amended, and won or lost."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from streams.envelope import format_instant
from streams.simulate.activities import Activities
from streams.simulate.customers import Customers
from streams.simulate.engine import DAY, HOUR, Entity, Simulation
from streams.simulate.lists import CHANNELS, LOST_REASONS, PIPELINE, PRODUCTS, REGIONS, SOURCES, STAGES, currency_of
from streams.simulate.people import People

_LOSS = {"qualified": 0.24, "proposal": 0.22, "negotiation": 0.27}
_STAGE_DAYS = {"qualified": 4.0, "proposal": 6.0, "negotiation": 5.0}


class Deals:
    """The deals, from the first stage to the last."""

    def __init__(self, simulation: Simulation, people: People, activities: Activities, customers: Customers) -> None:
        self._simulation, self._people = simulation, people
        self._activities, self._customers = activities, customers

    def begin(self, at: int) -> None:
        """Let customers of old want more."""
        self._renew(at)

    def attributes(self, source: str | None = None) -> dict[str, Any]:
        """Draw who sells, where and through what."""
        owner_id, team_id = self._people.pick()
        pick = self._simulation.pick
        return {"owner_id": owner_id, "team_id": team_id, "region": pick(REGIONS), "channel": pick(CHANNELS),
                "source": source or pick(SOURCES)}  # fmt: skip

    def open(self, at: int, customer: Entity, attributes: Mapping[str, Any], **more: Any) -> None:
        """Open a deal, and work on it from now on."""
        deal = self.new(at, customer, attributes, **more)
        self._simulation.put(deal, at)
        self.work_on(at, deal)

    def new(self, at: int, customer: Entity, attributes: Mapping[str, Any], **more: Any) -> Entity:
        """Make a deal that was opened at `at`, without sending it."""
        expected = self._simulation.local(at).date() + timedelta(days=self._simulation.random.randint(10, 45))
        return self._simulation.new("deal", "d", {
            "customer_id": customer.entity_id,
            "lead_id": None,
            "pipeline_id": PIPELINE,
            "stage": STAGES[0],
            "status": "open",
            "currency": currency_of(attributes["region"]),
            "lines": self._lines(),
            "probability": None,
            **{name: attributes[name] for name in ("owner_id", "team_id", "region", "channel", "source")},
            "deal_type": "new_business",
            "created_at": format_instant(at),
            "first_contact_at": None,
            "expected_close_date": expected.isoformat(),
            "closed_at": None,
            "lost_reason": None,
            "stage_entered_at": {STAGES[0]: format_instant(at)},
            **more,
        })  # fmt: skip

    def _renew(self, at: int) -> None:
        """Open a deal with a customer of old, without a lead, now and then."""
        simulation = self._simulation
        gap = int(simulation.around(2.2 * HOUR) / simulation.pace) + 1
        simulation.schedule(simulation.in_office(at + gap), self._renew)
        kind = simulation.pick({"expansion": 60, "renewal": 40})
        self.open(at, self._customers.pick(), self.attributes("referral"), deal_type=kind)

    def _lines(self) -> list[dict[str, Any]]:
        random, lines = self._simulation.random, []
        for number, product in enumerate(random.sample(PRODUCTS, random.choice((1, 1, 2, 2, 3))), 1):
            quantity = random.choice((1, 1, 1, 2, 2, 3, 5))
            amount = int(product.price_minor * quantity * random.uniform(0.8, 1.0))
            lines.append({"line_id": str(number), "product_id": product.product_id, "quantity": str(quantity),
                          "amount_minor": amount, "cost_minor": product.cost_minor(quantity)})  # fmt: skip
        return lines

    # ------------------------------------------------------------------------------------------------------- its stages

    def work_on(self, at: int, deal: Entity) -> None:
        """Plan the contacts of the deal's stage and the end of that stage."""
        simulation = self._simulation
        ends = simulation.later(at, _STAGE_DAYS[STAGES[deal.stage]])
        for _ in range(simulation.random.randint(1, 3)):
            contact = simulation.in_office(at + int(simulation.random.random() * (ends - at)))
            if simulation.chance(0.35):
                simulation.schedule(contact, lambda t: self._activities.book_meeting(t, deal))
            else:
                kind = simulation.pick({"call": 60, "email": 40})
                simulation.schedule(contact, lambda t, kind=kind: self._activities.record(t, deal, kind=kind))  # type: ignore[misc]
        simulation.schedule(ends, lambda t: self._leave_stage(t, deal))

    def _leave_stage(self, at: int, deal: Entity) -> None:
        if not self._people.works(deal.fields["owner_id"]):
            self._hand_over(at, deal)
        draw = self._simulation.random.random()
        if draw < 0.01:  # noqa: PLR2004 - a deal that never was one
            self._simulation.delete(deal, at)
        elif draw < 0.035:  # noqa: PLR2004
            self._close(at, deal, "cancelled")
        elif self._simulation.chance(_LOSS[STAGES[deal.stage]]):
            self._close(at, deal, "lost")
        elif deal.stage == len(STAGES) - 1:
            self._close(at, deal, "won")
        else:
            self._next_stage(at, deal)

    def _next_stage(self, at: int, deal: Entity) -> None:
        deal.stage += 1
        stage = STAGES[deal.stage]
        amended = {"lines": self._lines()} if self._simulation.chance(0.3) else {}
        entered = deal.fields["stage_entered_at"] | {stage: format_instant(at)}
        self._change(at, deal, **amended, stage=stage, stage_entered_at=entered)
        if self._simulation.chance(0.15):
            later = at + self._simulation.around(1 * DAY / self._simulation.pace)
            self._simulation.schedule(self._simulation.in_office(later), lambda t: self._amend(t, deal))
        self.work_on(at, deal)

    def _amend(self, at: int, deal: Entity) -> None:
        """Change what is sold, or who sells it; also after the deal was closed, as it happens."""
        if deal.gone:
            return
        if self._simulation.chance(0.8):
            self._simulation.patch(deal, at, lines=self._lines())
        else:
            self._hand_over(at, deal)

    def _hand_over(self, at: int, deal: Entity) -> None:
        owner_id, team_id = self._people.pick()
        self._simulation.patch(deal, at, owner_id=owner_id, team_id=team_id)

    def _close(self, at: int, deal: Entity, status: str) -> None:
        reason = self._simulation.pick(LOST_REASONS) if status == "lost" else None
        self._change(at, deal, status=status, closed_at=format_instant(at), lost_reason=reason)
        if status == "won":
            self._customers.may_rate(at, deal, deal.fields["lines"][0]["product_id"])
        if status != "cancelled" and self._simulation.chance(0.04):
            self._simulation.schedule(self._simulation.later(at, 2.0), lambda t: self._reopen(t, deal))

    def _reopen(self, at: int, deal: Entity) -> None:
        self._simulation.patch(deal, at, status="open", closed_at=None, lost_reason=None)
        self.work_on(at, deal)

    def _change(self, at: int, deal: Entity, **changes: Any) -> None:
        """Send the same news in one of the two forms that sources use."""
        if self._simulation.chance(0.5):
            deal.fields |= changes
            self._simulation.put(deal, at)
        else:
            self._simulation.patch(deal, at, **changes)
