"""The API over a board that was filled by hand: readings, history, the catalogue, entities, errors."""

from typing import Any

import pytest
from pydantic import SecretStr

from metrics.plan import Plan
from tests.unit.streams.boards import SECOND, Board, T, get_json, serving


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
        "definition_version": revenue["definition_version"],
    }
    assert len(revenue["definition_version"]) == 12
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
        ("kpi=revenue&where=stage:won", "dimension `stage` is not declared for `revenue`; use one of team, rep, "),
        ("where=team", "where `team` is not a dimension and its value; write it like `where=team:north`"),
        ("kpis=revenue", "parameter `kpis` is not known; use one of kpi, window, by, where, as_of"),
        ("as_of=yesterday", "as_of: `yesterday` is not an RFC 3339 instant; write one with its offset"),
        (f"as_of={T}&as_of={T}", "parameter `as_of` is given several times; ask for one instant at a time"),
    ],
)
async def test_what_is_not_declared_is_refused_with_what_is(board: Board, query: str, message: str) -> None:
    async with serving(board) as client:
        body = await get_json(client, f"/api/v1/readings?{query}", 400)

    assert body["error"].startswith(message)


async def test_readings_can_be_filtered_by_dimension_values(board: Board) -> None:
    async with serving(board) as client:
        noord = await get_json(client, "/api/v1/readings?kpi=revenue&window=mtd&where=team:noord")
        either = await get_json(
            client, "/api/v1/readings?kpi=revenue&window=mtd&by=team&where=team:noord&where=team:zuid"
        )
        none = await get_json(client, "/api/v1/readings?kpi=revenue&window=mtd&where=team:nobody")

    assert {tuple(r["grain"]) for r in noord} == {("team",), ("team", "product")}
    assert {r["dimensions"]["team"] for r in noord} == {"noord"}
    assert [r["value"] for r in either] == ["17629.63", "8000.00"]
    assert none == []


async def test_a_declared_target_is_told(board: Board) -> None:
    async with serving(board) as client:
        (today,) = await get_json(client, "/api/v1/readings?kpi=revenue&window=24h&by=")

    assert (today["value"], today["target"]) == ("3000.00", "25000.00")


async def test_history_is_what_is_known_today_as_of_then(board: Board) -> None:
    board.win("late", 100_000)  # on the 25th, local time
    board.tick(60 * SECOND)
    midnight = "2026-10-24T22:00:00.000Z"
    async with serving(board) as client:
        (now,) = await get_json(client, "/api/v1/readings?kpi=revenue&window=mtd&by=")
        (day,) = await get_json(client, "/api/v1/readings?kpi=revenue&window=prev_day&by=")
        (then,) = await get_json(client, f"/api/v1/readings?kpi=revenue&window=mtd&by=&as_of={midnight}")
        same = await get_json(client, f"/api/v1/readings?kpi=revenue&window=mtd&by=&as_of={now['as_of']}")

    assert (now["value"], now["as_of"]) == ("26629.63", "2026-10-25T23:01:00.000Z")
    assert day["value"] == "12000.00"  # 1,000 of it came late
    assert (then["value"], then["as_of"], then["end"]) == ("14629.63", midnight, midnight)
    assert same == [now]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("kpi=pipeline_value&as_of=2026-10-24T22:00:00Z", "kpi `pipeline_value` over `now` is made of"),
        ("kpi=revenue&window=mtd&as_of=2026-10-24T12:00:00Z", "kpi `revenue` over `mtd`: "),
        ("as_of=2030-01-01T00:00:00Z", "2030-01-01"),
    ],
)
async def test_what_is_not_kept_is_said(board: Board, query: str, message: str) -> None:
    async with serving(board) as client:
        body = await get_json(client, f"/api/v1/readings?{query}", 400)

    assert body["error"].startswith(message)


async def test_unchanged_readings_need_not_be_sent_again(board: Board) -> None:
    async with serving(board) as client:
        async with client.get("/api/v1/readings?kpi=revenue") as response:
            tag = response.headers["ETag"]
            assert response.headers["Cache-Control"] == "private, no-cache"
        async with client.get("/api/v1/readings?kpi=revenue", headers={"If-None-Match": tag}) as response:
            assert (response.status, await response.read()) == (304, b"")
        async with client.get("/api/v1/readings?kpi=win_rate", headers={"If-None-Match": tag}) as response:
            assert response.status == 200
        board.tick(SECOND)
        async with client.get("/api/v1/readings?kpi=revenue", headers={"If-None-Match": tag}) as response:
            assert response.status == 200
            assert response.headers["ETag"] != tag


async def test_the_declared_kpis_are_told(board: Board, served_plan: Plan) -> None:
    async with serving(board) as client:
        async with client.get("/api/v1/kpis") as response:
            kpis = {k["key"]: k for k in await response.json()}
            tag = response.headers["ETag"]
        async with client.get("/api/v1/kpis", headers={"If-None-Match": tag}) as response:
            assert response.status == 304

    assert list(kpis) == list(served_plan.declarations.kpis)
    revenue = kpis["revenue"]
    assert (revenue["title"], revenue["group"]["title"]["nl"]) == (
        {"en": "Sales revenue", "nl": "Verkoopomzet"},
        served_plan.declarations.groups["revenue"].title.nl,
    )
    assert {"by": ["team", "product"], "windows": ["mtd"]} in revenue["grains"]
    assert {"by": [], "window": "24h", "value": "25000", "words": "24h: 25000"} in revenue["targets"]
    assert kpis["lead_response_time"]["aggs"] == ["mean", "p50", "p90"]
    assert (kpis["revenue"]["good"], kpis["lead_response_time"]["good"]) == ("up", "down")


async def test_the_entities_of_a_reading_add_up_to_it(board: Board) -> None:
    async with serving(board) as client:
        page = await get_json(client, "/api/v1/readings/revenue/entities?window=mtd&where=team:noord&limit=2")
        (reading,) = await get_json(client, "/api/v1/readings?kpi=revenue&window=mtd&by=team&where=team:noord")

    assert page["value"] == reading["value"] == "17629.63"
    assert len(page["entities"]) == 2
    assert page["entities"][0]["at"] >= page["entities"][1]["at"]
    assert {e["type"] for e in page["entities"]} == {"deal"}
    assert page["totals"]["entities"] > 2
    assert page["next"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/api/v1/readings/revenu/entities", 404, "kpi `revenu` is not declared; see /api/v1/kpis"),
        ("/api/v1/readings/revenue/entities?window=31d", 400, "window `31d` "),
        ("/api/v1/nothing", 404, "there is no `/api/v1/nothing`; the API is described at /api/v1/openapi.json"),
        ("/api/v1/kpis?x=1", 400, "parameter `x` is not known; there are none here: leave it out"),
    ],
)
async def test_errors_are_json_and_say_what_is_wrong(board: Board, path: str, status: int, message: str) -> None:
    async with serving(board) as client:
        body = await get_json(client, path, status)

    assert body["error"].startswith(message)


async def test_other_methods_are_refused(board: Board) -> None:
    async with serving(board) as client, client.post("/api/v1/readings") as response:
        assert response.status == 405
        assert response.headers["Allow"] == "GET, HEAD"
        assert (await response.json())["error"] == "method POST is not allowed here; use GET, HEAD"


async def test_a_fault_of_ours_tells_nothing_of_the_inside(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(board, "entities", fail)
    async with serving(board) as client:
        body = await get_json(client, "/api/v1/readings/revenue/entities?window=mtd", 500)

    assert body == {"error": "something went wrong on this side; the log of the service says what"}


ORIGIN = "https://wall.example"
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}


async def test_nobody_elses_pages_may_read_the_answers(board: Board) -> None:
    async with serving(board) as client:
        async with client.get("/api/v1/kpis", headers={"Origin": ORIGIN}) as response:
            assert response.status == 200
            assert "Access-Control-Allow-Origin" not in response.headers
        async with client.options("/api/v1/kpis", headers={"Origin": ORIGIN} | PREFLIGHT) as response:
            assert response.status == 405


async def test_pages_of_an_origin_that_is_named_may(board: Board) -> None:
    async with serving(board, http_origins=(ORIGIN,), http_token=SecretStr("s3cret")) as client:
        async with client.options("/api/v1/readings", headers={"Origin": ORIGIN} | PREFLIGHT) as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert response.headers["Access-Control-Allow-Headers"] == "AUTHORIZATION"
        headers = {"Origin": ORIGIN, "Authorization": "Bearer s3cret"}
        async with client.get("/api/v1/readings?kpi=revenue", headers=headers) as response:
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert response.headers["Access-Control-Expose-Headers"] == "ETag"
        async with client.get("/api/v1/stream?kpi=revenue", headers=headers) as response:
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
        async with client.get(
            "/api/v1/readings?kpi=revenue", headers=headers | {"Origin": "https://x.example"}
        ) as other:
            assert "Access-Control-Allow-Origin" not in other.headers
        async with client.get("/", headers=headers) as page:
            assert "Access-Control-Allow-Origin" not in page.headers
