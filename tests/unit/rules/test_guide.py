"""docs/alerting.md and docs/own-kpi.md: what they show is accepted, and their files are there."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from config.load import load
from metrics.plan import compile_plan
from streams.rules.kpi_alert import kpi_alerts
from tests.unit.rules.promtool import ROOT

GUIDE = (ROOT / "docs/alerting.md").read_text("utf-8")
OWN = (ROOT / "docs/own-kpi.md").read_text("utf-8")
EXAMPLES = ROOT / "docs/examples"


def declared(file: str, alerts: list[Any], folder: Path) -> list[Any]:
    """Return the alerts of a shown file that is given `alerts`."""
    document = YAML(typ="safe").load(EXAMPLES / file)
    document["kpis"][0]["alerts"] = alerts
    path = folder / file
    with path.open("w", encoding="utf-8") as to:
        YAML(typ="safe").dump(document, to)
    plan = compile_plan(load([path]), "Europe/Amsterdam", "EUR")
    return [of for of in kpi_alerts(plan) if of.kpi.key == document["kpis"][0]["key"]]


def test_the_alert_that_the_guide_shows_can_be_declared(tmp_path: Path) -> None:
    (block,) = re.findall(r"```\n(alerts:.*?)```", GUIDE, re.DOTALL)
    (of,) = declared("win_rate.yaml", YAML(typ="safe").load(block)["alerts"], tmp_path)

    assert [(dict(t.where), float(t.fires), float(t.clears)) for t in of.thresholds] == [
        ({"team": "north"}, 0.1, 0.12),
        ({}, 0.15, 0.18),
    ]
    assert of.samples == "sales_win_rate_denominator_by_team"


def test_the_alert_of_a_kpi_of_ones_own_can_be_declared(tmp_path: Path) -> None:
    (shown,) = re.findall(r"`alerts: (\[.*?\])`", OWN)
    (of,) = declared("tickets.yaml", YAML(typ="safe").load(shown), tmp_path)

    assert [(dict(t.where), float(t.fires), float(t.clears)) for t in of.thresholds] == [
        ({"team": "zuid"}, 28800, 25920),
        ({}, 14400, 10800),
    ]


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)", GUIDE))
def test_a_file_that_the_guide_links_is_there(link: str) -> None:
    assert (ROOT / "docs" / link).exists()
