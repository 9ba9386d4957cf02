"""Running windows: the sums of one cuboid's panes over each window, kept up to date instead of re-summed.

A changed cell adds its difference to the windows that hold its pane; a tick takes out the panes that left and puts in
those that came. Money of another currency than the reporting one is kept apart by local day, because its rate is the
day's.
"""

from collections.abc import Iterable
from typing import Any

from metrics.calendar import DAY, MINUTE, MINUTE_MS, BusinessCalendar, PaneRange, Window, bounds
from metrics.cubes import Cuboid

Dims = tuple[str, ...]
Accumulators = list[int]
Panes = dict[int, dict[tuple[Dims, Any], Accumulators]]
"""The merged cells of each pane, by dimension values and hidden value."""
EMPTY = PaneRange(0, 0)


class RunningWindows:
    """The merged panes of one cuboid and their sums over its windows.

    A sum is found as ``sums[window][dims][hidden]``; hidden is None, a bucket, an instant, or (currency, day), where
    the day is None for the reporting currency and for stocks.
    """

    def __init__(
        self,
        cuboid: Cuboid,
        windows: Iterable[Window],
        calendar: BusinessCalendar,
        reporting: str,
        panes: Panes | None = None,
    ) -> None:
        """Begin empty, or over the `panes` of another one."""
        self.cuboid = cuboid
        self.sums: dict[Window, dict[Dims, dict[Any, Accumulators]]] = {w: {} for w in windows}
        self.changed: dict[Window, set[Dims]] = {w: set() for w in self.sums}
        """What changed since the reader last cleared it."""
        self._ranges = dict.fromkeys(self.sums, EMPTY)
        self._panes: Panes = {} if panes is None else panes
        self._calendar = calendar
        self._reporting = reporting

    def add(self, pane: int, names: tuple[Any, ...], delta: Accumulators) -> None:
        """Add the difference of one cell: its grain values, then its hidden value."""
        row = self._row(pane, names)
        panes = self._panes.setdefault(pane, {})
        if not _accumulate(panes, row, delta):
            del panes[row]
            if not panes:
                del self._panes[pane]
        for window, (first, last) in self._ranges.items():
            if first <= pane < last:
                self._shift(window, row, delta)

    def clear(self) -> None:
        """Take all cells out."""
        for window, sums in self.sums.items():
            self.changed[window].update(sums)
            sums.clear()
        self._panes.clear()

    def apart(self) -> "RunningWindows":
        """Return another one over the same panes, to be moved to another T; only right until the next cell is added."""
        return RunningWindows(self.cuboid, (), self._calendar, self._reporting, self._panes)

    def open(self, window: Window) -> None:
        """Sum `window` too, from the next move on."""
        if window not in self._ranges:
            self.sums[window], self.changed[window], self._ranges[window] = {}, set(), EMPTY

    def move(self, as_of: int) -> None:
        """Move all windows to T."""
        for window, before in self._ranges.items():
            after = bounds(window, as_of, self._calendar).panes
            if after != before:
                self._ranges[window] = after
                self._move(window, before, after)

    def _move(self, window: Window, before: PaneRange, after: PaneRange) -> None:
        for pane in self._within(before):
            if not after.first <= pane < after.last:
                for row, sums in self._panes[pane].items():
                    self._shift(window, row, [-v for v in sums])
        for pane in self._within(after):
            if not before.first <= pane < before.last:
                for row, sums in self._panes[pane].items():
                    self._shift(window, row, sums)

    def _within(self, panes: PaneRange) -> list[int]:
        if panes.last - panes.first < len(self._panes):
            return [p for p in range(panes.first, panes.last) if p in self._panes]
        return [p for p in self._panes if panes.first <= p < panes.last]

    def _row(self, pane: int, names: tuple[Any, ...]) -> tuple[Dims, Any]:
        hidden = self.cuboid.cube.hidden
        if hidden == "none":
            return names, None
        dims, value = names[:-1], names[-1]
        if hidden != "currency":
            return dims, value
        if value == self._reporting or self.cuboid.tier not in (MINUTE, DAY):
            return dims, (value, None)
        return dims, (value, pane if self.cuboid.tier == DAY else self._calendar.day_of(pane * MINUTE_MS))

    def _shift(self, window: Window, row: tuple[Dims, Any], delta: Accumulators) -> None:
        dims, hidden = row
        sums = self.sums[window]
        parts = sums.setdefault(dims, {})
        if not _accumulate(parts, hidden, delta):
            del parts[hidden]
            if not parts:
                del sums[dims]
        self.changed[window].add(dims)


def _accumulate(table: dict[Any, Accumulators], key: Any, delta: Accumulators) -> bool:
    """Add `delta` to the entry; return False when all of it is zero now."""
    sums = table.get(key)
    if sums is None:
        table[key] = list(delta)
        return any(delta)
    for i, d in enumerate(delta):
        sums[i] += d
    return any(sums)
