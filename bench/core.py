"""The pure core without Kafka, on the shipped catalogue: events, memory, recovery, evaluation and scrape."""

import cProfile
import gc
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from rich.table import Table

from bench.mix import Wire, event_mix, mix_ends_at
from bench.sales import BASE
from bench.workloads import CATALOGUE
from metrics.embedded import Embedded
from metrics.exposition import ReadingsCollector
from metrics.plan import Plan, compile_plan
from metrics.records import PROGRESS, REFERENCE, cells_key, decode_cells, encode_cells
from metrics.shard import Record, Sealed, Shard
from metrics.view import View

_FLUSH = 10_000
_CHANGED = 0.01
_SERIES = 10_000
_ROUNDS = 5
Cells = dict[bytes, bytes]


@dataclass(frozen=True)
class CoreFigures:
    """What the core costs."""

    apply_us: float
    """CPU microseconds per event of the mix: decode, merge, contribute, fold, seal."""
    decode_us: float
    """CPU microseconds to decode one event of the mix to dicts: the floor of the same events."""
    entity_bytes: float
    """Resident bytes per deal with two lines, with its cells, all in."""
    restore_seconds: float
    entities: int
    tick_ms: float
    """Of a tick with 1 % of the cells changed."""
    cells: int
    scrape_ms: float
    """Of a scrape after that tick."""
    series: int

    def ratios(self) -> dict[str, dict[str, float]]:
        """Return the cost as a multiple of decoding alone."""
        return {"core": {"times_floor": round(self.apply_us / self.decode_us, 3)}}

    def as_json(self) -> dict[str, Any]:
        """Return what is written to the JSON file."""
        return asdict(self)

    def table(self) -> Table:
        """Return the table for people."""
        table = Table(title="The core alone, shipped catalogue, one shard")
        table.add_column("what")
        table.add_column("measured", justify="right")
        rows = (
            ("apply and seal, 10,000 events a flush", f"{self.apply_us:.2f} µs CPU an event"),
            ("decoding the same events to dicts", f"{self.decode_us:.2f} µs CPU an event"),
            ("memory of a deal with two lines, all in", f"{self.entity_bytes:.0f} bytes"),
            (f"restore of {self.entities:,} deals", f"{self.restore_seconds:.2f} s"),
            (f"tick with 1 % of {self.cells:,} cells changed", f"{self.tick_ms:.1f} ms"),
            (f"scrape of {self.series:,} series after it", f"{self.scrape_ms:.1f} ms"),
            (f"the same for {_SERIES:,} series", f"{self.scrape_ms * _SERIES / self.series:.1f} ms"),
        )
        for row in rows:
            table.add_row(*row)
        return table


def measure_core(events: int, entities: int, profile: Path | None = None) -> CoreFigures:
    """Return what the core costs; with `profile`, write where applying and sealing spend their time."""
    plan = compile_plan(CATALOGUE.load(), "Europe/Amsterdam", "EUR")
    gc.disable()  # as the worker does, which collects at its own pace
    # Memory first: what is given back later does not always leave the process.
    entity_bytes = _entity_bytes(plan, entities)
    restore_seconds = _restore_seconds(plan, entities)
    mix = list(event_mix(events))
    apply_us, cells = apply_mix(plan, mix, profile)
    view = _view(plan, cells, _ms(mix_ends_at(events)))
    count, tick_ms, scrape_ms, series = _tick_and_scrape(view, cells)
    return CoreFigures(
        apply_us, _decode_us(mix), entity_bytes, restore_seconds, entities, tick_ms, count, scrape_ms, series
    )


def _ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


def _new_shard(plan: Plan, now: int) -> Shard:
    return Embedded(plan, now).shards[0]


# --------------------------------------------------------------------------------------------------------------- events


def apply_mix(plan: Plan, mix: list[Wire], profile: Path | None) -> tuple[float, Cells]:
    """Apply and seal in flushes, links included; return the CPU microseconds per event and the cells."""
    now = _ms(mix_ends_at(len(mix)))
    shard = _new_shard(plan, now)
    batches = [_by_source(flush, now) for flush in _flushes(mix)]
    cells: Cells = {}
    watch = cProfile.Profile() if profile else None
    gc.collect()
    begun = time.process_time()
    if watch:
        watch.enable()
    sealed = Sealed()
    for batch in batches:
        shard.apply_links(sealed.links)
        for source, records in batch.items():
            shard.apply(source, records)
        sealed = shard.seal()
        _take(cells, sealed)
    if watch and profile:
        watch.disable()
        watch.dump_stats(profile)
    return (time.process_time() - begun) / len(mix) * 1e6, cells


def _flushes(events: Iterable[Wire]) -> Iterator[list[Wire]]:
    iterator = iter(events)
    while flush := list(islice(iterator, _FLUSH)):
        yield flush


def _by_source(flush: list[Wire], written_ms: int) -> dict[str, list[Record]]:
    records: dict[str, list[Record]] = defaultdict(list)
    for source, _, value in flush:
        records[source].append(Record(value, written_ms))
    return records


def _take(cells: Cells, sealed: Sealed) -> None:
    for key, value in sealed.cells:
        if value is None:
            cells.pop(key, None)
        else:
            cells[key] = value


def _decode_us(mix: list[Wire]) -> float:
    """Return the median of a few rounds: one is short, and the ratio hangs on it."""
    decode = msgspec.json.Decoder().decode
    rounds = []
    for _ in range(_ROUNDS):
        begun = time.process_time()
        for _, _, value in mix:
            decode(value)
        rounds.append((time.process_time() - begun) / len(mix) * 1e6)
    return median(rounds)


# -------------------------------------------------------------------------------------------------- memory and recovery


def _deals(n: int) -> Iterator[Wire]:
    """Yield `n` deals with two lines, each another one, of four months."""
    encode = msgspec.json.Encoder().encode
    draw = random.Random(3)
    statuses = ("open", "open", "won", "lost")
    for number in range(n):
        at = f"2026-0{1 + number % 2}-{1 + number % 28:02d}T{number % 24:02d}:{number % 60:02d}:00.000Z"
        status = draw.choice(statuses)
        deal = {
            "customer_id": f"c-{number % 8000:05d}",
            "lead_id": f"L{number:07d}",
            "pipeline_id": "new_business",
            "stage": draw.choice(("qualified", "proposal", "negotiation")),
            "status": status,
            "currency": "EUR" if number % 5 else "USD",
            "lines": [
                {
                    "line_id": str(line),
                    "product_id": f"p-{draw.randrange(30):02d}",
                    "quantity": 1,
                    "amount_minor": draw.randrange(10_000, 2_000_000),
                    "cost_minor": draw.randrange(5_000, 900_000),
                }
                for line in range(2)
            ],
            "deal_type": "new_business",
            "created_at": at,
            "closed_at": None if status == "open" else at,
            "owner_id": f"rep-{number % 200:03d}",
            "team_id": f"team-{number % 12:02d}",
            "region": ("benelux", "dach", "nordics")[number % 3],
            "channel": ("online", "phone", "field")[number % 3],
            "source": ("web", "referral", "partner", "outbound", "event")[number % 5],
        }
        event = {
            "event_id": f"e{number:010d}",
            "type": "deal",
            "entity_id": f"D{number:07d}",
            "version": number + 1,
            "updated_at": at,
            "data": deal,
        }
        yield "deal", f"D{number:07d}".encode(), encode(event)


def _fill(shard: Shard, entities: int, now: int) -> Iterator[Sealed]:
    for flush in _flushes(_deals(entities)):
        shard.apply("deal", [Record(value, now) for _, _, value in flush])
        yield shard.seal()


def _entity_bytes(plan: Plan, entities: int) -> float:
    """Return by how much the process grows for each deal kept; what a first flush brings in is left out."""
    now = _ms(BASE)
    for _ in _fill(_new_shard(plan, now), _FLUSH, now):
        pass
    gc.collect()
    before = _resident_bytes()
    shard = _new_shard(plan, now)
    for _ in _fill(shard, entities, now):
        pass
    gc.collect()
    grown = _resident_bytes() - before
    if shard.size != entities:
        raise AssertionError(f"the shard holds {shard.size} entities, not {entities}; mend the events")
    return grown / entities


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _restore_seconds(plan: Plan, entities: int) -> float:
    """Return the CPU seconds in which a shard takes over its committed entities and cells."""
    now = _ms(BASE)
    kept: Cells = {}
    cells: Cells = {}
    for sealed in _fill(_new_shard(plan, now), entities, now):
        kept.update((key, value) for key, value in sealed.entities if value is not None)
        _take(cells, sealed)
    shard = _new_shard(plan, now)
    begun = time.process_time()
    shard.restore(kept, cells)
    seconds = time.process_time() - begun
    if shard.size != entities or shard.seal().cells:
        raise AssertionError("the restored cells differ from those that were sealed; the recovery is wrong")
    return seconds


# ----------------------------------------------------------------------------------------------------------------- view


def _view(plan: Plan, cells: Cells, as_of: int) -> View:
    view = View(plan)
    for key, value in cells.items():
        view.apply(0, key, value)
    view.tick(as_of)
    return view


def _tick_and_scrape(view: View, cells: Cells) -> tuple[int, float, float, int]:
    """Return the number of cells, the milliseconds of a tick and of the scrape after it, and the number of series."""
    registry = CollectorRegistry()
    registry.register(ReadingsCollector(view))
    generate_latest(registry)
    count = _change_some(view, cells)
    begun = time.process_time()
    view.tick((view.as_of or 0) + 1000)
    ticked = time.process_time()
    text = generate_latest(registry)
    scraped = time.process_time()
    series = sum(1 for line in text.splitlines() if not line.startswith(b"#"))
    return count, (ticked - begun) * 1e3, (scraped - ticked) * 1e3, series


def _change_some(view: View, cells: Cells) -> int:
    """Raise the sums of 1 % of the cells, drawn from all panes, by one; return the number of cells."""
    draw, count = random.Random(4), 0
    for key, value in cells.items():
        parts = cells_key(key)
        if parts[0] in {PROGRESS, REFERENCE}:
            continue
        held = decode_cells(value, view.plan.cuboids[parts[0]].width)
        chosen = {names for names in held if draw.random() < _CHANGED}
        count += len(held)
        if chosen:
            rows = [[*names, *(total + (names in chosen) for total in sums)] for names, sums in held.items()]
            view.apply(0, key, encode_cells(rows))
    return count
