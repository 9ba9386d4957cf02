"""Where panels stand: lines over the whole width, none on another, none beyond the edge.

The SDK's own layout wraps only what begins at the edge, and never looks whether a panel fits.
"""

from collections.abc import Sequence

from streams.dashboards.links import panel_id
from streams.dashboards.sdk import model

COLUMNS = 24
Line = Sequence[tuple[model.Panel, int]]
"""Panels side by side, each with its share of the width."""


class Grid:
    """The panels of a dashboard, from top to bottom."""

    def __init__(self, top: int = 0) -> None:
        """Begin at the row `top`."""
        self.panels: list[model.Panel | model.RowPanel] = []
        self.height = top

    def line(self, panels: Line, height: int) -> None:
        """Put panels side by side over the whole width; nothing when there are none."""
        total, before = sum(share for _, share in panels), 0
        for panel, share in panels:
            x, end = (round(COLUMNS * part / total) for part in (before, before + share))
            panel.grid_pos = model.GridPos(h=height, w=end - x, x=x, y=self.height)
            self.panels.append(panel)
            before += share
        self.height += height if panels else 0

    def lines(self, panels: Sequence[model.Panel], height: int, across: int) -> None:
        """Put panels in as few lines as `across` in each allow, and as many in one line as in the next, nearly."""
        count = -(-len(panels) // across)
        for place in range(count):
            begin, end = (len(panels) * part // count for part in (place, place + 1))
            self.line([(panel, 1) for panel in panels[begin:end]], height)

    def row(self, title: str) -> None:
        """Begin a row with a heading."""
        self._heading(title, [])

    def folded(self, title: str, blocks: Sequence[tuple[Sequence[model.Panel], int]], across: int) -> None:
        """Put blocks of panels, each with its height, in a row that is opened by a click, and loads its values then."""
        inside = Grid(self.height + 1)
        for panels, height in blocks:
            inside.lines(panels, height, across)
        self._heading(title, [panel for panel in inside.panels if isinstance(panel, model.Panel)])

    def _heading(self, title: str, folded: list[model.Panel]) -> None:
        place = model.GridPos(h=1, w=COLUMNS, x=0, y=self.height)
        self.panels.append(
            model.RowPanel(
                collapsed=bool(folded), title=title, grid_pos=place, id_val=panel_id("row", title), panels=folded
            )
        )
        self.height += 1
