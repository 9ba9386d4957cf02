"""The web application of a view: the wall for people, the API for services, `/metrics`, `/healthz` and `/readyz`."""

from collections.abc import Iterable

import aiohttp_cors
from aiohttp import web

from config.settings import Settings
from metrics.exposition import ReadingsCollector
from metrics.view import View
from streams.alerts.hook import AlertHook
from streams.api.answers import errors_as_json
from streams.api.routes import ApiRoutes
from streams.board import Board
from streams.runbooks.routes import RunbookRoutes
from streams.wall.routes import WallRoutes
from streams.web_metrics import measured
from streams.web_parts import LARGEST_BODY, OPEN_PATHS, harden, health_routes, metrics_response, require_token
from streams.web_rate import bounded_rate


def view_app(settings: Settings, board: Board, hook: AlertHook | None = None) -> web.Application:
    """Build the web application of `board`; alerts are taken where there is a `hook` for them."""
    app = web.Application(
        middlewares=[
            measured(board.registry),
            errors_as_json,
            bounded_rate(settings.http_rate, OPEN_PATHS),
            require_token(settings.http_token),
        ],
        client_max_size=LARGEST_BODY,
    )
    app.on_response_prepare.append(harden)
    WallRoutes(board).add_to(app)
    RunbookRoutes(board.view.plan, settings).add_to(app)
    api = ApiRoutes(board).add_to(app)
    if settings.http_origins:
        _share(app, api, settings.http_origins)
    _Metrics(board).add_to(app)
    health_routes(app, board)
    if hook is not None:
        hook.add_to(app)
    return app


def _share(app: web.Application, routes: Iterable[web.AbstractRoute], origins: Iterable[str]) -> None:
    """Let pages of other `origins` read the answers of `routes`; a browser keeps them from all others."""
    allowed = aiohttp_cors.ResourceOptions(  # type: ignore[no-untyped-call] # it has types, but not for this
        allow_headers=("Authorization", "If-None-Match", "Last-Event-ID"), expose_headers=("ETag",)
    )
    cors = aiohttp_cors.setup(app, defaults=dict.fromkeys(origins, allowed))
    for route in routes:
        cors.add(route)


class _Metrics:
    """`/metrics` of the board's view, whichever it is at the moment."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._registry = board.registry
        self._collected: tuple[View, ReadingsCollector] | None = None

    def add_to(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_get("/metrics", self._get_metrics)

    async def _get_metrics(self, request: web.Request) -> web.Response:
        self._collect(self._board.view)
        return metrics_response(request, self._registry)

    def _collect(self, view: View) -> None:
        if self._collected is None or self._collected[0] is not view:
            if self._collected is not None:
                self._registry.unregister(self._collected[1])
            self._collected = view, ReadingsCollector(view)
            self._registry.register(self._collected[1])
