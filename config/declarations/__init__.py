"""The typed model of the declarations: sources, pipelines and KPIs, as the YAML files spell them.

Nothing here reads files or computes: `config.load` fills these models and says where a fault stands, `metrics.plan`
compiles them.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from config.declarations.kpis import (
    Alert,
    Conversion,
    Derived,
    Display,
    Grain,
    Kpi,
    KpiBase,
    Level,
    Measure,
    Membership,
    Named,
    NamedValue,
    Ratio,
    Share,
    ShareActual,
    ShareMembers,
    State,
    Target,
)
from config.declarations.measures import (
    Base,
    ConversionEvent,
    DerivedInput,
    DurationValue,
    MeasureSpec,
    MembershipInput,
    PlanInput,
    Side,
    StateSpec,
    Value,
)
from config.declarations.overview import Overview, OverviewPart
from config.declarations.sources import (
    Children,
    Compare,
    DateEdge,
    DerivedField,
    Dimension,
    Entry,
    FieldType,
    FirstOver,
    Interval,
    Least,
    NotBefore,
    PerMonth,
    Population,
    RequiredWhen,
    Source,
    Stage,
    StageExits,
    StageProbability,
)
from config.declarations.terms import (
    Aggregate,
    Condition,
    Duration,
    Key,
    Model,
    Scalar,
    Title,
    Unit,
    Where,
    WindowToken,
    number_as_text,
    parse_duration,
)

__all__ = [
    "Aggregate",
    "Alert",
    "Base",
    "Children",
    "Compare",
    "Condition",
    "Conversion",
    "ConversionEvent",
    "DateEdge",
    "Declarations",
    "Defaults",
    "Derived",
    "DerivedField",
    "DerivedInput",
    "Dimension",
    "Display",
    "Duration",
    "DurationValue",
    "Entry",
    "FieldType",
    "FirstOver",
    "Fx",
    "Grain",
    "Group",
    "Interval",
    "Key",
    "Kpi",
    "KpiBase",
    "Least",
    "Level",
    "Measure",
    "MeasureSpec",
    "Membership",
    "MembershipInput",
    "Model",
    "Named",
    "NamedValue",
    "NotBefore",
    "Overview",
    "OverviewPart",
    "PerMonth",
    "PlanInput",
    "Population",
    "Ratio",
    "RequiredWhen",
    "Scalar",
    "Share",
    "ShareActual",
    "ShareMembers",
    "Side",
    "Source",
    "Stage",
    "StageExits",
    "StageProbability",
    "State",
    "StateSpec",
    "Target",
    "Title",
    "Unit",
    "Value",
    "Where",
    "WindowToken",
    "number_as_text",
    "parse_duration",
]


DimensionLimit = Annotated[int, Field(ge=1, le=5_000)]


class Fx(Model):
    """How amounts become the reporting currency."""

    source: Key = "fx_rate"
    max_age: Duration = parse_duration("7d")


class Defaults(Model):
    """What holds where a declaration says nothing."""

    fx: Fx = Fx()
    dimension_limit: DimensionLimit = 100
    """How many values of a dimension are counted by name; the others are `other`."""
    dimension_limits: Mapping[Key, DimensionLimit] = {}
    """The same for some dimensions, by their names; `currency` for that of money."""


class Group(Model):
    """KPIs that belong together; groups are shown in the order of their declaration."""

    title: Title
    description: str = ""


class Declarations(Model):
    """Everything the service computes: the merged content of all declaration files."""

    defaults: Defaults = Defaults()
    overview: Overview = Overview()
    groups: Mapping[Key, Group] = {}
    pipelines: Mapping[Key, Mapping[str, Stage]] = {}
    populations: Mapping[Key, Population] = {}
    sources: Mapping[str, Source]
    kpis: Mapping[str, Kpi]

    def kpis_by_group(self) -> dict[str, list[Kpi]]:
        """Return the KPIs by group: the groups in the order of their declaration, then those that are not declared."""
        found: dict[str, list[Kpi]] = {group: [] for group in self.groups}
        for kpi in self.kpis.values():
            found.setdefault(kpi.group, []).append(kpi)
        return {group: kpis for group, kpis in found.items() if kpis}
