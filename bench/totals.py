"""What cells add up to over their panes, to be held against a plain loop over the same events."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from bench.workloads import Check, Totals
from metrics.evaluate import MoneyTotal, Total
from metrics.plan import Plan
from metrics.records import PROGRESS, REFERENCE, cells_key, decode_cells

_SHOWN = 5


def cell_totals(plan: Plan, checks: Iterable[Check], cells: Iterable[tuple[bytes, bytes]]) -> Totals:
    """Sum the records of cells over panes and shards, those that `checks` name.

    Args:
        plan: the declarations that made them.
        checks: what to sum.
        cells: key and value of the latest record of each cell of each shard.
    """
    columns = {check.name: _column(plan, check) for check in checks}
    totals: Totals = {name: {} for name in columns}
    for key, value in cells:
        _add(totals, columns, plan, cells_key(key), value)
    return {name: {key: amount for key, amount in total.items() if amount} for name, total in totals.items()}


def _column(plan: Plan, check: Check) -> tuple[int, int]:
    """Return the cuboid and the position in its cells that a check reads."""
    for series in plan.series:
        if series.kpi.key == check.kpi and series.grain == check.grain and isinstance(series.node, MoneyTotal | Total):
            return next(iter(series.node.ref.columns.values()))
    raise LookupError(f"no sum or count `{check.name}` in the declarations; mend the workload's checks")


def _add(totals: Totals, columns: Mapping[str, tuple[int, int]], plan: Plan, parts: list[Any], value: bytes) -> None:
    if parts[0] in {PROGRESS, REFERENCE}:
        return
    for name, (cuboid, position) in columns.items():
        if cuboid == parts[0]:
            for names, sums in decode_cells(value, plan.cuboids[cuboid].width).items():
                key = "|".join(names)
                totals[name][key] = totals[name].get(key, 0) + sums[position]


def differences(expected: Totals, actual: Totals) -> list[str]:
    """Return the first few of the totals in `actual` that are not as expected."""
    found = (
        f"{name} {key}: expected {expected[name].get(key, 0)}, is {total.get(key, 0)}"
        for name, total in actual.items()
        for key in sorted(expected[name].keys() | total.keys())
        if expected[name].get(key, 0) != total.get(key, 0)
    )
    return list(islice(found, _SHOWN))
