"""The models of the seven types of KPIs, and of what is shown of them."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from config.declarations.measures import Base, ConversionEvent, DerivedInput, PlanInput, Side, Value
from config.declarations.terms import Aggregate, Duration, Key, Model, Title, Unit, Where, WindowToken


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


class Level(Model):
    """Another threshold for one row of an alert's grain."""

    where: Mapping[Key, str]
    """The row: a value for each dimension of the grain."""
    at: int | float
    clear: int | float | None = None


class Alert(Model):
    """A threshold that fires."""

    name: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z0-9]*$")]
    window: WindowToken | None = None
    grain: tuple[Key, ...] = ()
    agg: Aggregate | None = None
    below: int | float | None = None
    above: int | float | None = None
    clear: int | float | None = None
    """What the value must come back to before the alert ends; a little beyond the threshold by default."""
    levels: tuple[Level, ...] = ()
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

    @property
    def threshold(self) -> int | float:
        """What the value must pass for the alert to fire."""
        return self.below if self.below is not None else self.above or 0


class Display(Model):
    """How a panel shows the KPI."""

    format: Literal["currency", "percent", "number", "duration"]
    decimals: int = 0
    good: Literal["up", "down"] = "up"
    panel: Literal["stat", "timeseries", "gauge", "bargauge", "table"] = "stat"
    headline: bool = False
    """Shown as a tile on the wall."""


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
