"""The models of what KPIs are made of: values, aggregates, sides, inputs, and what a conversion reaches."""

from typing import Literal

from pydantic import Field, model_validator

from config.declarations.terms import Aggregate, Duration, Key, Model, Unit, Where, WindowToken


class DurationValue(Model):
    """Whole seconds from the first field that is there to another.

    `clamp` makes a negative span 0, `exclude` drops it.
    """

    from_: str | tuple[str, ...] = Field(alias="from")
    to: str
    negative: Literal["clamp", "exclude"] = "exclude"

    @property
    def starts(self) -> tuple[str, ...]:
        """The fields to start from, in order of preference."""
        return (self.from_,) if isinstance(self.from_, str) else self.from_


class Value(Model):
    """What is aggregated: money in minor units, a number, a duration, the age of an instant, different values."""

    money: str | None = None
    number: str | None = None
    duration: DurationValue | None = None
    age_of: str | None = None
    distinct: str | None = None
    """The field whose different values are counted."""
    latest: str | None = None
    """The number of the record that `dated` names the newest, of those that are not after the current local date."""
    weight: str | None = None
    """A share that the money is multiplied by; each product is rounded half-even to the minor unit."""
    times: str | None = None
    """A number that the number is multiplied by."""
    dated: str | None = None
    max_age: Duration | None = None
    """How old the latest record may be."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Value":
        kinds = ("money", "number", "duration", "age_of", "distinct", "latest")
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise ValueError(f"give exactly one of {', '.join(kinds)}")
        for word, kind in (("weight", "money"), ("times", "number"), ("dated", "latest"), ("max_age", "latest")):
            if getattr(self, word) is not None and getattr(self, kind) is None:
                raise ValueError(f"`{word}` goes with `{kind}`")
        if (self.latest is None) != (self.dated is None):
            raise ValueError("`latest` needs `dated`, the field with the date of a record")
        return self

    @property
    def unit(self) -> Unit:
        """The unit of what is aggregated, unless it is only counted."""
        if self.money is not None:
            return "money"
        return "seconds" if self.duration is not None or self.age_of is not None else "none"


class MeasureSpec(Model):
    """An aggregate over the entities whose event-time field lies in the window."""

    from_: Key = Field(alias="from")
    at: str
    where: Where = {}
    agg: Aggregate = "count"
    value: Value | None = None
    per: Key | None = None
    """Aggregate for each value of this dimension first, and then `then` those."""
    then: Literal["sum"] | None = None


class StateSpec(Model):
    """An aggregate over the entities as of T."""

    from_: Key = Field(alias="from")
    where: Where = {}
    agg: Aggregate = "count"
    value: Value | None = None


class MembershipInput(Model):
    """The members of a population at one end of the window."""

    population: Key
    output: Literal["start", "end"]


class Side(Model):
    """One side of a ratio: a KPI, a measure, a state, or the members at one end of the window."""

    kpi: Key | None = None
    measure: MeasureSpec | None = None
    state: StateSpec | None = None
    membership: MembershipInput | None = None
    require: Literal["records"] | None = None
    """Absent, and not 0, without any record in the window."""
    broadcast: tuple[Key, ...] = ()
    """Dimensions that this side does not have: it is the same for all their values."""

    @model_validator(mode="after")
    def _one_side(self) -> "Side":
        if sum(v is not None for v in (self.kpi, self.measure, self.state, self.membership)) != 1:
            raise ValueError("give exactly one of kpi, measure, state, membership")
        if self.require is not None and self.measure is None:
            raise ValueError("`require` goes with `measure`")
        return self


class PlanInput(Model):
    """A plan's amount for the calendar period of the window, at the scope of the grain."""

    kind: Literal["quota", "target", "forecast"]
    metric: Key
    submitted_before: Literal["period_start"] | None = None
    """Only plans that were submitted before the period began."""
    scope: Key | None = None
    """Look up by this dimension alone, whatever else the plan says it is for; else by exactly the grain."""


class DerivedInput(Model):
    """One alias of a derived KPI's expression."""

    kpi: Key | None = None
    measure: MeasureSpec | None = None
    state: StateSpec | None = None
    plan: PlanInput | None = None
    membership: MembershipInput | None = None
    window: WindowToken | None = None
    """Another window than the KPI's own."""
    offset: Literal["previous", "year"] | None = None
    """The comparison window, or for a latest value: 12 months before."""

    @model_validator(mode="after")
    def _one_input(self) -> "DerivedInput":
        if sum(v is not None for v in (self.kpi, self.measure, self.state, self.plan, self.membership)) != 1:
            raise ValueError("give exactly one of kpi, measure, state, plan, membership")
        return self


class Base(Model):
    """The base set of a conversion."""

    from_: Key = Field(alias="from")
    at: str
    where: Where = {}


class ConversionEvent(Model):
    """What a base entity must reach.

    A `field` is an instant. In a matured cohort it counts when 0 <= instant - base time < within, in a cohort to date
    when it lies before T, in a resolved one when it is there; in a cohort of exits it is true or false. A `duration` is
    a measured span: it counts when it is at most `within`.
    """

    field: str | None = None
    duration: DurationValue | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "ConversionEvent":
        if (self.field is None) == (self.duration is None):
            raise ValueError("give exactly one of field, duration")
        return self
