"""Random sales histories: few ids, so that versions collide; times at the ends of windows; all that may go wrong.

A history is a time zone, a reporting currency, an instant T, and events. How it is delivered (order, repetition,
batches, ticks, shards, restarts) is drawn apart from it: the laws say that it makes no difference.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

Event = dict[str, Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]
HOUR, DAY = 3_600_000, 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

AS_OF = {
    "Europe/Amsterdam": (
        "2026-03-29T03:30",  # the hour after the one that was left out
        "2026-10-25T00:00",
        "2026-10-25T02:30",
        "2026-10-26T00:00",  # the midnight that ends the day of 25 hours
        "2026-12-31T23:59",
        "2027-01-01T00:00",
        "2028-02-29T12:00",
        "2028-03-31T18:00",  # the 31st against the whole of February
    ),
    "America/New_York": ("2026-03-08T03:00", "2026-11-01T01:30", "2026-11-02T00:00", "2027-01-03T10:00"),
    "Australia/Lord_Howe": ("2026-04-05T01:45", "2026-04-06T00:00", "2026-10-04T02:30"),  # half an hour of summer time
    "America/Sao_Paulo": ("2018-11-04T01:00", "2018-11-05T00:00", "2018-02-18T00:00"),  # a midnight that does not exist
}
"""Local times at which the calendar is at its worst."""
_DAYS_BACK = (0, 1, 2, 6, 7, 13, 29, 30, 31, 59, 89, 90, 91, 179, 180, 364, 365, 366)


@dataclass(frozen=True)
class History:
    """What happened, as of when, seen from where."""

    zone: str
    currency: str
    as_of: int
    events: tuple[Event, ...]


def spell(ms: int, zone: str = "UTC") -> str:
    """Return the RFC 3339 text of an instant, with the offset of a zone."""
    text = (_EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@cache
def instants(as_of: int, zone: str) -> tuple[str, ...]:
    """Return instants near the ends of all windows as of T, a few of them after T."""
    local = (_EPOCH + timedelta(milliseconds=as_of)).astimezone(ZoneInfo(zone))
    midnights = []
    for days in _DAYS_BACK:
        day = local.date() - timedelta(days)
        midnights.append(datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC))
    starts = [(m - _EPOCH) // timedelta(milliseconds=1) for m in midnights]
    spans = (0, 1_000, 60_000, HOUR, 2 * HOUR, DAY, 25 * HOUR, 90 * DAY)
    near = [as_of - span for span in spans] + [start - span for start in starts for span in (0, 90 * DAY)]
    exact = {n + off for n in near for off in (-1, 0, 1, HOUR)} | {as_of + HOUR, as_of + DAY, as_of + 100 * DAY}
    return tuple(spell(e, zone if e % 2 else "UTC") for e in sorted(exact))


@st.composite
def situations(draw: Draw) -> tuple[str, str, int]:
    """Draw (zone, reporting currency, T)."""
    zone = draw(st.sampled_from(sorted(AS_OF)))
    local = datetime.fromisoformat(draw(st.sampled_from(AS_OF[zone]))).replace(tzinfo=ZoneInfo(zone))
    off = draw(st.sampled_from((0, 0, 0, 1, -1, 30_500, 12 * HOUR)))
    currency = draw(st.sampled_from(("EUR", "EUR", "EUR", "KWD")))
    return zone, currency, (local.astimezone(UTC) - _EPOCH) // timedelta(milliseconds=1) + off


def _one_of(*values: object) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def _lines(draw: Draw) -> list[Event]:
    return [
        {
            "line_id": str(i),
            "product_id": draw(_one_of("p1", "p2")),
            "amount_minor": draw(_one_of(0, 1, 5, 333, 10_000, 10**15)),
            **draw(_one_of({}, {"cost_minor": None}, {"cost_minor": 2}, {"cost_minor": 7_000, "quantity": "1.5"})),
        }
        for i in range(draw(_one_of(1, 1, 2, 0)))
    ]


Fields = Mapping[str, st.SearchStrategy[Any]]


@cache
def _fields(source: str, as_of: int, zone: str) -> tuple[Fields, Fields]:
    """Return the strategies of the required and of the other fields of a source."""
    anywhere = instants(as_of, zone)
    ages = {t: as_of - (datetime.fromisoformat(t) - _EPOCH) // timedelta(milliseconds=1) for t in anywhere}
    today = [t for t, age in ages.items() if 0 <= age < DAY]
    yesterday = [t for t, age in ages.items() if DAY <= age < 3 * DAY]
    often = (*anywhere, *today * (len(anywhere) // len(today)), *yesterday * (len(anywhere) // len(yesterday)))
    when, maybe = st.sampled_from(often), st.sampled_from((*often, *(None,) * 20))
    day = st.sampled_from([t[:10] for t in instants(as_of, "UTC")[-40:]])
    team, rep, region = _one_of("t1", "t2", None), _one_of("r1", "r2"), _one_of("eu", None)
    match source:
        case "deal":
            return {
                "customer_id": st.just("c1"),
                "pipeline_id": _one_of("new_business", "regional", "elsewhere"),
                "stage": _one_of("proposal", "negotiation", "qualify", "odd"),
                "status": _one_of("won", "won", "open", "open", "lost", "cancelled"),
                "currency": _one_of("EUR", "USD", "USD", "JPY", "KWD"),
                "lines": st.composite(_lines)(),
                "owner_id": rep,
                "created_at": when,
                "closed_at": maybe,
                "lead_id": _one_of("x1", "x2", None),
            }, {
                "team_id": team,
                "region": region,
                "channel": _one_of("web", None),
                "source": _one_of("ads", "unknown", None),
                "deal_type": _one_of("new_business", "renewal", None),
                "probability": _one_of("0", "0.25", "0.333", "1", 0.5, None),
                "first_contact_at": maybe,
                "expected_close_date": _one_of("2026-12-31", None),
                "lost_reason": _one_of("price", None),
                "stage_entered_at": st.one_of(
                    st.none(), st.dictionaries(_one_of("proposal", "odd", "won"), maybe, max_size=2)
                ),
            }
        case "lead":
            return {
                "created_at": when,
                "status": _one_of("new", "working", "qualified", "disqualified", "converted"),
            }, {
                "qualified_at": maybe,
                "customer_id": _one_of("c1", None),
                "source": _one_of("ads", None),
                "channel": _one_of("web", None),
                "region": region,
                "owner_id": rep,
                "team_id": team,
            }
        case "activity":
            return {
                "kind": _one_of("call", "email", "chat", "social"),
                "direction": _one_of("outbound", "outbound", "outbound", "inbound"),
                "actor": _one_of("human", "human", "human", "automation"),
                "status": _one_of("completed", "completed", "completed", "planned"),
                "created_at": when,
                "occurred_at": maybe,
                "lead_id": _one_of("x1", "x2"),
            }, {
                "quantity": _one_of(1, 3, 2**53, None),
                "rep_id": rep,
                "team_id": team,
                "opened_at": maybe,
                "open_unreliable": _one_of(True, False, None),
            }
        case "fx_rate":
            return {
                "base": _one_of("EUR", "EUR", "EUR", "USD"),
                "quote": _one_of("USD", "JPY", "KWD", "EUR"),
                "rate_date": day,
                "rate": _one_of("1.25", "1.1", "0.9871", "165", "0"),
            }, {}
        case _:
            return {
                "kind": _one_of("target", "target", "quota"),
                "metric": st.just("revenue"),
                "period": _one_of(*_periods(as_of)),
                "submitted_at": when,
            }, {
                "team_id": _one_of("t1", None, None),
                "product_id": _one_of("p1", None, None),
                "amount_minor": _one_of(0, 1_000, 5_000_000, None),
                "currency": _one_of("EUR", "EUR", "USD", None),
                "value": _one_of("12.5", None),
            }


def _periods(as_of: int) -> list[str]:
    days = [(_EPOCH + timedelta(milliseconds=as_of)) - timedelta(d) for d in (0, 30, 60)]
    return sorted({p for d in days for p in (f"{d:%Y-%m}", f"{d.year}-Q{(d.month + 2) // 3}", str(d.year))})


_SOURCES = (*("deal",) * 5, *("lead",) * 4, *("activity",) * 4, *("fx_rate",) * 3, *("plan",) * 2)
_OPS = (*("put",) * 6, *("patch",) * 3, "delete")


def _event(draw: Draw, number: int, zone: str, as_of: int) -> Event:
    source, op = draw(_one_of(*_SOURCES)), draw(_one_of(*_OPS))
    event: Event = {
        "event_id": f"e{number}",
        "type": source,
        "entity_id": draw(_one_of("x1", "x2", "x3")),
        "op": op,
        "updated_at": spell(as_of - draw(_one_of(0, 1, 1_000, 5_000)))[:-1] + draw(_one_of("Z", "000Z", "001Z")),
    }
    version = draw(_one_of(0, 1, 2, 3, 3, None))
    if version is not None:
        event["version"] = version
    required, optional = _fields(source, as_of, zone)
    known = {**required, **optional}
    if op == "put":
        names = [*required, *draw(_subsets(source))]
        dropped = draw(_one_of(*(None,) * 60, *required))
        event["data"] = {n: draw(known[n]) for n in names if n != dropped}
    elif op == "patch":
        event["data"] = {n: draw(known[n]) for n in draw(_named(source))}
    return event


@cache
def _subsets(source: str) -> st.SearchStrategy[list[str]]:
    _, optional = _fields(source, 0, "UTC")
    return st.lists(_one_of(*optional), unique=True, max_size=6) if optional else st.just([])


@cache
def _named(source: str) -> st.SearchStrategy[list[str]]:
    return st.lists(_one_of(*(n for fields in _fields(source, 0, "UTC") for n in fields)), unique=True, max_size=4)


@st.composite
def histories(draw: Draw) -> History:
    """Draw a history."""
    zone, currency, as_of = draw(situations())
    count = draw(_one_of(16, 12, 8, 20, 2, 1))
    events = [_event(draw, i, zone, as_of) for i in range(count)]
    return History(zone, currency, as_of, (*events, *_story(draw, as_of), *_daily_rates(draw, as_of)))


def _story(draw: Draw, as_of: int) -> list[Event]:
    """Draw a lead that is answered and won in dollars, so that relations and rates are never for nothing; or none."""
    created = as_of - draw(_one_of(2 * HOUR, DAY, 10 * DAY, 91 * DAY, 120 * DAY))
    answered = created + draw(_one_of(-HOUR, 0, HOUR, HOUR + 1_000, 30 * HOUR))
    closed = as_of - draw(_one_of(DAY + HOUR, DAY, 2 * DAY, 30 * DAY, HOUR, 1))
    told: list[tuple[str, Event]] = [
        ("lead", {"created_at": spell(created), "status": "working"}),
        (
            "activity",
            {
                "kind": "call",
                "direction": "outbound",
                "actor": "human",
                "status": "completed",
                "created_at": spell(created),
                "occurred_at": spell(answered),
                "lead_id": "x1",
            },
        ),
        (
            "deal",
            {
                "customer_id": "c1",
                "pipeline_id": "new_business",
                "stage": "proposal",
                "status": draw(_one_of("won", "won", "open")),
                "currency": "USD",
                "lines": [{"line_id": "1", "product_id": "p1", "amount_minor": 333, "cost_minor": 100}],
                "owner_id": "r1",
                "created_at": spell(created),
                "closed_at": spell(closed),
                "lead_id": "x1",
            },
        ),
    ]
    return [
        {
            "event_id": f"s-{source}",
            "type": source,
            "entity_id": "x1",
            "op": "put",
            "updated_at": spell(as_of),
            "version": 2,
            "data": fields,
        }
        for source, fields in told[: draw(_one_of(3, 3, 2, 0))]
    ]


def _daily_rates(draw: Draw, as_of: int) -> list[Event]:
    """Draw the dollar's rates of the days before T, a different one each day; or none."""
    first = draw(_one_of(None, 0, 0, 30))
    return [
        {
            "event_id": f"f{back}",
            "type": "fx_rate",
            "entity_id": f"EUR/USD:{back}",
            "op": "put",
            "updated_at": spell(as_of),
            "version": 1,
            "data": {
                "base": "EUR",
                "quote": "USD",
                "rate_date": spell(as_of - back * DAY)[:10],
                "rate": f"1.{back + 1}",
            },
        }
        for back in (range(first, first + 3) if first is not None else ())
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
