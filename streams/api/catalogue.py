"""The declared KPIs as the API shows them."""

from itertools import groupby
from typing import Any

from msgspec import Struct

from config.declarations import Kpi, Target
from metrics.exposition import definition_version
from metrics.plan import Plan, SeriesPlan
from streams.wording import group_title, kpi_words, target_words


class TitleMessage(Struct):
    """A title in the languages that are shown."""

    en: str
    nl: str


class GroupMessage(Struct):
    """The group that a KPI belongs to."""

    key: str
    title: TitleMessage


class GrainMessage(Struct):
    """What a KPI is grouped by (nothing: the total), and over which windows."""

    by: tuple[str, ...]
    windows: tuple[str, ...]


class TargetMessage(Struct, omit_defaults=True, kw_only=True):
    """What a KPI should reach.

    Attributes:
        by: the grain that the target is for.
        window: the window that it is for.
        agg: the aggregate that it is for, of a KPI that has several.
        value: the bar, where it is the same for all; else it is looked up in the plans.
        words: all of it in words.
    """

    by: tuple[str, ...]
    window: str
    agg: str | None = None
    value: str | None = None
    words: str


class KpiMessage(Struct, omit_defaults=True, kw_only=True):
    """One declared KPI.

    Attributes:
        key: its name.
        title: what people call it.
        description: what it is for.
        formula: how it is computed, as its author says it.
        words: how it is computed, made from the declaration.
        group: the group that it belongs to.
        type: the kind of declaration.
        unit: `money`, `seconds`, `ratio` or `none`.
        aggs: its aggregates, where it has several.
        grains: what it is grouped by.
        targets: what it should reach.
        good: whether more is better, `up`, or less, `down`.
        headline: whether it is on the wall.
        definition_version: changes when, and only when, the declaration does.
    """

    key: str
    title: TitleMessage
    description: str
    formula: str
    words: str
    group: GroupMessage
    type: str
    unit: str
    aggs: tuple[str, ...] = ()
    grains: tuple[GrainMessage, ...]
    targets: tuple[TargetMessage, ...] = ()
    good: str
    headline: bool
    definition_version: str


def kpi_messages(plan: Plan) -> list[KpiMessage]:
    """Return all declared KPIs, in the order of the declarations."""
    return [_kpi(plan, series[0].kpi, series) for _, series in _by_kpi(plan)]


def _by_kpi(plan: Plan) -> list[tuple[str, list[SeriesPlan]]]:
    return [(key, list(series)) for key, series in groupby(plan.series, key=lambda s: s.kpi.key)]


def _kpi(plan: Plan, kpi: Kpi, series: list[SeriesPlan]) -> KpiMessage:
    group = group_title(plan.declarations, kpi.group)
    grains = {s.grain: GrainMessage(s.grain, tuple(w.token for w in s.windows)) for s in series}
    return KpiMessage(
        key=kpi.key,
        title=_title(kpi.title),
        description=kpi.description,
        formula=kpi.formula,
        words=kpi_words(kpi, plan.declarations),
        group=GroupMessage(kpi.group, _title(group)),
        type=kpi.type,
        unit=kpi.unit,
        aggs=tuple(dict.fromkeys(s.agg for s in series if s.agg is not None)),
        grains=tuple(grains.values()),
        targets=tuple(_target(target) for target in kpi.targets),
        good="up" if kpi.display is None else kpi.display.good,
        headline=kpi.display is not None and kpi.display.headline,
        definition_version=definition_version(kpi),
    )


def _title(title: Any) -> TitleMessage:
    return TitleMessage(title.en, title.nl)


def _target(target: Target) -> TargetMessage:
    return TargetMessage(
        by=target.grain,
        window=target.window or "now",
        agg=target.agg,
        value=None if target.value is None else f"{target.value}",
        words=target_words(target),
    )
