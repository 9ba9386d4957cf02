"""The model of what stands behind a tile: definition, periods, breakdowns."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from heapq import nsmallest
from urllib.parse import quote, urlencode

from metrics.calendar import Window
from metrics.evaluate import NOW, Result
from metrics.plan import SeriesPlan
from metrics.view import View
from metrics.windows import Dims
from streams.titles import WINDOW_ORDER
from streams.wall.figures import exact_figure, figure
from streams.wall.headlines import TEAM, Grain, KpiSeries
from streams.wall.selection import Selection, nearest_window
from streams.wall.tiles import Row, TargetShown, Tile, Tiles, row_of, target_shown
from streams.wall.words import WORDS, Words
from streams.wording import group_title, kpi_words

MOST_ROWS = 50
_ENTITIES = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table."""

    figure: str
    title: str
    absent: bool


@dataclass(frozen=True, slots=True)
class WindowRow:
    """A period, the value of each aggregate over it, and how the one that is shown first stands."""

    window: str
    chosen: bool
    cells: tuple[Cell, ...]
    target: TargetShown | None


@dataclass(frozen=True, slots=True)
class BreakdownRow:
    """A dimension value, and its part of the bar of the greatest, of 100."""

    label: str
    cell: Cell
    filled: int
    below_zero: bool
    target: TargetShown | None


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A KPI by one dimension: the greatest values, and how many more there are."""

    dimension: str
    title: str
    window: str
    other_window: bool
    whole_company: bool
    rows: tuple[BreakdownRow, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Detail:
    """All that is said of a KPI."""

    key: str
    title: str
    group: str
    description: str
    formula: str
    computed: str
    tile: Tile | None
    aggregates: tuple[str, ...]
    windows: tuple[WindowRow, ...]
    breakdowns: tuple[Breakdown, ...]
    entities: str
    """The address of the entities that make up the reading; empty where there is no total."""


def detail(tiles: Tiles, key: str, view: View, epoch: str, chosen: Selection) -> Detail:
    """Return all there is to say about KPI `key`.

    Raises:
        KeyError: there is no such KPI.
    """
    of = tiles.headlines.kpis[key]
    kpi, declarations, words = of.kpi, view.plan.declarations, WORDS[chosen.language]
    has_total = of.position(()) is not None
    return Detail(
        key=key,
        title=getattr(kpi.title, chosen.language),
        group=getattr(group_title(declarations, kpi.group), chosen.language),
        description=kpi.description,
        formula=kpi.formula,
        computed=kpi_words(kpi, declarations),
        tile=tiles.tile(of, view, epoch, chosen) if has_total else None,
        aggregates=tuple("" if agg is None else words.aggregate(agg) for agg in of.aggs),
        windows=tuple(_windows(of, view, chosen, words)) if has_total else (),
        breakdowns=tuple(_breakdowns(of, view, chosen, words)),
        entities=_entities(row_of(of, view, chosen)) if has_total else "",
    )


# -------------------------------------------------------------------------------------------------------------- periods


def _windows(of: KpiSeries, view: View, chosen: Selection, words: Words) -> Iterator[WindowRow]:
    shown = row_of(of, view, chosen)
    windows = {window.token: window for window in shown.series.windows}
    for token in (NOW.token, *WINDOW_ORDER):
        if token in windows:
            window = windows[token]
            cells = [_cell_at(of, agg, shown, window, view, words) for agg in of.aggs]
            standing = shown._replace(window=window, result=view.readings[shown.position, window].get(shown.dims))
            target = target_shown(standing, view, words)
            yield WindowRow(words.window(token), window == shown.window, tuple(cells), target)


def _cell_at(of: KpiSeries, agg: str | None, shown: Row, window: Window, view: View, words: Words) -> Cell:
    index = of.at[shown.series.grain, agg]
    result = view.readings[index, window].get(shown.dims)
    return _cell(view.plan.series[index], result, view, words)


def _cell(series: SeriesPlan, result: Result | None, view: View, words: Words) -> Cell:
    value = None if result is None else result.value
    shown = figure(series, value, view.plan.currency, words.language)
    if value is not None:
        return Cell(shown, exact_figure(series, value, view.plan.currency, words.language), absent=False)
    reason = None if result is None else result.reason
    return Cell(shown, words("absent") if reason is None else words.reason(reason), absent=True)


# --------------------------------------------------------------------------------------------------------- by dimension


def _breakdowns(of: KpiSeries, view: View, chosen: Selection, words: Words) -> Iterator[Breakdown]:
    """Yield one for each dimension; within the chosen team where the KPI is kept by both, else of the whole company."""
    for dimension in dict.fromkeys(grain[0] for grain in of.grains if len(grain) == 1):
        within = _within_team(of, dimension) if chosen.team else None
        grain = (dimension,) if within is None else within
        index = of.at[grain, of.aggs[0]]
        series = view.plan.series[index]
        window = nearest_window(chosen.window, series.windows)
        results = view.readings[index, window]
        if within is not None:
            place = grain.index(TEAM)
            results = {dims: result for dims, result in results.items() if dims[place] == chosen.team}
        rows = _rows(Row(index, series, window, (), None), results, grain.index(dimension), view, words)
        yield Breakdown(
            dimension=dimension,
            title=words("by").format(words.dimension(dimension)),
            window=words.window(window.token),
            other_window=window.token != chosen.window,
            whole_company=bool(chosen.team) and within is None and dimension != TEAM,
            rows=rows,
            more=len(results) - len(rows),
        )


def _within_team(of: KpiSeries, dimension: str) -> Grain | None:
    return next((grain for grain in of.grains if len(grain) == 2 and set(grain) == {TEAM, dimension}), None)  # noqa: PLR2004 - both


def _rows(row: Row, results: dict[Dims, Result], place: int, view: View, words: Words) -> tuple[BreakdownRow, ...]:
    """Return the greatest values first, and those without a value last."""
    greatest = max((abs(r.value) for r in results.values() if r.value is not None), default=Fraction(0))
    first = nsmallest(MOST_ROWS, results.items(), key=lambda item: _order(item[0], item[1]))
    return tuple(
        BreakdownRow(
            label=words.label(dims[place]),
            cell=_cell(row.series, result, view, words),
            filled=int(100 * abs(result.value) / greatest) if result.value is not None and greatest else 0,
            below_zero=result.value is not None and result.value < 0,
            target=target_shown(row._replace(dims=dims, result=result), view, words),
        )
        for dims, result in first
    )


def _order(dims: Dims, result: Result) -> tuple[bool, Fraction, Dims]:
    return result.value is None, -(result.value or Fraction(0)), dims


# ------------------------------------------------------------------------------------------------------------- entities


def _entities(row: Row) -> str:
    series = row.series
    asked = [("window", row.window.token), ("limit", str(_ENTITIES))]
    if series.agg is not None:
        asked.append(("agg", series.agg))
    asked += [("where", f"{name}:{value}") for name, value in zip(series.grain, row.dims, strict=True)]
    return f"/api/v1/readings/{quote(series.kpi.key)}/entities?{urlencode(asked)}"
