"""The readings as Prometheus sees them."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from config.load import load
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.exposition import ReadingsCollector, definition_version, exposed_gauges
from metrics.plan import Plan, compile_plan
from metrics.view import Progress

GOLDEN = Path(__file__).parents[2] / "golden"
T1, T3 = "2026-10-25T23:00:00.000Z", "2026-11-10T12:00:00.000Z"

Samples = dict[str, dict[frozenset[tuple[str, str]], float]]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load([GOLDEN / "catalogue.yaml"]), "Europe/Amsterdam", "EUR")


def golden_events(before: str, plan: Plan) -> list[dict[str, Any]]:
    events = [json.loads(line) for line in (GOLDEN / "events.jsonl").read_text().splitlines()]
    known = [event for event in events if event.pop("arrived_at") < before]
    return [event for event in known if event["type"] in plan.sources]


def golden(plan: Plan, as_of: str) -> Embedded:
    at = parse_instant(as_of)
    embedded = Embedded(plan, at)
    embedded.apply(golden_events(as_of, plan), at)
    embedded.tick(at)
    return embedded


def exposed(embedded: Embedded) -> tuple[str, Samples]:
    registry = CollectorRegistry()
    registry.register(ReadingsCollector(embedded.view))
    return scrape(registry)


def scrape(registry: CollectorRegistry) -> tuple[str, Samples]:
    text = generate_latest(registry).decode()
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = frozenset(sample.labels.items())
            assert labels not in samples.setdefault(sample.name, {}), "a series is exposed twice"
            samples[sample.name][labels] = sample.value
    return text, samples


def get(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get(name, {}).get(frozenset(labels.items()))


def test_values_are_in_base_units_under_one_name_a_grain(plan: Plan) -> None:
    _, samples = exposed(golden(plan, T1))

    assert get(samples, "sales_revenue_euros", window="30d") == 25629.63
    assert get(samples, "sales_revenue_by_team_euros", window="mtd", team="noord") == 17629.63
    assert get(samples, "sales_avg_deal_size_euros", window="30d") == pytest.approx(6407.407407407)
    assert get(samples, "sales_win_rate_ratio", window="30d") == 1
    assert get(samples, "sales_lead_response_time_mean_seconds", window="30d") == 6300
    assert get(samples, "sales_lead_waiting_age_max_seconds") == 97200
    assert get(samples, "sales_leads_waiting") == 1
    assert get(samples, "sales_pipeline_health_ratio") == 0.5


def test_sides_and_samples_have_gauges_with_units_of_their_own(plan: Plan) -> None:
    _, samples = exposed(golden(plan, T1))

    assert get(samples, "sales_win_rate_numerator", window="30d") == 4
    assert get(samples, "sales_win_rate_denominator", window="30d") == 4
    assert get(samples, "sales_avg_deal_size_numerator_euros", window="30d") == 25629.63
    assert get(samples, "sales_avg_deal_size_denominator", window="30d") == 4
    assert get(samples, "sales_pipeline_health_numerator_euros") == 8000
    assert get(samples, "sales_lead_response_time_samples", window="30d") == 2
    assert "sales_lead_response_time_samples_mean" not in samples
    assert "sales_leads_waiting_samples" not in samples


def test_a_target_is_a_gauge_with_the_labels_of_the_value_over_its_own_windows_only(plan: Plan) -> None:
    embedded, at = golden(plan, T1), parse_instant(T1)
    begun = "2026-10-01T00:00:00.000Z"
    goal = {"kind": "target", "metric": "revenue", "period": "2026-10", "team_id": "noord", "submitted_at": begun}
    data = {**goal, "amount_minor": 2_000_050, "currency": "EUR"}
    embedded.apply([{"event_id": "t", "type": "plan", "entity_id": "T", "updated_at": begun, "data": data}], at)
    embedded.tick(at + 1_000)
    _, samples = exposed(embedded)

    assert samples["sales_win_rate_target_ratio"] == {frozenset({("window", "90d")}): 0.25}
    assert samples["sales_revenue_target_euros"][frozenset({("window", "24h")})] == 25_000
    assert samples["sales_lead_response_time_target_p90_seconds"] == {frozenset({("window", "24h")}): 3600}
    noord = frozenset({("window", "mtd"), ("team", "noord")})
    assert samples["sales_revenue_target_by_team_euros"] == {noord: 20_000.5}
    assert noord in samples["sales_revenue_by_team_euros"]
    assert "sales_avg_deal_size_target_euros" not in samples


def test_the_series_are_counted(plan: Plan) -> None:
    _, samples = exposed(golden(plan, T1))

    of_kpis = sum(len(series) for name, series in samples.items() if name.startswith("sales_"))
    assert samples["salespulse_exposed_series"] == {frozenset(): of_kpis}


@pytest.mark.parametrize(
    ("kpi", "names"),
    [
        # Both sides are numbers of customers; nights are no time; what members weigh is money.
        ("market_penetration_rate", {"_by_market_ratio", "_numerator_by_market", "_denominator_by_market"}),
        ("adr", {"_euros", "_numerator_euros", "_denominator"}),
        ("mrr_churn_rate", {"_ratio", "_numerator_euros", "_denominator_euros"}),
        ("inventory_turnover", {"_ratio", "_numerator_euros", "_denominator_euros"}),
    ],
)
def test_the_sides_of_a_ratio_have_the_units_of_what_they_add_up(plan: Plan, kpi: str, names: set[str]) -> None:
    gauges = next(gauges for series, gauges in exposed_gauges(plan) if series.kpi.key == kpi)
    assert {gauge.name for gauge in gauges} == {f"sales_{kpi}{name}" for name in names}


def test_a_ratio_without_a_denominator_is_absent_but_its_sides_are_there(plan: Plan) -> None:
    _, samples = exposed(golden(plan, T3))

    assert get(samples, "sales_win_rate_ratio", window="mtd") is None
    assert get(samples, "sales_win_rate_denominator", window="mtd") == 0
    assert get(samples, "sales_revenue_growth_ratio", window="mtd") is None
    for name, series in samples.items():
        if "_denominator" in name:
            value = name.replace("_denominator", "", 1)
            for labels, denominator in series.items():
                ratios = {n: s for n, s in samples.items() if n.startswith(value) and n != name and labels in s}
                if denominator == 0:
                    assert not [n for n in ratios if n.endswith(("_ratio", "_euros")) and "_numerator" not in n], name


def test_now_has_no_window_label_and_all_others_have(plan: Plan) -> None:
    _, samples = exposed(golden(plan, T1))

    assert get(samples, "sales_pipeline_value_euros") == 16000
    assert get(samples, "sales_pipeline_deals_by_stage", stage="proposal") == 1
    assert all(dict(labels).keys() == {"window"} for labels in samples["sales_revenue_euros"])
    assert all(dict(labels).keys() == {"window", "team"} for labels in samples["sales_revenue_by_team_euros"])


def test_a_series_that_is_no_more_leaves_nothing_behind(plan: Plan) -> None:
    at = parse_instant(T1)
    embedded = golden(plan, T1)
    registry = CollectorRegistry()
    registry.register(ReadingsCollector(embedded.view))
    _, before = scrape(registry)

    lines = [event for event in golden_events(T1, plan) if event["type"] == "deal"]
    gone = [
        {k: v for k, v in deal.items() if k != "data"} | {"op": "delete", "version": 10**9, "event_id": f"x{i}"}
        for i, deal in enumerate(lines)
    ]
    embedded.apply(gone, at)
    embedded.tick(at + 1000)
    _, after = scrape(registry)

    assert get(before, "sales_win_rate_ratio", window="30d") == 1
    assert "sales_win_rate_ratio" not in after
    assert "sales_revenue_by_team_euros" not in after
    assert get(after, "sales_revenue_euros", window="30d") == 0


def test_unchanged_rows_are_the_same_at_every_scrape(plan: Plan) -> None:
    registry = CollectorRegistry()
    registry.register(ReadingsCollector(golden(plan, T1).view))

    assert scrape(registry) == scrape(registry)


def test_before_the_first_tick_no_kpi_is_exposed(plan: Plan) -> None:
    _, samples = exposed(Embedded(plan, 0))

    assert set(samples) == {"salespulse_kpi_info"}


def test_what_is_known_about_the_readings_is_exposed(plan: Plan) -> None:
    embedded = golden(plan, T1)
    for shard, at in enumerate((1_000, 2_500)):
        embedded.view.progress[shard] = Progress(0, 0, {"deal": at})
    patch = {"event_id": "i", "type": "deal", "entity_id": "i", "updated_at": T1, "op": "patch", "data": {"stage": "x"}}
    embedded.apply([patch], parse_instant(T1))
    embedded.tick(parse_instant(T1) + 1000)
    _, samples = exposed(embedded)

    assert get(samples, "salespulse_last_evaluation_timestamp_seconds") == parse_instant(T1) / 1000 + 1
    assert get(samples, "salespulse_source_last_event_timestamp_seconds", type="deal") == 2.5
    assert sum(samples["salespulse_incomplete_entities"].values()) >= 1
    assert all(dict(labels)["type"] == "deal" for labels in samples["salespulse_incomplete_entities"])
    info = {dict(labels)["kpi"]: dict(labels) for labels in samples["salespulse_kpi_info"]}
    assert info.keys() == set(plan.declarations.kpis)
    revenue = plan.declarations.kpis["revenue"]
    assert info["revenue"] == {
        "kpi": "revenue",
        "version": definition_version(revenue),
        "unit": "money",
        "title_en": revenue.title.en,
        "title_nl": revenue.title.nl,
    }


def test_an_amount_without_a_rate_is_counted(plan: Plan) -> None:
    at = parse_instant(T1)
    embedded = Embedded(plan, at)
    embedded.apply([e for e in golden_events(T1, plan) if e["type"] != "fx_rate"], at)
    embedded.tick(at)
    _, samples = exposed(embedded)

    assert (get(samples, "salespulse_unconverted_records", currency="USD") or 0) > 0


def test_the_version_changes_with_the_declaration_only(plan: Plan) -> None:
    kpi = plan.declarations.kpis["win_rate"]
    again = load([GOLDEN / "catalogue.yaml"]).kpis["win_rate"]

    assert definition_version(kpi) == definition_version(again)
    assert definition_version(kpi) != definition_version(kpi.model_copy(update={"min_samples": 7}))


ODD = ['a"b', "back\\slash", "new\nline", "é ü 漢 🙂", "", " ", "{team}", "x" * 300, "#", "\t"]


def test_odd_label_values_come_through(plan: Plan) -> None:
    text, samples = exposed(_with_teams(plan, ODD))

    teams = {dict(labels).get("team", "") for labels in samples["sales_revenue_by_team_euros"]}
    assert teams >= set(ODD)
    assert_promtool_is_content(text)


def test_promtool_has_nothing_to_say(plan: Plan) -> None:
    text, _ = exposed(golden(plan, T1))

    assert_promtool_is_content(text)


def assert_promtool_is_content(text: str) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    said = subprocess.run(["promtool", "check", "metrics"], input=text.encode(), capture_output=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, b"")


def _with_teams(plan: Plan, teams: list[str]) -> Embedded:
    deal = next(e for e in golden_events(T1, plan) if e["type"] == "deal" and e.get("op") == "put")
    at = parse_instant(T1)
    embedded = Embedded(plan, at)
    embedded.apply(
        [
            deal | {"event_id": f"o{i}", "entity_id": f"odd-{i}", "data": deal["data"] | {"team_id": team}}
            for i, team in enumerate(teams)
        ],
        at,
    )
    embedded.tick(at)
    return embedded
