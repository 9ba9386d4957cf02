"""Random sales histories: few ids, so that versions collide; times at the ends of windows; all that may go wrong.

A history is a time zone, a reporting currency, an instant T, and events. How it is delivered (order, repetition,
batches, ticks, shards, restarts) is drawn apart from it: the laws say that it makes no difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

from hypothesis import strategies as st

from tests.properties import stories
from tests.properties.fields import IDS, fields_of
from tests.properties.situations import DAY, HOUR, Draw, Event, firsts, one_of, situations, spell, today
from tests.properties.stories import Story


@dataclass(frozen=True)
class History:
    """What happened, as of when, seen from where."""

    zone: str
    currency: str
    as_of: int
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Theme:
    """What a history is about: how often each source speaks, and the stories that may be told."""

    sources: Mapping[str, int]
    stories: tuple[Story, ...]


THEMES = (
    Theme(
        {"deal": 5, "lead": 4, "activity": 4, "fx_rate": 3, "plan": 2, "order": 1},
        (stories.answered_lead, stories.growth, stories.stages, stories.coverage),
    ),
    Theme(
        {"customer": 4, "deal": 3, "subscription": 4, "order": 2, "activity": 2, "spend": 2, "fx_rate": 2},
        (stories.customers, stories.subscriptions),
    ),
    Theme({"rep": 4, "deal": 3, "plan": 4, "activity": 3, "fx_rate": 1}, (stories.quotas, stories.growth)),
    Theme(
        {"measurement": 6, "order": 4, "deal": 1, "customer": 1, "fx_rate": 3},
        (stories.hotel, stories.stock, stories.market),
    ),
    Theme({"feedback": 4, "activity": 5, "customer": 1, "rep": 1}, (stories.voices,)),
)
EVERY_STORY = tuple(dict.fromkeys(story for theme in THEMES for story in theme.stories))
_OPS = (*("put",) * 6, *("patch",) * 3, "delete")


def drawn_event(draw: Draw, number: int, source: str, zone: str, as_of: int) -> Event:
    """Draw an event whose times lie near the ends of windows as of T."""
    op = draw(one_of(*_OPS))
    event: Event = {
        "event_id": f"e{number}",
        "type": source,
        "entity_id": draw(one_of(*IDS.get(source, ("x1", "x2", "x3")))),
        "op": op,
        "updated_at": spell(as_of - draw(one_of(0, 1, 1_000, 5_000)))[:-1] + draw(one_of("Z", "000Z", "001Z")),
    }
    version = draw(one_of(0, 1, 2, 3, 3, None))
    if version is not None:
        event["version"] = version
    required, optional = fields_of(source, as_of, zone)
    known = {**required, **optional}
    if op == "put":
        names = [*required, *draw(_subsets(source))]
        dropped = draw(one_of(*(None,) * 60, *required))
        event["data"] = {n: draw(known[n]) for n in names if n != dropped}
    elif op == "patch":
        event["data"] = {n: draw(known[n]) for n in draw(_named(source))}
    return event


@cache
def _subsets(source: str) -> st.SearchStrategy[list[str]]:
    _, optional = fields_of(source, 0, "UTC")
    return st.lists(one_of(*optional), unique=True, max_size=6) if optional else st.just([])


@cache
def _named(source: str) -> st.SearchStrategy[list[str]]:
    return st.lists(one_of(*(n for fields in fields_of(source, 0, "UTC") for n in fields)), unique=True, max_size=4)


@st.composite
def histories(draw: Draw) -> History:
    """Draw a history."""
    zone, currency, as_of = draw(situations())
    theme = draw(st.sampled_from(THEMES))
    sources = st.sampled_from([s for s, weight in theme.sources.items() for _ in range(weight)])
    count = draw(one_of(16, 12, 8, 20, 2, 1))
    events = [drawn_event(draw, i, draw(sources), zone, as_of) for i in range(count)]
    told, rates = drawn_stories(draw, theme, zone, as_of), drawn_rates(draw, currency, zone, as_of)
    return History(zone, currency, as_of, (*events, *told, *rates))


def drawn_stories(draw: Draw, theme: Theme, zone: str, as_of: int) -> list[Event]:
    """Draw stories, mostly of the theme, told whole or in part.

    The first one tells of the same entities as the other events do, the others have their own.
    """
    often, seldom = one_of(False, True, True, True), one_of(False, False, False, True)
    chosen = [story for story in EVERY_STORY if draw(often if story in theme.stories else seldom)]
    return [
        {
            "event_id": f"s{number}-{part}",
            "type": source,
            "entity_id": _own(entity_id, number),
            "op": "put",
            "updated_at": spell(as_of),
            "version": draw(one_of(2, 4)),
            "data": {name: _own(value, number) if name == "lead_id" else value for name, value in fields.items()},
        }
        for number, story in enumerate(chosen)
        for part, (source, entity_id, fields) in enumerate(story(draw, as_of, zone))
        if draw(one_of(*(True,) * 12, False))
    ]


def _own(entity_id: str, number: int) -> str:
    """Return an id that only one story uses."""
    return f"{entity_id}-{number}" if number and entity_id.startswith("x") else entity_id


def drawn_rates(draw: Draw, currency: str, zone: str, as_of: int) -> list[Event]:
    """Draw the dollar's rates of some days before T and of the days on which periods begin, all different; or few."""
    now = today(as_of, zone)
    days = [now - timedelta(back) for back in draw(one_of((), (0, 1, 2), (0, 1, 2), (30, 31, 32)))]
    days += draw(one_of([], [begin for back in (0, 31, 92) for begin in firsts(now - timedelta(back))]))
    quotes = ["USD"] + ([currency] if currency != "EUR" and draw(one_of(True, True, False)) else [])
    return [
        {
            "event_id": f"f{quote}{n}",
            "type": "fx_rate",
            "entity_id": f"EUR/{quote}:{day}",
            "op": "put",
            "updated_at": spell(as_of),
            "version": 1,
            "data": {"base": "EUR", "quote": quote, "rate_date": day.isoformat(), "rate": f"1.{n + 1}"},
        }
        for quote in quotes
        for n, day in enumerate(dict.fromkeys(days))
    ]


# ------------------------------------------------------------------------------------------------------------- delivery

Step = tuple[Sequence[Event], int | None]
"""A batch, and the T to tick at before it."""


@st.composite
def deliveries(draw: Draw, history: History) -> list[Step]:
    """Draw an order, repetitions, batch borders and a growing sequence of ticks before T."""
    events = draw(st.permutations(history.events))
    events = [*events, *draw(st.lists(st.sampled_from(history.events), max_size=4))]
    cuts = sorted(draw(st.sets(st.integers(0, len(events)), max_size=4)))
    borders = [0, *cuts, len(events)]
    spans = (400 * DAY, 91 * DAY, 31 * DAY, DAY, 25 * HOUR, HOUR, 60_000, 1)
    before = sorted(draw(st.lists(st.sampled_from(spans), min_size=len(borders), max_size=len(borders))), reverse=True)
    ticks = [history.as_of - span if draw(st.booleans()) else None for span in before]
    return [(events[a:b], tick) for a, b, tick in zip(borders, borders[1:], ticks, strict=False)]
