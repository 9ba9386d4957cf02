"""The model of the wall: a tile for each headline KPI, in the words and figures of a language."""

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import NamedTuple

from metrics.calendar import Window
from metrics.evaluate import Result
from metrics.plan import SeriesPlan
from metrics.standing import Attainment, attainment, change, pace
from metrics.view import View
from metrics.windows import Dims
from streams.wall.figures import change_figure, exact_figure, figure, share_percent
from streams.wall.headlines import TEAM, Headlines, KpiSeries
from streams.wall.pasts import Past, Pasts
from streams.wall.selection import Selection, nearest_window
from streams.wall.sparkline import Sparkline, sparkline
from streams.wall.words import WORDS, Words
from streams.wording import group_title

_SIGNS = {"reached": "✓", "on_pace": "✓", "within": "✓", "behind": "!", "below": "!", "over": "!"}
_SHORT, _MEDIUM = 8, 11
"""The lengths up to which figures are written large, and in middle size."""


@dataclass(frozen=True, slots=True)
class ChangeShown:
    """The change since the comparison window.

    Attributes:
        direction: `up`, `down` or `same`.
        verdict: `good`, `bad` or `even`.
        text: how much.
        words: better or worse than when.
        title: the value before.
    """

    direction: str
    verdict: str
    text: str
    words: str
    title: str


@dataclass(frozen=True, slots=True)
class TargetShown:
    """The value against its target.

    Attributes:
        good: whether all is well.
        sign: the same as a sign.
        text: how much of which target.
        words: the state.
        title: how far the period is, where that counts.
        filled: how much of the bar, of 100.
        pace: how much of the period, of 100.
    """

    good: bool
    sign: str
    text: str
    words: str
    title: str
    filled: int
    pace: int | None


@dataclass(frozen=True, slots=True)
class Tile:
    """What changes on a tile; two that are equal look the same."""

    key: str
    agg: str
    window: str
    other_window: bool
    whole_company: bool
    figure: str
    size: str
    title: str
    absent: bool
    change: ChangeShown | None
    target: TargetShown | None
    spark: Sparkline | None
    spark_words: str


@dataclass(frozen=True, slots=True)
class Placed:
    """A tile at its place on the wall."""

    name: str
    tile: Tile
    continues: bool
    """Whether it begins a line of the wide screen, but not its group."""


@dataclass(frozen=True, slots=True)
class Group:
    """The tiles of one group."""

    key: str
    title: str
    tiles: tuple[Placed, ...]


class Row(NamedTuple):
    """One reading, and where it stands in the view."""

    position: int
    series: SeriesPlan
    window: Window
    dims: Dims
    result: Result | None


class Tiles:
    """Makes tiles of the readings of a view, each by looking up what it shows."""

    def __init__(self, headlines: Headlines) -> None:
        """Make tiles of the KPIs in `headlines`."""
        self.headlines = headlines
        self._pasts = Pasts()

    @property
    def columns(self) -> int:
        """How many tiles stand side by side on a wide screen: as many as lines, or one more."""
        number = sum(len(kpis) for kpis in self.headlines.groups.values())
        return max(1, isqrt(max(0, number - 1)) + 1)

    def teams(self, view: View, chosen: str) -> list[str]:
        """Return the teams that the readings know, and the chosen one; those that nobody has named come last."""
        found = {
            dims[0]
            for index in self.headlines.team_series
            for window in view.plan.series[index].windows[:1]
            for dims in view.readings[index, window]
        }
        found |= {chosen} if chosen else set()
        return sorted(found, key=lambda team: (team in {"unknown", "other"}, team))

    def groups(self, view: View, epoch: str, selection: Selection) -> list[Group]:
        """Return all tiles in their groups."""
        language, place = selection.language, 0
        groups: list[Group] = []
        for key, kpis in self.headlines.groups.items():
            placed: list[Placed] = []
            for of in kpis:
                continues = bool(placed) and place % self.columns == 0
                placed.append(Placed(getattr(of.kpi.title, language), self.tile(of, view, epoch, selection), continues))
                place += 1
            title = group_title(self.headlines.plan.declarations, key)
            groups.append(Group(key, getattr(title, language), tuple(placed)))
        return groups

    def tiles(self, view: View, epoch: str, selection: Selection) -> dict[str, Tile]:
        """Return all tiles by the key of their KPI."""
        kpis = (of for group in self.headlines.groups.values() for of in group)
        return {of.kpi.key: self.tile(of, view, epoch, selection) for of in kpis}

    def tile(self, of: KpiSeries, view: View, epoch: str, selection: Selection) -> Tile:
        """Return the tile of a KPI that has a total.

        Where it is not kept for the period the nearest one is shown, and where not by team the whole company.
        """
        row = row_of(of, view, selection)
        words, currency = WORDS[selection.language], view.plan.currency
        value = None if row.result is None else row.result.value
        past = self._pasts.of(view, epoch, row.position, row.window, row.dims)
        shown = figure(row.series, value, currency, selection.language)
        drawn = sparkline(past.trend)
        return Tile(
            key=of.kpi.key,
            agg="" if row.series.agg is None else words.aggregate(row.series.agg),
            window=words.window(row.window.token),
            other_window=row.window.token != selection.window,
            whole_company=bool(selection.team) and not row.dims,
            figure=shown,
            size="l" if len(shown) <= _SHORT else "m" if len(shown) <= _MEDIUM else "s",
            title=_title(row, view, words, selection),
            absent=value is None,
            change=_change(row, past, currency, words),
            target=target_shown(row, view, words),
            spark=drawn,
            spark_words="" if drawn is None else _spark_words(row.series, drawn, currency, words),
        )


def row_of(of: KpiSeries, view: View, selection: Selection) -> Row:
    """Return the reading of a KPI that comes nearest to a selection.

    Raises:
        LookupError: the KPI has no total.
    """
    by_team = of.position((TEAM,)) if selection.team else None
    index = of.position(()) if by_team is None else by_team
    if index is None:
        raise LookupError(f"kpi `{of.kpi.key}` has no total")
    series = view.plan.series[index]
    window = nearest_window(selection.window, series.windows)
    dims: Dims = () if by_team is None else (selection.team,)
    return Row(index, series, window, dims, view.readings[index, window].get(dims))


def _title(row: Row, view: View, words: Words, selection: Selection) -> str:
    """Return the exact value, or why there is none."""
    if row.result is None:
        return words("no_figures_yet" if view.as_of is None or not row.dims else "no_value_for_team")
    if row.result.value is None:
        return words("absent") if row.result.reason is None else words.reason(row.result.reason)
    return exact_figure(row.series, row.result.value, view.plan.currency, selection.language)


# --------------------------------------------------------------------------------------------------------------- change


def _change(row: Row, past: Past, currency: str, words: Words) -> ChangeShown | None:
    value = None if row.result is None else row.result.value
    if value is None or past.before is None:
        return None
    shown = row.series.kpi.display
    percent = row.series.kpi.unit == "ratio" and (shown is None or shown.format == "percent")
    text, sign = change_figure(row.series, change(value, past.before, in_points=percent), currency, words)
    better = sign > 0 if shown is None or shown.good == "up" else sign < 0
    token = row.window.token
    verdict = "same" if sign == 0 else "better" if better else "worse"
    before = figure(row.series, past.before, currency, words.language)
    return ChangeShown(
        direction=("same", "up", "down")[sign],
        verdict="even" if sign == 0 else "good" if better else "bad",
        text=text,
        words=words(verdict).format(words.compared(token, briefly=True)),
        title=words("before", before=before, when=words.compared(token)),
    )


# --------------------------------------------------------------------------------------------------------------- target


def target_shown(row: Row, view: View, words: Words) -> TargetShown | None:
    """Return how a reading stands against its target; None without a value or a target."""
    result = row.result
    if result is None or result.value is None or result.target is None:
        return None
    series, shown = row.series, row.series.kpi.display
    so_far = None if view.as_of is None else pace(series, row.window, view.as_of, view.plan.calendar)
    attained = attainment(result.value, result.target, "up" if shown is None else shown.good, so_far)
    target = figure(series, result.target, view.plan.currency, words.language)
    return TargetShown(
        good=_SIGNS[attained.state] == "✓",
        sign=_SIGNS[attained.state],
        text=_target_text(attained, target, words),
        words=words(attained.state),
        title="" if attained.pace is None else words("pace", percent=f"{int(attained.pace * 100)} %"),
        filled=_of_hundred(attained.share if attained.share is not None else Fraction(attained.state == "reached")),
        pace=None if attained.pace is None else _of_hundred(attained.pace),
    )


def _target_text(attained: Attainment, target: str, words: Words) -> str:
    if attained.share is None or attained.share < 0:
        return words("limit_is" if attained.state in {"within", "over"} else "target_is", target=target)
    return words("of_target", percent=share_percent(attained, words.language), target=target)


def _of_hundred(share: Fraction) -> int:
    return int(min(max(share, Fraction(0)), Fraction(1)) * 100)


# ---------------------------------------------------------------------------------------------------------------- trend


def _spark_words(series: SeriesPlan, drawn: Sparkline, currency: str, words: Words) -> str:
    first, last, low, high = (figure(series, value, currency, words.language) for value in drawn.values)
    return words("trend", first=first, last=last, low=low, high=high)
