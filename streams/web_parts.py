"""What the web applications of worker and view share: token, health, metrics, and serving without noise."""

import hmac
from typing import Protocol

from aiohttp import BasicAuth, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import SecretStr

OPEN_PATHS = ("/healthz", "/readyz")
"""What orchestrators ask without a token; it tells nothing of the business."""
_SHUTDOWN_SECONDS = 1.0


class Health(Protocol):
    """Whether the process can do its work now."""

    def ready(self) -> tuple[bool, str]:
        """Return whether it can, and the state or the reason in words."""
        ...


def require_token(token: SecretStr | None) -> Middleware:
    """Return a middleware that asks for the token, but not on the health paths.

    Programs send `Authorization: Bearer <token>`; browsers cannot, and ask a person for a password (with any name).
    """
    expected = None if token is None else token.get_secret_value().encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        open_ = request.path in OPEN_PATHS or request.method == "OPTIONS"  # what a browser asks before it may ask
        if expected is not None and not open_:
            given = _given_token(request.headers.get("Authorization", ""))
            if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected):
                page = "text/html" in request.headers.get("Accept", "")
                return web.json_response(
                    {"error": "a token is needed; send `Authorization: Bearer <SALESPULSE_HTTP_TOKEN>`"},
                    status=401,
                    headers={"WWW-Authenticate": 'Basic realm="salespulse", charset="UTF-8"' if page else "Bearer"},
                )
        return await handler(request)

    return check


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


async def quiet_runner(app: web.Application, host: str, port: int) -> web.AppRunner:
    """Serve `app` without a line of log for each request; the caller ends it with `await runner.cleanup()`.

    Raises:
        OSError: the address cannot be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner


def bound_port(runner: web.AppRunner) -> int:
    """Return the port that a runner listens on, which differs from the one asked for when that was 0."""
    port: int = runner.addresses[0][1]
    return port
