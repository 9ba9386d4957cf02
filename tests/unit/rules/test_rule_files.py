"""The rules that are shipped: up to date, accepted by Prometheus, and as they are declared."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from config.settings import Settings
from metrics.plan import Plan
from streams.rules.rule_files import rule_files
from streams.runbooks.files import runbook_files
from tests.unit.rules.promtool import ROOT, accepts, own_plan, shipped_plan, write_rules

NO_ALERTS = """\
version: 1
sources: [{key: visit, topic: visits, fields: {came_at: {type: timestamp, required: true}}}]
kpis:
  - key: visits
    type: measure
    title: {en: Visits, nl: Bezoeken}
    group: shop
    from: visit
    at: came_at
    agg: count
    unit: none
    windows: [24h]
"""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return shipped_plan()


def test_the_files_in_the_repository_are_those_that_are_made(plan: Plan) -> None:
    made = dict([*rule_files(plan, Settings()), *runbook_files(plan, Settings())])
    folders = {(ROOT / path).parent for path in made}
    kept = {str(file.relative_to(ROOT)): file.read_text("utf-8") for folder in folders for file in folder.iterdir()}

    assert made == kept


def test_the_same_declarations_give_the_same_bytes(plan: Plan) -> None:
    again = shipped_plan()
    assert list(rule_files(plan, Settings())) == list(rule_files(again, Settings()))
    assert list(runbook_files(plan, Settings())) == list(runbook_files(again, Settings()))


def test_prometheus_accepts_its_configuration_and_rules() -> None:
    accepts("check", "config", "--lint=all", "--lint-fatal", "config/prometheus/prometheus.yml")


def test_prometheus_loads_rules_and_no_tests() -> None:
    config = YAML(typ="safe").load(ROOT / "config/prometheus/prometheus.yml")
    loaded = {file.name for pattern in config["rule_files"] for file in (ROOT / "config/prometheus").glob(pattern)}
    assert loaded == {"kpis.yml", "service.yml"}


def test_the_rules_about_the_service_do_what_they_should() -> None:
    accepts("test", "rules", "config/prometheus/tests/service.yml")


@pytest.mark.slow
def test_the_rules_about_kpis_do_as_declared() -> None:
    accepts("test", "rules", "config/prometheus/tests/kpis.yml")


def test_every_declared_alert_is_tested(plan: Plan) -> None:
    files = {Path(path).stem: text for path, text in rule_files(plan, Settings()) if "/tests/" in path}
    tested = {
        check["alertname"]
        for text in files.values()
        for test in YAML(typ="safe").load(text)["tests"]
        for check in test.get("alert_rule_test", ())
        if check["exp_alerts"]
    }
    rules = [text for path, text in rule_files(plan, Settings()) if "/rules/" in path]
    alerts = {
        rule["alert"]
        for text in rules
        for group in YAML(typ="safe").load(text)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert tested == alerts
    assert len(alerts) > 40


def test_without_any_alert_the_files_are_valid(tmp_path: Path) -> None:
    declared = tmp_path / "shop.yaml"
    declared.write_text(NO_ALERTS, "utf-8")
    folder = write_rules(own_plan(declared), tmp_path)

    assert YAML(typ="safe").load(folder / "rules" / "kpis.yml") == {"groups": []}
    accepts("check", "rules", "--lint=all", "--lint-fatal", "rules/kpis.yml", "rules/service.yml", cwd=folder)
    accepts("test", "rules", "tests/kpis.yml", "tests/service.yml", cwd=folder)
