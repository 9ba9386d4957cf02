"""The routes of the API."""

import asyncio
from collections.abc import Iterator

import msgspec
from aiohttp import web

from metrics.calendar import Window, parse_instant
from metrics.history import NotKeptError, Past
from metrics.plan import SeriesPlan
from metrics.view import Reading, View
from streams.api.answers import check_parameters, error_response, json_response, not_modified, tag_of
from streams.api.catalogue import kpi_messages
from streams.api.stream import Streams
from streams.board import Board
from streams.contributors import PARAMETERS as ENTITY_PARAMETERS
from streams.contributors import WorkersUnreachableError, parse_question
from streams.messages import Messages, encode
from streams.readings import Query, QueryError, query, select
from streams.schemas.openapi import openapi_document

FILTERS = ("kpi", "window", "by", "where")
_AT_ONCE = 500
"""Readings encoded before others may use the event loop; some milliseconds."""
_encode = msgspec.json.Encoder().encode


class ApiRoutes:
    """The API over one board."""

    def __init__(self, board: Board) -> None:
        """Make what does not change while the process lives."""
        plan = board.view.plan
        self._board = board
        self._messages = Messages(plan)
        self._streams = Streams(board, self._messages)
        self._kpis = _encode(kpi_messages(plan))
        self._openapi = _encode(openapi_document(plan))

    def add_to(self, app: web.Application) -> list[web.AbstractRoute]:
        """Add the routes, and return them."""
        app.on_shutdown.append(self._streams.close)
        return app.router.add_routes(
            [
                web.get("/api/v1/kpis", self._get_kpis),
                web.get("/api/v1/readings", self._get_readings),
                web.get("/api/v1/readings/{kpi}/entities", self._get_entities),
                web.get("/api/v1/stream", self._get_stream),
                web.get("/api/v1/openapi.json", self._get_openapi),
            ]
        )

    async def _get_kpis(self, request: web.Request) -> web.Response:
        check_parameters(request, ())
        return _unchanging(request, self._kpis)

    async def _get_openapi(self, request: web.Request) -> web.Response:
        check_parameters(request, ())
        return _unchanging(request, self._openapi)

    async def _get_readings(self, request: web.Request) -> web.Response:
        check_parameters(request, (*FILTERS, "as_of"))
        view = self._board.view
        asked = _query(view, request)
        as_of = _instant(request.query.getall("as_of", []))
        if as_of is not None and as_of != view.as_of:
            return json_response(await self._body(await _past(view, asked, as_of), as_of))
        feed = self._board.feed
        tag = tag_of(feed.epoch, feed.number, view.as_of, request.query_string)
        unchanged = not_modified(request, tag)
        if unchanged is not None:
            return unchanged
        if view.as_of is None:
            return json_response(b"[]", tag)
        return json_response(await self._body(list(select(view, asked)), view.as_of), tag)

    async def _body(self, readings: list[Reading], as_of: int) -> bytes:
        parts = []
        for number, reading in enumerate(readings):
            parts.append(encode(self._messages.message(reading, as_of)))
            if number % _AT_ONCE == _AT_ONCE - 1:
                await asyncio.sleep(0)
        return b"[" + b",".join(parts) + b"]"

    async def _get_entities(self, request: web.Request) -> web.Response:
        check_parameters(request, ENTITY_PARAMETERS)
        kpi = request.match_info["kpi"]
        plan = self._board.view.plan
        if kpi not in plan.declarations.kpis:
            return error_response(404, f"kpi `{kpi}` is not declared; see /api/v1/kpis for those that are")
        question = parse_question(plan, kpi, request.query)
        try:
            page = await self._board.entities(question)
        except WorkersUnreachableError as error:
            return error_response(503, str(error))
        return json_response(_encode(page))

    async def _get_stream(self, request: web.Request) -> web.StreamResponse:
        check_parameters(request, FILTERS)
        return await self._streams.serve(request, _query(self._board.view, request))


def _query(view: View, request: web.Request) -> Query:
    return query(view.plan, *(request.query.getall(name, []) for name in FILTERS))


def _instant(given: list[str]) -> int | None:
    if not given:
        return None
    if len(given) > 1:
        raise QueryError("parameter `as_of` is given several times; ask for one instant at a time")
    try:
        return parse_instant(given[0])
    except ValueError as error:
        raise QueryError(f"as_of: {error}") from None


async def _past(view: View, asked: Query, as_of: int) -> list[Reading]:
    """Return the readings as of an instant of the past.

    What is not kept is left out, but every KPI that is named has at least one series, or the error says why not.

    Raises:
        QueryError: a KPI that was asked for cannot be told as of then.
    """
    past, readings = Past(view, as_of), []
    told: set[str] = set()
    reasons: dict[str, str] = {}
    for index, series, window in _wanted(view, asked):
        try:
            results = past.read(index, window)
        except NotKeptError as error:
            reasons.setdefault(series.kpi.key, str(error))
            continue
        told.add(series.kpi.key)
        for dims, result in sorted(results.items()):
            if asked.wants_row(zip(series.grain, dims, strict=True)):
                readings.append(Reading(series, window, dims, result))
        await asyncio.sleep(0)
    for kpi, reason in sorted(reasons.items()):
        if kpi not in told and (asked.kpis or not told):
            raise QueryError(reason)
    return readings


def _wanted(view: View, asked: Query) -> Iterator[tuple[int, SeriesPlan, Window]]:
    for index, series in enumerate(view.plan.series):
        if asked.wants(series.kpi.key, series.grain):
            for window in series.windows:
                if asked.wants_window(window.token):
                    yield index, series, window


def _unchanging(request: web.Request, body: bytes) -> web.Response:
    """Return what stays the same as long as the process lives."""
    tag = tag_of(body)
    return not_modified(request, tag) or json_response(body, tag)
