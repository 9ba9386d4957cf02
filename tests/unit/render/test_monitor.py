import json
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from grafana.render.monitor import CONFIG, Monitor

SHIPPED = sorted((CONFIG / "rules").glob("*.yml"))


def rules(path: Path) -> list[dict[str, Any]]:
    return [rule for group in YAML(typ="safe", pure=True).load(path)["groups"] for rule in group["rules"]]


@pytest.fixture
def monitor(tmp_path: Path) -> Monitor:
    return Monitor(tmp_path, lookback_seconds=60)


def test_only_alerts_about_kpis_are_hurried_and_nothing_else_is_changed(monitor: Monitor) -> None:
    for shipped, copy in zip(SHIPPED, monitor.rules, strict=True):
        expected = [
            {**rule, "for": "10s"} if rule.get("labels", {}).get("kind") == "threshold" else rule
            for rule in rules(shipped)
        ]
        assert rules(copy) == expected
    waits = {rule.get("for") for path in monitor.rules for rule in rules(path) if "alert" in rule}
    assert len(waits) > 1, "both kinds of alerts are shipped"


def test_it_has_the_shipped_intervals_and_tells_nobody(monitor: Monitor, tmp_path: Path) -> None:
    shipped = YAML(typ="safe", pure=True).load(CONFIG / "prometheus.yml")
    config = json.loads((tmp_path / "prometheus.yml").read_text())

    assert config["global"] == shipped["global"]
    assert config["rule_files"] == [str(path) for path in monitor.rules]
    assert "alerting" not in config
    assert config["scrape_configs"] == []
