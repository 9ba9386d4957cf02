"""What a runbook tells of an alert about a KPI, in the words and numbers of its rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from config.aggregated import parts
from config.declarations import Conversion, Derived, Kpi, Measure, Membership, Ratio, Share, State
from config.settings import Settings
from metrics.plan import Plan
from streams.dashboards.links import alert_panel_id, dashboard_url, group_uid
from streams.event_fields import event_fields
from streams.rules.annotations import URL
from streams.rules.kpi_alert import KpiAlert
from streams.rules.promql import selector
from streams.rules.spans import span_seconds
from streams.titles import series_title, window_words
from streams.wording import by_words, group_title

_ENTITIES = 20


@dataclass(frozen=True, slots=True)
class LevelFact:
    """Where the rows of one threshold fire and end; `row` is empty for all others."""

    row: str
    fires: str
    clears: str


@dataclass(frozen=True, slots=True)
class KpiFacts:
    """The facts.

    Attributes:
        what: the KPI, its rows and its window.
        side: on which side of a level it fires, `below` or `above`.
        back: what comes after the level that ends it: `more` or `less`.
        lasts: how long the value must be beyond the level; empty for not at all.
        ends: when it ends, once the value is back.
        levels: those of single rows, then the one of all others.
        gauge: the selector of the value.
        sides: the gauges of the numerator and the denominator of a share.
        panel: the address of its panel.
        group: the title of its group, which is that of the dashboard, too.
        wall: the path of the KPI's page in the view.
        entities: the path and query of what the value is made of, with the dimension in capitals for a row's value.
        rows: the dimensions in capitals.
        sources: the event types that the KPI is made of.
        inputs: the KPIs that it is computed from.
        kind: what kind of number it is: `share`, `count`, `mean`, `extreme`, `stock`, `members` or `computed`.
        advice: what the declaration says is to be done; empty where it says nothing, or gives an address.
    """

    what: str
    side: str
    back: str
    lasts: str
    ends: str
    levels: tuple[LevelFact, ...]
    gauge: str
    sides: tuple[str, ...]
    panel: str
    group: str
    wall: str
    entities: str
    rows: tuple[str, ...]
    sources: tuple[str, ...]
    inputs: tuple[str, ...]
    kind: str
    advice: str


def kpi_facts(of: KpiAlert, plan: Plan, settings: Settings) -> KpiFacts:
    """Return the facts of an alert."""
    over = "" if of.window is None else f" over {window_words(of.window)}"
    runbook = of.alert.runbook or ""
    return KpiFacts(
        what=f"{series_title(of.series)}{by_words(of.dimensions)}{over}",
        side="below" if of.below else "above",
        back="more" if of.below else "less",
        lasts=of.alert.for_ if span_seconds(of.alert.for_) else "",
        ends=f"{of.alert.keep_firing_for} after" if span_seconds(of.alert.keep_firing_for) else "once",
        levels=tuple(_levels(of)),
        gauge=selector(of.gauge, {} if of.window is None else {"window": of.window}),
        sides=of.sides,
        panel=dashboard_url(settings.grafana_url, group_uid(of.kpi.group), alert_panel_id(of.name)),
        group=group_title(plan.declarations, of.kpi.group).en,
        wall=f"/kpi/{of.kpi.key}" + ("" if of.window is None else f"?window={of.window}"),
        entities=_entities(of),
        rows=tuple(map(str.upper, of.dimensions)),
        sources=tuple(event_fields(plan.declarations, of.kpi)),
        inputs=tuple(dict.fromkeys(part.kpi for part in parts(of.kpi) if part.kpi)),
        kind=_kind(of.kpi, of.series.agg),
        advice="" if URL.fullmatch(runbook) else runbook,
    )


def _levels(of: KpiAlert) -> Iterator[LevelFact]:
    for threshold in of.thresholds:
        row = " and ".join(f"{dimension} {value}" for dimension, value in threshold.where.items())
        yield LevelFact(row, of.amount.exact(threshold.fires), of.amount.exact(threshold.clears))


def _entities(of: KpiAlert) -> str:
    asked = [("window", of.alert.window or "now"), ("limit", str(_ENTITIES))]
    if of.series.agg is not None:
        asked.append(("agg", of.series.agg))
    asked += [("where", f"{dimension}:{dimension.upper()}") for dimension in of.dimensions]
    return f"/api/v1/readings/{quote(of.kpi.key)}/entities?{urlencode(asked, safe=':')}"


def _kind(kpi: Kpi, agg: str | None) -> str:
    match kpi:
        case Ratio() | Conversion() | Share():
            return "share"
        case Derived():
            return "computed"
        case Membership():
            return "members"
        case State() | Measure():
            kind = {"mean": "mean", "min": "extreme", "max": "extreme"}.get(agg or kpi.aggs[0], "")
            return kind or ("mean" if (agg or kpi.aggs[0]).startswith("p") else _plain(kpi))
    raise AssertionError(kpi)


def _plain(kpi: State | Measure) -> str:
    return "stock" if isinstance(kpi, State) else "count"
