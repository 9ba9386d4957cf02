"""The routes of the wall: the page, the details of a KPI, the stream, and what the pages are made with."""

from importlib.resources import files

from aiohttp import web

from streams.api.answers import not_modified, tag_of
from streams.board import Board
from streams.html_response import html_response
from streams.wall.detail import detail
from streams.wall.headlines import Headlines
from streams.wall.live import LiveWall
from streams.wall.pages import WallPage, detail_fragment, detail_page, missing_page, state_of, wall_page
from streams.wall.selection import Selection, selection
from streams.wall.tiles import Tiles

_ASSETS = {
    "wall.css": "text/css",
    "wall.js": "text/javascript",
    "theme.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class WallRoutes:
    """The wall over one board."""

    def __init__(self, board: Board) -> None:
        """Find what the wall shows, and read its assets."""
        self._board = board
        self._headlines = Headlines(board.view.plan)
        self._tiles = Tiles(self._headlines)
        self._live = LiveWall(board, self._tiles, self._version)
        folder = files("streams.wall") / "assets"
        self._assets = {name: (folder / name).read_bytes() for name in _ASSETS}
        self._made_with = tag_of(*self._assets.values(), *self._headlines.windows, *self._titles())

    def _titles(self) -> list[str]:
        return [str(of.kpi.title) for kpis in self._headlines.groups.values() for of in kpis]

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/", self._get_wall)
        app.router.add_get("/kpi/{kpi}", self._get_kpi)
        app.router.add_get("/wall/stream", self._get_stream)
        app.router.add_get("/assets/{name}", self._get_asset)
        app.on_shutdown.append(self._live.close)

    async def _get_wall(self, request: web.Request) -> web.Response:
        chosen, view, epoch = self._chosen(request), self._board.view, self._board.feed.epoch
        page = WallPage(
            chosen,
            state_of(view, self._board.ready(), chosen.language),
            self._version(),
            self._headlines.windows,
            self._tiles.teams(view, chosen.team),
            self._tiles.groups(view, epoch, chosen),
            self._tiles.columns,
        )
        return html_response(wall_page(page))

    async def _get_kpi(self, request: web.Request) -> web.Response:
        chosen, view = self._chosen(request), self._board.view
        key = request.match_info["kpi"]
        if key not in self._headlines.kpis:
            return html_response(missing_page(chosen, self._version()), status=404)
        found = detail(self._tiles, key, view, self._board.feed.epoch, chosen)
        if request.query.get("fragment"):
            return html_response(detail_fragment(found, chosen))
        state = state_of(view, self._board.ready(), chosen.language)
        return html_response(detail_page(found, chosen, state, self._version()))

    async def _get_stream(self, request: web.Request) -> web.StreamResponse:
        return await self._live.serve(request, self._chosen(request))

    async def _get_asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._assets:
            raise web.HTTPNotFound
        tag = tag_of(self._assets[name])
        unchanged = not_modified(request, tag)
        if unchanged is not None:
            return unchanged
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        response = web.Response(body=self._assets[name], content_type=_ASSETS[name], charset="utf-8", headers=headers)
        response.etag = tag
        response.enable_compression()
        return response

    def _chosen(self, request: web.Request) -> Selection:
        return selection(request.query, request.headers.get("Accept-Language", ""), self._headlines.windows)

    def _version(self) -> str:
        """Return what changes when a page that was loaded before no longer fits: other assets, tiles or teams."""
        return tag_of(self._made_with, *self._tiles.teams(self._board.view, ""))
