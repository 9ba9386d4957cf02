"""The hook of Alertmanager writes to a real topic, says when it cannot, and goes on once the broker is back."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import ClientError, ClientSession
from aiohttp.test_utils import TestClient, TestServer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from jsonschema import Draft202012Validator

from config.settings import Settings
from streams.alerts import topic as alert_topic
from streams.alerts.hook import PATH, AlertHook
from streams.alerts.topic import AlertTopic
from streams.clock import wall_clock
from streams.kafka import client_options
from streams.topics import ensure_topics
from streams.view import ViewService
from streams.web import view_app
from tests.broker import Broker
from tests.deliveries import FINGERPRINT, Json, delivery, firing, resolved
from tests.integration.cluster import ROOT, ServeProcess, plan_of
from tests.integration.conftest import settings_for

Client = TestClient[Any, Any]
TOKEN = uuid4().hex
ALERT = Draft202012Validator(json.loads((ROOT / "docs/schemas/alert.json").read_text("utf-8")))


@asynccontextmanager
async def hooked(settings: Settings) -> AsyncIterator[Client]:
    """Serve the hook, with a view that does not run, in this process."""
    plan = plan_of(settings)
    board = ViewService(settings, plan, wall_clock)
    hook = AlertHook(plan, AlertTopic(settings), board.registry)
    async with TestClient(TestServer(view_app(settings, board, hook))) as client:
        yield client


async def post(client: Client, *alerts: Json) -> tuple[int, Json]:
    async with client.post(PATH, json=delivery(*alerts)) as response:
        return response.status, await response.json()


async def until_taken(client: Client, *alerts: Json, within: float = 30.0) -> None:
    """Deliver as Alertmanager does: again and again, until it is told that the alerts are written."""
    deadline = time.monotonic() + within
    while (answer := await post(client, *alerts))[0] != 200:
        assert answer[0] == 503
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.2)


async def records_of(settings: Settings) -> list[tuple[str, Any]]:
    """Return (key, alert) of all records that are on the topic now, those of a key in their order."""
    consumer: Any = AIOKafkaConsumer(**client_options(settings), auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    try:
        partitions = [TopicPartition(settings.alerts_topic, p) for p in range(settings.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        found = []
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [(r.key.decode(), json.loads(r.value)) for r in records]
        return found
    finally:
        await consumer.stop()


def states(records: list[tuple[str, Any]], key: str = FINGERPRINT) -> list[str]:
    return [alert["status"] for found, alert in records if found == key]


async def test_what_is_delivered_is_on_the_topic_when_that_is_answered(fresh_settings: Settings) -> None:
    await ensure_topics(fresh_settings, ())
    async with hooked(fresh_settings) as client:
        assert await post(client, firing(), firing("0" * 16, team="zuid")) == (200, {"written": 2})
        assert await post(client, resolved()) == (200, {"written": 1})
        records = await records_of(fresh_settings)

    assert [error.message for _, alert in records for error in ALERT.iter_errors(alert)] == []
    assert [alert["fingerprint"] for _, alert in records] == [key for key, _ in records]
    assert states(records) == ["firing", "resolved"]
    (other,) = (alert for key, alert in records if key == "0" * 16)
    assert (other["reading"], other["dimensions"]) == ("win_rate|30d|team=zuid", {"team": "zuid"})


async def test_a_delivery_that_comes_again_says_the_same_again(fresh_settings: Settings) -> None:
    await ensure_topics(fresh_settings, ())
    async with hooked(fresh_settings) as client:
        for _ in range(3):
            await post(client, firing())
        records = await records_of(fresh_settings)

    assert len(records) == 3
    assert records[0] == records[1] == records[2]


async def test_deliveries_at_once_lose_nothing_and_keep_the_order_of_each_alert(fresh_settings: Settings) -> None:
    await ensure_topics(fresh_settings, ())
    keys = [f"{n:016x}" for n in range(30)]

    async def life(client: Client, key: str) -> None:
        for alert in (firing(key), resolved(key), firing(key), resolved(key)):
            assert await post(client, alert) == (200, {"written": 1})

    async with hooked(fresh_settings) as client:
        await asyncio.gather(*(life(client, key) for key in keys))
        records = await records_of(fresh_settings)

    assert [key for key in keys if states(records, key) != ["firing", "resolved", "firing", "resolved"]] == []


async def test_records_are_in_the_order_in_which_they_were_given(fresh_settings: Settings) -> None:
    await ensure_topics(fresh_settings, ())
    topic = AlertTopic(fresh_settings)
    try:
        await asyncio.gather(*(topic.write([(b"key", b"%d" % n)]) for n in range(50)))  # while it connects, too
        records = await records_of(fresh_settings)
    finally:
        await topic.close()

    assert [number for _, number in records] == list(range(50))


async def test_what_kafka_refuses_does_not_keep_back_what_comes_after_it(fresh_settings: Settings) -> None:
    admin = AIOKafkaAdminClient(**client_options(fresh_settings))
    await admin.start()
    small = {"max.message.bytes": "2000", "cleanup.policy": "compact"}
    await admin.create_topics(
        [NewTopic(fresh_settings.alerts_topic, fresh_settings.partitions, 1, topic_configs=small)]
    )
    await admin.close()
    async with hooked(fresh_settings) as client:
        await until_taken(client, firing())
        status, answer = await post(client, firing(more="x" * 4_000))
        after = await post(client, resolved())
        records = await records_of(fresh_settings)

    assert status == 503
    assert f"kafka at `{fresh_settings.kafka}` does not take alerts: " in answer["error"]
    assert after == (200, {"written": 1})
    assert states(records) == ["firing", "resolved"]


async def test_a_topic_that_is_missing_is_named_and_found_once_it_is_made(fresh_settings: Settings) -> None:
    async with hooked(fresh_settings) as client:
        status, answer = await post(client, firing())
        await ensure_topics(fresh_settings, ())
        await until_taken(client, firing())

    assert status == 503
    assert f"topic `{fresh_settings.alerts_topic}` is not there; run `salespulse topics create`" in answer["error"]


async def test_while_the_broker_is_away_alerts_are_refused_and_afterwards_taken(
    private_broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_topic, "CONFIRM_SECONDS", 2.0)
    settings = settings_for(private_broker.address)
    await ensure_topics(settings, ())
    async with hooked(settings) as client:
        await until_taken(client, firing())

        private_broker.kill()
        begun = time.monotonic()
        refused = await asyncio.gather(post(client, resolved()), post(client, firing("0" * 16)))
        assert [status for status, _ in refused] == [503, 503]
        assert f"kafka at `{settings.kafka}` did not confirm within 2 s" in refused[0][1]["error"]
        assert time.monotonic() - begun < 3

        await asyncio.to_thread(private_broker.start)
        await until_taken(client, resolved())
        await until_taken(client, firing("0" * 16))
        records = await records_of(settings)

    # What was refused may have been written as well, and then in its turn.
    assert sorted(states(records)) == states(records)
    assert set(states(records)) == {"firing", "resolved"}
    assert set(states(records, "0" * 16)) == {"firing"}


async def test_a_broker_that_is_away_at_the_first_alert_is_waited_for(idle_broker: Broker) -> None:
    settings = settings_for(idle_broker.address)
    async with hooked(settings) as client:
        status, answer = await post(client, firing())
        await asyncio.to_thread(idle_broker.start)
        await ensure_topics(settings, ())
        await until_taken(client, firing())

    assert status == 503
    assert f"kafka at `{settings.kafka}` does not take alerts: " in answer["error"]


async def test_the_service_takes_alerts_and_ends_soon_even_with_one_on_the_way(
    private_broker: Broker, tmp_path: Path
) -> None:
    settings = settings_for(private_broker.address)
    await ensure_topics(settings, ())
    view = ServeProcess(settings, tmp_path / "view.log", SALESPULSE_HTTP_TOKEN=TOKEN)
    try:
        await view.until_ready(ready=False)  # it answers, though there is no worker
        assert await posted(view, firing(), "wrong") == 401
        assert await posted(view, firing(), TOKEN) == 200
        private_broker.kill()
        waiting = asyncio.ensure_future(posted(view, resolved(), TOKEN))
        await asyncio.sleep(0.5)
        code, seconds = await asyncio.to_thread(view.terminate)
        answered = await waiting
    finally:
        view.close()

    assert (code, answered) == (0, 0)
    assert seconds < 8


async def posted(view: ServeProcess, alert: Json, token: str) -> int:
    """Return the status of a delivery; 0 when the service ended meanwhile."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with (
            ClientSession() as session,
            session.post(f"{view.address}{PATH}", json=delivery(alert), headers=headers) as response,
        ):
            return response.status
    except ClientError:
        return 0
