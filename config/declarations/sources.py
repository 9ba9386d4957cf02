"""The models of sources, their fields, children and derived fields; of populations and pipelines."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from config.declarations.terms import Duration, Key, Model, Scalar, Where, number_as_text


class FieldType(Model):
    """One field of a source's `data`, or of the items of a list field."""

    type: Literal[
        "string", "integer", "money", "decimal", "boolean", "timestamp", "date", "enum", "list", "object", "times"
    ]
    required: bool = False
    values: tuple[str, ...] = ()
    """The closed list of an `enum`."""
    fields: Mapping[Key, "FieldType"] = {}
    """The fields of an `object`, or of the items of a `list`."""
    minimum: int | None = None
    maximum: int | None = None
    default: Scalar | None = None
    """What a missing value counts as."""

    @model_validator(mode="after")
    def _shape(self) -> "FieldType":
        if (self.type == "enum") != bool(self.values):
            raise ValueError("`values` lists what an enum may be: give it to an `enum` and to nothing else")
        if (self.type in {"list", "object"}) != bool(self.fields):
            raise ValueError(
                "`fields` describes an object or the items of a list: give it to those and to nothing else"
            )
        return self


class RequiredWhen(Model):
    """A field that must be there while the entity meets a condition."""

    field: str
    where: Where


class Dimension(Model):
    """An attribute to group by; a value that is not in a closed list becomes `other`."""

    field: str
    values: tuple[str, ...] = ()
    of_items: Mapping[Key, str] = {}
    """By list: the field of its items that has the value when the items are what is counted."""


class NotBefore(Model):
    """The earliest instant that counts: a field of the parent, minus a span."""

    field: str
    minus: Duration = 0


class Children(Model):
    """What the entities of another source tell the one they belong to: an instant, and what else it needs of them."""

    from_: Key = Field(alias="from")
    """The child source."""
    parent: str
    """The child's field that holds the parent's id."""
    at: str
    """The child's instant, a field or a derived one; a child without it tells nothing."""
    where: Where = {}
    carry: tuple[str, ...] = ()
    """More fields of the child that the parent must know."""


class Least(Model):
    """The least of the entity's own instants and of its children's, strictly before T."""

    own: tuple[str, ...] = ()
    over: tuple[Key, ...] = ()
    """Names of `children`."""
    not_before: NotBefore | None = None

    @model_validator(mode="after")
    def _of_something(self) -> "Least":
        if not (self.own or self.over):
            raise ValueError("the least of nothing; give `own`, `over` or both")
        return self


class FirstOver(Model):
    """The entity's own field, else what the earliest child before T carries."""

    own: str | None = None
    over: Key
    take: str


class StageProbability(Model):
    """The chance of closing: the entity's own field, else what the pipeline declares for its stage."""

    own: str
    pipeline: str
    stage: str


class StageExits(Model):
    """The exits of a deal from the stages of its pipeline: a list of {stage, at, forward} (KPIS A10).

    The forward exit from a stage is the earliest later entry into a stage of higher order, or the win; the exit of a
    lost deal is from the stage that it entered last. A stage that was stepped back from has no exit.
    """

    entered: str
    """The `times` field with the entries."""
    pipeline: str
    status: str
    closed_at: str


class Entry(Model):
    """The entry of a `times` field that another field names."""

    times: str
    key: str


class PerMonth(Model):
    """The paid phases of a contract: a list of {from, to, amount_minor, currency}, the amounts for a month (KPIS A22).

    A day counts 365/12, a week 52/12, a quarter 1/3 and a year 1/12 of a month; each amount is rounded half-even to its
    currency's minor unit. Phases without an amount are left out; `ended_at` ends all of them.
    """

    phases: str
    ended_at: str | None = None


class DateEdge(Model):
    """The instant that a local date stands for."""

    date: str
    edge: Literal["day_end", "quarter_start"]
    """The end of that day, or the beginning of the quarter it lies in."""


class Compare(Model):
    """Whether one field compares to another, times a number; False while one of them is not there."""

    left: str
    op: Literal["<=", ">="]
    right: str
    times: Annotated[str, BeforeValidator(number_as_text), Field(pattern=r"^\d+(\.\d+)?$")] = "1"


class DerivedField(Model):
    """A field computed from others; exactly one way must be given."""

    least: Least | None = None
    first: FirstOver | None = None
    coalesce: tuple[str, ...] | None = None
    """The first of these fields that is there."""
    earliest: str | None = None
    """The least instant among the items of a list, such as `monthly.from`."""
    stage_probability: StageProbability | None = None
    stage_exits: StageExits | None = None
    entry: Entry | None = None
    per_month: PerMonth | None = None
    local_date: str | None = None
    """The local date of a timestamp."""
    instant_of: DateEdge | None = None
    compare: Compare | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "DerivedField":
        if sum(getattr(self, way) is not None for way in type(self).model_fields) != 1:
            raise ValueError(f"give exactly one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def of_the_entity_alone(self) -> bool:
        """Whether it depends on the entity's own fields, and neither on its children nor on T."""
        return self.least is None and self.first is None


class Source(Model):
    """A declared event type: its topic, its fields, and what can be grouped by."""

    key: Key
    topic: Annotated[str, Field(pattern=r"^[a-z][a-z0-9.-]*$")]
    """The topic's name without the prefix."""
    fields: Mapping[Key, FieldType]
    required_when: tuple[RequiredWhen, ...] = ()
    exists_from: str | None = None
    """The timestamp field before which the entity is no part of any stock."""
    implied: bool = False
    """Whether an entity exists as soon as its children name it, with unknown attributes."""
    divided_by: str | None = None
    """The field that tells kinds of records apart that have little in common: their label values are kept apart."""
    currency: str | None = None
    """The field that holds the currency of the money fields."""
    dimensions: Mapping[Key, str | Dimension] = {}
    """By name: the field that has the values; `entity_id` for the id itself."""
    children: Mapping[Key, Children] = {}
    derived: Mapping[Key, DerivedField] = {}
    silence: Duration | None = None
    """How long no event may come before that is worth an alert; any time by default."""
    broadcast: bool = False
    """Reference records (rates, plans): no aggregates; the view holds them all and looks them up at the reading."""


class Interval(Model):
    """When a member is active: (start, end], from the entity's own fields or from its children."""

    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    over: tuple[Key, ...] = ()
    """Names of `children`, whose instants begin an interval each."""
    ends: str | None = None
    """The carried field that ends it."""
    for_: Duration | None = Field(default=None, alias="for")
    """How long it lasts."""

    @model_validator(mode="after")
    def _one_way(self) -> "Interval":
        if (self.from_ is None) == (not self.over):
            raise ValueError("give exactly one of from, over")
        if self.ends is not None and self.for_ is not None:
            raise ValueError("give `ends` or `for`, not both")
        return self


class Population(Model):
    """Who is a member at an instant t: active(t) holds while start < t <= end (KPIS A18)."""

    from_: Key = Field(alias="from")
    where: Where = {}
    intervals: tuple[Interval, ...] = ()
    """Only the first of these that gives any interval counts."""
    until: str | None = None
    """A timestamp field at which all intervals end that began before it."""
    amounts: str | None = None
    """A carried list of {from, to, amount_minor, currency}, such as `subscriptions.monthly`: members weigh as much."""
    contacted: Key | None = None
    """Children of which one must lie in the window for a member to count at its end."""

    @model_validator(mode="after")
    def _one_way(self) -> "Population":
        if (self.amounts is None) == (not self.intervals):
            raise ValueError("give exactly one of intervals, amounts")
        return self


class Stage(Model):
    """One stage of a pipeline."""

    order: int
    probability: Annotated[str, BeforeValidator(number_as_text), Field(pattern=r"^(0(\.\d+)?|1(\.0+)?)$")]

    @property
    def chance(self) -> Decimal:
        """The declared probability as an exact decimal."""
        return Decimal(self.probability)
