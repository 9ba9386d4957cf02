"""The events of a run: the benchmark's mix, with rates, and a few that must be refused; in order or not."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from bench.mix import Wire, event_mix

_STEP = timedelta(milliseconds=20)
_ENDS = datetime(2026, 11, 1, 11, 55, tzinfo=UTC)
"""Five minutes before the instant that everything is read as of: all windows have something in them."""
_LONG_AGO = datetime(2026, 3, 2, 8, tzinfo=UTC)
_REFUSED_EVERY = 997
_SHUFFLED_OVER = 20_000
_AGAIN, ASTRAY = 0.03, 0.01


@dataclass(frozen=True, slots=True)
class Feed:
    """Which events, and in which order.

    Attributes:
        mix: the seed of the mix; every third one is of half a year ago.
        events: how many of the mix there are; some more come on top.
        shuffled: whether they come out of order, some of them twice and some in the partition of another shard.
    """

    mix: int
    events: int
    shuffled: bool

    def wire(self) -> Iterator[Wire]:
        """Yield (source, record key, value) in the order in which they are written."""
        return _shuffled(self._all(), self.mix) if self.shuffled else self._all()

    def distinct(self) -> Iterator[Wire]:
        """Yield every event once."""
        return self._all()

    def _all(self) -> Iterator[Wire]:
        begins = _LONG_AGO if self.mix % 3 == 0 else _ENDS - self.events * _STEP
        yield from _rates(begins)
        for number, wire in enumerate(event_mix(self.events, self.mix, begins)):
            yield wire
            if number % _REFUSED_EVERY == _REFUSED_EVERY - 1:
                yield _refused(wire, number // _REFUSED_EVERY)


def _rates(begins: datetime) -> Iterator[Wire]:
    """Yield a rate of the dollar for each of two weeks."""
    for day in range(14):
        date = f"{begins + timedelta(days=day - 7):%Y-%m-%d}"
        entity_id = f"USDEUR-{date}"
        event = {
            "event_id": f"rate-{date}",
            "type": "fx_rate",
            "entity_id": entity_id,
            "op": "put",
            "version": 1,
            "updated_at": begins,
            "data": {"base": "USD", "quote": "EUR", "rate_date": date, "rate": f"0.9{day:02d}"},
        }
        yield "fx_rate", entity_id.encode(), msgspec.json.encode(event)


def _refused(wire: Wire, number: int) -> Wire:
    """Return an event that is refused, made of one that is not."""
    source, key, value = wire
    match number % 4:
        case 0:
            value = value[: len(value) * 2 // 3]
        case 1:
            value = value.replace(b'"data":{', b'"data":{"colour":"red",')
        case 2:
            value = value.replace(b'"version":', b'"version":-')
        case _:
            value = value.replace(b'"updated_at":"2026', b'"updated_at":"2099')
    return source, key, value


def _shuffled(wires: Iterator[Wire], seed: int) -> Iterator[Wire]:
    """Yield them out of order by up to some thousands, and some of them once more."""
    draw = random.Random(seed)
    waiting: list[Wire] = []
    for wire in wires:
        waiting.append(wire)
        if len(waiting) > _SHUFFLED_OVER:
            at = draw.randrange(len(waiting))
            waiting[at], waiting[-1] = waiting[-1], waiting[at]
            yield waiting[-1] if draw.random() < _AGAIN else waiting.pop()
    draw.shuffle(waiting)
    yield from waiting
