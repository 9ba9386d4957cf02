"""A trend as the path of a small drawing."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

WIDTH, HEIGHT = 100, 24
_MARGIN = 2
_FEWEST = 2


class Sparkline(NamedTuple):
    """A line with gaps where there was no value, the area below it, and the end of it.

    Attributes:
        line: the path of the line.
        area: the path of the area.
        end: the path of a point at the last value; empty if there is none now.
        values: the first, the last, the lowest and the highest value.
    """

    line: str
    area: str
    end: str
    values: tuple[Fraction, Fraction, Fraction, Fraction]


def sparkline(trend: Sequence[Fraction | None]) -> Sparkline | None:
    """Draw `trend`, the oldest value first; with fewer than two values there is nothing to see."""
    values = [value for value in trend if value is not None]
    if len(values) < _FEWEST:
        return None
    low, high = min(values), max(values)
    runs = list(_runs(trend, float(low), float(high)))
    last = runs[-1][-1] if trend[-1] is not None else None
    return Sparkline(
        line="".join("M" + "L".join(f"{x:g} {y:g}" for x, y in run) for run in runs),
        area="".join(_area(run) for run in runs if len(run) > 1),
        end="" if last is None else f"M{last[0]:g} {last[1]:g}h0",
        values=(values[0], values[-1], low, high),
    )


def _runs(trend: Sequence[Fraction | None], low: float, high: float) -> Iterator[list[tuple[float, float]]]:
    """Yield the points of each stretch without a gap; all the same values lie in the middle."""
    step = WIDTH / (len(trend) - 1)
    room = HEIGHT - 2 * _MARGIN
    for there, points in groupby(enumerate(trend), key=lambda point: point[1] is not None):
        if there:
            yield [
                (round(i * step, 1), round(HEIGHT - _MARGIN - room * _height(float(value or 0), low, high), 1))
                for i, value in points
            ]


def _height(value: float, low: float, high: float) -> float:
    return 0.5 if high == low else (value - low) / (high - low)


def _area(run: list[tuple[float, float]]) -> str:
    line = "L".join(f"{x:g} {y:g}" for x, y in run)
    return f"M{run[0][0]:g} {HEIGHT}L{line}L{run[-1][0]:g} {HEIGHT}Z"
