"""Where panels stand."""

import pytest

from streams.dashboards.grid import COLUMNS, Grid
from streams.dashboards.sdk import model


def panels(count: int) -> list[model.Panel]:
    return [model.Panel(id_val=number) for number in range(count)]


def places(grid: Grid) -> list[tuple[int, int, int, int]]:
    found = [panel.grid_pos for panel in grid.panels if panel.grid_pos is not None]
    return [(place.x, place.y, place.w, place.h) for place in found]


@pytest.mark.parametrize("shares", [[1], [5, 12, 7], [1, 1, 1, 1, 1], [6, 8, 5, 5], [1] * 7])
def test_a_line_fills_the_whole_width(shares: list[int]) -> None:
    grid = Grid()
    grid.line(list(zip(panels(len(shares)), shares, strict=True)), 4)
    ends = [(x, x + w) for x, _, w, _ in places(grid)]
    assert [begin for begin, _ in ends] == [0, *(end for _, end in ends[:-1])]
    assert ends[-1][1] == COLUMNS


def test_widths_are_as_their_shares() -> None:
    grid = Grid()
    grid.line(list(zip(panels(3), (5, 12, 7), strict=True)), 4)
    assert [w for _, _, w, _ in places(grid)] == [5, 12, 7]


@pytest.mark.parametrize(("count", "lines"), [(0, []), (1, [1]), (6, [6]), (7, [3, 4]), (12, [6, 6]), (13, [4, 4, 5])])
def test_panels_stand_in_even_lines(count: int, lines: list[int]) -> None:
    grid = Grid()
    grid.lines(panels(count), 3, 6)
    rows = [y for _, y, _, _ in places(grid)]
    assert [rows.count(y) for y in sorted(set(rows))] == lines
    assert grid.height == 3 * len(lines)


def test_an_empty_line_takes_no_room() -> None:
    grid = Grid()
    grid.line([], 8)
    assert (grid.height, grid.panels) == (0, [])


def test_a_row_holds_what_is_folded_and_takes_one_line_itself() -> None:
    grid = Grid()
    grid.folded("More", [(panels(3), 9)], 2)
    grid.row("Next")
    folded, following = grid.panels
    assert isinstance(folded, model.RowPanel)
    assert isinstance(following, model.RowPanel)
    assert (folded.collapsed, len(folded.panels), following.collapsed, following.panels) == (True, 3, False, [])
    assert [panel.grid_pos.y for panel in folded.panels if panel.grid_pos] == [1, 10, 10]
    assert following.grid_pos is not None
    assert following.grid_pos.y == 1


def test_blocks_of_a_folded_row_stand_below_each_other_each_with_its_height() -> None:
    grid = Grid()
    grid.folded("More", [(panels(2), 8), (panels(1), 11)], 3)
    (folded,) = grid.panels
    assert isinstance(folded, model.RowPanel)
    found = [(panel.grid_pos.y, panel.grid_pos.h) for panel in folded.panels if panel.grid_pos]
    assert found == [(1, 8), (1, 8), (9, 11)]
