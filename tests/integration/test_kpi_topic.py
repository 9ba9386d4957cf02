"""The topic of readings on a real broker, written by a publisher over a board that was filled by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from config.settings import Settings
from metrics.calendar import parse_instant
from metrics.plan import Plan
from streams.kafka import client_options
from streams.publish.publisher import Publisher
from streams.topics import ensure_topics
from tests.integration.subscribers import PATIENCE_SECONDS, TopicTable, following
from tests.unit.streams.boards import DAY, SECOND, Board, golden_board, golden_plan

REVENUE = "revenue|mtd|team=noord"


@pytest.fixture(scope="module")
def plan() -> Plan:
    return golden_plan()


@pytest.fixture
def board(plan: Plan) -> Board:
    board = golden_board(plan)
    board.tick(SECOND // 2)
    return board


@pytest.fixture
async def settings(fresh_settings: Settings) -> Settings:
    await ensure_topics(fresh_settings, ())
    return fresh_settings


@asynccontextmanager
async def publishing(settings: Settings, board: Board) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(Publisher(settings, board).run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(table: TopicTable, board: Board) -> None:
    """Wait until everything up to the board's last tick is on the topic."""
    expected = {key for change in board.feed.since(1) or [] for key in change.updates}
    as_of = board.view.as_of or 0
    async with asyncio.timeout(PATIENCE_SECONDS):
        while _ms(table.progress.get("as_of")) < as_of or not expected <= table.revisions.keys():  # noqa: ASYNC110 - see `following`
            await asyncio.sleep(0.05)


def _ms(text: str | None) -> int:
    return -1 if text is None else parse_instant(text)


async def test_only_what_changes_is_written_and_revisions_go_on_after_a_restart(
    settings: Settings, board: Board
) -> None:
    async with following(settings) as table:
        async with publishing(settings, board):
            await until(table, board)
            assert (table.readings[REVENUE]["value"], table.readings[REVENUE]["revision"]) == ("17629.63", 1)
            assert set(map(len, table.revisions.values())) == {1}
            board.win("one", 100)
            board.tick(SECOND)
            await until(table, board)
            assert (table.readings[REVENUE]["value"], table.readings[REVENUE]["revision"]) == ("17630.63", 2)
            assert table.revisions["revenue|mtd|team=zuid"] == [1]

        board.win("two", 100)  # nobody publishes this
        board.tick(2 * SECOND)
        board.registry = CollectorRegistry()  # as of a process that has just begun
        async with publishing(settings, board):
            await until(table, board)
            assert (table.readings[REVENUE]["value"], table.readings[REVENUE]["revision"]) == ("17631.63", 3)
            assert table.revisions["revenue|mtd|team=zuid"] == [1]
    assert table.holes() == {}


async def test_a_closed_month_is_corrected_with_a_higher_revision(settings: Settings, board: Board) -> None:
    key = "revenue|prev_month|"
    async with following(settings) as table, publishing(settings, board):
        board.tick(8 * DAY)  # in November
        await until(table, board)
        before = table.readings[key]
        board.win("late", 5_000)  # an event of October
        board.tick(8 * DAY + SECOND)
        await until(table, board)

    after = table.readings[key]
    assert (before["value"], after["value"]) == ("25629.63", "25679.63")
    assert (before["start"], after["start"]) == ("2026-09-30T22:00:00.000Z",) * 2
    assert after["revision"] == before["revision"] + 1


async def test_a_series_that_is_no_more_gets_a_tombstone_with_its_revision(settings: Settings, board: Board) -> None:
    key = "revenue|mtd|team=west"
    async with following(settings) as table, publishing(settings, board):
        board.win("only", 100, team="west")
        board.tick(SECOND)
        await until(table, board)
        assert key in table.readings
        board.embedded.apply([_deleted("only")], 1_900_000_000_000)
        board.tick(2 * SECOND)
        await until(table, board)
        assert key not in table.readings
        board.win("again", 200, team="west")
        board.tick(3 * SECOND)
        await until(table, board)
        assert table.readings[key]["value"] == "2.00"
    assert table.revisions[key] == [1, 2, 3]


def _deleted(deal_id: str) -> dict[str, Any]:
    at = "2026-10-25T22:00:00.000Z"
    return {"event_id": "gone", "type": "deal", "entity_id": deal_id, "op": "delete", "updated_at": at}


async def test_the_last_publisher_fences_the_one_before_which_serves_on(
    settings: Settings, plan: Plan, board: Board
) -> None:
    other = golden_board(plan)
    async with following(settings) as table, publishing(settings, board) as first:
        await until(table, board)
        async with publishing(settings, other):
            other.win("one", 100)
            other.tick(SECOND)
            await until(table, other)
            board.win("elsewhere", 999_900)
            board.tick(2 * SECOND)
            await asyncio.sleep(2)
            assert not first.done()
            assert table.readings[REVENUE]["value"] == "17630.63"
    assert table.holes() == {}


async def test_a_view_without_workers_does_not_take_the_topic_back_in_time(
    settings: Settings, plan: Plan, board: Board
) -> None:
    late = golden_board(plan)
    late.state = (False, "no worker has reported")
    async with following(settings) as table:
        async with publishing(settings, board):
            board.win("one", 100)
            board.tick(60 * SECOND)
            await until(table, board)
        async with publishing(settings, late):
            await asyncio.sleep(2)
            assert table.readings[REVENUE]["value"] == "17630.63"
            late.state = (True, "live")
            late.tick(61 * SECOND)
            await until(table, late)
    assert table.readings[REVENUE]["value"] == "17629.63"


async def test_what_another_release_wrote_is_replaced_under_the_next_revision(settings: Settings, board: Board) -> None:
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    other = b'{"kpi": ["revenue"], "shape": "of another release", "revision": 7}'
    await producer.send_and_wait(settings.kpis_topic, other, REVENUE.encode())
    await producer.stop()

    async with publishing(settings, board):
        await asyncio.sleep(2)
    async with following(settings) as table:
        await until(table, board)

    assert (table.readings[REVENUE]["value"], table.readings[REVENUE]["revision"]) == ("17629.63", 8)


async def test_a_record_that_cannot_be_read_is_replaced(settings: Settings, board: Board) -> None:
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    await producer.send_and_wait(settings.kpis_topic, b'{"kpi": 7}', REVENUE.encode())
    await producer.send_and_wait(settings.kpis_topic, b'{"kpi": 7}', b"old_kpi|30d|")
    await producer.send_and_wait(settings.kpis_topic, b"{}", b"progress")
    await producer.send_and_wait(settings.kpis_topic, b"no text", b"\xff")
    await producer.send_and_wait(settings.kpis_topic, None, b"no number", headers=[("revision", b"x")])
    await producer.stop()

    async with publishing(settings, board):
        await asyncio.sleep(2)
    async with following(settings) as table:
        await until(table, board)

    assert (table.readings[REVENUE]["value"], table.readings[REVENUE]["revision"]) == ("17629.63", 1)
    assert "old_kpi|30d|" not in table.readings
