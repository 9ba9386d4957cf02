"""A plain picture of curves over time, as SVG."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 900, 150, 70, 60, 50
_FONT = 'font-family="sans-serif" font-size="12"'
_COLOURS = ("#0b62a4", "#c05000", "#3a7d2c")


class Line(NamedTuple):
    """One curve."""

    name: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    """Curves with a vertical axis of their own, which begins at 0."""

    title: str
    lines: Sequence[Line]


def picture(title: str, unit: str, panels: Sequence[Panel]) -> str:
    """Return the SVG of `panels` one under the other, over one time that begins at 0 and is told in `unit`."""
    last = max((x for panel in panels for line in panel.lines for x, _ in line.points), default=1.0) or 1.0
    height = _TOP + len(panels) * (_HEIGHT + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 20} {height}" {_FONT}>',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(title)}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, _TOP + number * (_HEIGHT + _GAP), last)
    parts.append(
        f'<text x="{_LEFT + _WIDTH}" y="{height - 10}" text-anchor="end">{last:.1f} {escape(unit)}</text></svg>'
    )
    return "\n".join(parts) + "\n"


def _panel(panel: Panel, top: int, last: float) -> Iterator[str]:
    most = max((y for line in panel.lines for _, y in line.points), default=1.0) or 1.0
    bottom = top + _HEIGHT
    shown = f"{most:,.0f}" if most >= 100 else f"{most:.3g}"  # noqa: PLR2004 (three digits)
    yield f'<text x="{_LEFT}" y="{top - 8}">{escape(panel.title)}</text>'
    yield f'<path d="M{_LEFT} {top}V{bottom}H{_LEFT + _WIDTH}" fill="none" stroke="#888"/>'
    yield f'<text x="{_LEFT - 6}" y="{top + 10}" text-anchor="end">{shown}</text>'
    yield f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>'
    for number, line in enumerate(panel.lines):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{_LEFT + x / last * _WIDTH:.1f},{bottom - y / most * _HEIGHT:.1f}" for x, y in line.points)
        yield f'<polyline points="{points}" fill="none" stroke="{colour}"/>'
        yield f'<text x="{_LEFT + 160 + 110 * number}" y="{top - 8}" fill="{colour}">{escape(line.name)}</text>'
