"""The HTTP interface of a view: the live page, the readings as JSON, `/metrics`, `/healthz` and `/readyz`."""

from collections.abc import Iterable
from importlib.resources import files
from typing import Protocol

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry

from config.settings import Settings
from metrics.exposition import ReadingsCollector
from metrics.view import View
from streams.page import live_fragment, live_page
from streams.readings import QueryError, ReadingEncoder, query, select
from streams.web_parts import Health, health_routes, metrics_response, quiet_runner, require_token

_ASSETS = {"live.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
_PARAMETERS = ("kpi", "window", "by")
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Board(Health, Protocol):
    """What is served: a view, kept up to date by whoever owns it, and whether it is."""

    @property
    def view(self) -> View:
        """The readings; it may be another one after a start from the beginning."""
        ...


def view_app(settings: Settings, board: Board) -> web.Application:
    """Build the web application of `board`."""
    app = web.Application(middlewares=[require_token(settings.http_token)])
    _Site(board).add_to(app)
    health_routes(app, board)
    return app


async def view_web(settings: Settings, board: Board) -> web.AppRunner:
    """Serve `board` on `http_host` and `http_port`; close it with `await runner.cleanup()`.

    Raises:
        OSError: the address cannot be listened on.
    """
    return await quiet_runner(view_app(settings, board), settings.http_host, settings.http_port)


class _Site:
    """The pages of one board."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._registry = CollectorRegistry()
        self._collected: tuple[View, ReadingsCollector] | None = None
        folder = files("streams") / "pages"
        self._assets = {name: (folder / name).read_bytes() for name in _ASSETS}

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/", self._page)
        app.router.add_get("/fragment", self._fragment)
        app.router.add_get("/assets/{name}", self._asset)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/api/v1/readings", self._readings)

    async def _page(self, _: web.Request) -> web.Response:
        return self._html(live_page(self._board.view, self._board.ready()))

    async def _fragment(self, _: web.Request) -> web.Response:
        return self._html(live_fragment(self._board.view, self._board.ready()))

    @staticmethod
    def _html(text: str) -> web.Response:
        response = web.Response(text=text, content_type="text/html", headers=_PAGE_HEADERS)
        response.enable_compression()
        return response

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._assets:
            raise web.HTTPNotFound
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        return web.Response(body=self._assets[name], content_type=_ASSETS[name], headers=headers)

    async def _metrics(self, request: web.Request) -> web.Response:
        self._collect_current_view()
        return metrics_response(request, self._registry)

    def _collect_current_view(self) -> None:
        view = self._board.view
        if self._collected is None or self._collected[0] is not view:
            if self._collected is not None:
                self._registry.unregister(self._collected[1])
            self._collected = view, ReadingsCollector(view)
            self._registry.register(self._collected[1])

    async def _readings(self, request: web.Request) -> web.Response:
        view, asked = self._board.view, request.query
        try:
            _check_parameters(asked)
            wanted = query(view.plan, *(asked.getall(name, []) for name in _PARAMETERS))
        except QueryError as error:
            return web.json_response({"error": str(error)}, status=400)
        encoder = ReadingEncoder(view)
        body = msgspec.json.encode([encoder.encode(r) for r in select(view, wanted)] if view.as_of is not None else [])
        response = web.Response(body=body, content_type="application/json", headers={"Cache-Control": "no-store"})
        response.enable_compression()
        return response


def _check_parameters(given: Iterable[str]) -> None:
    for name in given:
        if name not in _PARAMETERS:
            raise QueryError(f"parameter `{name}` is not known; use one of {', '.join(_PARAMETERS)}")
