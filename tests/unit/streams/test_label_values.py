"""Names that somebody chose to do harm, on their way through metrics, API, wall and alerts: they stay names."""

import asyncio
import json
import os
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from config.load import load
from config.settings import Settings
from metrics.plan import Plan, compile_plan
from streams.rules.annotations import Said, Template, annotations
from streams.rules.kpi_alert import KpiAlert, kpi_alerts
from tests.deliveries import delivery, firing
from tests.unit.streams.boards import Board, get_json, get_text, serving
from tests.unit.streams.test_alert_hook import MemoryTopic, hooked, post

HARMFUL = (
    '<script>alert(1)</script>"}\n',
    "</script><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' or 1=1 --",
    "back\\slash\\",
    "line\nsalespulse_forged 1\n# EOF",
    "{{ 7 * 7 }} {% raw %} ${jndi:x} $(id)",
    "a&var-team=b#c?d=e",
    "javascript:alert(1)",
    "tab\tand\rreturn",
    "é\u202eright to left\u2028",
)


@pytest.fixture
def harmed(board: Board) -> Board:
    for number, name in enumerate(HARMFUL):
        board.win(f"h{number}", 1_000_00 + number, name)
    board.tick()
    return board


def _promtool(folder: Path, *arguments: str, given: str = "") -> "subprocess.CompletedProcess[str]":
    """Run promtool; where it is not installed: skip on a person's machine, fail in CI."""
    if shutil.which("promtool") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("`promtool` is not installed")
    return subprocess.run(
        ["promtool", *arguments], cwd=folder, input=given, capture_output=True, text=True, check=False
    )


async def test_metrics_are_read_back_as_they_were(harmed: Board, tmp_path: Path) -> None:
    async with serving(harmed) as client:
        text = await get_text(client, "/metrics")
    teams = {
        sample.labels["team"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "team" in sample.labels
    }
    assert set(HARMFUL) <= teams
    assert "\nsalespulse_forged" not in text
    done = await asyncio.to_thread(_promtool, tmp_path, "check", "metrics", given=text)
    assert "error while linting" not in done.stderr  # it may have views on names, but it can read every line


async def test_the_api_tells_names_and_takes_them(harmed: Board) -> None:
    async with serving(harmed) as client:
        told = await get_json(client, "/api/v1/readings?kpi=revenue&by=team&window=mtd")
        assert set(HARMFUL) <= {reading["dimensions"]["team"] for reading in told}
        for number, name in enumerate(HARMFUL):
            where = quote(f"team:{name}", safe="")
            (reading,) = await get_json(client, f"/api/v1/readings?kpi=revenue&window=mtd&by=team&where={where}")
            assert reading["dimensions"] == {"team": name}
            assert reading["value"] == f"{1_000 + number / 100:.2f}"


class Page(HTMLParser):
    """What a browser would make of a page: its tags, with the names that would run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.handlers: list[str] = []
        self.options: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "script":
            self.scripts.append(given.get("src"))
        if tag == "option":
            self.options.append(given.get("value") or "")
        self.handlers += [name for name in given if name.startswith("on")]
        addresses = [given.get(name) or "" for name in ("href", "src", "action")]
        self.handlers += [address for address in addresses if address.lower().startswith("javascript:")]


async def test_the_wall_shows_names_and_runs_none(harmed: Board) -> None:
    async with serving(harmed) as client:
        chosen = [f"?window=mtd&team={quote(name, safe='')}" for name in HARMFUL]
        paths = ["/?window=mtd", *(f"{path}{team}" for team in chosen for path in ("/", "/kpi/revenue"))]
        texts = [await get_text(client, path) for path in paths]
    pages = [Page(text) for text in texts]
    for page in pages:
        assert None not in page.scripts  # each is a file of ours
        assert page.handlers == []
    assert set(HARMFUL) <= set(pages[0].options)
    assert all("<script>alert" not in text for text in texts)


async def test_the_stream_of_the_wall_keeps_names_in_their_line(harmed: Board) -> None:
    """An event ends at an empty line: a name must not bring one."""
    async with serving(harmed) as client, client.get("/api/v1/stream?kpi=revenue&window=mtd") as response:
        lines = [(await response.content.readuntil(b"\n")).decode() for _ in range(3)]
    data = next(line for line in lines if line.startswith("data: "))
    teams = {reading["dimensions"].get("team") for reading in json.loads(data.removeprefix("data: "))["readings"]}
    assert set(HARMFUL) <= teams


async def test_alerts_come_to_the_topic_with_their_names(board: Board) -> None:
    topic = MemoryTopic()
    async with hooked(board, topic) as client:
        await post(client, delivery(*(firing(f"{n:016x}", team=name) for n, name in enumerate(HARMFUL))))
    assert [told["labels"]["team"] for told in topic.told()] == list(HARMFUL)


# --------------------------------------------------------------------------------------------------------------- links


@pytest.fixture(scope="module")
def of() -> KpiAlert:
    plan: Plan = compile_plan(load(), "Europe/Amsterdam", "EUR")
    return next(alert for alert in kpi_alerts(plan) if alert.dimensions == ("team",))


@pytest.mark.parametrize("name", HARMFUL)
def test_a_link_of_an_alert_leads_to_the_team_and_nowhere_else(of: KpiAlert, name: str) -> None:
    said = annotations(of, Settings(), Said(of, {"team": name}, 1.0))
    found = urlsplit(said["dashboard_url"])
    assert (found.scheme, found.netloc, found.fragment) == ("http", "127.0.0.1:3000", "")
    query = parse_qs(found.query, keep_blank_values=True, strict_parsing=True)
    assert query.keys() == {"viewPanel", "var-team"}
    assert query["var-team"] == [name]


def test_prometheus_makes_the_same_texts_and_links_of_these_names(of: KpiAlert, tmp_path: Path) -> None:
    label = of.label("team")
    rule = {"alert": "Harm", "expr": "harm", "annotations": annotations(of, Settings(), Template(of))}
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "harm", "rules": [rule]}]}))
    names = [name for name in HARMFUL if name.isprintable() or "\n" in name]
    expected = [
        {"exp_labels": {label: name}, "exp_annotations": annotations(of, Settings(), Said(of, {"team": name}, 1))}
        for name in names
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": f"harm{{{label}={json.dumps(name)}}}", "values": "1"} for name in names],
        "alert_rule_test": [{"eval_time": "0m", "alertname": "Harm", "exp_alerts": expected}],
    }
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "tests": [test]}))
    done = _promtool(tmp_path, "test", "rules", "test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
