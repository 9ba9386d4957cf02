"""The stream over a board that was filled by hand: a snapshot, what changes, progress, and going on after a break."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple

import pytest

import streams.api.stream
import streams.server_events
from metrics.plan import Plan
from tests.unit.streams.boards import DAY, SECOND, Board, Client, empty_board, serving

REVENUE = "/api/v1/stream?kpi=revenue&window=mtd&by=team"


@pytest.fixture
def board(board: Board) -> Board:
    board.tick(SECOND // 2)  # the golden instant is the end of a day, and of a new one all readings are told
    return board


class Event(NamedTuple):
    name: str
    id: str | None
    data: Any


class Listener:
    """Reads events from a response, as a browser does."""

    def __init__(self, response: Any) -> None:
        self._response = response
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/event-stream")

    async def next(self, name: str | None = None) -> Event:
        async with asyncio.timeout(5):
            while True:
                fields: dict[str, str] = {}
                while line := (await self._response.content.readline()).decode().rstrip("\n"):
                    key, _, value = line.partition(": ")
                    fields[key] = value
                event = Event(fields["event"], fields.get("id"), json.loads(fields["data"]))
                if name in {None, event.name}:
                    return event

    async def silent(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._response.content.readline(), seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def listening(client: Client, path: str = REVENUE, last_id: str | None = None) -> AsyncIterator[Listener]:
    headers = {} if last_id is None else {"Last-Event-ID": last_id}
    async with client.get(path, headers=headers) as response:
        yield Listener(response)


def values(event: Event) -> dict[str, str]:
    return {r["dimensions"]["team"]: r["value"] for r in event.data["readings"]}


async def test_a_snapshot_then_what_changes(board: Board) -> None:
    async with serving(board) as client, listening(client) as stream:
        snapshot = await stream.next()
        assert (snapshot.name, snapshot.data["last"]) == ("snapshot", True)
        assert values(snapshot) == {"noord": "17629.63", "zuid": "8000.00"}
        progress = await stream.next()
        assert (progress.name, progress.data["ready"]) == ("progress", True)
        assert progress.data["as_of"] == snapshot.data["as_of"]
        assert progress.data["watermarks"]["deal"].startswith("2026-10-")

        board.win("new", 100)
        board.tick(SECOND)
        changes = await stream.next()
        assert (changes.name, values(changes), changes.data["gone"]) == ("changes", {"noord": "17630.63"}, [])

        board.tick(2 * SECOND)
        assert await stream.silent(0.2)


async def test_a_snapshot_comes_in_pieces(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.api.stream, "_PIECE", 1)
    async with serving(board) as client, listening(client) as stream:
        first, second = await stream.next(), await stream.next()

    assert (values(first), first.data.get("last"), first.id) == ({"noord": "17629.63"}, None, None)
    assert (values(second), second.data["last"]) == ({"zuid": "8000.00"}, True)
    assert second.id is not None


async def test_after_a_break_only_what_was_missed_comes(board: Board) -> None:
    async with serving(board) as client:
        async with listening(client) as stream:
            seen = (await stream.next("progress")).id
        board.win("one", 100)
        board.tick(SECOND)
        board.win("two", 100, team="zuid")
        board.win("one-more", 200)
        board.tick(2 * SECOND)
        async with listening(client, last_id=seen) as stream:
            missed = await stream.next()
            assert missed.name == "changes"
            assert values(missed) == {"noord": "17632.63", "zuid": "8001.00"}
        async with listening(client, last_id=missed.id) as stream:
            assert (await stream.next()).name == "progress"


@pytest.mark.parametrize(
    "last_id", ["", "nonsense", "0123abcd-1", "-", "x-99999999999999999999", "x-²", "x-" + "9" * 5000]
)
async def test_after_an_id_that_is_not_known_a_snapshot_comes(board: Board, last_id: str) -> None:
    async with serving(board) as client, listening(client, last_id=last_id) as stream:
        assert (await stream.next()).name == "snapshot"


async def test_a_series_that_is_no_more_is_named(board: Board) -> None:
    board.win("only", 100, team="west")
    board.tick(SECOND)
    async with serving(board) as client, listening(client) as stream:
        assert "west" in values(await stream.next("snapshot"))
        gone = {
            "event_id": "g", "type": "deal", "entity_id": "only", "op": "delete",
            "updated_at": "2026-10-25T22:00:00.000Z",
        }  # fmt: skip
        board.embedded.apply([gone], 1_900_000_000_000)
        board.tick(2 * SECOND)
        assert (await stream.next("changes")).data["gone"] == ["revenue|mtd|team=west"]


async def test_it_says_at_once_when_the_readings_are_not_fresh(board: Board) -> None:
    async with serving(board) as client, listening(client) as stream:
        await stream.next("progress")
        board.state = (False, "no worker has reported for 12 s")
        board.tick(SECOND)
        progress = await stream.next("progress")

    assert (progress.data["ready"], progress.data["reason"]) == (False, "no worker has reported for 12 s")


async def test_without_news_it_gives_signs_of_life(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.api.stream, "PROGRESS_SECONDS", 0.05)
    async with serving(board) as client, listening(client) as stream:
        for _ in range(3):
            await stream.next("progress")


async def test_a_view_that_begins_anew_sends_a_snapshot(board: Board, served_plan: Plan) -> None:
    async with serving(board) as client, listening(client) as stream:
        await stream.next("progress")
        fresh = Board(served_plan)
        fresh.win("first", 500)
        fresh.embedded.tick(fresh.embedded.shards[0].now)
        board.view, board.embedded = fresh.view, fresh.embedded
        board.feed.begin_anew()
        board.tick(SECOND)
        assert values(await stream.next("snapshot")) == {"noord": "5.00"}


async def test_before_the_first_tick_there_is_an_empty_snapshot(served_plan: Plan) -> None:
    async with serving(empty_board(served_plan)) as client, listening(client) as stream:
        snapshot = await stream.next()
        assert (snapshot.data["as_of"], snapshot.data["readings"], snapshot.data["last"]) == (None, [], True)
        assert (await stream.next("progress")).data["reason"] == "loading"


async def test_too_many_clients_are_refused(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.server_events, "MOST_CLIENTS", 1)
    async with serving(board) as client, listening(client) as stream:
        await stream.next()
        async with client.get(REVENUE) as response:
            assert response.status == 503
            assert (await response.json())["error"] == "1 clients listen already; try again later"


async def test_a_client_that_takes_nothing_is_let_go_and_delays_nobody(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams.server_events, "WRITE_SECONDS", 0.2)
    async with serving(board) as client:
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect((client.server.host, client.server.port))
            slow.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
            async with listening(client) as stream:
                await stream.next("progress")
                for day in range(1, 13):  # on each new day all readings are told, more than the connection holds
                    board.tick(day * DAY + SECOND)
                    await stream.next("changes")
                await asyncio.sleep(0.5)
            slow.settimeout(2)  # a stream that lives has no end
            with suppress(ConnectionResetError):
                while slow.recv(65536):
                    pass
