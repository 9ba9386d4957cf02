"""The realistic event mix: deals that are created, progress, are amended and close; leads; activities; all the rest."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bench.mix_others import Others

_BASE = datetime(2026, 3, 2, 8, tzinfo=UTC)
_STEP = timedelta(milliseconds=20)
_STAGES = ("qualified", "proposal", "negotiation")
_REGIONS = ("benelux", "dach", "nordics")
_CHANNELS = ("online", "phone", "field")
_SOURCES = ("web", "referral", "partner", "outbound", "event")
_KINDS = ("call", "email", "meeting", "chat")
_FEW = 1_000
"""Up to so many open deals, or leads, only new ones come."""
_DEALS, _DEALS_AND_LEADS, _SALES = 0.42, 0.6, 0.85
"""The share of the events that are of deals; of deals or leads; of those or activities."""
_BY_CUSTOMERS = 0.1
"""The share of the activities that are the customers' own."""
_NEW_DEAL, _NEW_LEAD = 0.25, 0.5
_AMENDED, _PROGRESSED, _WON = 0.3, 0.66, 0.8
"""What becomes of a deal: the share with other amounts, the share up to a next stage, up to won; the rest is lost."""
_QUALIFIED = 0.7
Wire = tuple[str, bytes, bytes]


def mix_ends_at(n: int) -> datetime:
    """Return an instant after the last of `n` events."""
    return _BASE + n * _STEP


def event_mix(n: int, seed: int = 2, begins: datetime = _BASE) -> Iterator[Wire]:
    """Yield `n` events as (source key, record key, JSON), the first one at `begins`.

    42 % are of deals, 18 % of leads, 25 % of activities, 15 % of the other sources (exchange rates left out).

    200 reps in 12 teams, 30 products, two currencies; 50 events to a second of event time; a deal's dimensions stay as
    they are. The same arguments give the same bytes.
    """
    mix = Mix(seed)
    encode = msgspec.json.Encoder().encode
    for number in range(n):
        now = begins + number * _STEP
        source, entity_id, data = mix.draw(now, now.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
        event = {
            "event_id": f"e{number:010d}",
            "type": source,
            "entity_id": entity_id,
            "op": "put",
            "version": number + 1,
            "updated_at": now,
            "data": data,
        }
        yield source, entity_id.encode(), encode(event)


class Mix:
    """Draws one event after the other."""

    def __init__(self, seed: int) -> None:
        """Begin with nothing; the same seed draws the same events."""
        self._random = random.Random(seed)
        self._deals: list[dict[str, Any]] = []
        self._leads: list[dict[str, Any]] = []
        self._counts = {"deal": 0, "lead": 0, "activity": 0}
        self._others = Others(self._random, self._number_after)

    def draw(self, now: datetime, text: str) -> tuple[str, str, dict[str, Any]]:
        """Return (source, entity id, data) of the next event, at `now`, which is `text` in JSON."""
        chance = self._random.random()
        if chance >= _SALES:
            return self._others.draw(now, text)
        if chance < _DEALS:
            return "deal", *self._deal(text)
        if chance < _DEALS_AND_LEADS or not self._leads:
            return "lead", *self._lead(text)
        return "activity", *self._activity(text)

    def _new(self, source: str) -> tuple[str, int]:
        self._counts[source] = number = self._number_after(source, self._counts[source])
        return self._id(source, number), number

    def _number_after(self, _source: str, number: int) -> int:
        """Return the number of the entity that is made after number `number`."""
        return number + 1

    @staticmethod
    def _id(source: str, number: int) -> str:
        return f"{source[0].upper()}{number:07d}"

    def _lead_of(self, _source: str, _number: int) -> dict[str, Any] | None:
        """Return the lead that a new deal or activity belongs to."""
        return self._leads[self._random.randrange(len(self._leads))] if self._leads else None

    def _attributes(self, number: int) -> dict[str, Any]:
        return {
            "owner_id": f"rep-{number % 200:03d}",
            "team_id": f"team-{number % 12:02d}",
            "region": _REGIONS[number % 3],
            "channel": _CHANNELS[number % 3],
            "source": _SOURCES[number % 5],
        }

    def _deal(self, text: str) -> tuple[str, dict[str, Any]]:
        r = self._random
        if len(self._deals) < _FEW or r.random() < _NEW_DEAL:
            entity_id, number = self._new("deal")
            lead = self._lead_of("deal", number)
            deal = {
                "id": entity_id,
                "customer_id": f"c-{number % 8000:05d}",
                "lead_id": lead["id"] if lead else None,
                "pipeline_id": "new_business",
                "stage": "qualified",
                "status": "open",
                "currency": "EUR" if number % 5 else "USD",
                "lines": [self._line(i, number) for i in range(1 + number % 2)],
                "deal_type": "new_business",
                "created_at": text,
                "expected_close_date": text[:10],
                "stage_entered_at": {"qualified": text},
                **self._attributes(number),
            }
            self._deals.append(deal)
        else:
            index = r.randrange(len(self._deals))
            deal = self._deals[index] = {**self._deals[index]}
            chance = r.random()
            if chance < _AMENDED:
                deal["lines"] = [self._line(i, index) for i in range(len(deal["lines"]))]
            elif chance < _PROGRESSED:
                deal["stage"] = stage = _STAGES[min(_STAGES.index(deal["stage"]) + 1, 2)]
                deal["stage_entered_at"] = {stage: text, **deal["stage_entered_at"]}
            else:
                deal["status"] = "won" if chance < _WON else "lost"
                deal["closed_at"] = text
                deal["lost_reason"] = None if chance < _WON else "price"
                self._deals[index] = self._deals[-1]
                self._deals.pop()
        return deal["id"], {k: v for k, v in deal.items() if k != "id"}

    def _line(self, line: int, number: int) -> dict[str, Any]:
        amount = self._random.randrange(10_000, 2_000_000)
        product = f"p-{(number + line) % 30:02d}"
        cost = amount * 6 // 10
        return {"line_id": str(line), "product_id": product, "quantity": 1, "amount_minor": amount, "cost_minor": cost}

    def _lead(self, text: str) -> tuple[str, dict[str, Any]]:
        r = self._random
        if len(self._leads) < _FEW or r.random() < _NEW_LEAD:
            entity_id, number = self._new("lead")
            lead = {"id": entity_id, "created_at": text, "status": "new", **self._attributes(number)}
            self._leads.append(lead)
        else:
            index = r.randrange(len(self._leads))
            lead = self._leads[index] = {**self._leads[index]}
            if lead["status"] == "new":
                lead["status"] = "working"
            else:
                lead["status"] = "qualified" if r.random() < _QUALIFIED else "disqualified"
                lead["qualified_at"] = text if lead["status"] == "qualified" else None
                self._leads[index] = self._leads[-1]
                self._leads.pop()
        return lead["id"], {k: v for k, v in lead.items() if k != "id"}

    def _is_contact(self) -> bool:
        return self._random.random() < _BY_CUSTOMERS

    def _activity(self, text: str) -> tuple[str, dict[str, Any]]:
        entity_id, number = self._new("activity")
        lead = self._lead_of("activity", number) or {}
        return entity_id, {
            "kind": _KINDS[number % 4],
            "direction": "outbound",
            "actor": "automation" if number % 3 == 0 else "human",
            "status": "completed",
            "quantity": 1,
            "rep_id": lead["owner_id"],
            "team_id": lead["team_id"],
            "lead_id": lead["id"],
            "channel": lead["channel"],
            **(
                {"delivered_at": text, "opened_at": text if number % 8 else None}
                if _KINDS[number % 4] == "email"
                else {}
            ),
            **({"actor": "customer", "customer_id": f"c-{number % 8000:05d}"} if self._is_contact() else {}),
            "created_at": text,
            "occurred_at": text,
        }
