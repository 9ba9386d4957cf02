"""The part of the realistic event mix that is neither deal, lead nor activity: contracts, orders, cost and so on."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

_REGIONS = ("benelux", "dach", "nordics")
_CHANNELS = ("online", "phone", "field")
_SEGMENTS = ("business", "consumer", "patient")
_CUSTOMERS = 8_000
_PROPERTIES, _LINES = 10, 10
_SHARES = {
    "order": 0.30,
    "measurement": 0.20,
    "customer": 0.15,
    "subscription": 0.12,
    "feedback": 0.10,
    "spend": 0.09,
    "rep": 0.02,
    "plan": 0.02,
}
"""The shares of the sources among these events."""
Drawn = tuple[str, str, dict[str, Any]]


class Others:
    """Draws events of the other sources: half of them new entities, the others the next state of one that is known."""

    def __init__(self, draw: random.Random, number_after: Callable[[str, int], int]) -> None:
        """Draw from `draw`; `number_after` gives a source's next entity its number, from that of the last one."""
        self._random = draw
        self._number_after = number_after
        self._counts = dict.fromkeys(_SHARES, 0)

    def draw(self, now: datetime, text: str) -> Drawn:
        """Return (source, entity id, data) of the next event."""
        (source,) = self._random.choices(list(_SHARES), list(_SHARES.values()))
        known = self._counts[source]
        if known < 10 or self._random.random() < 0.5:  # noqa: PLR2004 (a few to begin with, then half and half)
            number = self._counts[source] = self._number_after(source, known)
        else:
            number = self._random.randrange(max(1, known - 2_000), known + 1)
        fields: dict[str, Any] = getattr(self, f"_{source}")(number, now, text)
        return source, self._id(source, number), fields

    @staticmethod
    def _id(source: str, number: int) -> str:
        match source:
            case "customer":
                return f"c-{number % _CUSTOMERS:05d}"
            case "rep":
                return f"rep-{number % 200:03d}"
            case _:
                return f"{source}-{number:07d}"

    def _where(self, number: int) -> dict[str, Any]:
        return {"region": _REGIONS[number % 3], "channel": _CHANNELS[number % 3]}

    def _amount(self, number: int) -> dict[str, Any]:
        return {"amount_minor": self._random.randrange(1_000, 500_000), "currency": "EUR" if number % 5 else "USD"}

    def _order(self, number: int, now: datetime, text: str) -> dict[str, Any]:
        shipped = self._random.random() < 0.5  # noqa: PLR2004 (half of them)
        return {
            "customer_id": f"c-{number % _CUSTOMERS:05d}",
            "status": "fulfilled" if shipped else "placed",
            **self._amount(number),
            "cost_minor": 800,
            "ordered_at": text,
            "promised_on": f"{now:%Y-%m-%d}",
            "fulfilled_at": text if shipped else None,
            "quantity_ordered": 10,
            "quantity_fulfilled": 10 if shipped else 0,
            "product_id": f"p-{number % 30:02d}",
            **self._where(number),
        }

    def _measurement(self, number: int, now: datetime, _: str) -> dict[str, Any]:
        day = {"on_date": f"{now:%Y-%m-%d}", "region": _REGIONS[number % 3]}
        if number % 2:
            sold = self._random.randrange(101)
            values = {"rooms_available": 100, "rooms_sold": sold, "room_revenue_minor": sold * 9_900}
            return {
                "kind": "hotel_day",
                "unit_id": f"h-{number % _PROPERTIES}",
                **day,
                "currency": "EUR",
                "values": values,
            }
        good = self._random.randrange(1_000)
        run = {"planned_seconds": 28_800, "run_seconds": 27_000, "ideal_cycle_seconds": "27.5", "total_count": 1_000}
        return {
            "kind": "production_run",
            "unit_id": f"l-{number % _LINES}",
            **day,
            "product_id": f"p-{number % 30:02d}",
            "values": {**run, "good_count": good},
        }

    def _customer(self, number: int, _: datetime, text: str) -> dict[str, Any]:
        return {
            "created_at": text,
            "source": ("web", "referral", "partner")[number % 3],
            "segment": _SEGMENTS[number % 3],
            "market": f"m-{number % 5}",
            "region": _REGIONS[number % 3],
        }

    def _subscription(self, number: int, _: datetime, text: str) -> dict[str, Any]:
        amount = self._random.randrange(1_000, 50_000)
        phase = {"from": text, "amount_minor": amount, "currency": "EUR", "interval": "month", "interval_count": 1}
        return {
            "customer_id": f"c-{number % _CUSTOMERS:05d}",
            "product_id": f"p-{number % 30:02d}",
            "trial_started_at": text if number % 2 else None,
            "phases": [phase],
            "ended_at": text if self._random.random() < 0.1 else None,  # noqa: PLR2004 (one in ten)
        }

    def _feedback(self, number: int, _: datetime, text: str) -> dict[str, Any]:
        nps = number % 2 == 0
        return {
            "kind": "nps" if nps else "csat",
            "score": self._random.randrange(11) if nps else self._random.randrange(1, 6),
            "scale_max": 10 if nps else 5,
            "responded_at": text,
            "customer_id": f"c-{number % _CUSTOMERS:05d}",
            "team_id": f"team-{number % 12:02d}",
            "product_id": f"p-{number % 30:02d}",
            "segment": _SEGMENTS[number % 3],
            **self._where(number),
        }

    def _spend(self, number: int, now: datetime, _: str) -> dict[str, Any]:
        return {
            "incurred_on": f"{now:%Y-%m-%d}",
            "category": ("marketing", "sales")[number % 2],
            "subcategory": ("advertising", "salaries")[number % 2],
            **self._amount(number),
            **self._where(number),
            "segment": _SEGMENTS[number % 3],
        }

    def _rep(self, number: int, _now: datetime, _text: str) -> dict[str, Any]:
        return {
            "role": "sales",
            "team_id": f"team-{number % 12:02d}",
            "hired_at": "2025-01-06T08:00:00.000Z",
            "left_at": None,
        }

    def _plan(self, number: int, now: datetime, text: str) -> dict[str, Any]:
        return {
            "kind": "quota",
            "metric": "revenue",
            "period": f"{now:%Y-%m}",
            "rep_id": f"rep-{number % 200:03d}",
            "team_id": f"team-{number % 12:02d}",
            "amount_minor": 5_000_000,
            "currency": "EUR",
            "submitted_at": text,
        }
