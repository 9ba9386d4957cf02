"""Every reading as of T: which rows there are, and the formula's answer for each."""

from collections.abc import Iterable

from config.declarations import Declarations, Dimension, Kpi, Measure, State
from tests.properties.oracle.answers import Answer, Dims, Grain, Key, judged
from tests.properties.oracle.clock import Clock
from tests.properties.oracle.customers import Cost, Patients, Saas
from tests.properties.oracle.engagement import Engagement, Satisfaction
from tests.properties.oracle.funnel import Speed, exits_of
from tests.properties.oracle.merging import Event
from tests.properties.oracle.operations import Hospitality, Manufacturing, Market
from tests.properties.oracle.sales import Pipeline, Revenue
from tests.properties.oracle.world import World


class Catalogue(
    Revenue, Pipeline, Speed, Cost, Saas, Patients, Hospitality, Manufacturing, Market, Engagement, Satisfaction
):
    """The formulas of all KPIs."""


TESTED = frozenset(n for n in dir(Catalogue) if not n.startswith("_") and callable(getattr(Catalogue, n)))

KINDS = {
    **dict.fromkeys(("occupancy_rate", "adr", "revpar"), "hotel_day"),
    "production_efficiency": "production_run",
    "inventory_turnover": "inventory_snapshot",
    "market_penetration_rate": "market_size",
    "market_share": "market_revenue",
}
"""The kind of measurement whose records carry the label values of a KPI."""
SOURCES = {
    "lead": (
        *("leads_generated", "sales_ready_leads", "lead_conversion_rate", "lead_conversion_rate_period"),
        *("lead_response_time", "lead_response_within_sla", "leads_waiting", "lead_waiting_age_max", "pipeline_leads"),
    ),
    "activity": (
        *("sales_activities", "meetings_scheduled", "website_visits", "social_interactions", "content_usage"),
        *("email_open_rate", "training_completion_rate"),
    ),
    "customer": (
        *("accounts_generated", "new_customers", "net_new_customers", "customers_active", "referral_rate", "cac"),
        *("customer_retention_rate", "customer_churn_rate", "mrr_churn_rate", "subscriber_churn_rate"),
        *("mrr", "subscription_ltv", "patient_acquisition_cost", "patient_referral_rate", "patient_engagement_rate"),
    ),
    "subscription": ("trial_conversion_rate",),
    "order": ("avg_purchase_value", "order_fulfillment_rate"),
    "exit": ("stage_conversion_rate",),
    "rep": ("quota_attainment", "sales_team_turnover", "sales_productivity"),
    "spend": ("acquisition_spend", "ad_spend"),
    "feedback": ("csat", "nps", "feedback_responses"),
    "measurement": tuple(KINDS),
}
SOURCE_OF = {kpi: source for source, kpis in SOURCES.items() for kpi in kpis}
"""Whose entities carry the label values; `deal` for all others."""
ONLY = {
    ("pipeline_leads", "status"): ("new", "working", "qualified"),
    ("sales_activities", "kind"): ("call", "email", "meeting"),
    ("sales_productivity", "kind"): ("call", "email", "meeting"),
    ("acquisition_spend", "category"): ("marketing", "sales"),
}
"""The only values that a dimension of a KPI can have, exported with or without entities."""


def recompute(
    events: Iterable[Event],
    as_of: int,
    zone: str,
    currency: str,
    declarations: Declarations,
    then: int | None = None,
) -> dict[Key, Answer]:
    """Return every reading that there is as of T.

    With `then`, an earlier instant: of the entities as they are at T, over the windows as of then.
    """
    world = World(events, as_of, zone, currency, declarations)
    world.clock = Clock(as_of if then is None else then, zone)
    formulas = Catalogue(world)
    readings: dict[Key, Answer] = {}
    for kpi in declarations.kpis.values():
        several = isinstance(kpi, Measure | State) and len(kpi.aggs) > 1
        aggs: tuple[str | None, ...] = kpi.aggs if isinstance(kpi, Measure | State) and several else (None,)
        for grain in kpi.grains:
            rows = rows_of(world, kpi, grain)
            for window in kpi.grain_windows(grain):
                for agg in aggs:
                    table = getattr(formulas, kpi.key)(grain, window, *([agg] if agg else []))
                    for dims in rows:
                        readings[kpi.key, agg, grain, window, dims] = judged(table(dims), kpi.min_samples)
    return readings


def rows_of(world: World, kpi: Kpi, grain: Grain) -> set[Dims]:
    """Return the label values that are exported: declared ones, and those that a live entity carries."""
    if not grain:
        return {()}
    if grain == ("series",):
        declared = world.declarations.kpis["market_indicator"]
        assert isinstance(declared, State)
        assert declared.named is not None
        return {(series,) for series in declared.named.values}
    source = SOURCE_OF.get(kpi.key, "deal")
    rows = carried(world, kpi.key, source, tuple(d for d in grain if (kpi.key, d) not in ONLY))
    for position, dimension in enumerate(grain):
        if (kpi.key, dimension) in ONLY:
            rows = {(*r[:position], v, *r[position:]) for r in rows for v in ONLY[kpi.key, dimension]}
    if len(grain) == 1:
        rows |= {(v,) for v in declared_values(world, source, grain[0])}
    return rows


def carried(world: World, kpi: str, source: str, grain: Grain) -> set[Dims]:
    """Return the dimension values of the live entities of a source."""
    if not grain:
        return {()}
    match source:
        case "deal":
            return {dims for dims, _, _ in world.parts(world.deals, grain)}
        case "exit":
            return {world.dims_of("deal", {**left.deal, "stage": left.stage}, grain) for left in exits_of(world)}
        case "customer" if grain == ("product",):
            return {world.dims_of("subscription", s, grain) for c in world.customers for s in c["subscriptions"]}
        case "measurement":
            entities = [m for m in world.measurements if m["kind"] == KINDS[kpi]]
        case _:
            entities = getattr(
                world, {"activity": "activities", "spend": "spend", "feedback": "feedback"}.get(source, f"{source}s")
            )
    return {world.dims_of(source, e, grain) for e in entities}


def declared_values(world: World, source: str, dimension: str) -> set[str]:
    """Return the label values that are there with or without entities: stages and closed lists."""
    if dimension == "stage":
        return {stage for stages in world.declarations.pipelines.values() for stage in stages}
    declared = world.declarations.sources["deal" if source == "exit" else source].dimensions.get(dimension)
    return set(declared.values) if isinstance(declared, Dimension) else set()
