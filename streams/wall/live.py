"""The stream of the wall, as server-sent events: tiles that changed, and how fresh they are.

Tiles are made once per tick and selection, whoever looks at it. Each client is served by a task of its own, which
compares the newest tiles with those that it sent last: one that is slow misses what lay between, and delays nobody.
"""

import time
from collections.abc import Callable, Mapping

from aiohttp import web

from streams.board import Board
from streams.server_events import Clients, frame, write
from streams.wall.pages import state_of, tile_content
from streams.wall.selection import Selection
from streams.wall.tiles import Tiles

STATE_SECONDS = 5.0
"""How often a client hears that the stream lives, at least."""
_LOOK_SECONDS = 1.0
"""How often the board is asked whether it is ready while nothing changes."""
_FIRST = b"retry: 2000\n\n"
Contents = Mapping[str, str]
"""The changing parts of the tiles, by the keys of their KPIs."""


class LiveWall:
    """The streams of one board."""

    def __init__(self, board: Board, tiles: Tiles, version: Callable[[], str]) -> None:
        """Begin without clients; `version` tells whether a page that was loaded before still fits."""
        self._board = board
        self._tiles = tiles
        self._version = version
        self._made_at = ("", 0)
        self._made: dict[Selection, Contents] = {}
        self._clients = Clients()
        self.close = self._clients.close

    async def serve(self, request: web.Request, chosen: Selection) -> web.StreamResponse:
        """Stream what a person has chosen until they go.

        Raises:
            HTTPServiceUnavailable: there are too many clients.
        """
        return await self._clients.serve(request, lambda response: self._follow(response, chosen))

    async def _follow(self, response: web.StreamResponse, chosen: Selection) -> None:
        await write(response, _FIRST)
        sent: Contents = {}
        told, told_at = b"", 0.0
        while True:
            feed = self._board.feed
            number = feed.number
            contents = self.contents(chosen)
            changed = {key: content for key, content in contents.items() if sent.get(key) != content}
            frames = frame("tiles", changed) if changed else b""
            state, now = self._state(chosen), time.monotonic()
            if state != told or now - told_at >= STATE_SECONDS:
                frames += state
                told, told_at = state, now
            if frames:
                await write(response, frames)
            sent = contents
            await feed.wait(_LOOK_SECONDS, after=number)

    def contents(self, chosen: Selection) -> Contents:
        """Return the changing parts of all tiles as of the last tick."""
        feed, view = self._board.feed, self._board.view
        at = feed.epoch, feed.number
        if self._made_at != at:
            self._made_at = at
            self._made.clear()
        made = self._made.get(chosen)
        if made is None:
            tiles = self._tiles.tiles(view, feed.epoch, chosen)
            made = self._made[chosen] = {key: tile_content(tile, chosen.language) for key, tile in tiles.items()}
        return made

    def _state(self, chosen: Selection) -> bytes:
        state = state_of(self._board.view, self._board.ready(), chosen.language)
        told = {
            "ready": state.ready,
            "reason": state.reason.text,
            "lang": state.reason.language,
            "as_of": state.as_of,
            "clock": state.clock,
            "version": self._version(),
        }
        return frame("state", told)
