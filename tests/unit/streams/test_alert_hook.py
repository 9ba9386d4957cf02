"""The hook of Alertmanager with a topic in memory: what is taken, what is written, and what is answered."""

import io
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.alerts.delivery import decode_delivery
from streams.alerts.hook import LARGEST_BODY, PATH, AlertHook
from streams.alerts.message import AlertMessages
from streams.alerts.topic import KeyedRecord, NotWrittenError
from streams.web import view_app
from tests.deliveries import FINGERPRINT, WIN_RATE_LOW, Json, delivery, firing, resolved
from tests.unit.streams.boards import Board, Client, get_text, serving

ALERT = Draft202012Validator(
    json.loads((Path(__file__).parents[3] / "docs/schemas/alert.json").read_text("utf-8")),
)


TICKETS = """
version: 1
sources:
  - {key: ticket, topic: tickets, fields: {queue: {type: string}}, dimensions: {group: queue}}
kpis:
  - key: tickets
    type: state
    title: {en: Tickets, nl: Tickets}
    group: revenue
    from: ticket
    agg: count
    unit: none
    grains: [[group]]
    alerts: [{name: TicketsMany, grain: [group], above: 5}]
"""


class MemoryTopic:
    """Keeps the records, or is away."""

    def __init__(self) -> None:
        self.records: list[KeyedRecord] = []
        self.away = False
        self.closed = False

    async def write(self, records: Sequence[KeyedRecord]) -> None:
        if self.away:
            raise NotWrittenError("kafka at `broker:9092` did not confirm within 10 s")
        self.records += records

    async def close(self) -> None:
        self.closed = True

    def told(self) -> list[Json]:
        return [json.loads(value) for _, value in self.records]


@asynccontextmanager
async def hooked(board: Board, topic: MemoryTopic, **settings: Any) -> AsyncIterator[Client]:
    hook = AlertHook(board.view.plan, topic, board.registry)
    async with TestClient(TestServer(view_app(Settings(**settings), board, hook))) as client:
        yield client


async def post(client: Client, body: object, status: int = 200, headers: dict[str, str] | None = None) -> Json:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with client.post(PATH, data=io.BytesIO(sent), headers=headers) as response:
        assert response.status == status, await response.text()
        answer: Json = await response.json()
        return answer


@pytest.fixture
def topic() -> MemoryTopic:
    return MemoryTopic()


# -------------------------------------------------------------------------------------------------------- what is told


async def test_an_alert_that_fires_is_told_with_all_that_is_known_of_it(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client:
        assert await post(client, delivery(firing())) == {"written": 1}

    assert [key for key, _ in topic.records] == [FINGERPRINT.encode()]
    assert topic.told() == [
        {
            "status": "firing",
            "alert": "WinRateLow",
            "severity": "warning",
            "kind": "threshold",
            "kpi": "win_rate",
            "group": "funnel",
            "dimensions": {"team": "noord"},
            "reading": "win_rate|30d|team=noord",
            "summary": "Win rate of noord is 12%",
            "description": "Below 15% over 30d.",
            "runbook_url": "http://127.0.0.1:8080/runbooks/WinRateLow",
            "dashboard_url": "http://127.0.0.1:3000/d/sales-funnel?viewPanel=panel-1&var-team=noord",
            "starts_at": "2026-11-10T12:00:00.123Z",
            "ends_at": None,
            "labels": WIN_RATE_LOW,
            "fingerprint": FINGERPRINT,
        }
    ]


async def test_the_end_of_an_alert_is_an_instant_in_utc(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client:
        await post(client, delivery(resolved()))

    (told,) = topic.told()
    assert (told["status"], told["ends_at"]) == ("resolved", "2026-11-10T14:00:00.500Z")


async def test_the_reading_of_an_alert_is_one_that_there_is(board: Board, topic: MemoryTopic) -> None:
    declared = [(kpi, alert) for kpi in board.view.plan.declarations.kpis.values() for alert in kpi.alerts]
    alerts = [
        firing(f"{n:016x}", alertname=alert.name, kpi=kpi.key, **dict.fromkeys(alert.grain, "a,b"))
        for n, (kpi, alert) in enumerate(declared)
    ]

    async with hooked(board, topic) as client:
        await post(client, delivery(*alerts))

    told = topic.told()
    wrong = [error.message for alert in told for error in ALERT.iter_errors(alert)]
    assert wrong == []
    assert [alert["reading"].count("=a%2Cb") for alert in told] == [len(alert.grain) for _, alert in declared]
    assert len({alert["reading"].split("|")[0] for alert in told}) > 10


async def test_a_row_without_a_label_has_an_empty_value(board: Board, topic: MemoryTopic) -> None:
    alert = firing()
    del alert["labels"]["team"]
    async with hooked(board, topic) as client:
        await post(client, delivery(alert))

    assert (topic.told()[0]["dimensions"], topic.told()[0]["reading"]) == ({"team": ""}, "win_rate|30d|team=")


async def test_a_dimension_whose_label_means_something_else_on_alerts_is_found(tmp_path: Path) -> None:
    declared = tmp_path / "tickets.yaml"
    declared.write_text(TICKETS, "utf-8")
    messages = AlertMessages(compile_plan(load([declared]), "Europe/Amsterdam", "EUR"))
    labels = {"alertname": "TicketsMany", "kpi": "tickets", "group": "revenue", "exported_group": "b"}

    told = messages.message(decode_delivery(json.dumps(delivery({**firing(), "labels": labels})).encode()).alerts[0])

    assert (told.group, told.dimensions, told.reading) == ("revenue", {"group": "b"}, "tickets|now|group=b")


@pytest.mark.parametrize(
    "labels",
    [
        {"alertname": "SalespulseReadingsStale", "severity": "critical", "kind": "service", "service": "salespulse"},
        {"alertname": "DiskFull", "instance": "db-1", "team": "infra"},
        {"alertname": "WinRateLow", "kpi": "of somebody else", "team": "noord"},
    ],
)
async def test_an_alert_about_no_reading_is_told_without_one(
    board: Board, topic: MemoryTopic, labels: dict[str, str]
) -> None:
    alert = {**firing(), "labels": labels, "annotations": {}}
    async with hooked(board, topic) as client:
        await post(client, delivery(alert))

    (told,) = topic.told()
    assert [error.message for error in ALERT.iter_errors(told)] == []
    assert told["labels"] == labels
    assert told["dimensions"] == {}
    assert told.keys().isdisjoint({"reading", "summary", "runbook_url", "dashboard_url"})


async def test_fields_that_are_not_known_are_borne(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client:
        await post(client, {**delivery({**firing(), "added": {"later": [1]}}), "added": 1})

    assert len(topic.records) == 1


async def test_a_delivery_that_comes_twice_says_the_same_twice(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client:
        for _ in range(2):
            await post(client, delivery(firing(), resolved("0" * 16)))

    assert topic.records[:2] == topic.records[2:]


async def test_the_records_keep_the_order_of_the_alerts(board: Board, topic: MemoryTopic) -> None:
    fingerprints = [f"{n:016x}" for n in (3, 1, 2)]
    async with hooked(board, topic) as client:
        await post(client, delivery(*(firing(f) for f in fingerprints)))

    assert [key.decode() for key, _ in topic.records] == fingerprints


# ---------------------------------------------------------------------------------------------------- what is answered


async def test_a_topic_that_is_away_is_told_so_that_alertmanager_tries_again(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client:
        topic.away = True
        answer = await post(client, delivery(firing()), 503)
        topic.away = False
        await post(client, delivery(firing(), resolved("0" * 16)))
        text = await get_text(client, "/metrics")

    assert answer == {"error": "kafka at `broker:9092` did not confirm within 10 s"}
    for line in (
        'salespulse_alerts_total{status="firing"} 1.0',
        'salespulse_alerts_total{status="resolved"} 1.0',
        "salespulse_alert_failures_total 1.0",
    ):
        assert f"\n{line}\n" in text


async def test_counters_begin_at_nothing(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client:
        text = await get_text(client, "/metrics")

    assert '\nsalespulse_alerts_total{status="resolved"} 0.0\n' in text
    assert "\nsalespulse_alert_failures_total 0.0\n" in text


def without(name: str) -> Json:
    alert = firing()
    del alert[name]
    return delivery(alert)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "truncated"),
        (b"not json", "malformed"),
        (b'{"version": "\xff"}', "utf-8"),
        ([], "Expected `object`, got `array`"),
        ({**delivery(), "version": "3"}, "Invalid enum value '3' - at `$.version`"),
        ({"alerts": []}, "missing required field `version`"),
        ({"version": "4"}, "missing required field `alerts`"),
        (without("fingerprint"), "missing required field `fingerprint` - at `$.alerts[0]`"),
        (without("labels"), "missing required field `labels` - at `$.alerts[0]`"),
        (without("startsAt"), "missing required field `startsAt` - at `$.alerts[0]`"),
        (delivery(firing(), firing("")), "matching regex '^[0-9a-f]{16}$' - at `$.alerts[1].fingerprint`"),
        (delivery({**firing(), "status": "pending"}), "Invalid enum value 'pending' - at `$.alerts[0].status`"),
        (delivery({**firing(), "labels": {}}), "missing required label `alertname` in `labels` - at `$.alerts[0]`"),
        (delivery({**firing(), "labels": {"alertname": 1}}), "Expected `str`, got `int` - at `$.alerts[0].labels"),
        (delivery({**firing(), "startsAt": "now"}), "Invalid RFC3339 encoded datetime - at `$.alerts[0].startsAt`"),
        (delivery({**firing(), "startsAt": "2026-11-10T12:00:00"}), "timezone component - at `$.alerts[0].startsAt`"),
        (delivery({**firing(), "startsAt": "0001-01-01T00:00:00Z"}), "`startsAt` of a firing alert is in the year 1"),
        (delivery({**resolved(), "endsAt": "0001-01-01T00:00:00Z"}), "`endsAt` of a resolved alert is in the year 1"),
    ],
)  # fmt: skip
async def test_what_is_no_delivery_is_refused_and_the_field_named(
    board: Board, topic: MemoryTopic, body: object, named: str
) -> None:
    async with hooked(board, topic) as client:
        answer = await post(client, body, 400)

    assert answer["error"].startswith("the body is no webhook message of Alertmanager, version `4`: ")
    assert named in answer["error"]
    assert answer["error"].endswith("; point a `webhook_config` of Alertmanager here")
    assert topic.records == []


async def test_a_delivery_with_a_faulty_alert_is_refused_as_a_whole(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client:
        await post(client, delivery(firing(), {**firing(), "fingerprint": 1}), 400)

    assert topic.records == []


async def test_a_delivery_of_nothing_needs_no_topic(board: Board, topic: MemoryTopic) -> None:
    topic.away = True
    async with hooked(board, topic) as client:
        assert await post(client, delivery()) == {"written": 0}


async def test_thousands_of_alerts_are_taken_and_no_more_than_that(board: Board, topic: MemoryTopic) -> None:
    many = delivery(*(firing(f"{n:016x}") for n in range(5_000)))
    async with hooked(board, topic) as client:
        assert await post(client, many) == {"written": 5_000}
        await post(client, b" " * (LARGEST_BODY + 1), 413)


async def test_the_kind_of_content_is_not_asked_for(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client:
        for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
            await post(client, delivery(firing()), headers={"Content-Type": kind})

    assert len(topic.records) == 3


async def test_a_token_guards_the_hook(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic, http_token=SecretStr("s3cret")) as client:
        await post(client, delivery(firing()), 401)
        await post(client, delivery(firing()), 401, {"Authorization": "Bearer wrong"})
        assert topic.records == []
        await post(client, delivery(firing()), 200, {"Authorization": "Bearer s3cret"})

    assert len(topic.records) == 1


async def test_a_page_in_somebodys_browser_cannot_write_alerts(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client:
        await post(client, delivery(firing()), 403, {"Origin": "https://example.com", "Content-Type": "text/plain"})

    assert topic.records == []


async def test_only_posts_are_taken(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic) as client, client.get(PATH) as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_where_no_topic_is_there_is_no_hook(board: Board) -> None:
    async with serving(board) as client, client.post(PATH, json=delivery(firing())) as response:
        assert response.status == 404
        assert "there is no `/hooks/alertmanager`" in (await response.json())["error"]


async def test_the_connection_ends_with_the_application(board: Board, topic: MemoryTopic) -> None:
    async with hooked(board, topic):
        assert not topic.closed

    assert topic.closed
