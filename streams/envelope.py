"""What everything that makes events shares: their shape, their topics and how instants are spelt."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]

TOPICS = {
    "deal": "deals",
    "lead": "leads",
    "activity": "activities",
    "customer": "customers",
    "subscription": "subscriptions",
    "order": "orders",
    "rep": "reps",
    "plan": "plans",
    "spend": "spend",
    "feedback": "feedback",
    "measurement": "measurements",
    "fx_rate": "fx-rates",
}
"""The suffix of the input topic of each event type."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def source_of(event: Event) -> str:
    """Return the topic suffix that `event` belongs on, by its type.

    Raises:
        ValueError: The type has no topic.
    """
    suffix = TOPICS.get(event["type"])
    if suffix is None:
        raise ValueError(f"type `{event['type']}` has no topic of its own; use one of {', '.join(TOPICS)}, or --source")
    return suffix


def format_instant(at_ms: int) -> str:
    """Return `at_ms` (milliseconds since the epoch) as RFC 3339 in UTC with milliseconds."""
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{(_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]}.{milliseconds:03d}Z"


def parse_instant(text: str) -> int:
    """Return an RFC 3339 instant in milliseconds since the epoch, rounded down.

    Raises:
        ValueError: `text` is no RFC 3339 instant with an offset.
    """
    if _INSTANT.fullmatch(text) is None:
        raise ValueError(f"`{text}` is not an instant; write RFC 3339 with an offset, such as 2026-09-01T08:00:00Z")
    return (datetime.fromisoformat(text.upper()) - _EPOCH) // _MILLISECOND
