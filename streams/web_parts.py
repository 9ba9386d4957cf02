"""What the web applications of worker and view share: token, health, metrics, and serving without noise."""

import asyncio
import hmac
from hashlib import sha256
from ssl import SSLContext
from typing import Any, Protocol

from aiohttp import BasicAuth, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import SecretStr

from streams.question_signature import is_signed

OPEN_PATHS = ("/healthz", "/readyz")
"""What orchestrators ask without a token; it tells nothing of the business."""
LARGEST_BODY = 64 * 1024
"""What a request may carry, in bytes; no page of ours wants any, and the hook says itself what it takes."""
MOST_CONNECTIONS = 4_000
"""What is left of the process's open files is needed for Kafka."""
IDLE_SECONDS = 60.0
"""A connection that sends no whole request for so long is closed."""
_LINGERING_SECONDS = 2.0
"""After an answer the rest of a body is taken for so long, so that the answer is read."""
_LONGEST_LINE = 8_190
"""Bytes of the first line of a request, with its address, and of each header."""
_SHUTDOWN_SECONDS = 1.0
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Health(Protocol):
    """Whether the process can do its work now."""

    def ready(self) -> tuple[bool, str]:
        """Return whether it can, and the state or the reason in words."""
        ...


def require_token(token: SecretStr | None, *, signed_path: str | None = None) -> Middleware:
    """Return a middleware that asks for the token, but not on the health paths.

    Programs send `Authorization: Bearer <token>`; browsers cannot, and ask a person for a password (with any name).

    Args:
        token: what must be sent; None asks for nothing.
        signed_path: where a view's signature of its question is as good.
    """

    def may(request: web.Request, token: SecretStr) -> bool:
        headers = request.headers.getall("Authorization", [])
        if len(headers) != 1:  # of several, a proxy in front of us may have looked at another one
            return False
        if request.path == signed_path and is_signed(headers[0], token, request.query.items()):
            return True
        return _is_equal(_given_token(headers[0]), token.get_secret_value())

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        open_ = request.path in OPEN_PATHS or request.method == "OPTIONS"  # what a browser asks before it may ask
        if token is None or open_ or may(request, token):
            return await handler(request)
        page = "text/html" in request.headers.get("Accept", "")
        return web.json_response(
            {"error": "a token is needed; send `Authorization: Bearer <SALESPULSE_HTTP_TOKEN>`"},
            status=401,
            headers={"WWW-Authenticate": 'Basic realm="salespulse", charset="UTF-8"' if page else "Bearer"},
        )

    return check


def _is_equal(given: str, expected: str) -> bool:
    """Compare two texts in a time that tells nothing about either, not even the length."""
    digests = (sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given, expected))
    return hmac.compare_digest(*digests)


def _given_token(header: str) -> str:
    """Return the token in an `Authorization` header, or the password in its place; empty when there is none."""
    scheme, _, given = header.partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    try:
        password: str = BasicAuth.decode(header, encoding="utf-8").password
    except ValueError:
        return ""
    return password


def health_routes(app: web.Application, health: Health) -> None:
    """Add `/healthz` (the process answers) and `/readyz` (it can do its work: 200, else 503 with the reason)."""

    async def healthz(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        ready, reason = health.ready()
        return web.json_response({"ready": ready, "reason": reason}, status=200 if ready else 503)

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)


def metrics_response(request: web.Request, registry: CollectorRegistry) -> web.Response:
    """Return all metrics of `registry` in the format that the client asks for."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    response = web.Response(body=encode(registry))
    response.headers["Content-Type"] = content_type
    response.enable_compression()
    return response


async def harden(_: web.Request, response: web.StreamResponse) -> None:
    """Add the headers that tell a browser to trust an answer with nothing, where it does not say more itself.

    Connect it to `on_response_prepare`, so that no answer is left out.
    """
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "salespulse"  # aiohttp tells the versions of itself and of Python


class _Refused(asyncio.Protocol):
    """A connection that is one too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


class _BoundedRunner(web.AppRunner):
    """A runner that lets in so many connections and no more."""

    @property
    def server(self) -> Any:
        """Return what makes a protocol for each connection."""
        server = super().server

        def accept() -> asyncio.Protocol:
            if server is None or len(server.connections) >= MOST_CONNECTIONS:
                return _Refused()
            return server()

        return accept


async def quiet_runner(app: web.Application, host: str, port: int, tls: SSLContext | None = None) -> web.AppRunner:
    """Serve `app`, with bounds for what a client may send, and without a line of log for each request.

    The caller ends it with `await runner.cleanup()`.

    Raises:
        OSError: the address cannot be listened on.
    """
    runner = _BoundedRunner(
        app,
        access_log=None,
        shutdown_timeout=_SHUTDOWN_SECONDS,
        keepalive_timeout=IDLE_SECONDS,
        lingering_time=_LINGERING_SECONDS,
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def bound_port(runner: web.AppRunner) -> int:
    """Return the port that a runner listens on, which differs from the one asked for when that was 0."""
    port: int = runner.addresses[0][1]
    return port
