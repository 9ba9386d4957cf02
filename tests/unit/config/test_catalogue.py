"""The shipped catalogue: what it must declare, and laws that every declaration in it keeps."""

from functools import cache

import pytest

from config.declarations import Declarations, Kpi, Measure, Ratio, State
from config.load import load

ALL = "1h 24h 7d 30d 90d dtd wtd mtd qtd prev_day prev_week prev_month prev_quarter"
LONG = "7d 30d 90d mtd qtd prev_month prev_quarter"
DEAL = "team rep region channel source pipeline deal_type"

CONTRACT = {
    "revenue": (f"{ALL} 365d ytd", f"{DEAL} product team,product"),
    "revenue_growth": ("7d 30d 90d mtd qtd ytd", DEAL),
    "monthly_revenue_growth": ("prev_month", "team region"),
    "avg_deal_size": (LONG, DEAL),
    "avg_profit_margin": (LONG, f"{DEAL} product"),
    "target_attainment": ("mtd qtd ytd prev_month prev_quarter", "team region product"),
    "leads_generated": (ALL, "team rep source channel region"),
    "sales_ready_leads": (ALL, "team source channel"),
    "opportunities_generated": (ALL, DEAL),
    "opportunities_won": (ALL, DEAL),
    "opportunities_lost": (ALL, f"{DEAL} lost_reason"),
    "win_rate": (LONG, DEAL),
    "lead_conversion_rate": ("30d 90d prev_month prev_quarter", "source channel team region"),
    "lead_conversion_rate_period": ("7d 30d 90d mtd qtd", "source channel team"),
    "sales_cycle_length": (LONG, "team rep deal_type source"),
    "lead_response_time": ("1h 24h 7d 30d dtd wtd mtd prev_week prev_month", "team rep source channel"),
    "lead_response_within_sla": ("24h 7d 30d mtd", "team source channel"),
    "leads_waiting": ("now", "team source channel"),
    "lead_waiting_age_max": ("now", "team"),
    "pipeline_value": ("now", "stage pipeline team rep region product"),
    "pipeline_weighted_value": ("now", "stage pipeline team region"),
    "pipeline_deals": ("now", "stage pipeline team rep"),
    "pipeline_leads": ("now", "status team source"),
    "pipeline_health": ("now", "pipeline team"),
    "avg_open_deal_size": ("now", "stage pipeline team"),
    "sales_activities": (ALL, "kind team rep"),
}
"""The windows and, beside the total, the grains of each KPI: a change of one is a change of what others rely on."""


@cache
def shipped() -> Declarations:
    return load()


def test_the_contracted_kpis_are_all_there_and_no_other() -> None:
    assert set(CONTRACT) == set(shipped().kpis)


@pytest.mark.parametrize("key", CONTRACT)
def test_windows_and_grains_are_the_contracted_ones(key: str) -> None:
    windows, grains = CONTRACT[key]
    kpi = shipped().kpis[key]
    assert set(windows.split()) == set(kpi.windows)
    assert {(), *(tuple(grain.split(",")) for grain in grains.split())} == set(kpi.grains)


@pytest.mark.parametrize("key", CONTRACT)
def test_a_kpi_can_be_shown_and_explained(key: str) -> None:
    kpi = shipped().kpis[key]
    assert kpi.title.en
    assert kpi.title.nl
    assert kpi.title.en != kpi.title.nl or key == "pipeline_leads"
    assert kpi.description.endswith(".")
    assert kpi.description.count(". ") == 0
    assert kpi.display is not None
    assert kpi.display.format == _format(kpi)
    assert kpi.min_samples == 1


def _format(kpi: Kpi) -> str:
    return {"money": "currency", "seconds": "duration", "ratio": "percent", "none": "number"}[kpi.unit]


def test_the_sources_have_their_topics_and_time_fields() -> None:
    sources = shipped().sources
    topics = {"deal": "deals", "lead": "leads", "activity": "activities", "fx_rate": "fx-rates", "plan": "plans"}
    assert topics == {key: source.topic for key, source in sources.items()}
    assert {"fx_rate", "plan"} == {key for key, source in sources.items() if source.broadcast}
    assert {key: source.exists_from for key, source in sources.items() if source.exists_from} == {
        "deal": "created_at",
        "lead": "created_at",
    }


def test_what_a_missing_quantity_counts_as_is_declared() -> None:
    quantity = shipped().sources["activity"].fields["quantity"]
    assert (quantity.default, quantity.minimum, quantity.required) == (1, 1, False)


def test_the_chance_of_each_stage_is_declared() -> None:
    chances = {
        name: {stage: spec.probability for stage, spec in pipeline.items()}
        for name, pipeline in shipped().pipelines.items()
    }
    assert chances == {
        "new_business": {"qualified": "0.2", "proposal": "0.5", "negotiation": "0.8"},
        "regional": {"qualify": "0.1", "develop": "0.3", "propose": "0.5", "close": "0.9"},
    }


def test_a_lead_is_answered_by_people_who_reach_out() -> None:
    least = shipped().sources["lead"].derived["first_response_at"].least_over_children
    assert least is not None
    assert (least.over, least.parent, least.least) == ("activity", "lead_id", "occurred_at")
    assert least.not_before is not None
    assert (least.not_before.field, least.not_before.minus) == ("created_at", 24 * 3_600_000)


def test_margin_leaves_lines_without_cost_out_of_both_sides() -> None:
    kpi = shipped().kpis["avg_profit_margin"]
    assert isinstance(kpi, Ratio)
    assert kpi.minus is not None
    sides = [side.measure for side in (kpi.numerator, kpi.minus, kpi.denominator)]
    assert [side.where for side in sides if side] == [sides[0].where if sides[0] else None] * 3
    amounts = [side.value.money for side in sides if side and side.value]
    assert amounts == ["lines.amount_minor", "lines.cost_minor", "lines.amount_minor"]


def test_a_mean_of_a_skewed_time_stands_beside_its_quantiles() -> None:
    for kpi in shipped().kpis.values():
        if isinstance(kpi, Measure | State) and "mean" in kpi.aggs:
            assert kpi.aggs == ("mean", "p50", "p90")
