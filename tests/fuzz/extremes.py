"""Events whose fields hold the least, the greatest and the oddest that they may, of any declared source.

Everything is drawn from a `random.Random`: Hypothesis has one that it can shrink, and the runs of a million events one
that is quick.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from config.declarations import Declarations, FieldType, Source
from metrics.events import MAX_AMOUNT_MINOR

Event = dict[str, Any]

IDS = ("x1", "x2", "x3")
"""Few, so that events meet; parents and children have the same ones."""
AS_OF = "2026-11-01T12:00:00Z"
INSTANTS = (
    AS_OF,
    "1970-01-01T00:00:00Z",
    "2099-12-31T23:59:59.999999Z",
    "2026-11-01T11:59:59.999Z",
    "2026-11-01T12:00:00.001Z",
    "2026-10-25T02:30:00+02:00",
    "2026-10-25T02:30:00+01:00",
    "2026-10-31 23:59:59.999999-11:59",
    "2024-02-29t00:00:00Z",
    "2026-01-01T00:00:00+14:00",
    "2026-10-01T00:00:00.000000000000000000001Z",
)
BAD_INSTANTS = (
    "",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "2026-12-31T23:59:60Z",
    "1969-12-31T23:59:59.999Z",
    "2100-01-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-11-01T24:00:00Z",
    "2026-11-01T12:00:00",
    "2026-11-01T12:00:00+99:99",
    "٢٠٢٦-11-01T12:00:00Z",
    "yesterday\nor so",
    "-2026-11-01T12:00:00Z",
    "2026-11-01T12:00:00Z" + "0" * 5_000,
    "2026-11-01T12:00:00." + "0" * 5_000 + "Z",
)
DATES = ("0001-01-01", "0001-01-02", "1970-01-01", "2026-10-31", "2026-11-01", "2026-12-31", "2099-12-31", "9999-12-31")
TEXTS = (
    *IDS,
    "",
    " ",
    "\0",
    "a\nb",
    'quote " back \\ slash',
    "{curly} $dollar %s <b>&amp;</b> `tick`",
    "ümläut 🦄 \u202e\u0301",
    "x" * 1024,
    "other",
    "None",
)
NAMES = ("EUR", "USD", "JPY", "new_business", "proposal", "negotiation", "sales", "revenue", "patient", "2026-11")
STAGES = ("proposal", "negotiation", "qualified", "", ".", "a.b", "deleted", "\n", "x" * 300)
DECIMALS = (
    0, 1, -1, 10**18, -(10**18), 0.5, 1e18, -1e18, 5e-324, 1e-300, -0.0, 0.1 + 0.2,
    "0", "-0", "0.333333333333333333", "0.000000000000000001", "0000000000000001.50",
    "999999999999999999.999999999999999999", "-999999999999999999.999999999999999999",
)  # fmt: skip
WHOLES = (0, 1, -1, 5, 10, 2**31, 2**32, 2**53, -(2**53))
AMOUNTS = (0, 1, 99, 10_000, MAX_AMOUNT_MINOR, MAX_AMOUNT_MINOR - 1)
VERSIONS = (None, None, None, 0, 1, 2, 3, 2**53, 2**63 - 1)


class Extremes:
    """Draws events of the sources of some declarations."""

    def __init__(self, draw: random.Random, declarations: Declarations) -> None:
        """Draw from `draw`."""
        self._draw = draw
        self._declared = declarations
        self._drawn = 0

    def event(self, source: str | None = None) -> Event:
        """Return an event of `source`, or of any; most can be applied, some lack what they need."""
        name = source or self._draw.choice(list(self._declared.sources))
        declared = self._declared.sources[name]
        self._drawn += 1
        event: Event = {
            "event_id": f"{self._drawn}{self._draw.choice(('', 'e' * 200))}",  # no two events have the same order key
            "type": name,
            "entity_id": self._draw.choice((*IDS, *IDS, "a/b\n\0", "i" * 256)),
            "op": self._draw.choice(("put", "put", "put", "put", "patch", "patch", "delete")),
            "updated_at": self._draw.choice((AS_OF, "1970-01-01T00:00:00Z", "2026-10-31T00:00:00.000001Z")),
        }
        version = self._draw.choice(VERSIONS)
        if version is not None:
            event["version"] = version
        if event["op"] != "delete":
            event["data"] = self._fields(declared, most=event["op"] == "put")
        return event

    def _fields(self, declared: Source, *, most: bool) -> Mapping[str, Any]:
        chance = 0.95 if most else 0.2
        return {
            name: self.value(field)
            for name, field in declared.fields.items()
            if self._draw.random() < (chance if field.required or not most else 0.6)
        }

    def value(self, field: FieldType) -> Any:
        """Return a value that a field may have."""
        draw = self._draw
        if draw.random() < 0.03:  # now and then, as producers do
            return None
        if field.type == "times":
            return {draw.choice(STAGES): draw.choice((*INSTANTS, None)) for _ in range(draw.randrange(4))}
        if field.type == "list":
            return [self._item(field) for _ in range(draw.choice((0, 1, 1, 2, 3)))]
        return self._item(field) if field.type == "object" else draw.choice(_choices(field))

    def _item(self, field: FieldType) -> Mapping[str, Any]:
        given = {n: f for n, f in field.fields.items() if f.required or self._draw.random() < 0.6}
        return {n: self.value(f.model_copy(update={"required": True})) for n, f in given.items()}


def _choices(field: FieldType) -> Sequence[Any]:
    """Return values that a plain field may have."""
    match field.type:
        case "string":
            return (*IDS, *IDS, *NAMES, *NAMES, *TEXTS)
        case "timestamp":
            return INSTANTS
        case "date":
            return DATES
        case "enum":
            return field.values
        case "boolean":
            return (True, False)
    return _within(field)


def _within(field: FieldType) -> list[Any]:
    """Return the numbers that a field's bounds allow."""
    numbers: tuple[Any, ...] = {"money": AMOUNTS, "integer": WHOLES, "decimal": DECIMALS}[field.type]
    low = float("-inf") if field.minimum is None else field.minimum
    high = float("inf") if field.maximum is None else field.maximum
    return [number for number in numbers if low <= float(number) <= high]
