"""The stream of what changes, as server-sent events: a snapshot, then changes, and progress in between.

Every client reads the feed at its own pace in a task of its own. What several clients would be sent alike is made once.
"""

import asyncio
import time
from typing import NamedTuple

import msgspec
from aiohttp import web
from prometheus_client import Gauge

from streams.board import Board
from streams.envelope import format_instant
from streams.feed import Feed, merged
from streams.messages import Messages, ProgressMessage, ReadingMessage, progress_of
from streams.readings import Query, select
from streams.server_events import Clients, frame, write

PROGRESS_SECONDS = 5.0
"""How often a client hears that the stream lives, at least."""
_MOST_DIGITS = 18
"""Python refuses to read numbers of thousands of digits, which a header could hold."""
_PIECE = 500
"""Readings in one event of a snapshot; others may use the event loop in between."""
_SNAPSHOT_SECONDS = 5.0
"""A snapshot serves those who come within so long: they get the changes since it like everybody else."""


class SnapshotEvent(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A piece of all readings that are asked for; with the `last` one the client has the whole of them."""

    as_of: str | None
    readings: list[ReadingMessage]
    last: bool = False


class ChangesEvent(msgspec.Struct, kw_only=True):
    """The readings that changed, and the keys of the series that are no more."""

    as_of: str
    readings: list[ReadingMessage]
    gone: list[str]


class _Snapshot(NamedTuple):
    epoch: str
    number: int
    made_at: float
    pieces: list[bytes]


class Streams:
    """The streams of one board."""

    def __init__(self, board: Board, messages: Messages) -> None:
        """Begin without clients."""
        self._board = board
        self._messages = messages
        self._clients = Clients()
        self.close = self._clients.close
        Gauge("salespulse_stream_clients", "Clients of the stream.", registry=board.registry).set_function(
            lambda: len(self._clients)
        )
        self._snapshots: dict[Query, _Snapshot] = {}
        self._making = asyncio.Lock()
        self._frames: dict[tuple[Query, int], bytes] = {}
        self._frames_of = (board.feed.epoch, 0)

    async def serve(self, request: web.Request, asked: Query) -> web.StreamResponse:
        """Stream the readings that are asked for until the client goes.

        Raises:
            HTTPServiceUnavailable: there are too many clients.
        """
        last_id = request.headers.get("Last-Event-ID", "")
        return await self._clients.serve(request, lambda response: self._follow(response, asked, last_id))

    async def _follow(self, response: web.StreamResponse, asked: Query, last_id: str) -> None:
        epoch, sent = _position(last_id)
        told_at, told_ready = 0.0, None
        while True:
            feed = self._board.feed
            if epoch != feed.epoch:
                epoch, sent = feed.epoch, -1
            changes = self._changes(feed, asked, sent)
            if changes is None:
                snapshot = await self._snapshot(feed, asked)
                epoch, sent = snapshot.epoch, snapshot.number
                for piece in snapshot.pieces:
                    await write(response, piece)
                continue  # what changed while it was made and sent comes at once
            sent = feed.number
            if changes:
                await write(response, changes)
            ready = self._board.ready()
            if ready[0] != told_ready or time.monotonic() - told_at >= PROGRESS_SECONDS:
                await write(response, self._progress(feed, ready))
                told_at, told_ready = time.monotonic(), ready[0]
            await feed.wait(PROGRESS_SECONDS, after=sent)

    # ----------------------------------------------------------------------------------------------------------- events

    def _changes(self, feed: Feed, asked: Query, sent: int) -> bytes | None:
        """Return the event of what changed after tick `sent`, empty if none; None if a snapshot is due."""
        if self._frames_of != (feed.epoch, feed.number):
            self._frames_of = feed.epoch, feed.number
            self._frames.clear()
        made = self._frames.get((asked, sent))
        if made is None:
            changes = feed.since(sent)
            if changes is None:
                return None
            updates = {key: m for key, m in merged(changes).items() if asked.wants_message(m)}
            event = ChangesEvent(
                as_of=self._as_of() or "",
                readings=[m for m in updates.values() if not m.gone],
                gone=[key for key, m in updates.items() if m.gone],
            )
            made = frame("changes", event, _id(feed.epoch, feed.number)) if updates else b""
            self._frames[asked, sent] = made
        return made

    async def _snapshot(self, feed: Feed, asked: Query) -> _Snapshot:
        async with self._making:
            now = time.monotonic()
            self._snapshots = {q: s for q, s in self._snapshots.items() if now - s.made_at < _SNAPSHOT_SECONDS}
            found = self._snapshots.get(asked)
            if found is None or found.epoch != feed.epoch:
                found = self._snapshots[asked] = await self._make_snapshot(feed, asked, now)
            return found

    async def _make_snapshot(self, feed: Feed, asked: Query, now: float) -> _Snapshot:
        view, epoch, number, as_of = self._board.view, feed.epoch, feed.number, self._as_of()
        if view.as_of is None:
            return _Snapshot(epoch, number, now, [frame("snapshot", SnapshotEvent(as_of=None, readings=[], last=True))])
        at = view.as_of
        readings = list(select(view, asked))  # of one instant, although it is sent in pieces
        pieces = []
        for begin in range(0, len(readings) or 1, _PIECE):
            last = begin + _PIECE >= len(readings)
            told = [self._messages.message(r, at) for r in readings[begin : begin + _PIECE]]
            event = SnapshotEvent(as_of=as_of, readings=told, last=last)
            pieces.append(frame("snapshot", event, _id(epoch, number) if last else None))
            await asyncio.sleep(0)
        return _Snapshot(epoch, number, now, pieces)

    def _progress(self, feed: Feed, state: tuple[bool, str]) -> bytes:
        ready, reason = state
        told = progress_of(self._board.view)
        message = ProgressMessage(
            as_of=told.as_of, watermarks=told.watermarks, ready=ready, reason=None if ready else reason
        )
        return frame("progress", message, _id(feed.epoch, feed.number))

    def _as_of(self) -> str | None:
        as_of = self._board.view.as_of
        return None if as_of is None else format_instant(as_of)


def _id(epoch: str, number: int) -> str:
    return f"{epoch}-{number}"


def _position(last_id: str) -> tuple[str, int]:
    """Return the epoch and number in an event id; of one that is not ours such that a snapshot is due."""
    epoch, _, number = last_id.rpartition("-")
    ours = number.isdecimal() and number.isascii() and len(number) <= _MOST_DIGITS
    return (epoch, int(number)) if ours else ("", -1)
