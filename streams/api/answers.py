"""How the API answers: JSON with an entity tag, errors as JSON, and parameters that it does not know refused."""

from collections.abc import Collection
from hashlib import sha256

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from streams.readings import QueryError

_CACHING = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
"""Keep it if you like, but ask each time whether it still holds: a reading is a second old at most."""
_log = structlog.get_logger(__name__)


def error_response(status: int, text: str, **headers: str) -> web.Response:
    """Return an error in the form that all of them have."""
    return web.json_response({"error": text}, status=status, headers=headers)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:  # noqa: PLR0911 - a table
    """Turn whatever goes wrong into ``{"error": …}``; what nobody expected is logged, and told without the inside."""
    try:
        return await handler(request)
    except QueryError as error:
        return error_response(400, str(error))
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        return error_response(405, f"method {error.method} is not allowed here; use {allowed}", Allow=allowed)
    except web.HTTPNotFound:
        return error_response(404, f"there is no `{request.path}`; the API is described at /api/v1/openapi.json")
    except web.RequestPayloadError as error:
        return error_response(
            400, f"the body cannot be read: {' '.join(str(error).split())}; send what its headers say"
        )
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - a redirection is no error
            raise
        return error_response(error.status, error.text or error.reason)
    except Exception:  # noqa: BLE001 - whatever it is, the client gets an answer and the log the reason
        _log.exception("a request failed", path=request.path)
        return error_response(500, "something went wrong on this side; the log of the service says what")


def check_parameters(request: web.Request, known: Collection[str]) -> None:
    """Refuse parameters that mean nothing: a misspelt filter must not pass for none.

    Raises:
        QueryError: a parameter is not known.
    """
    for name in request.query:
        if name not in known:
            remedy = f"use one of {', '.join(known)}" if known else "there are none here: leave it out"
            raise QueryError(f"parameter `{name}` is not known; {remedy}")


def tag_of(*parts: object) -> str:
    """Return an entity tag that changes with any of `parts`."""
    return sha256("\n".join(map(str, parts)).encode()).hexdigest()[:24]


def not_modified(request: web.Request, tag: str) -> web.Response | None:
    """Return the answer to somebody who has this version already, None for others."""
    given = request.if_none_match or ()
    if not any(etag.value in {tag, "*"} for etag in given):
        return None
    response = web.Response(status=304, headers=_CACHING)
    response.etag = tag
    return response


def json_response(body: bytes, tag: str | None = None) -> web.Response:
    """Return JSON; with a tag it may be asked for again and found unchanged."""
    response = web.Response(body=body, content_type="application/json", headers=_CACHING)
    if tag is None:
        response.headers["Cache-Control"] = "no-store"
    else:
        response.etag = tag
    response.enable_compression()
    return response
