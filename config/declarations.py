"""The typed model of the declarations: sources, pipelines and KPIs, as the YAML files spell them.

Nothing here reads files or computes: `config.load` fills these models and says where a fault stands, `metrics.plan`
compiles them.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

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
Aggregate = Literal["sum", "count", "mean", "min", "max", "count_distinct", "latest", "p50", "p90", "p95", "p99"]


def number_as_text(value: object) -> object:
    """Return a YAML number as the text that it was, so that ``0.2`` may be written without quotes."""
    return repr(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Model(BaseModel):
    """What all declarations share: unknown keys are refused and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, strict=True)


# -------------------------------------------------------------------------------------------------------------- sources


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


class Condition(Model):
    """What a field must be; all given parts must hold."""

    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    not_: Scalar | None = Field(default=None, alias="not")
    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None
    exists: bool | None = None
    passed: bool | None = None
    """Whether the instant lies before T; one that is not there has not passed."""

    @model_validator(mode="after")
    def _says_something(self) -> "Condition":
        if not self.model_fields_set:
            raise ValueError("an empty condition; give at least one of in, not, gt, gte, lt, lte, exists, passed")
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


class Grain(Model):
    """A grain that is exposed for some of the KPI's windows only."""

    by: tuple[Key, ...]
    windows: tuple[WindowToken, ...]


class KpiBase(Model):
    """The fields that all seven types share."""

    key: Key
    title: Title
    description: str = ""
    formula: str = ""
    """How it is computed, in words."""
    group: Key
    unit: Unit
    windows: tuple[WindowToken, ...] = ("now",)
    declared_grains: tuple[tuple[Key, ...] | Grain, ...] = Field(default=((),), alias="grains")
    min_samples: int = 1
    targets: tuple[Target, ...] = ()
    alerts: tuple[Alert, ...] = ()
    companions: tuple[Key, ...] = ()
    display: Display | None = None

    @property
    def grains(self) -> tuple[tuple[Key, ...], ...]:
        """The lists of dimensions that the KPI is exposed by."""
        return tuple(g.by if isinstance(g, Grain) else g for g in self.declared_grains)

    def grain_windows(self, grain: tuple[Key, ...]) -> tuple[WindowToken, ...]:
        """Return the windows for which the KPI is exposed by `grain`: the grain's own, else all of the KPI's."""
        own = [g.windows for g in self.declared_grains if isinstance(g, Grain) and g.by == grain]
        return own[0] if own else self.windows


class Measure(KpiBase):
    """Aggregate over entities whose event-time field lies in W."""

    type: Literal["measure"]
    from_: Key = Field(alias="from")
    at: str
    where: Where = {}
    agg: Aggregate | tuple[Aggregate, ...]
    value: Value | None = None
    per: Key | None = None
    """Aggregate for each value of this dimension first, and then `then` those."""
    then: Literal["sum"] | None = None
    require: Literal["records"] | None = None
    """Absent, and not 0, without any record in the window."""

    @property
    def aggs(self) -> tuple[Aggregate, ...]:
        """The aggregates, one or several."""
        return self.agg if isinstance(self.agg, tuple) else (self.agg,)


class NamedValue(Model):
    """One value of a dimension that has a metric of its own."""

    title: Title
    unit: Unit = "none"
    max_age: Duration | None = None
    """How old its latest record may be."""


class Named(Model):
    """A dimension whose values have a metric each, because their units differ: `sales_<prefix>_<value>_<unit>`."""

    dimension: Key
    prefix: Key
    values: Mapping[Key, NamedValue]


class State(KpiBase):
    """Aggregate over the entities as of T."""

    type: Literal["state"]
    from_: Key = Field(alias="from")
    where: Where = {}
    active: Key | None = None
    """A population: count its members as of T, or sum what they weigh."""
    agg: Aggregate | tuple[Aggregate, ...]
    value: Value | None = None
    named: Named | None = None
    """A metric of its own for each value of a dimension."""

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
    require: Mapping[str, Literal["positive", "nonzero"]] = {}
    """What aliases, or expressions of them, must be for there to be a value."""


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
    population: Key
    output: Literal["start", "end", "retained_ratio", "lost_ratio", "net_change"]


class ShareActual(Model):
    """The KPI that is compared, by member."""

    kpi: Key
    by: Key


class ShareMembers(Model):
    """Who is counted: the members of a population at one end of the window."""

    population: Key
    at: Literal["start", "end"] = "end"


class Share(KpiBase):
    """Share of members whose KPI meets their plan; members without a positive plan are left out."""

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


class Group(Model):
    """KPIs that belong together; groups are shown in the order of their declaration."""

    title: Title
    description: str = ""


class Declarations(Model):
    """Everything the service computes: the merged content of all declaration files."""

    defaults: Defaults = Defaults()
    groups: Mapping[Key, Group] = {}
    pipelines: Mapping[Key, Mapping[str, Stage]] = {}
    populations: Mapping[Key, Population] = {}
    sources: Mapping[str, Source]
    kpis: Mapping[str, Kpi]
