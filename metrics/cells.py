"""Cells: the signed integer accumulators of one shard, filled by columns.

Expanding each contribution to all its grains and panes event by event is what costs; so a shard appends the changed
rows of a flush to two lists per cube (to add, to take out) and folds them once: per cuboid one grouped sum. A few rows
are folded one by one, which is the plain version that the tests compare the other with.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import add
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrics.calendar import DAY, HOUR_MS, MINUTE, MINUTE_MS, STOCK, BusinessCalendar
from metrics.contributions import Row
from metrics.cubes import Codes, Cube, Cuboid
from metrics.records import encode_cells, pane_key

DAYS_KEPT = 2 * 365 + 1
_CUTOFF_STEP_MS = 10 * MINUTE_MS
NUMERIC_HIDDEN = ("bucket", "instant", "date", "number")
STOCK_PANES = {"instant": HOUR_MS, "date": 1}
"""Stocks have one pane, but one an hour by instant and one a day by date: a pane is written whole when it changes."""
LARGEST_RECORD = 2 * 1024 * 1024
"""Bytes from which on a pane becomes several records; topics and producers take four times as much."""
_SAFE_SUM = 2**62
_FEW_ROWS = 32
"""Up to so many rows the plain fold costs less than the grouped sums, which cost some for each cuboid."""

RowKey = int | tuple[int, ...]
"""A cell within its pane: the codes of its dimension values and its hidden value; a single one needs no tuple."""
Sums = tuple[int, ...]
"""A cell: the sum of each measure. There can be more cells than entities, and lists take twice as much memory."""
_PANE_AND_NUMBER = 2


class Retention:
    """The oldest panes that are kept; moves on as T does, never back."""

    def __init__(self, calendar: BusinessCalendar, now: int, minutes_kept_ms: int) -> None:
        """Keep what windows as of `now` and later can reach."""
        self._calendar = calendar
        self._minutes_kept_ms = minutes_kept_ms
        self._now = -1
        self.first: dict[str, int] = {MINUTE: 0, DAY: 0, STOCK: 0}
        self.move(now)

    def reaches(self, now: int) -> bool:
        """Return whether panes fall out when T is `now`; they go in steps of ten minutes."""
        return now - now % _CUTOFF_STEP_MS > self._now

    def move(self, now: int) -> None:
        """Follow T to `now`."""
        self._now = now - now % _CUTOFF_STEP_MS
        self.first[MINUTE] = (self._now - self._minutes_kept_ms) // MINUTE_MS
        self.first[DAY] = self._calendar.current_day(self._now) - DAYS_KEPT + 1


class CubeCells:
    """The pending rows and the cells of one cube."""

    def __init__(self, cube: Cube, codes: Codes, calendar: BusinessCalendar) -> None:
        """Begin empty."""
        self.cube = cube
        self.add: list[Row] = []
        self.take_out: list[Row] = []
        self.cuboids = [CuboidCells(c, codes) for c in cube.cuboids]
        self.too_old = 0
        """Cell changes left out because their pane had fallen out of retention."""
        self._combinations = cube.combinations
        self._calendar = calendar
        self._timed = cube.key.kind in {"timed", "dated"}
        self._dated = cube.key.kind == "dated"
        self._stock_panes = STOCK_PANES.get(cube.key.hidden)
        self._has_number = cube.key.hidden in NUMERIC_HIDDEN
        self._tiers = {c.tier for c in cube.cuboids}
        self._first_measure = self._timed + 1 + self._has_number
        # A currency (or a member) stands last in a combination, and in a cell's key.
        named = (len(cube.dimensions),) if cube.key.hidden in {"currency", "member"} else ()
        self._positions = [(*(cube.dimensions.index(d) for d in c.grain), *named) for c in cube.cuboids]

    def fold(self, retention: Retention) -> None:
        """Fold the pending rows into the cells: by columns, or one by one when they are few."""
        count = len(self.add) + len(self.take_out)
        if not count:
            return
        if count <= _FEW_ROWS:
            for row in self.add:
                self._fold_row(row, 1, retention)
            for row in self.take_out:
                self._fold_row(row, -1, retention)
        else:
            self._fold_columns(self.add + self.take_out, len(self.add), retention)
        self.add, self.take_out = [], []

    def _fold_row(self, row: Row, sign: int, retention: Retention) -> None:
        """Add one row to its cells: the plain version of `_fold_columns`."""
        dims = self._combinations.coded[row[self._timed]]
        hidden = row[self._first_measure - 1 : self._first_measure] if self._has_number else ()
        values = [sign * v for v in row[self._first_measure :]]
        panes = {STOCK: hidden[0] // self._stock_panes if self._stock_panes else 0}
        if self._dated:
            panes = {DAY: row[0]}
        elif self._timed:
            panes = {MINUTE: row[0] // MINUTE_MS, DAY: self._calendar.day_of(row[0])}
        for table, positions in zip(self.cuboids, self._positions, strict=True):
            pane = panes[table.cuboid.tier]
            if pane < retention.first[table.cuboid.tier]:
                self.too_old += 1
                continue
            delta = [values[i] for i in table.cuboid.measures]
            if any(delta):
                table.add_one(pane, [*(dims[i] for i in positions), *hidden], delta)

    def _fold_columns(self, rows: list[Row], added: int, retention: Retention) -> None:
        """Add many rows to their cells, as one grouped sum a cuboid."""
        columns = list(zip(*rows, strict=True))
        count = len(rows)
        dims = self._combinations.columns(np.fromiter(columns[self._timed], np.int64, count))
        hidden: list[NDArray[np.int64]] = []
        if self._has_number:
            hidden = [_integers(columns[self._first_measure - 1])]
        values = _signed(columns[self._first_measure :], added)
        if self._timed:
            panes = self._panes(columns[0])
        else:
            panes = {STOCK: hidden[0] // self._stock_panes if self._stock_panes else np.zeros(count, np.int64)}
        for table, positions in zip(self.cuboids, self._positions, strict=True):
            cuboid = table.cuboid
            pane = panes[cuboid.tier]
            keys = [pane, *(dims[i] for i in positions), *hidden]
            chosen = [values[i] for i in cuboid.measures]
            keep = pane >= retention.first[cuboid.tier]
            if not keep.all():
                self.too_old += int(count - keep.sum())
                keys, chosen = [c[keep] for c in keys], [c[keep] for c in chosen]
            table.add(keys, chosen)

    def _panes(self, times: Sequence[int]) -> dict[str, NDArray[np.int64]]:
        ms = np.fromiter(times, np.int64, len(times))
        if self._dated:
            return {DAY: ms}
        panes = {}
        if MINUTE in self._tiers:
            panes[MINUTE] = ms // MINUTE_MS
        if DAY in self._tiers:
            panes[DAY] = self._calendar.days_of(ms)
        return panes


class CuboidCells:
    """The cells of one cuboid, by pane and row."""

    def __init__(self, cuboid: Cuboid, codes: Codes) -> None:
        """Begin empty."""
        self.cuboid = cuboid
        self.panes: dict[int, dict[RowKey, Sums]] = {}
        self.dirty: set[int] = set()
        """The panes that changed since the last seal."""
        self._shrunk: set[int] = set()
        """Those of them that lost cells: a table keeps the room that it once needed, also for a day of minutes."""
        self._parts: dict[int, int] = {}
        """The number of records of each pane that has several."""
        self._names = codes.names
        self._numeric_hidden = cuboid.cube.hidden in NUMERIC_HIDDEN

    def add(self, keys: list[NDArray[np.int64]], values: list[NDArray[Any]]) -> None:
        """Add the sums of the rows with equal keys (pane, dimension codes, hidden value) to their cells."""
        if not len(keys[0]):
            return
        if len(keys) > 1 and not (self._numeric_hidden and len(keys) == _PANE_AND_NUMBER):
            # A pane and a code are below 2**31, so one integer sorts as both; a bucket or an instant is no code.
            order = np.lexsort([*keys[:1:-1], (keys[0] << 32) | keys[1]])
        else:
            order = np.lexsort(keys[::-1])
        keys = [k[order] for k in keys]
        new = np.zeros(len(order), dtype=bool)
        new[0] = True
        for k in keys:
            new[1:] |= k[1:] != k[:-1]
        starts = np.flatnonzero(new)
        sums = [np.add.reduceat(v[order], starts) for v in values]
        changed = sums[0] != 0
        for s in sums[1:]:
            changed = changed | (s != 0)
        starts = starts[changed]
        panes, *codes = (k[starts].tolist() for k in keys)
        rows: Iterable[RowKey] = codes[0] if len(codes) == 1 else zip(*codes, strict=True) if codes else repeat(())
        self._add_sums(panes, rows, [s[changed].tolist() for s in sums])

    def add_one(self, pane: int, codes: Sequence[int], delta: list[int]) -> None:
        """Add to one cell: its pane, and its dimension codes and hidden value."""
        row: RowKey = codes[0] if len(codes) == 1 else tuple(codes)
        self._add_sums([pane], [row], [[d] for d in delta])

    def _add_sums(self, panes: Sequence[int], rows: Iterable[RowKey], sums: list[list[int]]) -> None:
        """Add sums, which come pane by pane, to the cells."""
        current = -1
        cells: dict[RowKey, Sums] = {}
        for pane, row, delta in zip(panes, rows, zip(*sums, strict=True), strict=False):
            if pane != current:
                current, cells = pane, self.panes.setdefault(pane, {})
                self.dirty.add(pane)
            cell = cells.get(row)
            if cell is None:
                cells[row] = delta
                continue
            cell = cells[row] = tuple(map(add, cell, delta))
            if not any(cell):
                del cells[row]
                self._shrunk.add(pane)

    def drop_old(self, first_pane: int) -> None:
        """Drop the panes before `first_pane`."""
        for pane in [p for p in self.panes if p < first_pane]:
            del self.panes[pane]
            self.dirty.add(pane)

    def seal(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the records of the panes that changed since the last seal; None for those without cells."""
        for pane in self.dirty:
            cells = self.panes.get(pane)
            if cells:
                if pane in self._shrunk:
                    cells = self.panes[pane] = dict(cells)
                values = self._encoded(pane, cells)
            else:
                self.panes.pop(pane, None)
                values = [None] * self._parts.pop(pane, 1)
            yield from ((pane_key(self.cuboid.id, pane, part), value) for part, value in enumerate(values))
        self.dirty.clear()
        self._shrunk.clear()

    def _encoded(self, pane: int, cells: dict[RowKey, Sums]) -> list[bytes | None]:
        """Return a pane as one record, or as several of which none is too large to be written.

        A cell stays in its part while others come and go; when there must be more parts, half of the cells move.
        """
        parts = self._parts.get(pane, 1)
        while True:
            shares = [cells] if parts == 1 else _shared_out(cells, parts)
            values = [encode_cells(self._rows(share)) if share else None for share in shares]
            if parts >= len(cells) or max(len(value or b"") for value in values) <= LARGEST_RECORD:
                break
            parts *= 2
        if parts > 1:
            self._parts[pane] = parts
        return values

    def _rows(self, cells: dict[RowKey, Sums]) -> list[list[Any]]:
        """Return [dimension values..., hidden value, sums...] of each cell."""
        names = self._names
        if () in cells:
            return [list(cells[()])]
        if not self._numeric_hidden:
            return [
                [names[row], *sums] if isinstance(row, int) else [*[names[c] for c in row], *sums]
                for row, sums in cells.items()
            ]
        return [
            [row, *sums] if isinstance(row, int) else [*[names[c] for c in row[:-1]], row[-1], *sums]
            for row, sums in cells.items()
        ]


def _shared_out(cells: dict[RowKey, Sums], parts: int) -> list[dict[RowKey, Sums]]:
    shares: list[dict[RowKey, Sums]] = [{} for _ in range(parts)]
    for row, sums in cells.items():
        shares[hash((row,)) % parts][row] = sums  # of a tuple: that of a number is the number, and many end in 000
    return shares


def _signed(columns: Sequence[Sequence[int]], added: int) -> list[NDArray[Any]]:
    """Return the measures as arrays, negative from row `added` on; exact for any size of amount."""
    result: list[NDArray[Any]] = []
    for column in columns:
        array = _integers(column)
        if int(np.abs(array).max()) * len(column) >= _SAFE_SUM:
            array = np.array(column, dtype=object)
        array[added:] = -array[added:]
        result.append(array)
    return result


def _integers(column: Sequence[int]) -> NDArray[Any]:
    """Return whole numbers of any size as an array."""
    try:
        return np.fromiter(column, np.int64, len(column))
    except OverflowError:
        return np.array(column, dtype=object)
