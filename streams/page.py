"""The live page: the totals of every KPI, grouped, as HTML."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from jinja2 import Environment, PackageLoader, StrictUndefined

from metrics.calendar import Window, from_ms
from metrics.evaluate import NOW, Result
from metrics.formatting import ABSENT, decimal_text, display_text
from metrics.plan import Plan, SeriesPlan
from metrics.view import View
from streams.absence import REASON_WORDS
from streams.envelope import format_instant
from streams.wording import group_title

PERIODS = {"d": "day", "w": "week", "m": "month", "q": "quarter", "y": "year"}
WINDOW_ORDER = (
    "1h", "24h", "7d", "30d", "90d", "365d", "dtd", "wtd", "mtd", "qtd", "ytd",
    "prev_day", "prev_week", "prev_month", "prev_quarter",
)  # fmt: skip
_BEGIN_KIND = ("dtd", "prev_day")
"""The windows at which another kind begins: rolling, to date, complete."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value on the page."""

    key: str
    text: str
    exact: str
    title: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A KPI over its windows; None where it is not declared over one."""

    title: str
    description: str
    cells: list[Cell | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A window as a column."""

    title: str
    words: str
    begins_kind: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The KPIs of one group: those without a window as tiles, the others as rows."""

    title: str
    tiles: list[Cell]
    windows: list[Column]
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Page:
    """All that the templates show."""

    ready: bool
    reason: str
    as_of: str | None
    as_of_utc: str | None
    zone: str
    shape: str
    groups: list[Group]


def live_page(view: View, state: tuple[bool, str]) -> str:
    """Return the whole page."""
    return _environment().get_template("live.html").render(page=_page(view, state))


def live_fragment(view: View, state: tuple[bool, str]) -> str:
    """Return the changing part of the page."""
    return _environment().get_template("readings.html").render(page=_page(view, state))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("streams", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _page(view: View, state: tuple[bool, str]) -> Page:
    ready, reason = state
    at = view.as_of
    local = None if at is None else from_ms(at).astimezone(view.plan.calendar.zone)
    groups = [] if at is None else list(_groups(view))
    return Page(
        ready,
        reason,
        None if local is None else f"{local:%A %d %B %Y, %H:%M:%S}",
        None if at is None else format_instant(at),
        str(view.plan.calendar.zone),
        _shape(groups),
        groups,
    )


def _shape(groups: list[Group]) -> str:
    """Return a text that is the same as long as the page has the same cells: then only their content is exchanged."""
    keys = [c.key for g in groups for c in [*g.tiles, *(c for r in g.rows for c in r.cells if c is not None)]]
    return sha256("\n".join(keys).encode()).hexdigest()[:16]


def _groups(view: View) -> Iterator[Group]:
    totals = [(i, s) for i, s in enumerate(view.plan.series) if not s.grain]
    tokens = {w.token for _, s in totals for w in s.windows}
    windows = [Window(token) for token in WINDOW_ORDER if token in tokens]  # the same everywhere: columns line up
    columns = [Column(window_title(w.token), window_words(w.token), w.token in _BEGIN_KIND) for w in windows]
    declarations = view.plan.declarations
    for name in dict.fromkeys([*declarations.groups, *(s.kpi.group for _, s in totals)]):
        mine = [(i, s) for i, s in totals if s.kpi.group == name]
        tiles = [_cell(view, i, s, NOW) for i, s in mine if NOW in s.windows]
        rows = [_row(view, i, s, windows) for i, s in mine if s.windows != (NOW,)]
        if mine:
            yield Group(group_title(declarations, name).en, tiles, columns, rows)


def _row(view: View, index: int, series: SeriesPlan, windows: list[Window]) -> Row:
    cells = [_cell(view, index, series, w) if w in series.windows else None for w in windows]
    return Row(series_title(series), series.kpi.description, cells)


def _cell(view: View, index: int, series: SeriesPlan, window: Window) -> Cell:
    result = view.readings[index, window].get((), Result(None))
    return Cell(
        key=f"{series.kpi.key}|{series.agg or ''}|{window.token}",
        text=display_text(series, result, view.plan.currency),
        exact=exact_text(view.plan, series, result),
        title=series_title(series),
        description=series.kpi.description,
    )


def series_title(series: SeriesPlan) -> str:
    """Return the title of a series, with its aggregate where the KPI has several."""
    return series.kpi.title.en if series.agg is None else f"{series.kpi.title.en} ({series.agg})"


def exact_text(plan: Plan, series: SeriesPlan, result: Result) -> str:
    """Return the exact value with its unit, or why there is none."""
    text = decimal_text(series, result, plan.currency)
    if text is None:
        return ABSENT if result.reason is None else REASON_WORDS[result.reason]
    return text + {"money": f" {plan.currency}", "seconds": " s"}.get(series.kpi.unit, "")


def window_title(token: str) -> str:
    """Return how a window is headed."""
    return token.replace("_", " ")


def window_words(token: str) -> str:
    """Return what a window's token stands for."""
    if token == "now":  # noqa: S105 - a window's token is no secret
        return "as it stands"
    if token.startswith("prev_"):
        return f"the last complete {token.removeprefix('prev_')}"
    if token.endswith("td"):
        return f"this {PERIODS[token[0]]} so far" if token != "dtd" else "today so far"  # noqa: S105 - as above
    unit = {"h": "hours", "d": "days"}[token[-1]]
    return "the last hour" if token == "1h" else f"the last {token[:-1]} {unit}"  # noqa: S105 - as above
