"""What the paths of the OpenAPI document answer."""

from typing import Any

from streams.schemas.forms import JsonSchema


def schema_of(name: str) -> JsonSchema:
    """Return a reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def json_answer(schema: JsonSchema, example: Any = None, *, text: str = "", tagged: bool = False) -> dict[str, Any]:
    """Return the description of an answer in JSON; one that is `tagged` may be asked for again by its tag."""
    content = {"schema": schema, **({} if example is None else {"example": example})}
    return {
        "description": text or "What was asked for.",
        **({"headers": {"ETag": _ETAG}} if tagged else {}),
        "content": {"application/json": content},
    }


def answers(good: dict[str, Any], *others: str) -> dict[str, Any]:
    """Return the answers of a path: the good one, what may happen everywhere, and `others` by their status."""
    statuses = sorted({"400", "401", "429", "500", *others})
    return {"200": good, **{status: {"$ref": f"#/components/responses/{status}"} for status in statuses}}


_ETAG = {
    "description": "The version of the answer: who sends it as `If-None-Match` gets 304 while nothing changed.",
    "schema": {"type": "string"},
}
_ERRORS = {
    "400": (
        "A parameter is not known, or has a value that is not declared.",
        "window `60d` is not declared; use one of 7d, 30d",
    ),
    "401": ("A token is needed.", "a token is needed; send `Authorization: Bearer <SALESPULSE_HTTP_TOKEN>`"),
    "404": ("There is no such KPI.", "kpi `x` is not declared; see /api/v1/kpis for those that are"),
    "429": (
        "The client asks too often; `Retry-After` says when to come back.",
        "more than 100 requests a second; ask again after the seconds of `Retry-After`",
    ),
    "500": ("The service failed.", "something went wrong on this side; the log of the service says what"),
    "503": ("It cannot be answered now; try again later.", "1000 clients listen already; try again later"),
}
"""What an error means, and what it may say."""
_SAME: dict[str, Any] = {"description": "It is what the client has already.", "headers": {"ETag": _ETAG}}
RESPONSES: dict[str, Any] = {
    "304": _SAME,
    **{
        status: json_answer(schema_of("Error"), {"error": error}, text=text)
        for status, (text, error) in _ERRORS.items()
    },
}
"""By status: the answers that several paths share."""
