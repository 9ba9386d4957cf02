"""`salespulse kpis`: the list, and the number of series that it promises against what /metrics has."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.load import load
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.exposition import ReadingsCollector, exposed_gauges
from metrics.plan import Plan, SeriesPlan, compile_plan
from metrics.windows import Dims
from streams.cli import main
from streams.series_count import ASSUMED, count_series, full_dimensions, label_rows

GOLDEN = Path(__file__).parents[2] / "golden"
AT = "2026-11-10T12:00:00Z"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=dict(environment)).invoke(main, ["kpis", *arguments], prog_name="salespulse")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


@pytest.fixture(scope="module")
def embedded(plan: Plan) -> Embedded:
    """Compute the golden events, which give values to KPIs of all types."""
    at = parse_instant(AT)
    embedded = Embedded(plan, at)
    events = [json.loads(line) for line in (GOLDEN / "events.jsonl").read_text().splitlines()]
    embedded.apply([{name: e[name] for name in e if name != "arrived_at"} for e in events], at)
    embedded.tick(at)
    return embedded


# --------------------------------------------------------------------------------------------------------------- list


def test_every_kpi_is_listed_by_group(plan: Plan) -> None:
    rows = list(csv.DictReader(io.StringIO(run("--format", "csv").stdout)))

    assert {row["key"] for row in rows} == plan.declarations.kpis.keys()
    assert list(dict.fromkeys(row["group"] for row in rows)) == list(plan.declarations.groups)


def test_a_record_says_what_is_declared() -> None:
    (row,) = [r for r in json.loads(run("--format", "json").stdout) if r["key"] == "quota_attainment"]

    assert (row["title_nl"], row["group"], row["type"], row["unit"]) == ("Quota-bereik", "people", "share", "ratio")
    assert row["windows"] == ["mtd", "qtd", "prev_month", "prev_quarter"]
    assert {"by": ["team"], "windows": row["windows"]} in row["grains"]


def test_grains_have_windows_of_their_own_as_json(plan: Plan) -> None:
    (row,) = [r for r in json.loads(run("--format", "json").stdout) if r["key"] == "revenue"]
    revenue = plan.declarations.kpis["revenue"]

    assert [(tuple(g["by"]), tuple(g["windows"])) for g in row["grains"]] == [
        (grain, revenue.grain_windows(grain)) for grain in revenue.grains
    ]
    assert any(len(g["windows"]) < len(row["windows"]) for g in row["grains"])


def test_a_group_can_be_chosen() -> None:
    rows = json.loads(run("--group", "saas", "--format", "json").stdout)

    assert {row["key"] for row in rows} == {"mrr", "mrr_churn_rate", "subscriber_churn_rate", "subscription_ltv"}


@pytest.mark.parametrize(("language", "title"), [("en", "Win rate"), ("nl", "Aandeel gewonnen kansen")])
def test_the_table_has_the_titles_of_a_language(language: str, title: str) -> None:
    result = run("--group", "funnel", "--language", language, COLUMNS="250")

    (line,) = [line for line in result.stdout.splitlines() if " win_rate " in line]
    assert [cell.strip() for cell in line.strip("│ ").split("│")][:2] == ["win_rate", title]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--group", "sas"], "group `sas` is not declared; did you mean `saas`?"),
        (["--series", "--values", "region"], "`region` is not a number of label values; write such as region=8"),
        (["--series", "--values", "regoin=2"], "dimension `regoin` is not declared; did you mean `region`?"),
        (["--budget", "10"], "--budget goes with --series"),
    ],
)
def test_what_is_not_known_ends_with_2(options: list[str], message: str) -> None:
    result = run(*options)

    assert result.exit_code == 2
    assert message in result.stderr


# ------------------------------------------------------------------------------------------------------------- series


def samples(embedded: Embedded) -> Counter[str]:
    """Count the samples of each KPI's gauges in a real exposition, by name."""
    found: Counter[str] = Counter()
    for family in ReadingsCollector(embedded.view).collect():
        found[family.name] += len(family.samples)
    return found


def absent(embedded: Embedded) -> Counter[str]:
    """Count, by name of the gauge, the rows of the readings that have no number for it."""
    found: Counter[str] = Counter()
    for i, (series, gauges) in enumerate(exposed_gauges(embedded.plan)):
        for window in series.windows:
            for dims, result in embedded.view.readings[i, window].items():
                for gauge in gauges:
                    if window in gauge.windows and (gauge.labels == series.grain or gauge.name == _named(series, dims)):
                        number = {"value": result.value, "samples": result.samples}
                        number |= {"numerator": result.numerator, "denominator": result.denominator}
                        number |= {"target": result.target}
                        found[gauge.name] += number[gauge.role] is None
    return found


def _named(series: SeriesPlan, dims: Dims) -> str | None:
    if series.names is None:
        return None
    key, unit = series.names[dims[0]]
    return f"sales_{key}" + {"none": "", "ratio": "_ratio", "seconds": "_seconds", "money": "_euros"}[unit]


def test_the_count_is_that_of_the_exposition_row_by_row(plan: Plan, embedded: Embedded) -> None:
    exposed, missing = samples(embedded), absent(embedded)
    compared = 0
    for i, (series, gauges) in enumerate(exposed_gauges(plan)):
        for gauge in gauges:
            rows = [len(embedded.view.readings[i, window]) for window in gauge.windows]
            promised = sum(rows) if gauge.labels or not series.grain else len(gauge.windows)
            assert exposed[gauge.name] + missing[gauge.name] == promised, gauge.name
            compared += exposed[gauge.name]
    assert compared > 1_000


def test_no_gauge_of_a_kpi_is_left_out(plan: Plan, embedded: Embedded) -> None:
    counted = {gauge.name for _, gauges in exposed_gauges(plan) for gauge in gauges}
    service = {name for name in samples(embedded) if name.startswith("salespulse_")}

    assert samples(embedded).keys() - service <= counted


def test_a_kpi_counts_all_its_gauges_over_the_windows_of_their_grains(plan: Plan) -> None:
    win_rate = plan.declarations.kpis["win_rate"]
    values = {"deal_type": 4, "pipeline": len(plan.declarations.pipelines)}
    expected = 0
    for grain in win_rate.grains:
        rows = 1
        for dimension in grain:
            rows *= values.get(dimension) or ASSUMED[dimension]
        expected += 3 * rows * len(win_rate.grain_windows(grain))  # value, numerator and denominator

    (target,) = win_rate.targets
    assert target.grain == ()
    (count,) = [c for c in count_series(plan, {}) if c.key == "win_rate"]
    assert (count.series, count.names) == (expected + 1, 3 * len(win_rate.grains) + 1)


def test_an_aggregate_adds_its_samples_once(plan: Plan) -> None:
    (count,) = [c for c in count_series(plan, {}) if c.key == "lead_response_time"]

    kpi = plan.declarations.kpis["lead_response_time"]
    assert count.names == 4 * len(kpi.grains) + len(kpi.targets)  # mean, p50, p90, samples


def test_values_with_a_metric_each_count_one_by_one(plan: Plan) -> None:
    (count,) = [c for c in count_series(plan, {}) if c.key == "market_indicator"]

    kpi = plan.declarations.kpis["market_indicator"]
    assert kpi.type == "state"
    assert kpi.named is not None
    assert (count.names, count.series) == (len(kpi.named.values), len(kpi.named.values))


def test_only_the_values_that_a_kpi_can_have_are_counted(plan: Plan) -> None:
    (series,) = [s for s in plan.series if s.kpi.key == "sales_activities" and s.grain == ("kind",)]

    assert label_rows(plan, series, {"kind": 100}) == 3  # calls, e-mails and meetings


def test_more_teams_are_more_series() -> None:
    rows = [run("--series", "--teams", teams, "--format", "json").stdout for teams in ("12", "13")]
    before, after = ({r["key"]: r["series"] for r in json.loads(text)} for text in rows)

    assert after["leads_waiting"] - before["leads_waiting"] == 1
    assert after["win_rate"] - before["win_rate"] == 3 * 7  # three gauges over seven windows
    assert after["customers_active"] == before["customers_active"]  # not by team


def test_the_total_and_the_budget_are_told() -> None:
    result = run("--series", "--group", "hospitality")

    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1].endswith(" series at most; the budget is 25,000")


def test_a_budget_that_is_exceeded_ends_with_1() -> None:
    result = run("--series", "--group", "saas", "--values", "segment=6", "--budget", "100")

    assert result.exit_code == 1
    assert "series are " in result.stderr
    assert "over the budget of 100; declare fewer grains or windows, or switch groups off with " in result.stderr


def test_a_budget_that_is_kept_ends_with_0() -> None:
    assert run("--series", "--group", "saas", "--budget", "1000").exit_code == 0


def test_full_dimensions_have_all_the_values_that_they_may_have(plan: Plan) -> None:
    total = sum(count.series for count in count_series(plan, full_dimensions(plan)))
    result = run("--series", "--full")

    assert result.stdout.splitlines()[-1] == f"{total:,} series at most; the budget is 25,000"
    assert full_dimensions(plan)["team"] == plan.limits.limit("team") + 2  # and `other`, and `unknown`


def test_full_is_about_series() -> None:
    assert "--full goes with --series" in run("--full").stderr
