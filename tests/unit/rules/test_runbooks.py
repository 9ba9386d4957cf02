"""The runbooks: every number as in the rules, everything they name exists, and the view shows them."""

import json
import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest
from ruamel.yaml import YAML

from config.settings import Settings
from metrics.plan import Plan
from streams.cli import COMMANDS
from streams.entity_question import question_of
from streams.rules.kpi_alert import in_groups, kpi_alerts
from streams.rules.rule_files import rule_files
from streams.rules.service_alerts import service_alerts
from streams.runbooks.files import runbook_files
from tests.unit.rules.promtool import ROOT, own_plan, shipped_plan
from tests.unit.streams.boards import Board, get_text, golden_board, golden_plan, serving

SERVICE_DASHBOARD = json.loads((ROOT / "grafana/dashboards/Salespulse/service.json").read_text("utf-8"))
FOLDER = "docs/runbooks/"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return shipped_plan()


@pytest.fixture(scope="module")
def pages(plan: Plan) -> dict[str, str]:
    return {path.removeprefix(FOLDER): text for path, text in runbook_files(plan, Settings())}


@pytest.fixture
def board() -> Board:
    return golden_board(golden_plan())


# ----------------------------------------------------------------------------------------------------- what they name


def test_each_alert_about_the_service_has_a_page_with_the_same_parts(plan: Plan, pages: dict[str, str]) -> None:
    for of in service_alerts(plan, Settings()):
        headings = re.findall(r"^#+ (.*)$", pages[f"{of.name}.md"], re.MULTILINE)
        parts = ["What it means", "What to look at", "What to do", "When it ends", "The rule"]
        assert headings == [of.name, *parts]
        assert of.expression in pages[f"{of.name}.md"]


def test_each_alert_about_a_kpi_has_a_section(plan: Plan, pages: dict[str, str]) -> None:
    headings = re.findall(r"^#+ (.*)$", pages["kpis.md"], re.MULTILINE)
    parts = ["What it means", "What to look at", "What to do"]
    alerts = [of.name for _, group in in_groups(plan) for of in group]
    assert headings == ["Alerts about KPIs", *(heading for name in alerts for heading in (name, *parts))]
    assert sorted(alerts) == sorted(of.name for of in kpi_alerts(plan))


def test_what_people_are_told_to_run_exists(pages: dict[str, str]) -> None:
    run = {name for text in pages.values() for name in re.findall(r"`(?:\$ )?salespulse ([a-z-]+)", text)}
    assert run >= {"serve", "worker", "check", "kpis", "topics", "replay", "dead-letters"}
    assert run <= set(COMMANDS)


def test_the_settings_that_are_named_exist(pages: dict[str, str]) -> None:
    named = {name for text in pages.values() for name in re.findall(r"SALESPULSE_([A-Z_]+)", text)}
    assert {name.lower() for name in named} <= Settings.model_fields.keys()
    assert "CLOCK" in named


def test_the_panels_that_are_named_exist(pages: dict[str, str]) -> None:
    titles = {panel["title"] for panel in SERVICE_DASHBOARD["panels"]}
    named = {
        title
        for name, text in pages.items()
        if name.startswith("Salespulse")
        for title in re.findall(r"\*([A-Z][^*]+)\*", text)
    }
    assert named - {"Status → Targets"} <= titles
    assert len(named) > 20


def test_the_links_of_the_files_lead_somewhere(pages: dict[str, str]) -> None:
    here = ROOT / FOLDER
    for name, text in pages.items():
        for link in re.findall(r"\]\((?!http)([^)]*)\)", text):
            path, _, anchor = link.partition("#")
            assert (here / path).exists() or path in pages, f"{name}: {link}"
            assert not anchor or re.search(rf"^## {anchor}$", pages[path], re.MULTILINE | re.IGNORECASE), link


def test_the_entities_behind_an_alert_can_be_asked_for(plan: Plan, pages: dict[str, str]) -> None:
    asked = [
        re.search(r"/api/v1/readings/(\w+)/entities\?([^`)\]]+)", part) for part in pages["kpis.md"].split("\n## ")[1:]
    ]
    assert len(asked) == len(kpi_alerts(plan))
    for question in asked:
        assert question is not None
        found = question_of(plan, question[1], parse_qsl(question[2]))
        assert found.series.kpi.key == question[1]


def test_the_numbers_are_those_of_the_rules(plan: Plan, pages: dict[str, str]) -> None:
    """Each threshold in the expressions of the service, and the levels of the KPIs, stand in the texts."""
    rules = YAML(typ="safe").load(dict(rule_files(plan, Settings()))["config/prometheus/rules/service.yml"])
    for rule in (rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule):
        page = pages[f"{rule['alert']}.md"]
        said = page[: page.index("## The rule")]
        for limit in re.findall(r"> ([\d.]+)$", rule["expr"], re.MULTILINE):
            if limit not in {"0", "0.05", "259200", "345600"}:
                assert f"{float(limit):,g}" in said, (rule["alert"], limit)
        assert f"for {rule['for']}, and ends {rule['keep_firing_for']} after" in page
    for of in kpi_alerts(plan):
        section = pages["kpis.md"].split(f"\n## {of.name}\n")[1].split("\n## ")[0]
        for threshold in of.thresholds:
            assert of.amount.exact(threshold.fires) in section
            assert of.amount.exact(threshold.clears) in section


def test_a_declared_text_is_what_to_do_and_levels_are_told() -> None:
    pages = dict(runbook_files(own_plan(), Settings()))
    page = pages[f"{FOLDER}kpis.md"]
    turnover = page.split("\n## TurnoverLow\n")[1].split("\n## ")[0]

    assert r"1. Call the \*head\* of sales: 1 \< 2, {{ and }} `ask`." in turnover
    ends = "and ends 8m after the value is back at EUR 600 or more"
    assert f'- team noord "a" & b and region nl fires below EUR 500.5 for 10m, {ends}' in turnover
    assert "- all others fire below EUR 1000 for 10m, and ends 8m after" in turnover
    assert r"Turnover \<b\>gross\</b\> {{ net }} by team and region over the last 30 days, below EUR 1000." in turnover
    assert "where=team:TEAM&where=region:REGION" in turnover
    assert "fires above 20 for 5m, and ends 1m after the value is back at 20 or less" in page


# ----------------------------------------------------------------------------------------------------------- the pages


async def test_the_view_lists_all_alerts(board: Board) -> None:
    async with serving(board) as client:
        page = await get_text(client, "/runbooks")
        declared = [of.name for of in kpi_alerts(board.view.plan)]
        for name in [*declared, *(of.name for of in service_alerts(board.view.plan, Settings()))]:
            assert f'<a href="/runbooks/{name}">{name}</a>' in page
            assert f"<h1>{name}</h1>" in await get_text(client, f"/runbooks/{name}")


async def test_the_links_of_a_page_lead_somewhere(board: Board) -> None:
    async with serving(board) as client:
        seen, waiting = set(), ["/runbooks"]
        while waiting:
            path = waiting.pop()
            if path not in seen:
                seen.add(path)
                async with client.get(path) as response:
                    assert response.status == 200, path
                    text = await response.text()
                if path.startswith("/runbooks"):
                    waiting += [unescape(link) for link in re.findall(r'href="(/[^"]*)"', text)]
    assert len(seen) > 60


async def test_an_alert_of_ones_own_has_a_page() -> None:
    board = Board(own_plan())
    async with serving(board) as client:
        page = await get_text(client, "/runbooks/TurnoverLow")
        listed = await get_text(client, "/runbooks")

    for text in (page, listed):
        assert "Turnover &lt;b&gt;gross&lt;/b&gt; {{ net }}" in text
        assert "<b>" not in text
    assert "Call the *head* of sales: 1 &lt; 2" in page
    assert "<code>amount_minor</code> of *all* sales [here]." in page
    assert 'href="http://127.0.0.1:3000/d/sales-sales?viewPanel=panel-' in page


async def test_what_is_no_alert_is_not_found(board: Board) -> None:
    async with serving(board) as client:
        for name in ("Nothing", "<script>alert(1)<script>", "kpis", "winratelow"):
            async with client.get(f"/runbooks/{name}") as response:
                page = await response.text()
                assert response.status == 404
            assert "There is no such alert" in page
            assert "<script>alert" not in page


async def test_a_page_needs_nothing_from_elsewhere(board: Board) -> None:
    async with serving(board) as client, client.get("/runbooks/SalespulseServeDown") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'self';")
    assert " style=" not in page
    assert "<style" not in page
    assert {
        urlsplit(link).netloc for link in re.findall(r'src="([^"]*)"|<link[^>]*href="([^"]*)"', page) for link in link
    } == {""}


async def test_the_runbooks_ask_for_the_token_too(board: Board) -> None:
    async with serving(board, http_token="secret") as client, client.get("/runbooks") as response:  # noqa: S106
        assert response.status == 401
