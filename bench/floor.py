"""The floor: a plain consumer that decodes and adds up, and keeps nothing: ``python -m bench.floor WORKLOAD COUNTS``.

It does what any program that reads these events must do, so the product is measured as a multiple of it. It tells its
CPU time from its first fetch to its last event.
"""

import asyncio
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from bench.workloads import Totals
from config.settings import Settings
from streams.kafka import client_options

_AT_ONCE = 10_000
_MINUTE = 16
"""The length of ``2026-03-02T08:00``."""


class _Sale(msgspec.Struct):
    sold_at: str
    team_id: str
    rep_id: str
    product_id: str
    amount_minor: int


class _SaleEvent(msgspec.Struct):
    data: _Sale


class _Deal(msgspec.Struct):
    team_id: str
    amount_minor: int


class _DealEvent(msgspec.Struct):
    entity_id: str
    data: _Deal


class W1Floor:
    """Three dict updates an event: amount and number by team, rep and product, each per minute."""

    def __init__(self) -> None:
        """Begin empty."""
        self._decode = msgspec.json.Decoder(_SaleEvent).decode
        self._sums: tuple[dict[tuple[str, str], list[int]], ...] = tuple(defaultdict(lambda: [0, 0]) for _ in range(3))

    def add(self, records: Iterable[ConsumerRecord]) -> None:
        """Add the records of one fetch."""
        decode, (teams, reps, products) = self._decode, self._sums
        for record in records:
            sale = decode(record.value).data
            minute, amount = sale.sold_at[:_MINUTE], sale.amount_minor
            for cell in (teams[sale.team_id, minute], reps[sale.rep_id, minute], products[sale.product_id, minute]):
                cell[0] += amount
                cell[1] += 1

    def totals(self) -> Totals:
        """Return the sums over all minutes."""
        totals: Totals = {}
        for dimension, sums in zip(("team", "rep", "product"), self._sums, strict=True):
            amounts = totals[f"sold_amount by {dimension}"] = {}
            counts = totals[f"sold_count by {dimension}"] = {}
            for (name, _), (amount, count) in sums.items():
                key = f"{name}|EUR"
                amounts[key] = amounts.get(key, 0) + amount
                counts[key] = counts.get(key, 0) + count
        return totals


class W2Floor:
    """The latest state in a dict; a sum by team from which the old amount is taken back."""

    def __init__(self) -> None:
        """Begin empty."""
        self._decode = msgspec.json.Decoder(_DealEvent).decode
        self._latest: dict[str, _Deal] = {}
        self._sums: dict[str, int] = defaultdict(int)

    def add(self, records: Iterable[ConsumerRecord]) -> None:
        """Add the records of one fetch."""
        decode, latest, sums = self._decode, self._latest, self._sums
        for record in records:
            event = decode(record.value)
            deal, before = event.data, latest.get(event.entity_id)
            if before is not None:
                sums[before.team_id] -= before.amount_minor
            sums[deal.team_id] += deal.amount_minor
            latest[event.entity_id] = deal

    def totals(self) -> Totals:
        """Return the sums."""
        return {"deal_value by team": {f"{team}|EUR": amount for team, amount in self._sums.items()}}


class CatalogueFloor:
    """The latest state of each entity in a dict, and no KPI at all."""

    def __init__(self) -> None:
        """Begin empty."""
        self._decode = msgspec.json.Decoder().decode
        self._latest: dict[str, Any] = {}

    def add(self, records: Iterable[ConsumerRecord]) -> None:
        """Add the records of one fetch."""
        for record in records:
            event = self._decode(record.value)
            self._latest[event["entity_id"]] = event["data"]

    def totals(self) -> Totals:
        """Return the number of open deals by stage, which the states must show."""
        open_deals: dict[str, int] = defaultdict(int)
        for state in self._latest.values():
            if "stage" in state and state["status"] == "open":
                open_deals[f"{state['stage']}|{state['currency']}"] += 1
        return {"pipeline_deals by stage": dict(open_deals)}


_FLOORS: dict[str, Callable[[], W1Floor | W2Floor | CatalogueFloor]] = {
    "w1": W1Floor,
    "w2": W2Floor,
    "catalogue": CatalogueFloor,
}


def cpu_seconds() -> float:
    """Return the CPU time of this process, user and system, in seconds."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _run(workload: str, counts: dict[str, list[int]]) -> dict[str, Any]:
    settings, floor = Settings(), _FLOORS[workload]()
    consumer: Any = AIOKafkaConsumer(
        **client_options(settings), enable_auto_commit=False, max_partition_fetch_bytes=4 * 1024 * 1024
    )
    await consumer.start()
    cpu, begun = cpu_seconds(), time.perf_counter()
    partitions = [
        TopicPartition(settings.input_topic(topic), number)
        for topic, by_partition in counts.items()
        for number in range(len(by_partition))
    ]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    events = left = sum(map(sum, counts.values()))
    while left:
        for records in (await consumer.getmany(timeout_ms=1000, max_records=_AT_ONCE)).values():
            floor.add(records)
            left -= len(records)
    cpu, seconds = cpu_seconds() - cpu, time.perf_counter() - begun
    await consumer.stop()
    return {"events": events, "cpu_seconds": cpu, "seconds": seconds, "totals": floor.totals()}


if __name__ == "__main__":
    name, counts_text = sys.argv[1:]
    result = asyncio.run(_run(name, msgspec.json.decode(counts_text, type=dict[str, list[int]])))
    sys.stdout.buffer.write(msgspec.json.encode(result))
