"""The entities of a reading as JSON: what a worker answers a view, and what a view answers everybody else."""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction

from msgspec import Struct

from metrics.calendar import BusinessCalendar
from metrics.contributors import Amounts, Contributor, Place
from metrics.currency import exponent
from metrics.formatting import decimal
from streams.envelope import format_instant, parse_instant

_PLACES = 9
"""No number is finer than billionths."""
_DATE = len("2026-10-05")


class ContributionMessage(Struct, omit_defaults=True, kw_only=True):
    """What one entity, or all of them, add to a part of a reading.

    Attributes:
        role: the part: `value` or `samples`, a side of a ratio, the alias of an input, or one of these within another
            (`churn.numerator`).
        value: the exact sum; money in major units of its own currency.
        currency: ISO 4217 code, of money.
    """

    role: str
    value: str
    currency: str | None = None


class EntityMessage(Struct, omit_defaults=True, kw_only=True):
    """One entity of a reading.

    Attributes:
        type: the event type.
        entity_id: its id.
        at: when what counts happened, an instant or a local date; when it was last updated if it counts as it stands.
        updated_at: when it was last updated.
        contributions: what it adds to each part of the reading.
        dimensions: its values of the dimensions that are declared for its type.
    """

    type: str
    entity_id: str
    at: str
    updated_at: str
    contributions: list[ContributionMessage]
    dimensions: dict[str, str]


class EntityTotals(Struct, omit_defaults=True, kw_only=True):
    """All entities of a reading together, those of other pages too.

    Attributes:
        entities: how many there are.
        contributions: what they add to each part of the reading; nothing for numbers of which only the latest counts.
    """

    entities: int
    contributions: list[ContributionMessage]


class EntitiesPage(Struct, omit_defaults=True, kw_only=True):
    """Some of the entities that make up a reading, newest first.

    Attributes:
        kpi: key of the KPI.
        agg: the aggregate, of a KPI that has several.
        window: token of the window.
        start: where the window begins; the instant itself belongs to it.
        end: where the window ends; the instant itself does not belong to it.
        as_of: the instant of the evaluation.
        grain: the dimensions that the series is grouped by, none for the total.
        dimensions: the value of each of them.
        value: the reading, money in major units of the reporting currency; null when there is none.
        unit: `money`, `seconds`, `ratio` or `none`.
        currency: the reporting currency, of money.
        entities: those of this page.
        totals: all of them together.
        next: what to send as `before` to get the next page; not there on the last one.
    """

    kpi: str
    agg: str | None = None
    window: str
    start: str
    end: str
    as_of: str
    grain: tuple[str, ...]
    dimensions: dict[str, str]
    value: str | None
    unit: str
    currency: str | None = None
    entities: list[EntityMessage]
    totals: EntityTotals
    next: str | None = None


class ShardsAnswer(Struct, omit_defaults=True, kw_only=True):
    """What a worker answers a view for the shards that it owns.

    Attributes:
        shards: the numbers of these shards.
        as_of: the instant whose windows were looked at; null without a shard.
        entities: the newest of those that come after the place that was asked for.
        left: how many come after that place.
        totals: all entities of these shards together.
    """

    shards: list[int]
    as_of: str | None
    entities: list[EntityMessage]
    left: int
    totals: EntityTotals


def entity_message(found: Contributor, calendar: BusinessCalendar) -> EntityMessage:
    """Return an entity as a message."""
    at = found.place.at
    return EntityMessage(
        type=found.place.source,
        entity_id=found.place.entity_id,
        at=date.fromordinal(calendar.day_of(at)).isoformat() if found.dated else format_instant(at),
        updated_at=format_instant(found.updated),
        contributions=contribution_messages(found.amounts),
        dimensions=found.labels,
    )


def place_of(message: EntityMessage, calendar: BusinessCalendar) -> Place:
    """Return where the entity of a message stands among the others."""
    at = message.at
    dated = len(at) == _DATE
    ms = calendar.day_start(date.fromisoformat(at).toordinal()) if dated else parse_instant(at)
    return Place(ms, message.entity_id, message.type)


def contribution_messages(amounts: Amounts) -> list[ContributionMessage]:
    """Return amounts as messages, in their order."""
    return [
        ContributionMessage(role=role, value=_text(amount, currency), currency=currency)
        for (role, currency), amount in amounts.items()
    ]


def added_up(answers: Iterable[ShardsAnswer]) -> Amounts:
    """Return the sums of the totals of several workers."""
    sums: Amounts = {}
    for answer in answers:
        for sent in answer.totals.contributions:
            key = sent.role, sent.currency
            minor = 1 if sent.currency is None else 10 ** exponent(sent.currency)
            sums[key] = sums.get(key, Fraction(0)) + Fraction(sent.value) * minor
    return sums


def _text(amount: Fraction, currency: str | None) -> str:
    if currency is not None:
        places = exponent(currency)
        return decimal(amount / 10**places, places)
    text = decimal(amount, _PLACES)
    return text.rstrip("0").rstrip(".")
