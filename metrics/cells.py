"""Cells: the signed integer accumulators of one shard, filled by columns.

Expanding each contribution to all its grains and panes event by event is what costs; so a shard appends the changed
rows of a flush to two lists per cube (to add, to take out) and folds them once: per cuboid one grouped sum. The
event-by-event fold is the plain version that the tests compare with.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import add
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from metrics.calendar import DAY, MINUTE, MINUTE_MS, STOCK, BusinessCalendar
from metrics.contributions import Row
from metrics.cubes import Codes, Cube, Cuboid

DAYS_KEPT = 2 * 365 + 1
_CUTOFF_STEP_MS = 10 * MINUTE_MS
NUMERIC_HIDDEN = ("bucket", "instant")
_SAFE_SUM = 2**62
_FEW_ROWS = 32
"""Up to so many rows the plain fold costs less than the grouped sums, which cost some for each cuboid."""

Key = int | tuple[int, ...]
"""A cell within its cuboid: pane and dimension codes, packed."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[int] | str).decode


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
        self._timed = cube.key.kind == "timed"
        self._has_number = cube.key.hidden in NUMERIC_HIDDEN
        self._tiers = {c.tier for c in cube.cuboids}
        self._first_measure = self._timed + 1 + self._has_number
        # The currency stands last in a combination, and in a cell's key.
        currency = (len(cube.dimensions),) if cube.key.hidden == "currency" else ()
        self._positions = [(*(cube.dimensions.index(d) for d in c.grain), *currency) for c in cube.cuboids]

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
        panes = {STOCK: 0}
        if self._timed:
            panes = {MINUTE: row[0] // MINUTE_MS, DAY: self._calendar.day_of(row[0])}
        for table, positions in zip(self.cuboids, self._positions, strict=True):
            pane = panes[table.cuboid.tier]
            if pane < retention.first[table.cuboid.tier]:
                self.too_old += 1
                continue
            delta = [values[i] for i in table.cuboid.measures]
            if any(delta):
                table.add_one([pane, *(dims[i] for i in positions), *hidden], delta)

    def _fold_columns(self, rows: list[Row], added: int, retention: Retention) -> None:
        """Add many rows to their cells, as one grouped sum a cuboid."""
        columns = list(zip(*rows, strict=True))
        count = len(rows)
        dims = self._combinations.columns(np.fromiter(columns[self._timed], np.int64, count))
        hidden: list[NDArray[np.int64]] = []
        if self._has_number:
            hidden = [np.fromiter(columns[self._first_measure - 1], np.int64, count)]
        values = _signed(columns[self._first_measure :], added)
        panes = self._panes(columns[0]) if self._timed else {STOCK: np.zeros(count, np.int64)}
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
        panes = {}
        if MINUTE in self._tiers:
            panes[MINUTE] = ms // MINUTE_MS
        if DAY in self._tiers:
            panes[DAY] = self._calendar.days_of(ms)
        return panes


class CuboidCells:
    """The cells of one cuboid, by packed key."""

    def __init__(self, cuboid: Cuboid, codes: Codes) -> None:
        """Begin empty."""
        self.cuboid = cuboid
        self.cells: dict[Key, list[int]] = {}
        self.dirty: set[Key] = set()
        self._packed = codes.packed
        self._numeric_hidden = cuboid.cube.hidden in NUMERIC_HIDDEN
        parts = 2 + len(cuboid.grain) + (cuboid.cube.hidden != "none")
        self._prefix = _encode([None] * parts)[:1] + _encode(cuboid.id)
        # A pane and a dimension code are both below 2**31 and share one integer; a bucket or an instant is not a code.
        self._packs = bool(cuboid.grain) or cuboid.cube.hidden == "currency"

    def add(self, keys: list[NDArray[np.int64]], values: list[NDArray[Any]]) -> None:
        """Add the sums of the rows with equal keys (pane, dimension codes, hidden value) to their cells."""
        if not len(keys[0]):
            return
        if self._packs:
            keys = [(keys[0] << 32) | keys[1], *keys[2:]]
        order = np.argsort(keys[0], kind="stable") if len(keys) == 1 else np.lexsort(keys[::-1])
        keys = [k[order] for k in keys]
        new = np.ones(len(order), dtype=bool)
        new[1:] = keys[0][1:] != keys[0][:-1]
        for k in keys[1:]:
            new[1:] |= k[1:] != k[:-1]
        starts = np.flatnonzero(new)
        sums = [np.add.reduceat(v[order], starts) for v in values]
        changed = sums[0] != 0
        for s in sums[1:]:
            changed = changed | (s != 0)
        starts = starts[changed]
        columns = [k[starts].tolist() for k in keys]
        distinct: Iterable[Key] = columns[0] if len(columns) == 1 else zip(*columns, strict=True)
        self._add_sums(distinct, [s[changed].tolist() for s in sums])

    def add_one(self, key: list[int], delta: list[int]) -> None:
        """Add to one cell: its pane, dimension codes and hidden value."""
        if self._packs:
            key[:2] = [(key[0] << 32) | key[1]]
        self._add_sums([key[0] if len(key) == 1 else tuple(key)], [[d] for d in delta])

    def _add_sums(self, keys: Iterable[Key], sums: list[list[int]]) -> None:
        cells, dirty = self.cells, self.dirty
        for key, *delta in zip(keys, *sums, strict=True):
            dirty.add(key)
            cell = cells.get(key)
            if cell is None:
                cells[key] = delta
                continue
            cell = cells[key] = list(map(add, cell, delta))
            if not any(cell):
                del cells[key]

    def drop_old(self, first_pane: int) -> None:
        """Drop the cells whose pane lies before `first_pane`."""
        for key in [k for k in self.cells if self._pane(k) < first_pane]:
            del self.cells[key]
            self.dirty.add(key)

    def seal(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the records of the cells that changed since the last seal; None for a cell that is no more."""
        find, record_key = self.cells.get, self._record_key
        for key in self.dirty:
            cell = find(key)
            yield record_key(key), None if cell is None else encode_sums(cell)
        self.dirty.clear()

    def _pane(self, key: Key) -> int:
        first = key if isinstance(key, int) else key[0]
        return first >> 32 if self._packs else first

    def _record_key(self, key: Key) -> bytes:
        """Return msgpack of [cuboid id, pane, dimension values..., hidden value], put together from packed parts."""
        packed = self._packed
        if isinstance(key, int):
            if not self._packs:
                return self._prefix + _encode(key)
            return self._prefix + _pack_pane(key >> 32) + packed[key & 0xFFFFFFFF]
        first, *codes = key
        start = self._prefix + (_pack_pane(first >> 32) + packed[first & 0xFFFFFFFF] if self._packs else _encode(first))
        if self._numeric_hidden:
            return start + b"".join([packed[c] for c in codes[:-1]]) + _encode(codes[-1])
        return start + b"".join([packed[c] for c in codes])


def encode_sums(sums: list[int]) -> bytes:
    """Return the record of a cell: its sums, as one text where they are too large for msgpack's integers."""
    try:
        return _encode(sums)
    except OverflowError:
        return _encode(" ".join(map(str, sums)))


def decode_sums(value: bytes) -> list[int]:
    """Return the sums that a cell's record holds."""
    sums: list[int] | str = _decode(value)
    return [int(s) for s in sums.split()] if isinstance(sums, str) else sums


@lru_cache(maxsize=65_536)
def _pack_pane(pane: int) -> bytes:
    return _encode(pane)


def _signed(columns: Sequence[Sequence[int]], added: int) -> list[NDArray[Any]]:
    """Return the measures as arrays, negative from row `added` on; exact for any size of amount."""
    result: list[NDArray[Any]] = []
    for column in columns:
        array: NDArray[Any] = np.fromiter(column, np.int64, len(column))
        if int(np.abs(array).max()) * len(column) >= _SAFE_SUM:
            array = np.array(column, dtype=object)
        array[added:] = -array[added:]
        result.append(array)
    return result
