"""What a dashboard must be, rule by rule: those of Grafana's dashboard linter, and our own.

Each rule yields its faults as text. `EXCLUDED` says where a rule does not hold, and why.
"""

import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema

Json = dict[str, Any]
Rule = Callable[[Json], Iterator[str]]

_DATA = Path(__file__).parent / "data"
COLUMNS = 24
BUILT_IN = frozenset({"__rate_interval", "__range", "__value", "__all"})
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_UNITS = frozenset(json.loads((_DATA / "grafana_units.json").read_text("utf-8")))
_UNIT_PREFIXES = ("currency:", "prefix:", "suffix:")
_VARIABLE = re.compile(r"\$(?:\{([a-zA-Z_]\w*)(?:[:.][\w:]+)?\}|([a-zA-Z_]\w*))")
"""A variable; `${1}` is the group of a pattern, and Grafana leaves it alone."""
SELECTOR = re.compile(r"([a-zA-Z_][\w:]*)\{([^}]*)\}")
_METRIC = re.compile(r"\b((?:sales|salespulse|process)_[\w:]+|up|ALERTS)\b(?!\s*[=~(])")
_PIXELS = 1920 / COLUMNS
_EDGES_PIXELS, _ICON_PIXELS, _LETTER_PIXELS = 45, 24, 7.0
"""What the edges of a panel take, a sign beside its title, and a letter."""

# Grafana writes these beside what its own types know.
_QUERY_VARIABLE = {"definition"}
_ANNOTATION = {"expr", "step", "tagKeys", "textFormat", "titleFormat"}

EXCLUDED: Mapping[str, tuple[Callable[[Json], bool], str]] = {
    "template-job": (lambda d: d["uid"].startswith("sales-"), "KPI gauges come from every serving process alike"),
    "template-instance": (lambda d: d["uid"].startswith("sales-"), "KPI gauges come from every serving process alike"),
    "target-job": (lambda d: d["uid"].startswith("sales-"), "there is no variable job on dashboards of KPIs"),
    "target-instance": (lambda d: d["uid"].startswith("sales-"), "there is no variable instance on dashboards of KPIs"),
}
"""By rule: the dashboards that it does not hold for, and the reason."""
RANGE_OF_ITS_OWN = {"Dead letters, over the time shown"}
"""Titles of panels whose increase is over the whole time shown, and not from point to point."""


def _type_of() -> jsonschema.Draft7Validator:
    schema: Json = json.loads((_DATA / "dashboard.schema.json").read_text("utf-8"))
    definitions = schema["definitions"]
    definitions["VariableModel"]["properties"] |= {name: {"type": "string"} for name in _QUERY_VARIABLE}
    definitions["AnnotationQuery"]["properties"] |= {name: {"type": "string"} for name in _ANNOTATION}
    return jsonschema.Draft7Validator(schema)


_TYPE = _type_of()


def panels_of(dashboard: Json) -> list[Json]:
    """Return the panels that show something, those in folded rows included."""
    each = (panel for row in dashboard["panels"] for panel in (row, *row.get("panels", [])))
    return [panel for panel in each if panel["type"] != "row"]


def targets_of(dashboard: Json) -> Iterator[tuple[Json, Json]]:
    """Yield each query with its panel."""
    for panel in panels_of(dashboard):
        for target in panel["targets"]:
            yield panel, target


def variables_of(dashboard: Json) -> dict[str, Json]:
    """Return the variables by name."""
    return {variable["name"]: variable for variable in dashboard["templating"]["list"]}


def variables_in(text: str) -> set[str]:
    """Return the names of the variables that a text refers to."""
    return {first or second for first, second in _VARIABLE.findall(text)}


def is_unit(unit: str) -> bool:
    """Return whether Grafana knows a unit."""
    return unit in _UNITS or unit.startswith(_UNIT_PREFIXES)


def steps_of(panel: Json) -> list[list[Json]]:
    """Return the thresholds of a panel and of its columns."""
    config = panel["fieldConfig"]
    own = [config["defaults"]["thresholds"]["steps"]]
    changes = (change for override in config.get("overrides", []) for change in override["properties"])
    return own + [change["value"]["steps"] for change in changes if change["id"] == "thresholds"]


def faults_of(rule: str, dashboard: Json) -> list[str]:
    """Return the faults of a dashboard by one rule; none where the rule does not hold."""
    excluded, _ = EXCLUDED.get(rule, (lambda _: False, ""))
    return [] if excluded(dashboard) else list(RULES[rule](dashboard))


# --------------------------------------------------------------------------------------------------- the whole document


def _schema(dashboard: Json) -> Iterator[str]:
    for error in _TYPE.iter_errors(dashboard):
        yield f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def _provisioned(dashboard: Json) -> Iterator[str]:
    if not re.fullmatch(r"[a-z0-9-]{1,40}", dashboard["uid"]):
        yield f"uid {dashboard['uid']}"
    if "id" in dashboard or "__inputs" in dashboard:
        yield "an export, and no file to provision"
    if dashboard["schemaVersion"] != 42 or dashboard["tags"] != ["salespulse"]:
        yield "another schema, or not tagged"


def _in_sight(dashboard: Json) -> Iterator[str]:
    """Hide neither links nor the marks of alerts in a menu."""
    placed = [*dashboard["links"], *dashboard["annotations"]["list"]]
    placed += [link for panel in panels_of(dashboard) for link in panel.get("links", [])]
    yield from (each.get("title", each.get("name")) for each in placed if "placement" in each)


def _uneditable(dashboard: Json) -> Iterator[str]:
    if dashboard["editable"] is not False:
        yield "editable"


def _grid(dashboard: Json) -> Iterator[str]:
    rows = [panel["panels"] for panel in dashboard["panels"] if panel.get("panels")]
    for together in (dashboard["panels"], *rows):
        for panel in together:
            if panel["gridPos"]["x"] + panel["gridPos"]["w"] > COLUMNS:
                yield f"{panel['title']} is beyond the edge"
        for one, other in itertools.combinations(together, 2):
            if _overlap(one["gridPos"], other["gridPos"]):
                yield f"{one['title']} is on {other['title']}"


def _overlap(a: dict[str, int], b: dict[str, int]) -> bool:
    across = a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
    return across and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"]


def _whole_lines(dashboard: Json) -> Iterator[str]:
    """Leave no hole: what stands in one line fills the width, and the next one begins where it ends."""
    for together in (dashboard["panels"], *(panel["panels"] for panel in dashboard["panels"] if panel.get("panels"))):
        covered = Counter[int]()
        for panel in together:
            place = panel["gridPos"]
            for row in range(place["y"], place["y"] + place["h"]):
                covered[row] += place["w"]
        first = min(covered)
        for row in range(first, max(covered) + 1):
            if covered[row] != COLUMNS:
                yield f"row {row} is filled to {covered[row]} of {COLUMNS}"


def _ids(dashboard: Json) -> Iterator[str]:
    ids = Counter(panel["id"] for row in dashboard["panels"] for panel in (row, *row.get("panels", [])))
    yield from (f"id {number} is taken {count} times" for number, count in ids.items() if count > 1)
    for panel in panels_of(dashboard):
        letters = [target["refId"] for target in panel["targets"]]
        if len(set(letters)) < len(letters):
            yield f"{panel['title']}: refIds {letters}"


# ------------------------------------------------------------------------------------------------------------ variables


def _template_datasource(dashboard: Json) -> Iterator[str]:
    found = [(v["name"], v["label"], v["query"]) for v in dashboard["templating"]["list"] if v["type"] == "datasource"]
    if (
        found != [("datasource", "Data source", "prometheus")]
        or dashboard["templating"]["list"][0]["name"] != "datasource"
    ):
        yield f"data sources {found}"


def _template(name: str) -> Rule:
    def rule(dashboard: Json) -> Iterator[str]:
        variable = variables_of(dashboard).get(name)
        if variable is None:
            yield f"no variable {name}"
        elif variable["label"] != name or not variable["multi"] or variable["allValue"] != ".+":
            yield f"variable {name} is not several, `.+` for all, and called {name}"

    return rule


def _query_variables(dashboard: Json) -> Iterator[str]:
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            if variable["refresh"] != 2:
                yield f"{variable['name']} is not looked up anew when the time changes"
            if (variable["multi"], variable["includeAll"], variable["allValue"]) != (True, True, ".+"):
                yield f"{variable['name']} is not several, or `.+` for all"


def _variables(dashboard: Json) -> Iterator[str]:
    declared = set(variables_of(dashboard))
    used = variables_in(json.dumps([dashboard["panels"], dashboard["templating"], dashboard["annotations"]]))
    yield from (f"${name} is not defined" for name in sorted(used - declared - BUILT_IN))
    yield from (f"${name} is not used" for name in sorted(declared - used))


# --------------------------------------------------------------------------------------------------------------- panels


def _panel_datasource(dashboard: Json) -> Iterator[str]:
    asked = [*panels_of(dashboard), *(target for _, target in targets_of(dashboard)), *dashboard["annotations"]["list"]]
    asked += [variable for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    yield from (f"{each.get('title', each.get('expr'))}" for each in asked if each["datasource"] != DATASOURCE)


def _panel_words(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        for name, text in (("title", panel["title"]), ("description", panel["description"])):
            if not text.strip():
                yield f"panel {panel['id']} has no {name}"
        if not panel["fieldConfig"]["defaults"].get("noValue"):
            yield f"{panel['title']} says nothing when there is nothing"


def _panel_title_fits(dashboard: Json) -> Iterator[str]:
    words = {
        f"${{{name}:text}}": max((option["text"] for option in variable["options"]), key=len)
        for name, variable in variables_of(dashboard).items()
        if variable["type"] == "custom"
    }
    for panel in panels_of(dashboard):
        title = panel["title"]
        for name, text in words.items():
            title = title.replace(name, text)
        signs = 1 + bool(panel.get("links"))
        room = panel["gridPos"]["w"] * _PIXELS - _EDGES_PIXELS - signs * _ICON_PIXELS
        if len(title) * _LETTER_PIXELS > room:
            yield f"{title} has {len(title)} letters, and there is room for {room / _LETTER_PIXELS:.0f}"


def _panel_units(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        overrides = panel["fieldConfig"].get("overrides", [])
        changed = [each["value"] for o in overrides for each in o["properties"] if each["id"] == "unit"]
        for unit in (panel["fieldConfig"]["defaults"].get("unit"), *changed):
            if unit is None or not is_unit(unit):
                yield f"{panel['title']}: unit {unit}"


def _panel_targets(dashboard: Json) -> Iterator[str]:
    yield from (panel["title"] for panel in panels_of(dashboard) if not panel["targets"])


def _thresholds(dashboard: Json) -> Iterator[str]:
    for panel in panels_of(dashboard):
        for first, *others in steps_of(panel):
            values = [step["value"] for step in others]
            if first["value"] is not None or values != sorted(set(values)):
                yield f"{panel['title']}: thresholds {[first['value'], *values]}"


# -------------------------------------------------------------------------------------------------------------- queries


def _rate_interval(dashboard: Json) -> Iterator[str]:
    for panel, target in targets_of(dashboard):
        allowed = {"$__range"} if panel["title"] in RANGE_OF_ITS_OWN else {"$__rate_interval"}
        if not set(re.findall(r"\[([^\]]+)\]", target["expr"])) <= allowed:
            yield f"{panel['title']}: {target['expr']}"


def _matcher(name: str) -> Rule:
    def rule(dashboard: Json) -> Iterator[str]:
        for panel, target in targets_of(dashboard):
            for metric in _METRIC.finditer(target["expr"]):
                selector = SELECTOR.match(target["expr"], metric.start())
                if selector is None or f'{name}=~"${name}"' not in selector[2]:
                    yield f"{panel['title']}: {target['expr']}"

    return rule


def _counters(dashboard: Json) -> Iterator[str]:
    for panel, target in targets_of(dashboard):
        for before in re.findall(r"(.{0,10})\b\w+_(?:total|bucket)\b", target["expr"]):
            if not re.search(r"(rate|increase)\($", before):
                yield f"{panel['title']}: {target['expr']}"


def _replicas(dashboard: Json) -> Iterator[str]:
    """Hold every gauge of a KPI within what takes it once: a sum over serving processes would double revenue."""
    for panel, target in targets_of(dashboard):
        expr = target["expr"]
        for gauge in re.finditer(r"\bsales_\w", expr):
            if not expr[: gauge.start()].endswith("max without (instance, job) ("):
                yield f"{panel['title']}: {expr}"
        if re.search(r"\b(sum|avg|count)\b.*\bsales_", expr):
            yield f"{panel['title']}: {expr}"


def _formats(dashboard: Json) -> Iterator[str]:
    """Ask for a table where a table is drawn, and give names to all lines elsewhere."""
    for panel, target in targets_of(dashboard):
        if (panel["type"] == "table") != (target.get("format") == "table"):
            yield f"{panel['title']}: format {target.get('format')}"
        if panel["type"] != "table" and not target.get("legendFormat"):
            yield f"{panel['title']}: lines without a name"
        if bool(target.get("instant")) == bool(target.get("range")):
            yield f"{panel['title']}: neither an instant nor a range"


RULES: Mapping[str, Rule] = {
    "schema": _schema,
    "provisioned": _provisioned,
    "uneditable": _uneditable,
    "in-sight": _in_sight,
    "grid": _grid,
    "whole-lines": _whole_lines,
    "ids": _ids,
    "template-datasource": _template_datasource,
    "template-job": _template("job"),
    "template-instance": _template("instance"),
    "template-on-time-change-reload": _query_variables,
    "variables": _variables,
    "panel-datasource": _panel_datasource,
    "panel-title-description": _panel_words,
    "panel-title-fits": _panel_title_fits,
    "panel-units": _panel_units,
    "panel-no-targets": _panel_targets,
    "thresholds": _thresholds,
    "target-rate-interval": _rate_interval,
    "target-job": _matcher("job"),
    "target-instance": _matcher("instance"),
    "target-counter-agg": _counters,
    "replicas": _replicas,
    "formats": _formats,
}
