"""The cells topic's records, cell by cell: a pane's record holds its cells in the order in which they arose."""

from collections.abc import Mapping
from typing import Any

from metrics.plan import Plan
from metrics.records import REFERENCE, cells_key, decode_cells

Cell = tuple[Any, ...]
"""(cuboid id, pane, dimension values..., hidden value)"""


def cells_in(plan: Plan, records: Mapping[bytes, bytes | None]) -> dict[Cell, list[int]]:
    """Return the sums of every cell; references, lists of names and signs of life are left out."""
    cells: dict[Cell, list[int]] = {}
    for key, value in records.items():
        parts = cells_key(key)
        if value is not None and isinstance(parts[0], int):
            for names, sums in decode_cells(value, plan.cuboids[parts[0]].width).items():
                cells[*parts[:2], *names] = sums
    return cells


def references_in(records: Mapping[bytes, bytes | None]) -> dict[bytes, bytes | None]:
    """Return the references as they are."""
    return {key: value for key, value in records.items() if cells_key(key)[0] == REFERENCE}
