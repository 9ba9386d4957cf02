"""The HTTP interface, over a board that was filled by hand."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from config.load import load
from config.settings import Settings
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.plan import Plan, compile_plan
from metrics.view import View
from streams.telemetry import Telemetry, worker_app
from streams.web import view_app
from streams.web_parts import bound_port, quiet_runner

GOLDEN = Path(__file__).parents[2] / "golden"
T = "2026-10-25T23:00:00.000Z"

Client = TestClient[Any, Any]


class Board:
    """What a test says it is."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.state = (True, "live")

    def ready(self) -> tuple[bool, str]:
        return self.state


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load([GOLDEN / "catalogue.yaml"]), "Europe/Amsterdam", "EUR")


@pytest.fixture
def board(plan: Plan) -> Board:
    at = parse_instant(T)
    embedded = Embedded(plan, at)
    events = [json.loads(line) for line in (GOLDEN / "events.jsonl").read_text().splitlines()]
    embedded.apply([e for e in events if e.pop("arrived_at") < T and e["type"] in plan.sources], at)
    embedded.tick(at)
    return Board(embedded.view)


@asynccontextmanager
async def serving(board: Board, **settings: Any) -> AsyncIterator[Client]:
    async with TestClient(TestServer(view_app(Settings(**settings), board))) as client:
        yield client


async def get_json(client: Client, path: str, status: int = 200) -> Any:
    async with client.get(path) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def get_text(client: Client, path: str) -> str:
    async with client.get(path) as response:
        assert response.status == 200
        return await response.text()


async def test_readings_are_exact_and_say_what_they_are(board: Board) -> None:
    async with serving(board) as client:
        (revenue,) = await get_json(client, "/api/v1/readings?kpi=revenue&window=mtd&by=")
        (margin,) = await get_json(client, "/api/v1/readings?kpi=avg_profit_margin&window=30d&by=")
        (mean, _, _) = await get_json(client, "/api/v1/readings?kpi=lead_response_time&window=30d&by=")

    assert revenue == {
        "kpi": "revenue",
        "window": "mtd",
        "start": "2026-09-30T22:00:00.000Z",
        "end": T,
        "as_of": T,
        "grain": [],
        "dimensions": {},
        "value": "25629.63",
        "unit": "money",
        "currency": "EUR",
    }
    assert (margin["value"], margin["unit"]) == ("0.476589595376", "ratio")
    assert (margin["numerator"], margin["denominator"]) == ("12214.81", "25629.63")
    assert (mean["agg"], mean["value"], mean["samples"], mean["unit"]) == ("mean", "6300.000", 2, "seconds")


async def test_an_absent_value_is_null_with_its_reason(board: Board) -> None:
    async with serving(board) as client:
        (reading,) = await get_json(client, "/api/v1/readings?kpi=monthly_revenue_growth&by=")

    assert (reading["value"], reading["reason"]) == (None, "denominator_zero")


async def test_readings_can_be_grouped(board: Board) -> None:
    async with serving(board) as client:
        by_team = await get_json(client, "/api/v1/readings?kpi=revenue&window=mtd&by=team")
        both = await get_json(client, "/api/v1/readings?kpi=revenue&window=mtd&by=product,team")
        everything = await get_json(client, "/api/v1/readings?kpi=revenue&window=mtd")

    assert {r["dimensions"]["team"]: r["value"] for r in by_team} == {"noord": "17629.63", "zuid": "8000.00"}
    assert {tuple(r["grain"]) for r in both} == {("team", "product")}
    assert {tuple(r["grain"]) for r in everything} > {(), ("team",), ("team", "product")}


async def test_several_kpis_and_windows_can_be_asked_for(board: Board) -> None:
    async with serving(board) as client:
        readings = await get_json(client, "/api/v1/readings?kpi=revenue,win_rate&window=30d&window=mtd&by=")

    assert {(r["kpi"], r["window"]) for r in readings} == {
        (k, w) for k in ("revenue", "win_rate") for w in ("30d", "mtd")
    }


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("kpi=revenu", "kpi `revenu` is not declared; use one of "),
        ("window=31d", "window `31d` is not declared; use one of "),
        ("kpi=win_rate&window=1h", "window `1h` is not declared for `win_rate`; use one of 7d, 30d, 90d, mtd, qtd,"),
        ("kpi=revenue&by=stage", "by `stage` is not declared for `revenue`; use one of `team`, `rep`, "),
        ("kpis=revenue", "parameter `kpis` is not known; use one of kpi, window, by"),
    ],
)
async def test_what_is_not_declared_is_refused_with_what_is(board: Board, query: str, message: str) -> None:
    async with serving(board) as client:
        body = await get_json(client, f"/api/v1/readings?{query}", 400)

    assert body["error"].startswith(message)


async def test_before_the_first_tick_there_are_no_readings(plan: Plan) -> None:
    board = Board(View(plan))
    board.state = (False, "loading")
    async with serving(board) as client:
        assert await get_json(client, "/api/v1/readings") == []
        page = await get_text(client, "/")
        assert "Not ready" in page
        assert "loading" in page
        assert "sales_revenue" not in await get_text(client, "/metrics")


async def test_the_page_shows_the_kpis_of_each_group(board: Board) -> None:
    async with serving(board) as client:
        page = await get_text(client, "/")
        fragment = await get_text(client, "/fragment")

    # As they are declared: their titles, in their order.
    groups = ["Revenue and growth", "Conversion and funnel", "Speed", "Pipeline", "People and performance", "Customers"]
    assert re.findall("<h2>(.*?)</h2>", page)[:6] == groups
    assert 'data-key="revenue||mtd" title="25629.63 EUR">€ 25,630<' in page
    assert 'title="there is nothing to divide by">–<' in page
    assert "Monday 26 October 2026, 00:00:00" in page
    assert "Stale" not in page
    assert fragment.strip() in page
    assert "<html" not in fragment


async def test_stale_data_is_marked(board: Board) -> None:
    board.state = (False, "no worker has reported for 12 s")
    async with serving(board) as client:
        fragment = await get_text(client, "/fragment")

    assert '<p class="banner" role="alert"><strong>Stale.</strong> no worker has reported for 12 s; ' in fragment


async def test_what_comes_from_outside_is_escaped(board: Board) -> None:
    board.state = (False, "<script>alert(1)</script>")
    async with serving(board) as client:
        assert "<script>alert" not in await get_text(client, "/fragment")


async def test_the_page_needs_nothing_from_elsewhere(board: Board) -> None:
    async with serving(board) as client:
        page = await get_text(client, "/")
        async with client.get("/") as response:
            policy = response.headers["Content-Security-Policy"]
        for name in ("assets/live.css", "assets/live.js", "assets/icon.svg"):
            assert name in page
            assert "://" not in (await get_text(client, f"/{name}")).replace("http://www.w3.org/2000/svg", "")
        async with client.get("/assets/nothing.js") as response:
            assert response.status == 404

    assert "://" not in page
    assert policy.startswith("default-src 'self';")


async def test_health_and_readiness(board: Board) -> None:
    async with serving(board) as client:
        assert await get_json(client, "/healthz") == {"status": "ok"}
        assert await get_json(client, "/readyz") == {"ready": True, "reason": "live"}
        board.state = (False, "waiting")
        assert await get_json(client, "/readyz", 503) == {"ready": False, "reason": "waiting"}
        assert await get_json(client, "/healthz") == {"status": "ok"}


async def test_metrics_come_in_the_form_that_is_asked_for(board: Board) -> None:
    async with serving(board) as client:
        async with client.get("/metrics") as response:
            text = await response.text()
            assert response.headers["Content-Type"].startswith("text/plain; version=")
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with client.get("/metrics", headers=accept) as response:
            assert response.headers["Content-Type"].startswith("application/openmetrics-text")
            assert (await response.text()).endswith("# EOF\n")

    assert 'sales_revenue_euros{window="mtd"} 25629.63' in text


async def test_metrics_follow_a_view_that_is_replaced(board: Board, plan: Plan) -> None:
    async with serving(board) as client:
        assert "sales_revenue_euros" in await get_text(client, "/metrics")
        board.view = View(plan)
        assert "sales_revenue_euros" not in await get_text(client, "/metrics")


@pytest.mark.parametrize("path", ["/", "/fragment", "/metrics", "/api/v1/readings", "/assets/live.js"])
async def test_a_token_guards_everything_but_health(board: Board, path: str) -> None:
    async with serving(board, http_token=SecretStr("s3cret-ü")) as client:
        for headers in ({}, _bearer("wrong"), {"Authorization": "Basic s3cret-ü"}, _bearer(""), _bearer("s3cret-ü2")):
            async with client.get(path, headers=headers) as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"
                assert "s3cret" not in await response.text()
        async with client.get(path, headers=_bearer("s3cret-ü")) as response:
            assert response.status == 200
        for open_path in ("/healthz", "/readyz"):
            async with client.get(open_path) as response:
                assert response.status == 200


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_worker_shows_its_own_metrics(board: Board) -> None:
    telemetry = Telemetry(["deal"])
    telemetry.events("deal", "applied", 3)
    telemetry.events("deal", "rejected", 2)
    telemetry.lag("sales.deals", 1, 17)
    telemetry.flushed(1, 0.02, 40)
    telemetry.fenced()
    telemetry.recovered(1, 2.5, 1000)
    telemetry.shards(2)
    async with TestClient(TestServer(worker_app(Settings(), telemetry, board))) as client:
        text = await get_text(client, "/metrics")
        assert (await get_json(client, "/readyz"))["ready"]
        telemetry.released(1, (("sales.deals", 1), ("sales.leads", 1)))
        after = await get_text(client, "/metrics")

    for line in (
        'salespulse_events_total{outcome="applied",type="deal"} 3.0',
        'salespulse_events_total{outcome="stale",type="deal"} 0.0',
        'salespulse_dead_letters_total{type="deal"} 2.0',
        'salespulse_consumer_lag{partition="1",topic="sales.deals"} 17.0',
        "salespulse_flush_seconds_count 1.0",
        "salespulse_flushed_records_total 40.0",
        "salespulse_fenced_flushes_total 1.0",
        'salespulse_recovery_seconds{shard="1"} 2.5',
        'salespulse_recovered_entities{shard="1"} 1000.0',
        "salespulse_shards 2.0",
    ):
        assert f"\n{line}\n" in text
    assert 'salespulse_flush_age_seconds{shard="1"}' in text
    assert 'shard="1"' not in after
    assert 'topic="sales.deals"' not in after
    assert telemetry.flush_age() == 0


async def test_a_request_is_not_logged(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    runner = await quiet_runner(view_app(Settings(), board), "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{bound_port(runner)}/healthz"
        async with aiohttp.ClientSession() as client, client.get(url) as response:
            assert response.status == 200
    finally:
        await runner.cleanup()

    assert [r for r in caplog.records if r.name.startswith("aiohttp")] == []
