"""Hold each Grafana dashboard to Grafana's own types and to the rules a dashboard linter would apply."""

import copy
import itertools
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "grafana/dashboards").glob("*.json"))
SCHEMA = json.loads((ROOT / "tests/data/dashboard.schema.json").read_text("utf-8"))
BUILT_IN = {"__rate_interval", "__interval", "__range"}
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
# Units without a name of their own in Grafana's list are `currency:…`.
UNITS = {"locale", "percentunit", "s", "ops"}

type_of = jsonschema.Draft7Validator(SCHEMA)
Json = dict[str, Any]


@pytest.fixture(params=DASHBOARDS, ids=lambda path: path.stem)
def dashboard(request: pytest.FixtureRequest) -> Json:
    document: Json = json.loads(request.param.read_text("utf-8"))
    return document


def expressions(dashboard: Json) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    across = a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
    return across and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def test_there_is_a_dashboard() -> None:
    assert [path.stem for path in DASHBOARDS] == ["overview"]


def test_it_has_the_types_of_grafana(dashboard: Json) -> None:
    assert [error.message for error in type_of.iter_errors(dashboard)] == []


def test_a_misspelt_option_is_refused(dashboard: Json) -> None:
    broken = copy.deepcopy(dashboard)
    broken["panels"][0]["options"]["colourMode"] = "value"
    assert not type_of.is_valid(broken)


def test_it_can_be_provisioned(dashboard: Json) -> None:
    assert dashboard["schemaVersion"] == 42
    assert 1 <= len(dashboard["uid"]) <= 40
    assert "id" not in dashboard
    assert "__inputs" not in dashboard
    assert dashboard["editable"] is False


def test_panels_are_told_apart_and_do_not_overlap(dashboard: Json) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert [p["title"] for p in panels if p["gridPos"]["x"] + p["gridPos"]["w"] > 24] == []
    pairs = itertools.combinations(panels, 2)
    assert [(a["title"], b["title"]) for a, b in pairs if overlap(a["gridPos"], b["gridPos"])] == []


def test_every_panel_says_what_it_shows(dashboard: Json) -> None:
    for panel in dashboard["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["description"], panel["title"]
        assert defaults["unit"] in UNITS or defaults["unit"].startswith("currency:"), panel["title"]
        assert defaults["noValue"], panel["title"]
        first, *others = defaults["thresholds"]["steps"]
        assert first["value"] is None, panel["title"]
        assert [step["value"] for step in others] == sorted(step["value"] for step in others), panel["title"]


def test_panels_follow_the_datasource_variable(dashboard: Json) -> None:
    first = dashboard["templating"]["list"][0]
    assert (first["name"], first["type"]) == ("datasource", "datasource")
    for panel in dashboard["panels"]:
        assert panel["datasource"] == DATASOURCE
        assert [target["datasource"] for target in panel["targets"]] == [DATASOURCE] * len(panel["targets"])


def test_every_variable_exists_and_is_used(dashboard: Json) -> None:
    declared = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"])))
    assert used - BUILT_IN == declared


def test_replicas_of_the_service_are_not_added_up(dashboard: Json) -> None:
    """Each serving process exports the same series: a sum would double revenue."""
    for expression in expressions(dashboard):
        selectors = re.findall(r"(.{0,24})\bsales_\w+", expression)
        assert [before for before in selectors if not before.endswith("max without (instance) (")] == [], expression
        assert not re.search(r"\b(sum|avg)\b.*\bsales_", expression), expression


def test_a_counter_is_shown_as_a_rate(dashboard: Json) -> None:
    for expression in expressions(dashboard):
        for before in re.findall(r"(.{0,10})\b\w+_total\b", expression):
            assert re.search(r"(rate|increase)\($", before), expression
        assert not re.search(r"\b(rate|increase)\(.*\[\d", expression), expression


def test_prometheus_can_parse_every_expression(dashboard: Json, tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("`promtool` is not installed")
    # Grafana puts values in for its variables; promtool reads expressions only in a rule file, and JSON is YAML.
    values = [
        re.sub(r"\$\w+", lambda name: "1m" if name[0] == "$__rate_interval" else "x", e) for e in expressions(dashboard)
    ]
    rules = [{"record": f"panel:{number}", "expr": value} for number, value in enumerate(values)]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), "utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_legend_labels_are_labels_of_the_series(dashboard: Json) -> None:
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert re.search(rf"_by_\w*{label}|by \([\w, ]*\b{label}\b", target["expr"]), target["expr"]
