"""What each group of KPIs adds to the cost of the core: the catalogue with it, and without it."""

import gc
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.table import Table

from bench.core import apply_mix
from bench.mix import Wire, event_mix
from bench.workloads import CATALOGUE
from config.aggregated import used_kpis
from config.declarations import Declarations
from metrics.plan import Plan, compile_plan
from metrics.records import PROGRESS, REFERENCE, cells_key, decode_cells


@dataclass(frozen=True)
class GroupFigures:
    """What a group adds to all the others."""

    group: str
    kpis: int
    apply_us: float
    """CPU microseconds per event of the mix."""
    cells: int


@dataclass(frozen=True)
class GroupsFigures:
    """The cost of the whole catalogue, and what each group adds to it."""

    apply_us: float
    cells: int
    kpis: int
    groups: tuple[GroupFigures, ...]

    def as_json(self) -> dict[str, Any]:
        """Return what is written to the JSON file."""
        return asdict(self)

    def table(self) -> Table:
        """Return the table for people."""
        table = Table(title="What each group adds: the core with the whole catalogue, less the core without the group")
        for name in ("group", "KPIs", "µs CPU an event", "cells"):
            table.add_column(name, justify="left" if name == "group" else "right")
        for g in sorted(self.groups, key=lambda g: -g.apply_us):
            table.add_row(g.group, str(g.kpis), f"{g.apply_us:+.2f}", f"{g.cells:,}")
        table.add_row("all", str(self.kpis), f"{self.apply_us:.2f}", f"{self.cells:,}")
        return table


def measure_groups(events: int, rounds: int = 3) -> GroupsFigures:
    """Return what each group adds, as the median of some rounds, in which the groups take turns."""
    whole = CATALOGUE.load()
    mix = list(event_mix(events))
    names = ["", *dict.fromkeys(kpi.group for kpi in whole.kpis.values())]
    parts = {name: without(whole, name) for name in names}
    plans = {name: compile_plan(part, "Europe/Amsterdam", "EUR") for name, part in parts.items()}
    gc.disable()  # as the worker does
    try:
        measured = [{name: _measure(plans[name], mix) for name in names} for _ in range(rounds)]
    finally:
        gc.enable()
    cost = {name: (median(found[name][0] for found in measured), measured[0][name][1]) for name in names}
    us, cells = cost[""]
    groups = tuple(
        GroupFigures(name, len(whole.kpis) - len(parts[name].kpis), us - cost[name][0], cells - cost[name][1])
        for name in names[1:]
    )
    return GroupsFigures(us, cells, len(whole.kpis), groups)


def without(whole: Declarations, group: str) -> Declarations:
    """Leave out the KPIs of a group, but for those that others are made of."""
    kept = {key for key, kpi in whole.kpis.items() if kpi.group != group}
    kept |= set(_inputs(kept, whole))
    return whole.model_copy(update={"kpis": {key: kpi for key, kpi in whole.kpis.items() if key in kept}})


def _inputs(keys: Iterable[str], whole: Declarations) -> Iterator[str]:
    for key in keys:
        inputs = used_kpis(whole.kpis[key])
        yield from inputs
        yield from _inputs(inputs, whole)


def _measure(plan: Plan, mix: list[Wire]) -> tuple[float, int]:
    us, records = apply_mix(plan, mix, None)
    held = ((cells_key(key)[0], value) for key, value in records.items())
    cuboids = plan.cuboids
    return us, sum(len(decode_cells(v, cuboids[c].width)) for c, v in held if c not in {PROGRESS, REFERENCE})
