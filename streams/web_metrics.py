"""What there is to measure about a web server and its process: requests, errors, durations; CPU, memory, files."""

import time

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS"})
_STREAM = "text/event-stream"


def measured(registry: CollectorRegistry) -> Middleware:
    """Return the outermost middleware, which counts and times requests; also register what the process uses.

    Routes are labelled by their pattern, and other methods and addresses as `other`: clients cannot make new series.
    Event streams are counted when they end and not timed.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call] # gauges that repeat when the process began
    ProcessCollector(registry=registry)
    requests = Counter(
        "salespulse_http_requests",
        "Requests that were answered, by route, method and status.",
        ["route", "method", "status"],
        registry=registry,
    )
    seconds = Histogram(
        "salespulse_http_request_seconds",
        "How long answers take, by route; event streams are left out.",
        ["route"],
        buckets=_SECONDS,
        registry=registry,
    )

    @web.middleware
    async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
        begun, status, stream = time.perf_counter(), 500, False
        try:
            response = await handler(request)
            status, stream = response.status, response.content_type == _STREAM
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            route, method = _route(request), request.method if request.method in _METHODS else "other"
            requests.labels(route, method, str(status)).inc()
            if not stream:
                seconds.labels(route).observe(time.perf_counter() - begun)
        return response

    return measure


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return "other" if resource is None else resource.canonical
