"""The typed model of the declarations: sources, pipelines and KPIs, as the YAML files spell them.

Nothing here reads files or computes: `config.load` fills these models and says where a fault stands, `metrics.plan`
compiles them.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, model_validator

_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_duration(text: object) -> int:
    """Return the milliseconds that `text` names, such as ``90d``, ``1h`` or ``30s``; a day is 24 hours here.

    Raises:
        ValueError: `text` is not a whole number followed by one of ms, s, m, h, d.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"`{text}` is not a duration; write a whole number and a unit, such as 90d, 1h or 30s")
    return int(match[1]) * _UNIT_MS[match[2]]


def _duration(value: object, info: ValidationInfo) -> int:
    if info.mode == "json" and not isinstance(value, str):  # a bare number in a file would silently mean milliseconds
        raise ValueError(f"`{value}` is not a duration; write a whole number and a unit, such as 90d, 1h or 30s")
    return parse_duration(value)


Duration = Annotated[int, BeforeValidator(_duration)]
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Scalar = str | int | bool
WindowToken = Literal[
    "1h", "24h", "7d", "30d", "90d", "365d", "dtd", "wtd", "mtd", "qtd", "ytd",
    "prev_day", "prev_week", "prev_month", "prev_quarter", "now",
]  # fmt: skip
Unit = Literal["money", "seconds", "ratio", "none"]
Aggregate = Literal["sum", "count", "mean", "min", "max", "count_distinct", "p50", "p90", "p95", "p99"]


class Model(BaseModel):
    """What all declarations share: unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


# -------------------------------------------------------------------------------------------------------------- sources


class FieldType(Model):
    """One field of a source's `data`, or of the items of a list field."""

    type: Literal["string", "integer", "money", "decimal", "boolean", "timestamp", "date", "enum", "list", "times"]
    required: bool = False
    values: tuple[str, ...] = ()
    """The closed list of an `enum`."""
    fields: Mapping[Key, "FieldType"] = {}
    """The fields of the items of a `list`."""
    minimum: int | None = None
    maximum: int | None = None
    default: Scalar | None = None
    """What a missing value counts as."""

    @model_validator(mode="after")
    def _shape(self) -> "FieldType":
        if (self.type == "enum") != bool(self.values):
            raise ValueError("`values` lists what an enum may be: give it to an `enum` and to nothing else")
        if (self.type == "list") != bool(self.fields):
            raise ValueError("`fields` describes the items of a list: give it to a `list` and to nothing else")
        return self


class Condition(Model):
    """What a field must be; all given parts must hold."""

    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    not_: Scalar | None = Field(default=None, alias="not")
    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None
    exists: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Condition":
        if not self.model_fields_set:
            raise ValueError("an empty condition; give at least one of in, not, gt, gte, lt, lte, exists")
        return self


Where = Mapping[str, Scalar | Condition]


class RequiredWhen(Model):
    """A field that must be there while the entity meets a condition."""

    field: str
    where: Where


class Dimension(Model):
    """An attribute to group by; a value that is not in a closed list becomes `other`."""

    field: str
    values: tuple[str, ...] = ()


class NotBefore(Model):
    """The earliest instant that counts: a field of the parent, minus a span."""

    field: str
    minus: Duration = 0


class LeastOverChildren(Model):
    """A derived instant of a parent: the least time among its children that meet `where`, strictly before T."""

    over: Key
    """The child source."""
    parent: str
    """The child's field that holds the parent's id."""
    least: str
    """The child's timestamp field."""
    where: Where = {}
    not_before: NotBefore | None = None


class StageProbability(Model):
    """The chance of closing: the entity's own field, else what the pipeline declares for its stage."""

    own: str
    pipeline: str
    stage: str


class DerivedField(Model):
    """A field computed from others; exactly one way must be given."""

    least_over_children: LeastOverChildren | None = None
    stage_probability: StageProbability | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "DerivedField":
        if (self.least_over_children is None) == (self.stage_probability is None):
            raise ValueError("give exactly one of least_over_children, stage_probability")
        return self


class Source(Model):
    """A declared event type: its topic, its fields, and what can be grouped by."""

    key: Key
    topic: Annotated[str, Field(pattern=r"^[a-z][a-z0-9.-]*$")]
    """The topic's name without the prefix."""
    fields: Mapping[Key, FieldType]
    required_when: tuple[RequiredWhen, ...] = ()
    exists_from: str | None = None
    """The timestamp field before which the entity is no part of any stock."""
    currency: str | None = None
    """The field that holds the currency of the money fields."""
    dimensions: Mapping[Key, str | Dimension] = {}
    derived: Mapping[Key, DerivedField] = {}
    broadcast: bool = False
    """Reference records (rates, plans): no aggregates; the view holds them all and looks them up at the reading."""


def number_as_text(value: object) -> object:
    """Return a YAML number as the text that it was, so that ``0.2`` may be written without quotes."""
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Stage(Model):
    """One stage of a pipeline."""

    order: int
    probability: Annotated[str, BeforeValidator(number_as_text), Field(pattern=r"^(0(\.\d+)?|1(\.0+)?)$")]

    @property
    def chance(self) -> Decimal:
        """The declared probability as an exact decimal."""
        return Decimal(self.probability)


# ----------------------------------------------------------------------------------------------------------------- KPIs


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
    """What is aggregated: money in minor units, a number, a duration, or the age of an instant."""

    money: str | None = None
    number: str | None = None
    duration: DurationValue | None = None
    age_of: str | None = None
    weight: str | None = None
    per_month: tuple[str, ...] | None = None
    latest: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "Value":
        if sum(v is not None for v in (self.money, self.number, self.duration, self.age_of, self.latest)) != 1:
            raise ValueError("give exactly one of money, number, duration, age_of, latest")
        if self.weight is not None and self.money is None:
            raise ValueError("`weight` goes with `money`")
        return self


class MeasureSpec(Model):
    """An aggregate over the entities whose event-time field lies in the window."""

    from_: Key = Field(alias="from")
    at: str
    where: Where = {}
    agg: Aggregate = "count"
    value: Value | None = None


class StateSpec(Model):
    """An aggregate over the entities as of T."""

    from_: Key = Field(alias="from")
    where: Where = {}
    agg: Aggregate = "count"
    value: Value | None = None


class Side(Model):
    """One side of a ratio: a KPI, a measure or a state."""

    kpi: Key | None = None
    measure: MeasureSpec | None = None
    state: StateSpec | None = None
    require: Literal["records"] | None = None
    broadcast: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _one_side(self) -> "Side":
        if sum(v is not None for v in (self.kpi, self.measure, self.state)) != 1:
            raise ValueError("give exactly one of kpi, measure, state")
        return self


class PlanInput(Model):
    """A plan's amount for the calendar period of the window, at the scope of the grain."""

    kind: Literal["quota", "target", "forecast"]
    metric: Key
    submitted_before: Literal["period_start"] | None = None
    scope: Key | None = None


class MembershipInput(Model):
    """A count of members at one end of the window."""

    population: Key
    output: Literal["start", "end"]


class DerivedInput(Model):
    """One alias of a derived KPI's expression."""

    kpi: Key | None = None
    window: WindowToken | None = None
    offset: Literal["previous"] | None = None
    plan: PlanInput | None = None
    membership: MembershipInput | None = None

    @model_validator(mode="after")
    def _one_input(self) -> "DerivedInput":
        if sum(v is not None for v in (self.kpi, self.plan, self.membership)) != 1:
            raise ValueError("give exactly one of kpi, plan, membership")
        return self


class Base(Model):
    """The base set of a conversion."""

    from_: Key = Field(alias="from")
    at: str
    where: Where = {}


class ConversionEvent(Model):
    """What a base entity must reach.

    A `field` is an instant: it counts when 0 <= instant - base time < within. A `duration` is a measured span: it
    counts when it is at most `within`.
    """

    field: str | None = None
    duration: DurationValue | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> "ConversionEvent":
        if (self.field is None) == (self.duration is None):
            raise ValueError("give exactly one of field, duration")
        return self


class Title(Model):
    """A title in the languages that are shown."""

    en: str
    nl: str


class Target(Model):
    """What a KPI should reach: a number, or a plan."""

    window: WindowToken | None = None
    grain: tuple[Key, ...] = ()
    agg: Aggregate | None = None
    value: int | float | None = None
    from_plan: PlanInput | None = None

    @model_validator(mode="after")
    def _one_bar(self) -> "Target":
        if (self.value is None) == (self.from_plan is None):
            raise ValueError("give exactly one of value, from_plan")
        return self


class Alert(Model):
    """A threshold that fires."""

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$")]
    window: WindowToken | None = None
    grain: tuple[Key, ...] = ()
    agg: Aggregate | None = None
    below: int | float | None = None
    above: int | float | None = None
    for_: str = Field(default="10m", alias="for")
    keep_firing_for: str = "10m"
    severity: Literal["info", "warning", "critical"] = "warning"
    min_samples: int | None = None
    runbook: str | None = None

    @model_validator(mode="after")
    def _one_threshold(self) -> "Alert":
        if (self.below is None) == (self.above is None):
            raise ValueError("give exactly one of below, above")
        return self


class Display(Model):
    """How a panel shows the KPI."""

    format: Literal["currency", "percent", "number", "duration"]
    decimals: int = 0
    good: Literal["up", "down"] = "up"
    panel: Literal["stat", "timeseries", "gauge", "bargauge", "table"] = "stat"


class KpiBase(Model):
    """The fields that all seven types share."""

    key: Key
    title: Title
    description: str = ""
    group: Key
    unit: Unit
    windows: tuple[WindowToken, ...] = ("now",)
    grains: tuple[tuple[Key, ...], ...] = ((),)
    min_samples: int = 1
    targets: tuple[Target, ...] = ()
    alerts: tuple[Alert, ...] = ()
    companions: tuple[Key, ...] = ()
    display: Display | None = None


class Measure(KpiBase):
    """Aggregate over entities whose event-time field lies in W."""

    type: Literal["measure"]
    from_: Key = Field(alias="from")
    at: str
    where: Where = {}
    agg: Aggregate | tuple[Aggregate, ...]
    value: Value | None = None
    per: Key | None = None
    then: Aggregate | None = None

    @property
    def aggs(self) -> tuple[Aggregate, ...]:
        """The aggregates, one or several."""
        return self.agg if isinstance(self.agg, tuple) else (self.agg,)


class State(KpiBase):
    """Aggregate over the entities as of T."""

    type: Literal["state"]
    from_: Key = Field(alias="from")
    where: Where = {}
    active: Mapping[str, Any] | None = None
    agg: Aggregate | tuple[Aggregate, ...]
    value: Value | None = None

    @property
    def aggs(self) -> tuple[Aggregate, ...]:
        """The aggregates, one or several."""
        return self.agg if isinstance(self.agg, tuple) else (self.agg,)


class Ratio(KpiBase):
    """(numerator - minus) / denominator, after merging."""

    type: Literal["ratio"]
    numerator: Side
    minus: Side | None = None
    denominator: Side
    require: Literal["positive", "nonzero"] = "nonzero"


class Derived(KpiBase):
    """Arithmetic over aliases."""

    type: Literal["derived"]
    inputs: Mapping[Key, DerivedInput]
    expr: str
    require: Mapping[Key, Literal["positive", "nonzero"]] = {}


class Conversion(KpiBase):
    """Share of a base set that reaches an event."""

    type: Literal["conversion"]
    base: Base
    event: ConversionEvent
    within: Duration | None = None
    cohort: Literal["matured", "resolved", "to_date", "exits"]


class Membership(KpiBase):
    """Set of members at S against the set at E."""

    type: Literal["membership"]
    population: Literal["customer_active", "subscriber_active", "subscription_mrr"]
    output: Literal["start", "end", "retained_ratio", "lost_ratio", "net_change"]


class ShareActual(Model):
    """The KPI that is compared, by member."""

    kpi: Key
    by: Key


class ShareMembers(Model):
    """Who is counted."""

    from_: Key = Field(alias="from")
    where: Where = {}
    employed_at: Literal["start", "end"] = "end"


class Share(KpiBase):
    """Share of members whose KPI meets their plan."""

    type: Literal["share"]
    members: ShareMembers
    actual: ShareActual
    plan: PlanInput
    op: Literal[">=", ">"] = ">="


Kpi = Annotated[Measure | State | Ratio | Derived | Conversion | Membership | Share, Field(discriminator="type")]


class Fx(Model):
    """How amounts become the reporting currency."""

    source: Key = "fx_rate"
    max_age: Duration = parse_duration("7d")


class Defaults(Model):
    """What holds where a declaration says nothing."""

    fx: Fx = Fx()


class Declarations(Model):
    """Everything the service computes: the merged content of all declaration files."""

    defaults: Defaults = Defaults()
    pipelines: Mapping[Key, Mapping[str, Stage]] = {}
    sources: Mapping[str, Source]
    kpis: Mapping[str, Kpi]
