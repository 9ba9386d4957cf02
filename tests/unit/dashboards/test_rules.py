"""Every dashboard obeys every rule, and each rule finds what it is there for."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dashboard_rules import EXCLUDED, RULES, Json, faults_of, panels_of, targets_of, variables_of
from tests.unit.dashboards.catalogues import CATALOGUES, dashboards_of, one_to_break

SERVICE, FUNNEL = "Salespulse/service.json", "Sales/funnel.json"


@pytest.mark.parametrize("catalogue", CATALOGUES)
@pytest.mark.parametrize("rule", RULES)
def test_every_dashboard_obeys(rule: str, catalogue: str) -> None:
    faults = {name: faults_of(rule, dashboard) for name, dashboard in dashboards_of(catalogue).items()}
    assert {name: found for name, found in faults.items() if found} == {}


def test_a_rule_that_is_excluded_says_where_and_why() -> None:
    assert EXCLUDED.keys() <= RULES.keys()
    held = {name: [excluded(d) for d in dashboards_of("shipped").values()] for name, (excluded, _) in EXCLUDED.items()}
    assert {name: (any(each), all(each)) for name, each in held.items()} == dict.fromkeys(EXCLUDED, (True, False))
    assert all(reason for _, reason in EXCLUDED.values())


def _first(dashboard: Json, kind: str = "stat") -> Json:
    return next(panel for panel in panels_of(dashboard) if panel["type"] == kind)


def _config(dashboard: Json) -> Json:
    found: Json = _first(dashboard)["fieldConfig"]["defaults"]
    return found


def _expr(old: str, new: str) -> Callable[[Json], None]:
    def plant(dashboard: Json) -> None:
        target = next(target for _, target in targets_of(dashboard) if old in target["expr"])
        target["expr"] = target["expr"].replace(old, new, 1)

    return plant


def _variable(called: str, /, **changes: object) -> Callable[[Json], None]:
    return lambda dashboard: variables_of(dashboard)[called].update(changes)


def _second(dashboard: Json) -> Json:
    found: Json = [panel for panel in dashboard["panels"] if panel["type"] == "stat"][1]
    return found


PLANTED: dict[str, list[tuple[str, Callable[[Json], object]]]] = {
    "schema": [
        (SERVICE, lambda d: _first(d)["options"].update(colourMode="value")),
        (FUNNEL, lambda d: d["links"][0].pop("tags")),
    ],
    "provisioned": [
        (SERVICE, lambda d: d.update(uid="x" * 41)),
        (SERVICE, lambda d: d.update(id=1)),
        (SERVICE, lambda d: d.update(tags=[])),
    ],
    "in-sight": [
        (FUNNEL, lambda d: d["links"][0].update(placement="inControlsMenu")),
        (FUNNEL, lambda d: d["annotations"]["list"][0].update(placement="inControlsMenu")),
    ],
    "uneditable": [(SERVICE, lambda d: d.update(editable=True))],
    "grid": [
        (SERVICE, lambda d: _second(d)["gridPos"].update(x=1)),
        (FUNNEL, lambda d: _second(d)["gridPos"].update(x=21)),
        (FUNNEL, lambda d: d["panels"][-1]["panels"][1]["gridPos"].update(x=1)),
    ],
    "whole-lines": [(SERVICE, lambda d: d["panels"].remove(_second(d)))],
    "ids": [
        (SERVICE, lambda d: _second(d).update(id=_first(d)["id"])),
        (FUNNEL, lambda d: next(p for p in panels_of(d) if len(p["targets"]) > 1)["targets"][1].update(refId="A")),
    ],
    "template-datasource": [(SERVICE, _variable("datasource", label="Prometheus"))],
    "template-job": [(SERVICE, _variable("job", label="Job")), (SERVICE, _variable("job", name="jobs"))],
    "template-instance": [(SERVICE, _variable("instance", allValue=".*"))],
    "template-on-time-change-reload": [
        (FUNNEL, _variable("team", refresh=1)),
        (FUNNEL, _variable("team", multi=False)),
    ],
    "variables": [
        (FUNNEL, _expr('team=~"$team"', 'team=~"$squad"')),
        (FUNNEL, lambda d: variables_of(d)["rep"].update(name="person")),
    ],
    "panel-datasource": [
        (SERVICE, lambda d: _first(d).update(datasource={"type": "prometheus", "uid": "abc"})),
        (SERVICE, lambda d: _first(d)["targets"][0].update(datasource={"type": "prometheus", "uid": "abc"})),
    ],
    "panel-title-description": [
        (SERVICE, lambda d: _first(d).update(title="")),
        (SERVICE, lambda d: _first(d).update(description=" ")),
        (SERVICE, lambda d: _config(d).pop("noValue")),
    ],
    "panel-title-fits": [(SERVICE, lambda d: _first(d).update(title="A title that nobody can read to its end"))],
    "panel-units": [
        (SERVICE, lambda d: _config(d).update(unit="euros")),
        (SERVICE, lambda d: _config(d).pop("unit")),
    ],
    "panel-no-targets": [(SERVICE, lambda d: _first(d).update(targets=[]))],
    "thresholds": [
        (SERVICE, lambda d: _config(d)["thresholds"]["steps"].reverse()),
        (SERVICE, lambda d: _config(d)["thresholds"]["steps"][0].update(value=0)),
    ],
    "target-rate-interval": [(SERVICE, _expr("$__rate_interval", "5m"))],
    "target-job": [
        (SERVICE, _expr('job=~"$job"', 'job="$job"')),
        (SERVICE, _expr('{job=~"$job", instance=~"$instance"}', "")),
    ],
    "target-instance": [(SERVICE, _expr(', instance=~"$instance"', ""))],
    "target-counter-agg": [(SERVICE, _expr("rate(", "abs("))],
    "replicas": [
        (FUNNEL, _expr("max without (instance, job) (", "max (")),
        (FUNNEL, _expr("max without (instance, job) (", "sum(max without (instance, job) (")),
    ],
    "formats": [
        (FUNNEL, lambda d: _first(d)["targets"][0].update(format="table")),
        (FUNNEL, lambda d: _first(d)["targets"][0].pop("legendFormat")),
        (FUNNEL, lambda d: _first(d)["targets"][0].pop("range")),
    ],
}


@pytest.mark.parametrize("rule", RULES)
def test_a_planted_fault_is_found_by_the_rule(rule: str) -> None:
    for place, (name, plant) in enumerate(PLANTED[rule]):
        dashboard = one_to_break(name)
        plant(dashboard)
        assert faults_of(rule, dashboard), place


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_prometheus_can_parse_every_expression(catalogue: str, tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("`promtool` is not installed")
    dashboards = dashboards_of(catalogue).values()
    expressions = {target["expr"] for d in dashboards for _, target in targets_of(d)}
    expressions |= {mark["expr"] for d in dashboards for mark in d["annotations"]["list"]}

    assert parsed(expressions, tmp_path) == ""
    assert "parse error" in parsed({"sum(sales_revenue_euros"}, tmp_path)


def parsed(expressions: set[str], folder: Path) -> str:
    """Return what `promtool` has to say about expressions; it reads them only in a file of rules, and JSON is YAML."""
    values = [re.sub(r"\$__\w+", "1m", expression) for expression in sorted(expressions)]
    rules = [{"record": f"panel:{number}", "expr": value} for number, value in enumerate(values)]
    path = folder / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr
