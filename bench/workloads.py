"""The workloads: their events, their declarations, and what a plain loop over the same events adds up to.

The loops here are written without anything of the product, so that its results can be held against them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.mix import Wire, event_mix, mix_ends_at
from bench.sales import changing_deals, ends_at, sales
from config.declarations import Declarations
from config.load import load

HERE = Path(__file__).parent
Totals = dict[str, dict[str, int]]
"""By the name of a check, then by ``dimension value|currency``."""


class Check(NamedTuple):
    """A KPI whose committed cells, summed over panes, must equal a plain total."""

    kpi: str
    grain: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name under which the plain loop has its total."""
        return f"{self.kpi} by {', '.join(self.grain)}"


@dataclass(frozen=True)
class Workload:
    """What is fed, what computes, and how the result is checked."""

    name: str
    events: Callable[[int], Iterator[Wire]]
    ends_at: Callable[[int], datetime]
    declarations: tuple[Path, ...]
    """Empty for the shipped catalogue."""
    checks: tuple[Check, ...]
    totals: Callable[[Iterable[bytes]], Totals]

    def load(self) -> Declarations:
        """Return the declarations."""
        return load(self.declarations, shipped=not self.declarations)


# ---------------------------------------------------------------------------------------------------------- plain loops

_decode = msgspec.json.Decoder().decode


def _named(**totals: Mapping[tuple[str, ...], int]) -> Iterator[tuple[str, dict[str, int]]]:
    for name, total in totals.items():
        kpi, _, grain = name.partition("__")
        yield Check(kpi, (grain,)).name, {"|".join(key): amount for key, amount in total.items() if amount}


def _w1(events: Iterable[bytes]) -> Totals:
    amounts: dict[str, Counter[tuple[str, ...]]] = {d: Counter() for d in ("team", "rep", "product")}
    counts: dict[str, Counter[tuple[str, ...]]] = {d: Counter() for d in ("team", "rep", "product")}
    for raw in events:
        sale = _decode(raw)["data"]
        for dimension, by_amount in amounts.items():
            key = (sale[f"{dimension}_id"], sale["currency"])
            by_amount[key] += sale["amount_minor"]
            counts[dimension][key] += 1
    named = {f"sold_amount__{d}": t for d, t in amounts.items()} | {f"sold_count__{d}": t for d, t in counts.items()}
    return dict(_named(**named))


def _latest(events: Iterable[bytes]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the state with the highest version, by type and entity id."""
    latest: dict[str, dict[str, tuple[int, dict[str, Any]]]] = {}
    for raw in events:
        event = _decode(raw)
        states = latest.setdefault(event["type"], {})
        before = states.get(event["entity_id"])
        if before is None or event["version"] > before[0]:
            states[event["entity_id"]] = event["version"], event["data"]
    return {kind: {name: state for name, (_, state) in states.items()} for kind, states in latest.items()}


def _w2(events: Iterable[bytes]) -> Totals:
    values: Counter[tuple[str, ...]] = Counter()
    for deal in _latest(events)["deal"].values():
        values[deal["team_id"], deal["currency"]] += deal["amount_minor"]
    return dict(_named(deal_value__team=values))


def _catalogue(events: Iterable[bytes]) -> Totals:
    latest = _latest(events)
    totals: dict[str, Counter[tuple[str, ...]]] = {check.kpi: Counter() for check in _CATALOGUE_CHECKS}
    for deal in latest.get("deal", {}).values():
        amount = sum(line["amount_minor"] for line in deal["lines"])
        currency = deal["currency"]
        if deal["status"] == "open":
            totals["pipeline_value"][deal["stage"], currency] += amount
            totals["pipeline_deals"][deal["stage"], currency] += 1
        elif deal["status"] == "won":
            totals["revenue"][deal["team_id"], currency] += amount
            totals["opportunities_won"][deal["owner_id"], currency] += 1
    answered = _count_activities(latest.get("activity", {}).values(), totals)
    for name, lead in latest.get("lead", {}).items():
        totals["leads_generated"][(lead["source"],)] += 1
        if lead["status"] in {"new", "working"} and name not in answered:
            totals["leads_waiting"][(lead["team_id"],)] += 1
    return dict(_named(**{f"{check.kpi}__{check.grain[0]}": totals[check.kpi] for check in _CATALOGUE_CHECKS}))


def _count_activities(activities: Iterable[dict[str, Any]], totals: dict[str, Counter[tuple[str, ...]]]) -> set[str]:
    """Count the activities; return the leads that a person has answered."""
    answered = set()
    for activity in activities:
        if activity["actor"] == "human":
            answered.add(activity["lead_id"])
            if activity["kind"] in {"call", "email", "meeting"}:
                totals["sales_activities"][(activity["kind"],)] += activity["quantity"]
    return answered


_CATALOGUE_CHECKS = (
    Check("revenue", ("team",)),
    Check("opportunities_won", ("rep",)),
    Check("pipeline_value", ("stage",)),
    Check("pipeline_deals", ("stage",)),
    Check("leads_generated", ("source",)),
    Check("leads_waiting", ("team",)),
    Check("sales_activities", ("kind",)),
)
"""Sums and counts, panes and stocks, all three sources, and one that depends on the links from activities to leads."""

W1 = Workload(
    "w1",
    sales,
    ends_at,
    (HERE / "w1.yaml",),
    tuple(Check(kpi, (d,)) for kpi in ("sold_amount", "sold_count") for d in ("team", "rep", "product")),
    _w1,
)
W2 = Workload("w2", changing_deals, ends_at, (HERE / "w2.yaml",), (Check("deal_value", ("team",)),), _w2)
CATALOGUE = Workload("catalogue", event_mix, mix_ends_at, (), _CATALOGUE_CHECKS, _catalogue)
WORKLOADS = {workload.name: workload for workload in (W1, W2, CATALOGUE)}
