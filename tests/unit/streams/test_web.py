"""The web application over a board that was filled by hand: metrics, health, the token, and the worker's own pages."""

from base64 import b64encode

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from pydantic import SecretStr

from config.settings import Settings
from metrics.plan import Plan
from metrics.view import View
from streams.telemetry import Telemetry, worker_app
from streams.web import view_app
from streams.web_parts import bound_port, quiet_runner
from tests.unit.streams.boards import (
    Board,
    empty_board,
    get_json,
    get_text,
    serving,
)


async def test_before_the_first_tick_there_are_no_readings(served_plan: Plan) -> None:
    async with serving(empty_board(served_plan)) as client:
        assert await get_json(client, "/api/v1/readings") == []
        assert "loading" in await get_text(client, "/")
        assert "sales_revenue" not in await get_text(client, "/metrics")


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


async def test_metrics_follow_a_view_that_is_replaced(board: Board, served_plan: Plan) -> None:
    async with serving(board) as client:
        assert "sales_revenue_euros" in await get_text(client, "/metrics")
        board.view = View(served_plan)
        assert "sales_revenue_euros" not in await get_text(client, "/metrics")


@pytest.mark.parametrize("path", ["/", "/metrics", "/api/v1/readings", "/api/v1/stream", "/assets/wall.js"])
async def test_a_token_guards_everything_but_health(board: Board, path: str) -> None:
    async with serving(board, http_token=SecretStr("s3cret-ü")) as client:
        for headers in (
            {},
            _bearer("wrong"),
            {"Authorization": "Basic s3cret-ü"},
            _basic("x:y"),
            _bearer(""),
            _bearer("s3cret-ü2"),
        ):
            async with client.get(path, headers=headers) as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"
                assert "s3cret" not in await response.text()
        async with client.get(path, headers=_bearer("s3cret-ü")) as response:
            assert response.status == 200
        for open_path in ("/healthz", "/readyz"):
            async with client.get(open_path) as response:
                assert response.status == 200


async def test_a_browser_asks_for_the_token_as_a_password(board: Board) -> None:
    async with serving(board, http_token=SecretStr("s3cret-ü")) as client:
        async with client.get("/", headers={"Accept": "text/html"}) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith('Basic realm="salespulse"')
        async with client.get("/", headers={"Accept": "text/html"} | _basic("anybody:s3cret-ü")) as response:
            assert response.status == 200


def _basic(credentials: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_the_worker_shows_its_own_metrics(board: Board) -> None:
    telemetry = Telemetry(["deal"], clock_steps=2)
    telemetry.events("deal", "applied", 3)
    telemetry.events("deal", "rejected", 2)
    telemetry.lag("sales.deals", 1, 17)
    telemetry.flushed(1, 0.02, 40)
    telemetry.fenced()
    telemetry.recovered(1, 2.5, 1000)
    telemetry.rebalanced(2)
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
        "salespulse_rebalances_total 1.0",
        "salespulse_clock_steps_total 2.0",
    ):
        assert f"\n{line}\n" in text
    assert 'salespulse_flush_age_seconds{shard="1"}' in text
    assert 'shard="1"' not in after
    assert 'topic="sales.deals"' not in after
    assert telemetry.flush_age() == 0


async def test_requests_are_counted_by_route_and_never_by_what_clients_invent(board: Board) -> None:
    async with serving(board) as client:
        await get_text(client, "/kpi/revenue")
        for missing in ("/kpi/made_up", "/made/up"):
            async with client.get(missing) as response:
                assert response.status == 404
        async with client.put("/healthz") as response:
            assert response.status == 405
        async with client.get("/api/v1/stream") as response:
            await response.content.readline()
        async with client.get("/api/v1/readings", params={"kpi": "made_up"}) as response:
            assert response.status == 400
        text = await get_text(client, "/metrics")

    requests = {
        line.rpartition(" ")[0] for line in text.splitlines() if line.startswith("salespulse_http_requests_total")
    }
    assert requests >= {
        'salespulse_http_requests_total{method="GET",route="/kpi/{kpi}",status="200"}',
        'salespulse_http_requests_total{method="GET",route="/kpi/{kpi}",status="404"}',
        'salespulse_http_requests_total{method="GET",route="other",status="404"}',
        'salespulse_http_requests_total{method="other",route="other",status="405"}',
        'salespulse_http_requests_total{method="GET",route="/api/v1/readings",status="400"}',
    }
    assert "made" not in "".join(requests)
    assert 'salespulse_http_request_seconds_count{route="/kpi/{kpi}"} 2.0' in text
    assert 'request_seconds_count{route="/api/v1/stream"}' not in text


async def test_what_the_process_uses_is_shown(board: Board) -> None:
    telemetry = Telemetry()
    async with serving(board) as client:
        of_view = await get_text(client, "/metrics")
    async with TestClient(TestServer(worker_app(Settings(), telemetry, board))) as client:
        of_worker = await get_text(client, "/metrics")
    for text in (of_view, of_worker):
        for name in ("cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"):
            assert f"\nprocess_{name} " in text


async def test_a_request_is_not_logged(board: Board, caplog: pytest.LogCaptureFixture) -> None:
    runner = await quiet_runner(view_app(Settings(), board), "127.0.0.1", 0)
    try:
        url = f"http://127.0.0.1:{bound_port(runner)}/healthz"
        async with aiohttp.ClientSession() as client, client.get(url) as response:
            assert response.status == 200
    finally:
        await runner.cleanup()

    assert [r for r in caplog.records if r.name.startswith("aiohttp")] == []
