"""The shipped catalogue: what it must declare, and laws that every declaration in it keeps."""

from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from config.declarations import Declarations, Grain, Kpi, Measure, Ratio, State
from config.load import DeclarationFaults, load

CONTRACT: dict[str, dict[str, str]] = YAML(typ="safe").load(Path(__file__).with_name("contract.yaml"))
SAME_IN_BOTH = {"pipeline_leads"}
"""The KPIs that are called the same in English and in Dutch."""
FACTORS = {"inventory_turnover", "pipeline_coverage"}
"""Ratios that are shown as so many times, and not as a percentage."""


@cache
def shipped() -> Declarations:
    return load()


def test_the_contracted_kpis_are_all_there_and_no_other() -> None:
    assert set(CONTRACT) == set(shipped().kpis)


@pytest.mark.parametrize("key", CONTRACT)
def test_windows_and_grains_are_the_contracted_ones(key: str) -> None:
    kpi = shipped().kpis[key]
    assert set(CONTRACT[key]["windows"].split()) == set(kpi.windows)
    assert set(CONTRACT[key]["grains"].split()) == {_written(grain) for grain in kpi.declared_grains}


def _written(grain: tuple[str, ...] | Grain) -> str:
    if isinstance(grain, Grain):
        return f"{_written(grain.by)}@{','.join(grain.windows)}"
    return "+".join(grain) or "total"


@pytest.mark.parametrize("key", CONTRACT)
def test_a_kpi_can_be_shown_and_explained(key: str) -> None:
    kpi = shipped().kpis[key]
    assert kpi.title.en
    assert kpi.title.nl
    assert (kpi.title.en == kpi.title.nl) == (key in SAME_IN_BOTH)
    assert kpi.description.endswith(".")
    assert kpi.description.count(". ") == 0
    assert kpi.formula.endswith(".")
    assert kpi.display is not None
    assert kpi.display.format == _format(kpi)
    assert kpi.min_samples == 1


def _format(kpi: Kpi) -> str:
    if kpi.key in FACTORS:
        return "number"
    return {"money": "currency", "seconds": "duration", "ratio": "percent", "none": "number"}[kpi.unit]


def test_each_group_has_its_kpis_in_a_file_of_its_name() -> None:
    declarations = shipped()
    folder = {Path(str(file)).stem for file in (files("config") / "catalogue").iterdir()}
    assert {kpi.group for kpi in declarations.kpis.values()} == set(declarations.groups)
    assert folder == {*declarations.groups, "sources", "overview"}
    for group in declarations.groups:
        alone = YAML(typ="safe").load((files("config") / "catalogue" / f"{group}.yaml").read_text("utf-8"))
        assert {kpi["group"] for kpi in alone["kpis"]} == {group}


def test_the_overview_shows_what_it_names() -> None:
    written = YAML(typ="safe").load((files("config") / "catalogue" / "overview.yaml").read_text("utf-8"))["overview"]
    shown = shipped().overview
    assert [part["kpi"] for part in written["tiles"]] == [part.kpi for part in shown.tiles]
    assert [part["kpi"] for part in written["leaderboard"]] == [part.kpi for part in shown.leaderboard]
    assert [part["kpi"] for part in written["funnel"]] == [part.kpi for part in shown.funnel]
    assert all([shown.gauge, shown.chart, shown.ranking, shown.mix])


def test_the_overview_leaves_out_what_is_switched_off() -> None:
    shown = load(groups_off=["satisfaction"]).overview
    assert "csat" not in {part.kpi for part in shown.tiles}
    assert len(shown.tiles) == len(shipped().overview.tiles) - 1


@pytest.mark.parametrize(
    "group", ["saas", "hospitality", "healthcare", "manufacturing", "market", "enablement", "satisfaction"]
)
def test_who_has_no_use_for_a_group_can_switch_it_off(group: str) -> None:
    left = load(groups_off=[group]).kpis
    assert left.keys() == {key for key, kpi in shipped().kpis.items() if kpi.group != group}


@pytest.mark.parametrize(
    ("group", "users"),
    [
        ("engagement", {"sales_productivity"}),
        ("customers", {"cac", "referral_rate"}),
        ("cost", set()),
        ("people", set()),
        ("speed", set()),
    ],
)
def test_who_needs_what_is_switched_off_is_named(group: str, users: set[str]) -> None:
    try:
        load(groups_off=[group])
        said: list[str] = []
    except DeclarationFaults as found:
        said = [fault.message for fault in found.faults]
    assert {message.split("`")[1] for message in said} == users
    assert all(f"switched off with the group `{group}`" in message for message in said)


def test_the_sources_have_their_topics_and_time_fields() -> None:
    sources = shipped().sources
    assert {key: source.topic for key, source in sources.items()} == {
        "deal": "deals",
        "lead": "leads",
        "activity": "activities",
        "customer": "customers",
        "subscription": "subscriptions",
        "order": "orders",
        "rep": "reps",
        "plan": "plans",
        "spend": "spend",
        "feedback": "feedback",
        "measurement": "measurements",
        "fx_rate": "fx-rates",
    }
    assert {"fx_rate", "plan"} == {key for key, source in sources.items() if source.broadcast}
    assert {key: source.exists_from for key, source in sources.items() if source.exists_from} == {
        "deal": "created_at",
        "lead": "created_at",
    }
    assert [key for key, source in sources.items() if source.implied] == ["customer"]


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
    lead = shipped().sources["lead"]
    least, answers = lead.derived["first_response_at"].least, lead.children["answers"]
    assert least is not None
    assert (least.over, least.own) == (("answers",), ())
    assert (answers.from_, answers.parent, answers.at) == ("activity", "lead_id", "occurred_at")
    assert (answers.where["actor"], answers.where["direction"], answers.where["status"]) == (
        "human",
        "outbound",
        "completed",
    )
    assert least.not_before is not None
    assert (least.not_before.field, least.not_before.minus) == ("created_at", 24 * 3_600_000)


def test_a_customer_without_subscription_is_active_for_a_year_after_a_purchase() -> None:
    contract, purchases = shipped().populations["customer_active"].intervals
    assert (contract.over, contract.ends) == (("subscriptions",), "ended_at")
    assert (set(purchases.over), purchases.for_) == ({"wins", "orders"}, 365 * 86_400_000)


def test_margin_leaves_lines_without_cost_out_of_both_sides() -> None:
    kpi = shipped().kpis["avg_profit_margin"]
    assert isinstance(kpi, Ratio)
    assert kpi.minus is not None
    sides = [side.measure for side in (kpi.numerator, kpi.minus, kpi.denominator)]
    assert [side.where for side in sides if side] == [sides[0].where if sides[0] else None] * 3
    amounts = [side.value.money for side in sides if side and side.value]
    assert amounts == ["lines.amount_minor", "lines.cost_minor", "lines.amount_minor"]


def test_a_mean_of_a_skewed_time_stands_beside_what_it_hides() -> None:
    means = {
        k: kpi.aggs for k, kpi in shipped().kpis.items() if isinstance(kpi, Measure | State) and "mean" in kpi.aggs
    }
    assert means == {
        "sales_cycle_length": ("mean", "p50", "p90"),
        "lead_response_time": ("mean", "p50", "p90"),
        "stage_age": ("mean", "max"),
    }
