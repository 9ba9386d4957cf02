"""`salespulse explain`: what it says, and that its events are valid and give the KPI a value."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.load import load
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.evaluate import Result as KpiResult
from metrics.plan import Plan, compile_plan
from streams.absence import absence_reasons
from streams.cli import main
from streams.event_fields import event_fields
from streams.example_events import example_events
from streams.reference import reference

ROOT = Path(__file__).parents[3]
INSTANTS = ["2026-11-10T12:00:00Z", "2026-10-25T23:00:00Z", "2027-01-01T00:30:00+01:00", "2024-02-29T12:00:00Z"]
"""Noon; a midnight that ends a day of 25 hours; half an hour into a year; a leap day."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env={"COLUMNS": "200", **environment}).invoke(
        main, ["explain", *arguments], prog_name="salespulse"
    )


def sections(output: str) -> dict[str, list[str]]:
    """Return the lines below each heading; what stands above the first one by the empty text."""
    found: dict[str, list[str]] = {"": []}
    lines = iter(output.splitlines())
    for line in lines:
        if line.strip() == "Formula":
            found["Formula"] = []
            break
        found[""] += [line.strip()] if line.strip() else []
    for line in lines:
        if line and not line.startswith((" ", "{")):
            found[line.strip()] = []
        elif line.strip():
            found[list(found)[-1]].append(line.strip())
    return found


# ------------------------------------------------------------------------------------------------------------ example


KPIS = list(load().kpis)


def readings(embedded: Embedded, key: str) -> dict[tuple[str | None, str, tuple[str, ...]], KpiResult]:
    return {
        (r.series.agg, r.window.token, r.dims): r.result
        for r in embedded.view.all_readings()
        if r.series.kpi.key == key
    }


@pytest.mark.parametrize("instant", INSTANTS)
@pytest.mark.parametrize("key", KPIS)
def test_the_example_events_are_valid_and_give_the_kpi_a_value(plan: Plan, key: str, instant: str) -> None:
    at = parse_instant(instant)
    events = example_events(plan, plan.declarations.kpis[key], at)
    for event in events:
        plan.sources[event["type"]].schema.decode(json.dumps(event).encode())
    embedded = Embedded(plan, at)
    embedded.tick(at)
    before = readings(embedded, key)

    embedded.apply(events, at)
    embedded.tick(at)

    assert embedded.rejected == []
    assert [found for found in embedded.view.incomplete() if found[2]] == []
    after = readings(embedded, key)
    assert [r for where, r in after.items() if r.value is not None and r != before.get(where)] != []


def test_one_event_is_enough_where_one_says_it_all(plan: Plan) -> None:
    at = parse_instant(INSTANTS[0])

    (event,) = example_events(plan, plan.declarations.kpis["win_rate"], at)
    assert (event["type"], event["data"]["status"]) == ("deal", "won")


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_kpis_of_a_user_have_example_events_too(path: Path) -> None:
    plan = compile_plan(load([path]), "Europe/Amsterdam", "EUR")
    at = parse_instant(INSTANTS[0])
    for key in {"tickets": ["ticket_solution_time"], "win_rate": ["win_rate"]}[path.stem]:
        embedded = Embedded(plan, at)
        embedded.apply(example_events(plan, plan.declarations.kpis[key], at), at)
        embedded.tick(at)
        assert embedded.rejected == []
        assert [r for r in readings(embedded, key).values() if r.samples] != []


CONTRADICTION = """
version: 1
kpis:
  - key: never
    type: state
    title: {en: Never, nl: Nooit}
    group: funnel
    from: lead
    where: {qualified_at: {exists: false}, first_win_at: {exists: true}, status: {not: new}}
    agg: max
    value: {age_of: qualified_at}
    unit: seconds
    windows: [now]
    grains: [[]]
"""


def test_a_kpi_that_nothing_can_give_a_value_has_no_events(tmp_path: Path) -> None:
    path = tmp_path / "never.yaml"
    path.write_text(CONTRADICTION)

    result = run("never", SALESPULSE_CATALOGUE=str(path))

    assert result.exit_code == 0
    assert sections(result.stdout)["Events that give it a value"] == ["none could be made up from the declaration"]


# --------------------------------------------------------------------------------------------------------------- words


def test_everything_about_a_kpi_is_said() -> None:
    result = run("win_rate", SALESPULSE_CLOCK=INSTANTS[0])
    found = sections(result.stdout)

    assert result.exit_code == 0
    assert found[""][:2] == [
        "Win rate · Aandeel gewonnen kansen",
        "win_rate: ratio of the group funnel (Conversion and funnel · Conversie en verkooptrechter); 1 is 100 %",
    ]
    assert found["Inputs"] == [
        "win_rate",
        "├── numerator: `opportunities_won`: number of `deal` with `closed_at` in the window, where `status` is won",
        "└── denominator: number of `deal` with `closed_at` in the window, where `status` is won or lost",
    ]
    assert found["Events"] == [
        "deal  closed_at, status, team_id, owner_id, region, channel, source, pipeline_id, deal_type"
    ]
    assert [line.split()[0] for line in found["Windows"]] == [
        "7d", "30d", "90d", "mtd", "qtd", "prev_month", "prev_quarter",
    ]  # fmt: skip
    names = [word for line in found["Metrics"] for word in line.split() if word.startswith("sales_")]
    assert names[:3] == [
        "sales_win_rate_ratio{window}",
        "sales_win_rate_numerator{window}",
        "sales_win_rate_denominator{window}",
    ]
    assert any("sales_win_rate_by_team_ratio{window, team}" in line for line in found["Metrics"])
    assert found["Absent"] == ["while there is nothing to divide by (denominator_zero)"]
    assert "target 90d: 0.25" in found["Targets and alerts"]
    assert any(line.startswith("alert WinRateCritical (critical): below 0.1") for line in found["Targets and alerts"])


def test_the_example_events_can_be_kept_in_a_file_and_reported(tmp_path: Path) -> None:
    lines = [line for line in run("clv", SALESPULSE_CLOCK=INSTANTS[0]).stdout.splitlines() if line.startswith("{")]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines))

    result = CliRunner(env={"SALESPULSE_CLOCK": INSTANTS[0]}).invoke(
        main, ["report", str(file), "--kpi", "clv", "--format", "json"]
    )
    values = {reading["window"]: reading["value"] for reading in json.loads(result.stdout)}
    assert set(values) >= {"90d", "365d"}
    assert None not in values.values()


def test_inputs_of_inputs_are_a_tree(plan: Plan) -> None:
    (revenue, start, end, churn) = reference(plan, "clv").inputs

    assert [given.name for given in (revenue, start, end, churn)] == ["revenue", "start", "end", "churn"]
    assert churn.kpi == "customer_churn_rate"
    assert [below.words for below in churn.inputs] == [
        "the share of the members of `customer_active` at S that are no members at E"
    ]


def test_companions_are_told() -> None:
    assert sections(run("lead_response_time").stdout)["Read it beside"] == [
        "lead_response_within_sla, leads_waiting, lead_waiting_age_max"
    ]


def test_what_is_never_absent_is_said_to_be_0() -> None:
    assert sections(run("revenue").stdout)["Absent"] == ["never: 0 where there is nothing to count"]


def test_an_unknown_kpi_ends_with_2_and_the_nearest_name() -> None:
    result = run("winrate")

    assert result.exit_code == 2
    assert "kpi `winrate` is not declared; did you mean `win_rate`?" in result.stderr


# -------------------------------------------------------------------------------------------------- fields and reasons


@pytest.mark.parametrize(
    ("key", "source", "fields"),
    [
        ("lead_response_time", "activity", {"lead_id", "occurred_at", "actor", "direction", "status", "kind"}),
        ("pipeline_weighted_value", "deal", {"probability", "pipeline_id", "stage", "lines.amount_minor", "currency"}),
        ("stage_conversion_rate", "deal", {"stage_entered_at", "pipeline_id", "status", "closed_at"}),
        ("mrr", "subscription", {"customer_id", "phases.from", "phases.to", "phases.amount_minor", "ended_at"}),
        ("order_fulfillment_rate", "order", {"promised_on", "fulfilled_at", "quantity_fulfilled", "quantity_ordered"}),
        ("quota_attainment", "plan", {"kind", "metric", "period", "amount_minor", "submitted_at", "rep_id"}),
        ("quota_attainment", "rep", {"role", "hired_at", "left_at", "team_id"}),
        ("inventory_turnover", "measurement", {"kind", "on_date", "unit_id", "values.value_minor", "currency"}),
        ("revenue", "fx_rate", {"base", "quote", "rate_date", "rate"}),
    ],
)
def test_fields_are_found_through_what_is_derived(plan: Plan, key: str, source: str, fields: set[str]) -> None:
    assert fields <= set(event_fields(plan.declarations, plan.declarations.kpis[key])[source])


@pytest.mark.parametrize("key", KPIS)
def test_only_fields_that_are_declared_are_named(plan: Plan, key: str) -> None:
    for source, fields in event_fields(plan.declarations, plan.declarations.kpis[key]).items():
        declared = plan.declarations.sources[source].fields
        for path in fields:
            head, _, tail = path.partition(".")
            assert head in declared, f"{source}.{path}"
            assert not tail or tail in declared[head].fields, f"{source}.{path}"


def test_a_count_needs_no_money(plan: Plan) -> None:
    assert event_fields(plan.declarations, plan.declarations.kpis["opportunities_won"]).keys() == {"deal"}


@pytest.mark.parametrize(
    ("key", "reasons"),
    [
        ("revenue", ()),
        ("win_rate", ("denominator_zero",)),
        ("revenue_growth", ("denominator_zero", "denominator_negative")),
        ("cac", ("denominator_zero", "no_source_records")),
        ("target_attainment", ("denominator_zero", "denominator_negative", "no_plan")),
        ("quota_attainment", ("denominator_zero",)),
        ("lead_response_time", ("no_samples",)),
        ("market_indicator", ("no_source_records",)),
        ("net_new_customers", ()),
    ],
)
def test_reasons_of_absence_are_those_of_the_definition(plan: Plan, key: str, reasons: tuple[str, ...]) -> None:
    assert absence_reasons(plan, plan.declarations.kpis[key]) == reasons


def test_too_few_samples_are_a_reason_when_a_number_is_asked_for() -> None:
    declarations = load()
    few = declarations.kpis["win_rate"].model_copy(update={"min_samples": 10})
    changed = declarations.model_copy(update={"kpis": {**declarations.kpis, "win_rate": few}})
    plan = compile_plan(changed, "Europe/Amsterdam", "EUR")

    assert absence_reasons(plan, few) == ("denominator_zero", "below_min_samples")
