"""The question for a reading's entities, the worker's answer over HTTP, and the page that a view makes of several."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestClient, TestServer
from multidict import MultiDict
from pydantic import SecretStr, ValidationError

from config.load import load
from config.settings import Settings
from metrics.calendar import Window, parse_instant
from metrics.embedded import Embedded
from metrics.plan import Plan, compile_plan
from metrics.records import encode_versioned
from metrics.shard import Shard
from metrics.view import Progress
from streams.contributors import (
    PATH,
    EntitiesRoute,
    Question,
    WorkersUnreachableError,
    ask_shards,
    ask_workers,
    parse_question,
)
from streams.entity_messages import ContributionMessage, EntitiesPage
from streams.entity_question import cursor, parse_cursor, question_params
from streams.question_signature import SCHEME, VALID_SECONDS, is_signed, sign
from streams.readings import QueryError
from streams.telemetry import Telemetry, worker_app
from streams.worker import reached_at

T = "2026-06-10T10:00:00.000Z"
NOW = parse_instant(T)
LINE = {"line_id": "1", "product_id": "p1", "amount_minor": 1_234}


class AlwaysWell:
    def ready(self) -> tuple[bool, str]:
        return True, "well"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


def deal(number: int, **data: Any) -> dict[str, Any]:
    """Return a deal that was won at minute `number` of this morning."""
    return {
        "event_id": f"e{number}",
        "type": "deal",
        "entity_id": f"d{number:03}",
        "updated_at": "2026-06-10T09:00:00Z",
        "data": {
            "customer_id": "c1", "pipeline_id": "new_business", "stage": "won", "status": "won", "currency": "EUR",
            "lines": [LINE], "owner_id": "r1", "team_id": "north", "created_at": "2026-06-01T08:00:00Z",
            "closed_at": f"2026-06-10T08:{number % 60:02}:00Z", **data,
        },
    }  # fmt: skip


@pytest.fixture
def core(plan: Plan) -> Embedded:
    """Give four shards that hold 40 deals, three of them in dollars, one of them in the south."""
    core = Embedded(plan, NOW, 4)
    events = [deal(n) for n in range(40)]
    for n in (3, 5, 8):
        events[n]["data"]["currency"] = "USD"
    events[13]["data"]["team_id"] = "south"
    core.apply(events, NOW)
    core.tick(NOW)
    return core


def asked(plan: Plan, kpi: str = "revenue", **params: str) -> Question:
    return parse_question(plan, kpi, {"window": "30d"} | params)


def worker(
    plan: Plan, shards: Mapping[int, Shard], settings: Settings | None = None, route: EntitiesRoute | None = None
) -> web.Application:
    entities = route or EntitiesRoute(plan, lambda: shards)
    return worker_app(settings or Settings(), Telemetry(), AlwaysWell(), entities.answer)


@asynccontextmanager
async def cluster(
    core: Embedded, *apps: tuple[tuple[int, ...], web.Application]
) -> AsyncIterator[list[BaseTestServer]]:
    """Serve the applications, and let the view know which shards each of them has."""
    async with AsyncExitStack() as stack:
        servers = []
        for shards, app in apps:
            servers.append(await stack.enter_async_context(TestServer(app)))
            for shard in shards:
                core.view.progress[shard] = Progress(NOW, NOW, {}, str(servers[-1].make_url("")).rstrip("/"))
        yield servers


def two_workers(core: Embedded, **settings: Any) -> list[tuple[tuple[int, ...], web.Application]]:
    parts: list[tuple[int, ...]] = [(0, 2), (1, 3)]
    own = Settings(**settings)
    return [(part, worker(core.plan, {i: core.shards[i] for i in part}, own)) for part in parts]


# ----------------------------------------------------------------------------------------------------------- question


def test_a_question_is_parsed(plan: Plan) -> None:
    given = MultiDict([("window", "mtd"), ("where", "product:a:b"), ("where", "team:x"), ("limit", "7")])
    found = parse_question(plan, "revenue", given)
    assert found.series.grain == ("team", "product")  # a value may hold a colon
    assert (found.window, found.dims, found.limit, found.before) == (Window("mtd"), ("x", "a:b"), 7, None)


def test_the_only_window_need_not_be_named(plan: Plan) -> None:
    found = parse_question(plan, "stage_age", {"agg": "max", "where": "stage:x"})
    assert (found.window, found.series.agg) == (Window("now"), "max")


@pytest.mark.parametrize(
    ("kpi", "params", "text"),
    [
        ("revenu", {}, "kpi `revenu` is not declared; use one of "),
        ("revenue", {}, "window is missing for `revenue`; use one of 1h, 24h, "),
        ("revenue", {"window": "8d"}, "window `8d` is not declared for `revenue`; use one of 1h, 24h, "),
        ("revenue", {"window": "30d", "by": "team"}, "parameter `by` is not known; use one of agg, window, where, "),
        ("revenue", {"window": "30d", "agg": "sum"}, "kpi `revenue` has one aggregate only; leave `agg` out"),
        ("stage_age", {}, "agg is missing for `stage_age`; use one of mean, max"),
        ("stage_age", {"agg": "p50"}, "agg `p50` is not declared for `stage_age`; use one of mean, max"),
        ("revenue", {"window": "30d", "where": "team"}, "where `team` is not a dimension and its value; "),
        ("revenue", {"window": "30d", "where": "lost_reason:x"}, "there is no reading of `revenue` by `lost_reason`; "),
        (
            "lead_waiting_age_max",
            {"where": "rep:x"},
            "for each dimension of one of `team`, or no `where` for the total",
        ),
        ("clv", {"window": "90d", "where": "team:x"}, "dimension of one of none: it has a total only"),
        ("quota_attainment_rep", {"window": "mtd"}, "there is no reading of `quota_attainment_rep` without `where`; "),
        ("revenue", {"window": "30d", "limit": "0"}, "limit `0` is no number from 1 to 500"),
        ("revenue", {"window": "30d", "limit": "501"}, "limit `501` is no number from 1 to 500"),
        ("revenue", {"window": "30d", "limit": "²"}, "limit `²` is no number from 1 to 500"),
        (
            "revenue",
            {"window": "30d", "before": "x"},
            "before `x` is no place in the list; send the `next` of the page",
        ),
        ("revenue", {"window": "30d", "before": "é"}, "before `é` is no place in the list"),
    ],
)
def test_a_wrong_question_is_told_what_is_known(plan: Plan, kpi: str, params: dict[str, str], text: str) -> None:
    with pytest.raises(QueryError) as error:
        parse_question(plan, kpi, params)
    assert text in str(error.value)


@pytest.mark.parametrize(
    ("repeated", "text"),
    [("window", "parameter `window` is given several times"), ("where", "where: dimension `team` is given twice")],
)
def test_what_is_asked_twice_is_no_question(plan: Plan, repeated: str, text: str) -> None:
    given = MultiDict([("window", "30d"), ("where", "team:a")])
    given.add(repeated, {"window": "7d", "where": "team:b"}[repeated])
    with pytest.raises(QueryError, match=text):
        parse_question(plan, "revenue", given)


def test_a_worker_understands_the_question_as_the_view_did(plan: Plan) -> None:
    before = cursor(parse_cursor(cursor((5, "é/ ", "deal"))))  # type: ignore[arg-type] # as a place
    question = asked(plan, where="team:a:b", limit="3", before=before)
    sent = question_params(question, NOW)
    assert ("as_of", T) in sent
    assert parse_question(plan, "revenue", MultiDict([p for p in sent if p[0] not in {"kpi", "as_of"}])) == question


# ------------------------------------------------------------------------------------------------------------- worker


async def answered(plan: Plan, shards: Mapping[int, Shard], query: str) -> tuple[int, Any]:
    async with TestServer(worker(plan, shards)) as server:
        return await _get(server, query)


async def _get(server: BaseTestServer, query: str) -> tuple[int, Any]:
    async with ClientSession() as session, session.get(server.make_url(f"{PATH}?{query}")) as response:
        return response.status, await response.json()


async def test_a_worker_answers_for_all_its_shards(core: Embedded) -> None:
    shards = {3: core.shards[3], 1: core.shards[1]}
    status, answer = await answered(core.plan, shards, "kpi=revenue&window=30d&where=team:south")
    assert status == 200
    south = core.shards.index(next(s for s in core.shards if any(i == "d013" for i, _ in s.entities("deal"))))
    assert (answer["shards"], answer["as_of"]) == ([1, 3], T)
    assert answer["totals"]["entities"] == answer["left"] == len(answer["entities"]) == (south in shards)


async def test_the_entity_of_an_answer(core: Embedded) -> None:
    _, answer = await answered(core.plan, dict(enumerate(core.shards)), "kpi=revenue&window=30d&where=team:south")
    unknown = dict.fromkeys(("region", "channel", "source", "deal_type", "lost_reason"), "unknown")
    known = {"team": "south", "rep": "r1", "pipeline": "new_business", "stage": "won"}
    contributions = [{"role": "value", "value": "12.34", "currency": "EUR"}]
    assert answer == {
        "shards": [0, 1, 2, 3],
        "as_of": T,
        "entities": [
            {
                "type": "deal",
                "entity_id": "d013",
                "at": "2026-06-10T08:13:00.000Z",
                "updated_at": "2026-06-10T09:00:00.000Z",
                "contributions": contributions,
                "dimensions": known | unknown,
            }
        ],
        "left": 1,
        "totals": {"entities": 1, "contributions": contributions},
    }


async def test_a_worker_looks_at_the_windows_of_the_view(core: Embedded) -> None:
    _, answer = await answered(
        core.plan, dict(enumerate(core.shards)), "kpi=revenue&window=30d&as_of=2026-09-01T00:00:00Z"
    )
    assert (answer["as_of"], answer["totals"]["entities"]) == ("2026-09-01T00:00:00.000Z", 0)


async def test_a_worker_without_shards_says_so(plan: Plan) -> None:
    _, answer = await answered(plan, {}, "kpi=revenue&window=30d")
    assert answer == {
        "shards": [], "as_of": None, "entities": [], "left": 0, "totals": {"entities": 0, "contributions": []},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("window=30d", "kpi is missing; use one of "),
        ("kpi=x", "kpi `x` is not declared; use one of "),
        ("kpi=revenue&window=30d&as_of=now", "as_of: `now` is not an instant; "),
        ("kpi=revenue&window=30d&limit=x", "limit `x` is no number"),
    ],
)
async def test_a_wrong_question_to_a_worker_is_400_with_the_fault(plan: Plan, query: str, text: str) -> None:
    status, answer = await answered(plan, {}, query)
    assert status == 400
    assert text in answer["error"]


async def test_a_worker_goes_on_with_its_work_while_it_searches(plan: Plan) -> None:
    core = Embedded(plan, NOW)
    core.apply([deal(n) for n in range(8_000)], NOW)
    core.tick(NOW)
    turns = 0

    async def work() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    working = asyncio.ensure_future(work())
    page = await ask_shards(core.shards, core.view, asked(plan))
    working.cancel()
    assert page.totals.entities == 8_000
    assert turns > 6  # some 30 ms in slices of 2.5


async def test_questions_are_answered_one_after_the_other(core: Embedded) -> None:
    looked: list[str] = []

    class Watched(dict[int, Shard]):
        def items(self) -> Any:
            looked.append("begun")
            return super().items()

    route = EntitiesRoute(core.plan, lambda: Watched(enumerate(core.shards)))
    async with TestServer(worker(core.plan, {}, route=route)) as server:
        answers = await asyncio.gather(*(_get(server, "kpi=revenue&window=30d") for _ in range(4)))
    assert len(looked) == 4
    assert all(answer == answers[0] for answer in answers)


# --------------------------------------------------------------------------------------------------------------- view


async def test_the_pages_of_two_workers_are_those_of_one_process(core: Embedded) -> None:
    async with cluster(core, *two_workers(core)):
        before: dict[str, str] = {}
        ids: list[str] = []
        while True:
            question = asked(core.plan, limit="9", **before)
            page = await ask_workers(core.view, question)
            assert page == await ask_shards(core.shards, core.view, question)
            ids += [entity.entity_id for entity in page.entities]
            if page.next is None:
                break
            before = {"before": page.next}
    assert ids == [f"d{n:03}" for n in reversed(range(40))]
    assert page.totals.entities == 40
    assert page.totals.contributions == [
        ContributionMessage(role="value", value="456.58", currency="EUR"),  # 37 × 12.34
        ContributionMessage(role="value", value="37.02", currency="USD"),
    ]


async def test_the_head_of_a_page_is_the_reading(core: Embedded) -> None:
    async with cluster(core, *two_workers(core)):
        page = await ask_workers(core.view, asked(core.plan, where="team:south"))
    head = json.loads(msgspec.json.encode(page))
    del head["entities"], head["totals"]
    assert head == {
        "kpi": "revenue", "window": "30d", "start": "2026-05-11T22:00:00.000Z", "end": T, "as_of": T,
        "grain": ["team"], "dimensions": {"team": "south"}, "value": "12.34", "unit": "money", "currency": "EUR",
    }  # fmt: skip


async def test_a_reading_that_is_not_there_has_no_value_and_no_entities(core: Embedded) -> None:
    page = await ask_shards(core.shards, core.view, asked(core.plan, where="team:nowhere"))
    assert (page.value, page.entities, page.totals.entities, page.next) == (None, [], 0, None)
    assert json.loads(msgspec.json.encode(page))["value"] is None


async def test_a_page_that_ends_with_the_last_one_has_no_next(core: Embedded) -> None:
    page = await ask_shards(core.shards, core.view, asked(core.plan, limit="40"))
    assert (len(page.entities), page.next) == (40, None)


async def test_dates_and_instants_are_put_in_order(plan: Plan) -> None:
    core = Embedded(plan, NOW, 4)
    spend = {"category": "sales", "amount_minor": 100, "currency": "EUR"}
    events: list[dict[str, Any]] = [
        {"event_id": f"s{day}", "type": "spend", "entity_id": f"s{day}", "updated_at": "2026-06-10T09:00:00Z",
         "data": {**spend, "incurred_on": f"2026-06-{day:02}"}}
        for day in (3, 5)
    ]  # fmt: skip
    customer = {"event_id": "c", "type": "customer", "entity_id": "c", "updated_at": "2026-06-10T09:00:00Z"}
    events.append({**customer, "data": {"created_at": "2026-01-01T00:00:00Z", "acquired_at": "2026-06-04T12:00:00Z"}})
    core.apply(events, NOW)
    core.tick(NOW)
    async with cluster(core, *two_workers(core)):
        page = await ask_workers(core.view, asked(plan, "cac"))
    assert [(e.type, e.at) for e in page.entities] == [
        ("spend", "2026-06-05"), ("customer", "2026-06-04T12:00:00.000Z"), ("spend", "2026-06-03"),
    ]  # fmt: skip
    assert [(c.role, c.value) for c in page.totals.contributions] == [("numerator", "2.00"), ("denominator", "1")]


async def test_a_view_shows_the_workers_that_it_knows_the_token(core: Embedded) -> None:
    async with cluster(core, *two_workers(core, http_token=SecretStr("s3cret"))):
        page = await ask_workers(core.view, asked(core.plan), SecretStr("s3cret"))
        assert page.totals.entities == 40
        with pytest.raises(WorkersUnreachableError, match=r"refused the question with status 401: a token is needed"):
            await ask_workers(core.view, asked(core.plan))


async def test_who_announces_an_address_is_never_sent_the_token(core: Embedded) -> None:
    heard: list[tuple[str, list[tuple[str, str]]]] = []

    async def listen(request: web.Request) -> web.Response:
        heard.append((request.headers["Authorization"], list(request.query.items())))
        return web.Response(status=503)

    app = web.Application()
    app.router.add_get(PATH, listen)
    async with cluster(core, (tuple(range(4)), app)):
        with pytest.raises(WorkersUnreachableError, match="status 503"):
            await ask_workers(core.view, asked(core.plan, where="team:süd&x=ü %7E+"), SecretStr("s3cret"))
    ((header, question),) = heard
    assert "s3cret" not in header
    token, at = SecretStr("s3cret"), time.time()
    assert is_signed(header, token, question)
    assert not is_signed(header, token, question, at + VALID_SECONDS + 1)
    assert not is_signed(header, token, question, at - VALID_SECONDS - 1)
    assert not is_signed(header, SecretStr("other"), question)
    assert not is_signed(header, token, [*question, ("limit", "1")])
    for broken in ("", "Bearer x", f"{SCHEME} ", f"{SCHEME} 1.", f"{SCHEME} ٣.x", f"{SCHEME} {'9' * 5_000}.x"):
        assert not is_signed(broken, token, question)


async def test_a_signature_opens_nothing_but_the_question(core: Embedded) -> None:
    signed = {"Authorization": sign(SecretStr("s3cret"), [])}
    (_, app), _ = two_workers(core, http_token=SecretStr("s3cret"))
    async with TestClient(TestServer(app)) as client:
        assert (await client.get(PATH, headers=signed)).status == 400  # let in; the question is empty
        assert (await client.get(f"{PATH}?kpi=revenue", headers=signed)).status == 401
        assert (await client.get("/metrics", headers=signed)).status == 401
        assert (await client.get("/metrics", headers={"Authorization": "Bearer s3cret"})).status == 200


async def test_an_answer_without_end_is_not_read_to_its_end(core: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.contributors._LARGEST_ANSWER", 100_000)

    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(b" " * 65_536)
        return response

    app = web.Application()
    app.router.add_get(PATH, flood)
    async with cluster(core, (tuple(range(4)), app)):
        with pytest.raises(WorkersUnreachableError, match=r"an answer of more than 100,000 bytes"):
            await ask_workers(core.view, asked(core.plan))


async def test_a_worker_that_is_gone_is_named(core: Embedded) -> None:
    async with cluster(core, *two_workers(core)) as servers:
        address = str(servers[1].make_url("")).rstrip("/")
        await servers[1].close()
        with pytest.raises(WorkersUnreachableError, match=f"the worker at {address} cannot be reached"):
            await ask_workers(core.view, asked(core.plan))


async def test_a_worker_that_is_silent_is_named(core: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.contributors.PATIENCE_SECONDS", 0.2)

    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the question and says nothing
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        core.view.progress.update({i: Progress(NOW, NOW, {}, address) for i in range(4)})
        with pytest.raises(WorkersUnreachableError, match=f"the worker at {address} did not answer within"):
            await ask_workers(core.view, asked(core.plan))


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ((0,), (1, 3), "no worker answered for shard 2: shards are moving"),
        ((), (1, 3), "no worker answered for shards 0, 2: shards are moving"),
        ((0, 2, 3), (1, 3), "several workers answered for shard 3: shards are moving"),
    ],
)
async def test_every_shard_must_be_answered_for_once(
    core: Embedded, first: tuple[int, ...], second: tuple[int, ...], text: str
) -> None:
    have = [{i: core.shards[i] for i in part} for part in (first, second)]
    apps = [((0, 2), worker(core.plan, have[0])), ((1, 3), worker(core.plan, have[1]))]
    async with cluster(core, *apps):
        with pytest.raises(WorkersUnreachableError, match=text):
            await ask_workers(core.view, asked(core.plan))


async def test_an_answer_of_something_else_is_an_error(core: Embedded) -> None:
    async def greet(_: web.Request) -> web.Response:
        return web.json_response({"hello": "world"})

    app = web.Application()
    app.router.add_get(PATH, greet)
    async with cluster(core, (tuple(range(4)), app)):
        with pytest.raises(WorkersUnreachableError, match="an answer that this release cannot read"):
            await ask_workers(core.view, asked(core.plan))


async def test_workers_that_tell_no_address_are_named(core: Embedded) -> None:
    core.view.progress.update({0: Progress(NOW, NOW, {}, "http://a"), 1: Progress(NOW, NOW, {})})
    with pytest.raises(WorkersUnreachableError, match="the worker of shard 1 tells no address"):
        await ask_workers(core.view, asked(core.plan))


async def test_before_the_first_evaluation_nothing_can_be_asked(plan: Plan) -> None:
    with pytest.raises(WorkersUnreachableError, match="nothing is evaluated yet"):
        await ask_shards([], Embedded(plan, NOW).view, asked(plan))


def test_pages_have_a_schema() -> None:
    schema = msgspec.json.schema(EntitiesPage)["$defs"]["EntitiesPage"]
    assert "value" in schema["required"]
    assert "next" not in schema["required"]


# ------------------------------------------------------------------------------------------------------------ address


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, "http://127.0.0.1:99"),
        ({"http_host": "::1"}, "http://[::1]:99"),
        ({"http_host": "0.0.0.0"}, f"http://{socket.gethostname()}:99"),  # noqa: S104
        ({"http_host": "::"}, f"http://{socket.gethostname()}:99"),
        ({"http_host": "0.0.0.0", "worker_url": "https://w1.example/worker/"}, "https://w1.example/worker"),  # noqa: S104
    ],
)
def test_where_views_reach_a_worker(settings: dict[str, str], address: str) -> None:
    assert reached_at(Settings(**settings), 99) == address  # type: ignore[arg-type] # of those that are texts


def test_a_worker_with_a_certificate_is_reached_by_https() -> None:
    settings = Settings().model_copy(update={"http_ssl_certfile": Path("server.pem")})
    assert reached_at(settings, 99) == "https://127.0.0.1:99"


@pytest.mark.parametrize("url", ["w1:8081", "ftp://w1", "http://", "http://w1?x=1"])
def test_an_address_must_be_one(url: str) -> None:
    with pytest.raises(ValidationError, match="is not an HTTP address; write it like"):
        Settings(worker_url=url)


def test_a_sign_of_life_may_say_less_and_more_than_this_release_knows() -> None:
    known = {"as_of": 1, "written_ms": 2, "watermarks": {"deal": 3}}
    assert Progress.decode(encode_versioned(known)) == Progress(1, 2, {"deal": 3}, None)
    more = known | {"address": "http://a", "later": [1]}
    assert Progress.decode(encode_versioned(more)) == Progress(1, 2, {"deal": 3}, "http://a")
