"""What the rules name exists: metrics and labels, runbooks, dashboards with their panels and variables."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from pydantic import SecretStr
from ruamel.yaml import YAML

from config.settings import Settings
from metrics.exposition import ReadingsCollector, exposed_gauges
from metrics.plan import Plan
from streams.alerts.hook import AlertHook
from streams.alerts.topic import AlertTopic
from streams.board import tick_histogram
from streams.publish.publisher import Publisher
from streams.rules.kpi_alert import kpi_alerts
from streams.rules.rule_files import rule_files
from streams.telemetry import Telemetry, worker_app
from streams.web import view_app
from tests.unit.rules.promtool import ROOT, own_plan, shipped_plan
from tests.unit.streams.boards import golden_board, golden_plan

Json = dict[str, Any]
SETTINGS = Settings()
DASHBOARDS = [json.loads(path.read_text("utf-8")) for path in (ROOT / "grafana" / "dashboards").rglob("*.json")]
MADE_BY_PROMETHEUS = {"up", "ALERTS"}
NAME = re.compile(r"(?<![\w:])(?:up|ALERTS|(?:sales|salespulse|process|type)[_:][a-z0-9_:]*)(?![\w:(])")


def rules_of(plan: Plan) -> list[Json]:
    texts = [text for path, text in rule_files(plan, SETTINGS) if "/rules/" in path]
    return [rule for text in texts for group in YAML(typ="safe").load(text)["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return shipped_plan()


@pytest.fixture(scope="module")
def rules(plan: Plan) -> list[Json]:
    return rules_of(plan)


@pytest.fixture(scope="module")
def alerts(rules: list[Json]) -> list[Json]:
    return [rule for rule in rules if "alert" in rule]


def kind(alert: Json) -> str:
    return str(alert["labels"]["kind"])


# ---------------------------------------------------------------------------------------------- labels and annotations


def test_every_alert_says_what_is_wrong_and_where_to_look(alerts: list[Json]) -> None:
    for alert in alerts:
        more = {"kpi", "group"} if kind(alert) == "threshold" else set()
        assert alert["labels"].keys() == {"severity", "service", "kind", *more}, alert["alert"]
        assert alert["labels"]["service"] == "salespulse"
        assert kind(alert) in {"threshold", "service"}
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}, alert["alert"]
        assert "$value" not in str(alert["labels"]), alert["alert"]
        assert alert["annotations"].keys() == {"summary", "description", "runbook_url", "dashboard_url"}
        assert all(text.strip() for text in alert["annotations"].values()), alert["alert"]
        assert {"for", "keep_firing_for"} <= alert.keys(), alert["alert"]


def test_the_names_of_service_alerts_are_theirs(alerts: list[Json]) -> None:
    for alert in alerts:
        assert alert["alert"].startswith("Salespulse") == (kind(alert) == "service")
    muting = {"SalespulseServeDown", "SalespulseWorkerDown", "SalespulseReadingsStale", "SalespulsePipelineStalled"}
    assert muting <= {alert["alert"] for alert in alerts if alert["labels"]["severity"] == "critical"}


def test_a_summary_tells_which_row_and_how_much(plan: Plan) -> None:
    by_name = {rule["alert"]: rule for rule in rules_of(plan) if "alert" in rule}
    for of in kpi_alerts(plan):
        summary = by_name[of.name]["annotations"]["summary"]
        assert "$value" in summary
        assert all(f"$labels.{of.label(dimension)} " in summary for dimension in of.dimensions)


def test_an_address_of_the_declaration_is_the_runbook_and_a_text_is_not() -> None:
    urls = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rules_of(own_plan()) if "alert" in rule}
    assert urls["AnswerSlow"] == 'https://example.com/slow?who={{ "{{" }}x}}'
    assert urls["TurnoverLow"] == "http://127.0.0.1:8080/runbooks/TurnoverLow"


# ------------------------------------------------------------------------------------------------------------- runbooks


def test_every_alert_has_a_runbook(alerts: list[Json]) -> None:
    about_kpis = (ROOT / "docs/runbooks/kpis.md").read_text("utf-8")
    for alert in alerts:
        name = alert["alert"]
        assert alert["annotations"]["runbook_url"] == f"{SETTINGS.public_url}/runbooks/{name}"
        if kind(alert) == "service":
            assert (ROOT / f"docs/runbooks/{name}.md").read_text("utf-8").startswith(f"# {name}\n")
        else:
            assert f"\n## {name}\n" in about_kpis


# ----------------------------------------------------------------------------------------------------------- dashboards


def missing_in_grafana(url: str, dashboards: list[Json]) -> Iterator[str]:
    """Yield what an address leads to that is not there."""
    where = urlsplit(url)
    uid = where.path.removeprefix("/d/")
    found = [dashboard for dashboard in dashboards if dashboard["uid"] == uid]
    if not found:
        yield f"dashboard {uid}"
        return
    panels = {f"panel-{panel['id']}" for panel in found[0]["panels"]}
    variables = {f"var-{variable['name']}" for variable in found[0]["templating"]["list"]}
    for name, value in parse_qsl(where.query):
        if (name != "viewPanel" or value not in panels) and name not in variables:
            yield f"{name}={value}"


def test_every_alert_leads_to_a_panel_that_is_there(alerts: list[Json]) -> None:
    assert {a["alert"]: list(missing_in_grafana(a["annotations"]["dashboard_url"], DASHBOARDS)) for a in alerts} == {
        alert["alert"]: [] for alert in alerts
    }
    assert all("viewPanel" in a["annotations"]["dashboard_url"] for a in alerts if kind(a) == "threshold")


@pytest.mark.parametrize(
    ("address", "missing"),
    [
        ("http://g/d/sales-nothing?viewPanel=panel-1", ["dashboard sales-nothing"]),
        ("http://g/d/sales-funnel?viewPanel=panel-1", ["viewPanel=panel-1"]),
        ("http://g/d/sales-funnel?var-customer=x", ["var-customer=x"]),
    ],
)
def test_a_link_to_nothing_is_found(address: str, missing: list[str]) -> None:
    assert list(missing_in_grafana(address, DASHBOARDS)) == missing


# -------------------------------------------------------------------------------------------------------------- metrics


def exposed_names(families: Iterable[Metric]) -> Iterator[str]:
    for family in families:
        match family.type:
            case "counter":
                yield f"{family.name}_total"
            case "histogram":
                yield from (f"{family.name}_{part}" for part in ("bucket", "sum", "count"))
            case _:
                yield family.name


@pytest.fixture(scope="module")
def exposed(plan: Plan) -> set[str]:
    """Give all names that the processes expose, and those that the rules record."""
    telemetry = Telemetry(plan.sources)
    worker_app(SETTINGS, telemetry, golden_board(golden_plan()))
    board = golden_board(golden_plan())
    view_app(SETTINGS, board, AlertHook(board.view.plan, AlertTopic(SETTINGS), board.registry))
    tick_histogram(board.registry)
    Publisher(Settings(redis_url=SecretStr("redis://127.0.0.1")), board)
    registry = CollectorRegistry()
    registry.register(ReadingsCollector(board.view))
    families = [family for one in (telemetry.registry, board.registry, registry) for family in one.collect()]
    gauges = {gauge.name for _, gauges in exposed_gauges(plan) for gauge in gauges}
    return gauges | set(exposed_names(families)) | MADE_BY_PROMETHEUS


def unknown_names(rules: list[Json], exposed: set[str]) -> set[str]:
    """Return the metrics that the rules read and nobody exposes or records."""
    read = {name for rule in rules for name in NAME.findall(re.sub(r'"(\\.|[^"\\])*"', '""', rule["expr"]))}
    return read - exposed - {rule["record"] for rule in rules if "record" in rule}


def test_every_metric_of_the_rules_is_exposed(rules: list[Json], exposed: set[str]) -> None:
    assert unknown_names(rules, exposed) == set()


@pytest.mark.parametrize(
    ("expression", "unknown"),
    [
        ('max(sales_win_rat_ratio{window="30d"}) < 1', {"sales_win_rat_ratio"}),
        ("time() - salespulse_lag > 0", {"salespulse_lag"}),
        ("salespulse_flush_seconds > 1", {"salespulse_flush_seconds"}),
        ("type:lag:sum > 0 unless on (type) up", {"type:lag:sum"}),
    ],
)
def test_a_metric_that_nobody_exposes_is_found(expression: str, unknown: set[str], exposed: set[str]) -> None:
    assert unknown_names([{"expr": expression}], exposed) == unknown


def test_without_redis_nothing_is_out_of_step() -> None:
    board = golden_board(golden_plan())
    Publisher(SETTINGS, board)
    assert "salespulse_redis_in_step" not in {family.name for family in board.registry.collect()}


def test_levels_and_ratios_have_the_names_that_dashboards_read(rules: list[Json], plan: Plan) -> None:
    records = {rule["record"] for rule in rules if "record" in rule}
    levels = {f"{of.gauge}:{name}_level" for of in kpi_alerts(plan) for name in ("fire", "clear")}
    targets = {
        f"{next(g.name for g in gauges if g.role == 'value')}:target_ratio"
        for _, gauges in exposed_gauges(plan)
        if any(gauge.role == "target" for gauge in gauges)
    }
    assert records == levels | targets | {"type:salespulse_consumer_lag:sum"}
