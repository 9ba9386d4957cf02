"""What was before: comparison values and trends, which take some work and are therefore kept for a minute."""

from fractions import Fraction
from typing import NamedTuple

from metrics.calendar import Window
from metrics.history import compare, trend
from metrics.view import View
from metrics.windows import Dims

POINTS = 30
_SECOND_MS, _KEPT_SECONDS = 1_000, 60
_SPREAD_SECONDS = 7
"""Neighbours on the wall are worked out anew at so many seconds' distance, and not all at once."""
_MOST_KEPT = 4_096
_Key = tuple[int, Window, Dims]
_Stamp = tuple[str, int, int]


class Past(NamedTuple):
    """The value of a row over the comparison window, and its values up to now, the oldest first."""

    before: Fraction | None = None
    trend: tuple[Fraction | None, ...] = ()


class Pasts:
    """The pasts that were asked for within the last minute."""

    def __init__(self) -> None:
        """Begin with none."""
        self._kept: dict[_Key, tuple[_Stamp, Past]] = {}

    def of(self, view: View, epoch: str, index: int, window: Window, dims: Dims) -> Past:
        """Return the past of a row as of the last minute; the last value of its trend is that of the last tick."""
        now = view.readings[index, window].get(dims)
        if now is None or view.as_of is None:
            return Past()
        day = view.plan.calendar.current_day(view.as_of)
        turn = (view.as_of // _SECOND_MS + index * _SPREAD_SECONDS) // _KEPT_SECONDS
        stamp = epoch, day, turn
        key = index, window, dims
        kept = self._kept.get(key)
        if kept is None or kept[0] != stamp:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            kept = self._kept[key] = stamp, _past(view, index, window, dims)
        past = kept[1]
        return past._replace(trend=(*past.trend[:-1], now.value)) if past.trend else past


def _past(view: View, index: int, window: Window, dims: Dims) -> Past:
    before = compare(view, index, window, dims)
    values = tuple(result.value for result in trend(view, index, window, dims, POINTS))
    return Past(None if before is None else before.value, values)
