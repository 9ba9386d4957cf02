"""The events of W1 (immutable sales) and W2 (deals that change again and again), about 300 bytes each.

The same arguments give the same bytes.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bench.mix import Wire

BASE = datetime(2026, 3, 2, 8, tzinfo=UTC)
STEP = timedelta(milliseconds=10)
DEALS = 50_000
TEAMS, REPS, PRODUCTS = 12, 200, 30
_ENVELOPE_BYTES = 300
_MOVED = 0.1
_encode = msgspec.json.Encoder().encode


def ends_at(n: int) -> datetime:
    """Return an instant after the last of `n` events."""
    return BASE + n * STEP


def sales(n: int, seed: int = 1) -> Iterator[Wire]:
    """Yield `n` sales, 100 to a second of event time: each its own entity; 200 reps in 12 teams, 30 products."""
    draw = random.Random(seed)
    for number in range(n):
        rep = draw.randrange(REPS)
        yield _event(
            number,
            "sale",
            f"S{number:08d}",
            {
                "sold_at": _text(number),
                "team_id": f"team-{rep % TEAMS:02d}",
                "rep_id": f"rep-{rep:03d}",
                "product_id": f"p-{draw.randrange(PRODUCTS):02d}",
                "currency": "EUR",
                "amount_minor": draw.randrange(10_000, 2_000_000),
            },
        )


def changing_deals(n: int, seed: int = 1) -> Iterator[Wire]:
    """Yield `n` states of 50,000 deals in random order: each with another amount, one in ten with another team."""
    draw = random.Random(seed)
    teams = [number % TEAMS for number in range(DEALS)]
    for number in range(n):
        deal = draw.randrange(DEALS)
        if draw.random() < _MOVED:
            teams[deal] = draw.randrange(TEAMS)
        yield _event(
            number,
            "deal",
            f"D{deal:07d}",
            {
                "created_at": _text(deal),
                "status": "open",
                "team_id": f"team-{teams[deal]:02d}",
                "currency": "EUR",
                "amount_minor": draw.randrange(10_000, 2_000_000),
            },
        )


def _text(number: int) -> str:
    return (BASE + number * STEP).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _event(number: int, source: str, entity_id: str, content: dict[str, Any]) -> Wire:
    event = {
        "event_id": f"e{number:010d}",
        "type": source,
        "entity_id": entity_id,
        "op": "put",
        "version": number + 1,
        "updated_at": _text(number),
        "data": content,
    }
    content["note"] = "x" * (_ENVELOPE_BYTES - len(_encode(event)) - len(',"note":""'))
    return source, entity_id.encode(), _encode(event)
