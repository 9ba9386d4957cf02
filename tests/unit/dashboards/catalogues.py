"""Catalogues of several sizes, and the dashboards that are made of them."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from config.load import load
from config.settings import Settings
from metrics.plan import Plan, compile_plan
from streams.render_dashboards import FOLDER, dashboard_files
from tests.dashboard_rules import Json

ROOT = Path(__file__).parents[3]
TICKETS = ROOT / "docs/examples/tickets.yaml"
ZONE = "Europe/Amsterdam"


def shipped() -> Plan:
    return compile_plan(load(), ZONE, "EUR")


def without_sales() -> Plan:
    """Return what is left for somebody who sells nothing, in a currency without a sign of its own."""
    return compile_plan(load(groups_off=["speed", "saas", "hospitality", "market"]), ZONE, "CHF")


def one_kpi() -> Plan:
    """Return a catalogue of one KPI that says as little as can be said: no display, no formula, no overview."""
    return compile_plan(load([TICKETS], shipped=False), ZONE, "USD")


def no_overview() -> Plan:
    declarations = load()
    return compile_plan(declarations.model_copy(update={"overview": type(declarations.overview)()}), ZONE, "EUR")


CATALOGUES: Mapping[str, Callable[[], Plan]] = {
    "shipped": shipped,
    "groups off": without_sales,
    "one kpi": one_kpi,
    "no overview": no_overview,
}


@cache
def plan_of(catalogue: str) -> Plan:
    return CATALOGUES[catalogue]()


@cache
def files_of(catalogue: str) -> Mapping[str, str]:
    """Return the text of each file of a catalogue's dashboards, by the path below grafana/dashboards."""
    return {name.removeprefix(f"{FOLDER}/"): text for name, text in dashboard_files(plan_of(catalogue), Settings())}


@cache
def dashboards_of(catalogue: str) -> Mapping[str, Json]:
    """Return a catalogue's dashboards, to be read only."""
    return {name: json.loads(text) for name, text in files_of(catalogue).items()}


def one_to_break(name: str) -> Json:
    """Return a dashboard of the shipped catalogue that nobody else has."""
    made: Json = json.loads(files_of("shipped")[name])
    return made


def by_title(dashboard: Json) -> dict[str, Json]:
    """Return the panels of a dashboard by title; those in folded rows too, and of two the last."""
    each = (panel for row in dashboard["panels"] for panel in (row, *row.get("panels", [])))
    return {panel["title"]: panel for panel in each}
