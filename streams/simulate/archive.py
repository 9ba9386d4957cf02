"""What the records hold when they begin: the deals under way, those closed before, and the leads of the last weeks."""

import math
from typing import Any

from streams.envelope import format_instant
from streams.simulate.customers import Customers
from streams.simulate.deals import Deals
from streams.simulate.engine import DAY, HOUR, SECOND, Entity, Simulation
from streams.simulate.lists import LOST_REASONS, STAGES

_OPEN, _WON, _LOST, _LEADS = 280, 1300, 660, 1100
_OPEN_DAYS, _WON_DAYS, _LOST_DAYS, _LEAD_DAYS = 28, 500, 100, 50
_GROWTH_DAYS = 250.0
"""The organisation grows: so many days before there was 1/e of what there is when the record begins."""
_CYCLE_DAYS = 14.0


class Archive:
    """What there is when the record of the organisation begins, sent at once, as a new system is filled."""

    def __init__(self, simulation: Simulation, customers: Customers, deals: Deals) -> None:
        self._simulation, self._customers, self._deals = simulation, customers, deals

    def begin(self, at: int) -> None:
        """Send all of it, and go on with the deals under way."""
        for status, count, days in (("won", _WON, _WON_DAYS), ("lost", _LOST, _LOST_DAYS)):
            for closed_at in self._instants(at, count, days):
                created_at = closed_at - self._simulation.around(_CYCLE_DAYS * DAY, 0.5)
                self._deal(at, created_at, closed_at, status)
        for _ in range(_OPEN):
            created_at = at - self._simulation.random.randint(1 * HOUR, _OPEN_DAYS * DAY)
            self._deals.work_on(at, self._deal(at, created_at, at, "open"))
        for created_at in self._instants(at, _LEADS, _LEAD_DAYS):
            status = self._simulation.pick({"disqualified": 70, "qualified": 30})
            qualified_at = format_instant(created_at + HOUR) if status == "qualified" else None
            self._lead(at, created_at, self._deals.attributes(), status=status, qualified_at=qualified_at)

    def _instants(self, at: int, count: int, days: int) -> list[int]:
        """Draw office hours of the last `days` days, fewer the longer ago, in their order."""
        drawn = []
        for _ in range(count):
            share = self._simulation.random.random() * (1 - math.exp(-days / _GROWTH_DAYS))
            instant = self._simulation.in_office(at + int(math.log(1 - share) * _GROWTH_DAYS * DAY))
            drawn.append(min(instant, at - HOUR))
        return sorted(drawn)

    def _deal(self, at: int, created_at: int, until: int, status: str) -> Entity:
        """Send a deal as it was at `until`, with its lead and its customer if they were new then."""
        simulation, attributes = self._simulation, self._deals.attributes()
        customer = self._customer(at, created_at, attributes)
        lead_id = None
        if created_at > at - _LEAD_DAYS * DAY and simulation.chance(0.75):
            begun = created_at - simulation.around(3 * DAY)
            qualified_at = format_instant((begun + created_at) // 2)
            lead_id = self._lead(at, begun, attributes, status="converted", qualified_at=qualified_at,
                                 customer_id=customer.entity_id)  # fmt: skip
        deal = self._deals.new(created_at, customer, attributes, lead_id=lead_id)
        deal.stage = len(STAGES) - 1 if status == "won" else simulation.random.randrange(len(STAGES))
        deal.fields |= _entered(deal.stage, created_at, until)
        if status != "open":
            reason = simulation.pick(LOST_REASONS) if status == "lost" else None
            deal.fields |= {"status": status, "closed_at": format_instant(until), "lost_reason": reason}
        simulation.put(deal, at, self._lag())
        return deal

    def _customer(self, at: int, created_at: int, attributes: dict[str, str]) -> Entity:
        if self._customers.any() and self._simulation.chance(0.25):
            return self._customers.pick()
        region, source = attributes["region"], attributes["source"]
        return self._customers.join(at, region, source, created_at=created_at, lag=self._lag())

    def _lead(self, at: int, created_at: int, attributes: dict[str, str], **more: str | None) -> str:
        lead = self._simulation.new("lead", "l", {"created_at": format_instant(created_at), **attributes, **more})
        self._simulation.put(lead, at, self._lag())
        return lead.entity_id

    def _lag(self) -> int:
        return self._simulation.random.randint(100, 2 * SECOND)


def _entered(stage: int, begun: int, until: int) -> dict[str, Any]:
    """Return the fields of a deal that came to a stage between two instants, step by step."""
    step = (until - begun) // (len(STAGES) + 1)
    entered = {name: format_instant(begun + step * number) for number, name in enumerate(STAGES[: stage + 1])}
    return {"stage": STAGES[stage], "stage_entered_at": entered}
