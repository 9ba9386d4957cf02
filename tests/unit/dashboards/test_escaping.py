"""What stands in a label goes into expressions and addresses of dashboards only in forms that Grafana escapes.

Grafana's Prometheus data source escapes a variable for a regular expression when it can have several values, or all;
in an address `:queryparam` and `:percentencode` are what makes a value harmless.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.rules.service_alerts import service_alerts

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "grafana/dashboards").rglob("*.json"))
_OWN = re.compile(r"__\w+")
"""Grafana's own, such as the interval: no text of anybody's."""
_NUMBERED = re.compile(r"\d+")
"""A group of a regular expression inside a query, which is Prometheus's business."""


def _texts(part: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield each text and the key that it stands under."""
    if isinstance(part, dict):
        for name, value in part.items():
            yield from _texts(value, name)
    elif isinstance(part, list):
        for value in part:
            yield from _texts(value, key)
    elif isinstance(part, str):
        yield key, part


def _variables(text: str) -> list[tuple[str, str]]:
    """Return the variables in a text, each with its format."""
    return [
        (braced or plain, form or "") for braced, form, plain in re.findall(r"\$\{([\w.]+)(?::(\w+))?\}|\$(\w+)", text)
    ]


def faults(dashboard: dict[str, Any]) -> Iterator[str]:
    """Word each place in which a value would be taken as it is."""
    variables = {v["name"]: v for v in dashboard["templating"]["list"]}
    several = {name for name, v in variables.items() if v.get("multi") or v.get("includeAll")}
    fixed = {name for name, v in variables.items() if v["type"] in {"custom", "datasource"}}
    for key, text in _texts(dashboard):
        for name, form in _variables(text):
            if form == "raw" or (form == "" and name.endswith(".raw") and key != "url"):
                yield f"`{text}`: raw"
            if key == "url" and form not in {"queryparam", "percentencode"} and name != "__value.raw":
                yield f"`{text}`: `{name}` is not encoded"
            if key == "expr" and form not in {"", "regex"}:
                yield f"`{text}`: `{name}` has form `{form}`"
        if key == "expr":
            for operator, name in re.findall(r'(=~|!~|!=|=)\s*"[^"]*\$\{?(\w+)', text):
                known = _OWN.fullmatch(name) or _NUMBERED.fullmatch(name) or name in fixed
                if not known and (operator not in {"=~", "!~"} or name not in several):
                    yield f"`{text}`: `{name}` is not escaped"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_value_is_taken_as_it_is(file: Path) -> None:
    assert list(faults(json.loads(file.read_text("utf-8")))) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ('team=~\\"$team\\"', 'team=\\"$team\\"'),
        ('team=~\\"$team\\"', 'team=~\\"${team:raw}\\"'),
        ('"includeAll": true', '"includeAll": false'),
    ],
)
def test_a_value_that_is_would_be_found(right: str, wrong: str) -> None:
    text = (ROOT / "grafana/dashboards/Sales/revenue.json").read_text("utf-8")
    assert right in text
    single = text.replace('"multi": true', '"multi": false') if "includeAll" in right else text
    assert list(faults(json.loads(single.replace(right, wrong)))) != []


def test_a_link_with_a_name_of_an_alert_needs_no_encoding() -> None:
    """The one value that is put into an address raw is a name that is declared, and these can hold letters only."""
    plan = compile_plan(load(), "Europe/Amsterdam", "EUR")
    names = [alert.name for kpi in plan.declarations.kpis.values() for alert in kpi.alerts]
    assert names
    for name in [*names, *(alert.name for alert in service_alerts(plan, Settings()))]:
        assert re.fullmatch(r"[A-Za-z0-9]+", name)
