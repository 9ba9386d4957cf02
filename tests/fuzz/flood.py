"""Records of which half are spoilt: events of few entities over and over, so that a worker's state has a bound."""

import random
from collections.abc import Iterator

import msgspec

from bench.mix import event_mix
from tests.fuzz.mutations import spoil

Wire = tuple[str, bytes, bytes | None]
"""(source, key, value) of a record."""
BASE_EVENTS = 10_000
"""So many events of the mix come round again and again, each time newer."""
LARGEST_BYTES = 1_048_400
"""What a broker takes in one record unless it is told otherwise, less what it puts round it."""
_NULL, _GIANT = 0.005, 0.0004
_GOOD = 0.5


def records(n: int, seed: int) -> Iterator[Wire]:
    """Yield `n` records; the same arguments give the same bytes."""
    draw = random.Random(seed)
    base = [(source, key, msgspec.json.decode(value)) for source, key, value in event_mix(BASE_EVENTS, seed)]
    encode = msgspec.json.Encoder().encode
    for number in range(n):
        source, key, event = base[number % BASE_EVENTS]
        value: bytes | None = encode(event | {"version": number + 1, "event_id": f"m{number:010d}"})
        chance = draw.random()
        if chance < _NULL:
            value = None
        elif chance < _NULL + _GIANT:
            value = _giant(draw, value or b"")
        elif chance > _GOOD:
            value = spoil(draw, value or b"")
        yield source, key, None if value is None else value[:LARGEST_BYTES]


def _giant(draw: random.Random, value: bytes) -> bytes:
    """Return something of up to the size that a broker takes; letters of such events grow by escapes."""
    size = draw.choice((100_000, 500_000, LARGEST_BYTES))
    filling = draw.choice((b"\0", b"\xff", b"x", b"\\", b'"', "ü".encode(), b"[", b'{"a":'))
    stuffed = filling * (size // len(filling))
    at = draw.choice((0, value.rfind(b'"') + 1, value.rfind(b'"'), len(value)))
    return value[:at] + stuffed[: size - len(value)] + value[at:]
