"""Ways in which an event can be spoilt on its way: as text, and as JSON of another shape."""

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.fuzz.extremes import BAD_INSTANTS

JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, 2**63, -(2**64), 10**400, "", "x", "\0", "NaN", "x" * 3_000, [], {}, [[]],
    {"": None}, ["x", 1, None], {"a": {"b": {"c": []}}}, *BAD_INSTANTS,
)  # fmt: skip
"""Values of every kind that JSON has, of every size."""
RAW = (
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"01", b"1.", b".5", b"0x10", b"tru", b"'x'", b'"\\ud800"',
    b'"\\udfff\\ud800"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"\\x41"', b'"\t"', b'"\0"', b"9" * 5_000,
    b"1" + b"0" * 400 + b".5e-400", b"[" * 3_000, b'{"a":' * 3_000, b"[" * 500 + b"]" * 500, b"/* */ 1", b"undefined",
)  # fmt: skip
"""What no encoder of ours would write in the place of a value."""
_MARK = "\ue000spoilt\ue000"


def spoil(draw: random.Random, value: bytes) -> bytes:
    """Return the JSON `value` spoilt in one to three ways; now and then it still says something."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        value = draw.choice(_WAYS)(draw, value)
    return value


def _flip(draw: random.Random, value: bytes) -> bytes:
    if not value:
        return b"\0"
    spoilt = bytearray(value)
    for _ in range(draw.choice((1, 1, 2, 8))):
        spoilt[draw.randrange(len(spoilt))] ^= 1 << draw.randrange(8)
    return bytes(spoilt)


def _truncate(draw: random.Random, value: bytes) -> bytes:
    return value[: draw.randrange(len(value) + 1)]


def _splice(draw: random.Random, value: bytes) -> bytes:
    at, end = sorted((draw.randrange(len(value) + 1), draw.randrange(len(value) + 1)))
    return value[:at] + draw.choice((b"", *RAW, value[at:end] * 2)) + value[end:]


def _surround(draw: random.Random, value: bytes) -> bytes:
    before, after = draw.choice(
        (
            (b"\xef\xbb\xbf", b""),
            (b"", b"\0"),
            (b"[", b"]"),
            (b" \n\t", b"\r\n"),
            (b'"', b'"'),
            (b"", b"{}"),
            (b"", value),
        )
    )
    return before + value + after


def _recode(draw: random.Random, value: bytes) -> bytes:
    return value.decode("utf-8", "replace").encode(draw.choice(("utf-16", "utf-16-le", "utf-32", "utf-7")), "replace")


def _change(draw: random.Random, value: bytes) -> bytes:
    """Change a value somewhere inside, also into what no encoder writes."""
    try:
        text = json.dumps(changed(draw, json.loads(value)), ensure_ascii=False).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):  # spoilt already
        return _flip(draw, value)
    return text.replace(f'"{_MARK}"'.encode(), draw.choice((*RAW, json.dumps(draw.choice(JUNK)).encode())))


def changed(draw: random.Random, document: Any) -> Any:
    """Change a value inside `document`: to another kind, to another's, to nonsense, or to nothing; or its name."""
    holders = [holder for holder in _holders(document) if holder]
    if not holders:
        return deepcopy(draw.choice(JUNK))
    holder = draw.choice(holders)
    place = draw.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    match draw.randrange(6):
        case 0:
            del holder[place]
        case 1:
            other = draw.choice(holders)
            holder[place] = deepcopy(draw.choice(list(other.values()) if isinstance(other, dict) else other))
        case 2 if isinstance(holder, dict):
            holder[draw.choice(("", "x", "deleted", "a.b", "\0", "k" * 2_000, "class"))] = holder.pop(place)
        case 3:
            holder[place] = draw.choice(([holder[place]], {"x": holder[place]}, str(holder[place])))
        case 4:
            holder[place] = deepcopy(draw.choice(JUNK))
        case _:
            holder[place] = _MARK
    return document


def _double(draw: random.Random, value: bytes) -> bytes:
    """Give a key of the event, or of its data, a second time."""
    before, found, after = value.partition(draw.choice((b'"data":{', b'"data": {', b"{")))
    name = draw.choice(("op", "data", "version", "entity_id", "type", "created_at", "status", "lines", "updated_at"))
    twice = json.dumps(name).encode() + b":" + draw.choice((json.dumps(draw.choice(JUNK)).encode(), *RAW)) + b","
    return before + found + twice + after


def _holders(value: Any) -> list[Any]:
    """Return every object and list inside `value`, itself among them."""
    found, waiting = [], [value]
    while waiting:
        holder = waiting.pop()
        if isinstance(holder, dict | list):
            found.append(holder)
            waiting += holder.values() if isinstance(holder, dict) else holder
    return found


_WAYS: tuple[Callable[[random.Random, bytes], bytes], ...] = (
    *(_change,) * 8, *(_flip,) * 3, _truncate, _truncate, _splice, _splice, _double, _surround, _recode,
)  # fmt: skip
