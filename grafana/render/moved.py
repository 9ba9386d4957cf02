"""Moving what is said in JSON by whole days."""

import re
from datetime import date, timedelta
from typing import Any

from streams.envelope import format_instant, parse_instant

DAY_MS = 86_400_000
_DATE, _INSTANT = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def moved(value: Any, days: int) -> Any:
    """Return a value of JSON with all its dates and instants `days` later; names that hold a date stay."""
    match value:
        case dict():
            return {key: moved(inside, days) for key, inside in value.items()}
        case list():
            return [moved(inside, days) for inside in value]
        case str() if _INSTANT.fullmatch(value):
            return format_instant(parse_instant(value) + days * DAY_MS)
        case str() if _DATE.fullmatch(value):
            return (date.fromisoformat(value) + timedelta(days)).isoformat()
    return value
