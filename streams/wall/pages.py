"""The wall and the details as HTML."""

from dataclasses import dataclass
from functools import cache, lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from metrics.calendar import from_ms
from metrics.view import View
from streams.envelope import format_instant
from streams.wall.detail import Detail
from streams.wall.selection import Selection
from streams.wall.texts import MONTHS, WEEKDAYS
from streams.wall.tiles import Group, Tile
from streams.wall.words import LANGUAGES, WORDS, Language, Said, Words

_KEPT_TILES = 4_096


@dataclass(frozen=True, slots=True)
class State:
    """How fresh the readings are.

    Attributes:
        ready: whether they are those of now.
        reason: why not.
        as_of: the instant that they are of, in UTC.
        clock: the same for people, in the business time zone.
        zone: that time zone.
    """

    ready: bool
    reason: Said
    as_of: str
    clock: str
    zone: str


@dataclass(frozen=True, slots=True)
class WallPage:
    """What the page of the wall shows.

    Attributes:
        version: changes when a page that was loaded before no longer fits what is streamed.
    """

    chosen: Selection
    state: State
    version: str
    windows: list[str]
    teams: list[str]
    groups: list[Group]
    columns: int


def state_of(view: View, ready: tuple[bool, str], language: Language) -> State:
    """Return how fresh the readings of `view` are."""
    words, zone = WORDS[language], view.plan.calendar.zone
    if view.as_of is None:
        return State(ready[0], words.state(ready[1]), "", words("no_figures_yet"), str(zone))
    local = from_ms(view.as_of).astimezone(zone)
    day = f"{WEEKDAYS[local.weekday()][words.place]} {local.day} {MONTHS[local.month - 1][words.place]}"
    return State(
        ready[0], words.state(ready[1]), format_instant(view.as_of), f"{day} {local.year}, {local:%H:%M:%S}", str(zone)
    )


def wall_page(page: WallPage) -> str:
    """Return the whole page."""
    return _render("wall.html", page.chosen, page=page)


def detail_page(detail: Detail, chosen: Selection, state: State, version: str) -> str:
    """Return the details as a page of their own."""
    return _render("kpi.html", chosen, kpi=detail, state=state, version=version, level=1)


def detail_fragment(detail: Detail, chosen: Selection) -> str:
    """Return the details as the content of a dialog."""
    return _render("detail.html", chosen, kpi=detail, level=2)


def missing_page(chosen: Selection, version: str) -> str:
    """Return the page for a KPI that does not exist."""
    return _render("missing.html", chosen, version=version)


@lru_cache(maxsize=_KEPT_TILES)
def tile_content(tile: Tile, language: Language) -> str:
    """Return the changing part of a tile; the same tile is rendered once."""
    return str(_environment().get_template("tile.html").render(tile=tile, t=WORDS[language]))


def _render(template: str, chosen: Selection, **values: object) -> str:
    words: Words = WORDS[chosen.language]
    return str(_environment().get_template(template).render(chosen=chosen, t=words, languages=LANGUAGES, **values))


def _code(text: str) -> Markup:
    """Return a text whose names in backticks are marked as code."""
    parts = (escape(part) for part in text.split("`"))
    return Markup().join(Markup("<code>{}</code>").format(p) if i % 2 else p for i, p in enumerate(parts))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("streams.wall", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["tile_content"] = tile_content
    environment.filters["code"] = _code
    return environment
