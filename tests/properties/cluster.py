"""Shards, their committed records and a live view, driven through public behaviour only: what the laws are tried on."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache
from typing import Any

import msgspec

from config.declarations import Declarations
from config.load import load
from metrics.calendar import LATEST_MS
from metrics.partitions import home_partition
from metrics.plan import Plan, compile_plan
from metrics.shard import Link, Record, Sealed, Shard
from metrics.view import View
from tests.cells import Cell, cells_in, references_in
from tests.properties.histories import History, Step
from tests.properties.oracle import Answer, Key

Records = dict[bytes, bytes]


@cache
def declarations(min_samples: int = 1) -> Declarations:
    """Return the shipped declarations, where nothing asks for more than one sample; or all the same with more."""
    shipped = load()
    kpis = {key: kpi.model_copy(update={"min_samples": min_samples}) for key, kpi in shipped.kpis.items()}
    return shipped.model_copy(update={"kpis": kpis})


@cache
def plan_for(zone: str, currency: str, min_samples: int = 1) -> Plan:
    return compile_plan(declarations(min_samples), zone, currency)


class Cluster:
    """What a worker and a view do, without Kafka: `entities` and `cells` are what their compacted topics hold."""

    def __init__(self, plan: Plan, now: int, shards: int = 1) -> None:
        self.plan = plan
        self.now = now
        self.entities: list[Records] = [{} for _ in range(shards)]
        self.cells: list[Records] = [{} for _ in range(shards)]
        self.sent: list[Link] = []
        """All links that were sent, in their order."""
        self.view = View(plan)
        self.shards = [self._opened(i, shards, now) for i in range(shards)]

    def _opened(self, i: int, shards: int, now: int) -> Shard:
        shard = Shard(self.plan, now, i, shards)
        shard.restore(self.entities[i], self.cells[i])
        return shard

    def apply(self, events: Iterable[Mapping[str, Any]]) -> None:
        for event in events:
            shard = self.shards[home_partition(event["entity_id"].encode(), len(self.shards))]
            shard.apply(event["type"], [Record(msgspec.json.encode(event), LATEST_MS)])
        self.commit()

    def advance(self, now: int) -> None:
        self.now = max(now, self.now)
        for shard in self.shards:
            shard.advance(now)
        self.commit()

    def commit(self) -> None:
        """Seal all shards, deliver their links, and again until there are none."""
        links: list[Link] = []
        while True:
            for sent in links:
                self.shards[home_partition(sent.parent.encode(), len(self.shards))].apply_links([sent])
            links = [sent for i in range(len(self.shards)) for sent in self._seal(i)]
            self.sent += links
            if not links:
                return

    def _seal(self, i: int) -> list[Link]:
        return self._written(i).links

    def _written(self, i: int) -> Sealed:
        sealed = self.shards[i].seal()
        assert (sealed.rejected, sealed.misrouted) == ([], [])
        for table, records in ((self.entities[i], sealed.entities), (self.cells[i], sealed.cells)):
            for key, value in records:
                table.pop(key, None)
                if value is not None:
                    table[key] = value
        for key, value in sealed.cells:
            self.view.apply(i, key, value)
        return sealed

    def contents(self) -> list[tuple[dict[Cell, list[int]], dict[bytes, bytes | None]]]:
        """Return the cells and the references of each shard."""
        return [(cells_in(self.plan, records), references_in(records)) for records in self.cells]

    def restart(self, i: int, now: int) -> list[tuple[bytes, bytes | None]]:
        """Have another owner take over a shard from what was committed, as of `now`; return what it corrects."""
        self.shards[i] = self._opened(i, len(self.shards), now)
        written = self._written(i)
        assert (written.entities, written.links) == ([], [])
        return written.cells

    def upgrade(self, plan: Plan) -> None:
        """Have other owners take over all shards, one after the other, with other declarations."""
        self.plan, self.view = plan, View(plan)
        for i in range(len(self.shards)):
            self.shards[i] = self._opened(i, len(self.shards), self.now)
        self.commit()
        self.view = self.late_view()

    def late_view(self) -> View:
        """Return a view that has read only what the compacted topic still holds."""
        view = View(self.plan)
        for i, records in enumerate(self.cells):
            for key, value in records.items():
                view.apply(i, key, value)
        return view

    def readings(self, as_of: int) -> dict[Key, Answer]:
        """Tick at T and return every reading."""
        self.advance(as_of)
        return readings(self.view, as_of)


def readings(view: View, as_of: int) -> dict[Key, Answer]:
    view.tick(as_of)
    return {
        (r.series.kpi.key, r.series.agg, r.series.grain, r.window.token, r.dims): Answer(
            r.result.value, r.result.reason, r.result.samples
        )
        for r in view.all_readings()
    }


def grown(history: History, steps: Iterable[Step], shards: int) -> Cluster:
    """Return the cluster after a delivery, not yet ticked at the history's T."""
    cluster = Cluster(plan_for(history.zone, history.currency), history.as_of - 500 * 86_400_000, shards)
    for batch, tick in steps:
        if tick is not None:
            cluster.advance(tick)
            cluster.view.tick(tick)
        cluster.apply(batch)
    return cluster


def at_once(history: History, shards: int = 1, min_samples: int = 1) -> Cluster:
    """Return the cluster that is given the history in one batch at its T."""
    cluster = Cluster(plan_for(history.zone, history.currency, min_samples), history.as_of, shards)
    cluster.apply(history.events)
    return cluster


def differences(expected: Mapping[Key, Answer], actual: Mapping[Key, Answer]) -> list[str]:
    """Return what differs; a quantile may lie 1 % from the sample, all else is exact.

    The number of samples is compared where it is expected.
    """
    found = [f"{k}: not there, expected {expected[k]}" for k in expected.keys() - actual.keys()]
    found += [f"{k}: {actual[k]}, expected no such series" for k in actual.keys() - expected.keys()]
    for key in expected.keys() & actual.keys():
        samples = expected[key].samples
        same = expected[key][:2] == actual[key][:2] or _is_near(key, expected[key].value, actual[key].value)
        if not same or samples not in {None, actual[key].samples}:
            found.append(f"{key}: {actual[key]}, expected {expected[key]}")
    return sorted(found)


def _is_near(key: Key, expected: Fraction | None, actual: Fraction | None) -> bool:
    quantile = key[1] is not None and key[1].startswith("p")
    if not quantile or expected is None or actual is None:
        return False
    return abs(expected - actual) <= expected * Fraction(10_001, 1_000_000)
