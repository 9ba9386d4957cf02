"""Every event of a day, 86,400,000 of them, through the core alone: whether memory is flat over so many.

The declarations are those of W1, which cost little. The sales are a fixed number of places that are used again and
again, so that each event takes back what the one before it added; one event in a thousand is of a slower round, in
which each place is used once in a day, so that cells of the whole day are there, and fall out of their window.
"""

import gc
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from bench.sales import PRODUCTS, REPS, TEAMS
from bench.workloads import W1
from metrics.embedded import Embedded
from metrics.plan import compile_plan
from metrics.shard import Record

GROWTH = 0.02
RATE = 1_000
_STEP_SECONDS = 10
_QUICK_PLACES = 100_000
_DAY_SECONDS = _SLOW_PLACES = 86_400
"""One event of each second is of the slower round."""
_BEGINS = round(datetime(2026, 3, 2, 8, tzinfo=UTC).timestamp())
_COLLECT_STEPS = 100
_SAMPLES = 200
_MIB = 2**20
_SALE = (
    b'{"event_id":"e%d","type":"sale","entity_id":"%s","op":"put","version":%d,"updated_at":"%s","data":{"sold_at":"%s",'
    b'"team_id":"team-%02d","rep_id":"rep-%03d","product_id":"p-%02d","currency":"EUR","amount_minor":%d}}'
)


@dataclass
class Flat:
    """What was seen.

    Attributes:
        events: how many were applied.
        seconds: how long that took.
        memory: (share of the events, resident bytes), from the beginning to the end.
        entities: how many the shard holds at the end.
        right: whether every reading at the end is that of a recomputation from the last event of each place.
        readings: how many there are.
    """

    events: int = 0
    seconds: float = 0.0
    memory: list[tuple[float, int]] = field(default_factory=list)
    entities: int = 0
    right: bool = False
    readings: int = 0

    @property
    def growth(self) -> float:
        """By how much memory grows in the second half, by a line through it, as a share of its mean."""
        points = [(share, size) for share, size in self.memory if share >= 0.5]  # noqa: PLR2004 (the half)
        if len(points) < 2:  # noqa: PLR2004 (a line needs two)
            return inf
        shares, sizes = np.array(points, dtype=float).T
        return float(np.polyfit(shares, sizes, 1)[0] * (shares[-1] - shares[0]) / sizes.mean())

    @property
    def good(self) -> bool:
        """Whether memory is flat and the result right."""
        return self.right and self.growth <= GROWTH

    def as_json(self) -> dict[str, Any]:
        """Return what is written to the JSON file."""
        return {**vars(self), "growth": self.growth}

    def table(self) -> Table:
        """Return the table for people."""
        table = Table(title=f"{self.events:,} events through the core alone, declarations of W1")
        table.add_column("what")
        table.add_column("measured", justify="right")
        every = max(1, len(self.memory) // 10)
        memory = " ".join(f"{size / _MIB:.0f}" for _, size in self.memory[::every])
        rows = (
            ("time", f"{self.seconds:,.0f} s, {self.seconds / self.events * 1e6:.1f} µs an event, making it included"),
            ("memory, MiB, every tenth", memory),
            (f"growth in the second half (goal {GROWTH:+.0%})", f"{self.growth:+.2%}"),
            ("entities", f"{self.entities:,}"),
            (f"{self.readings:,} readings equal to a recomputation", "yes" if self.right else "[red]no[/]"),
        )
        for row in rows:
            table.add_row(*row)
        return table


def measure_flat(events: int, say: Callable[[str], None]) -> Flat:
    """Apply so many events, a thousand to a second of event time, with an evaluation every ten seconds of it."""
    plan = compile_plan(W1.load(), "Europe/Amsterdam", "EUR")
    core, found, sales = Embedded(plan, _BEGINS * 1000), Flat(), _Sales()
    steps = max(1, events // (RATE * _STEP_SECONDS))
    gc.disable()  # as the worker does, which collects at its own pace
    core.shards[0].apply("sale", list(sales.day_before()))
    core.tick(_BEGINS * 1000)
    begun, every = time.monotonic(), max(1, steps // _SAMPLES)
    for step in range(steps):
        core.shards[0].apply("sale", list(sales.step(step)))
        core.tick((_BEGINS + (step + 1) * _STEP_SECONDS) * 1000)
        if step % _COLLECT_STEPS == 0:
            gc.collect()
        if step % every == 0:
            found.memory.append((step / steps, _resident_bytes()))
        if step % (every * 20) == 0:
            say(f"{step / steps:.0%}, {time.monotonic() - begun:.0f} s, {_resident_bytes() / _MIB:.0f} MiB")
    found.events, found.seconds = steps * RATE * _STEP_SECONDS, time.monotonic() - begun
    found.entities = core.shards[0].size
    again = Embedded(plan, core.shards[0].now)
    again.shards[0].apply("sale", [Record(value, 2 * again.shards[0].now) for value in sales.last.values()])
    again.tick(again.shards[0].now)
    found.right, found.readings = _readings(core) == _readings(again), len(_readings(core))
    return found


class _Sales:
    def __init__(self) -> None:
        self._draw = np.random.default_rng(5)
        self._number = 0
        self._second, self._text = -1, b""
        self.last: dict[bytes, bytes] = {}

    def day_before(self) -> Iterator[Record]:
        """Yield the sales of the slower round, of the day before."""
        for place in range(_SLOW_PLACES):
            yield self._sale(b"slow-%d" % place, _BEGINS - _DAY_SECONDS + place, place)

    def step(self, step: int) -> Iterator[Record]:
        """Yield the sales of a step of the day."""
        for second in range(step * _STEP_SECONDS, (step + 1) * _STEP_SECONDS):
            yield self._sale(b"slow-%d" % (second % _SLOW_PLACES), _BEGINS + second, second)
            amounts = self._draw.integers(10_000, 2_000_000, RATE - 1).tolist()
            for number, amount in enumerate(amounts, second * RATE + 1):
                yield self._sale(b"quick-%d" % (number % _QUICK_PLACES), _BEGINS + second, amount)

    def _sale(self, place: bytes, second: int, amount: int) -> Record:
        self._number = number = self._number + 1
        if second != self._second:
            self._second, self._text = second, datetime.fromtimestamp(second, UTC).isoformat().encode()
        rep, product = amount % REPS, amount % PRODUCTS
        value = _SALE % (number, place, number, self._text, self._text, rep % TEAMS, rep, product, amount)
        self.last[place] = value
        return Record(value, second * 1000)


def _readings(core: Embedded) -> dict[Any, Any]:
    return {(r.series.kpi.key, r.series.grain, r.window, r.dims): r.result for r in core.view.all_readings()}


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
