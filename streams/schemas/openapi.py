"""The HTTP interface as an OpenAPI 3.1 document, with what is declared as the values of its parameters."""

from typing import Any

import msgspec

from metrics.plan import Plan
from streams.api.catalogue import KpiMessage, kpi_messages
from streams.api.stream import ChangesEvent, SnapshotEvent
from streams.contributors import EntitiesPage
from streams.messages import ProgressMessage, ReadingMessage
from streams.schemas.examples import Examples, plain
from streams.schemas.forms import CONTRACT_VERSION, JsonSchema
from streams.schemas.message_schemas import component_schemas
from streams.schemas.openapi_parameters import declared_parameters, reference
from streams.schemas.openapi_responses import RESPONSES, answers, json_answer, schema_of
from streams.web_parts import OPEN_PATHS

_SCHEMAS = "#/components/schemas/"
_ABOUT = """\
The KPIs as they are now, over HTTP. Decimals are texts, because they are exact; instants are RFC 3339 in UTC.

Objects may get new fields at any time; clients must bear fields that they do not know. Parameters that are not known
are refused with 400. With `SALESPULSE_HTTP_TOKEN` set, every path but `/healthz` and `/readyz` asks for
`Authorization: Bearer <token>`."""
_STREAM = """\
Server-sent events; the stream does not end by itself. `snapshot` comes first, in pieces, the last of which says so:
with it the client has all readings that are asked for. Then comes `changes` whenever readings changed or are no more,
and `progress` at least every 10 s: without it for longer the connection is dead, and with `ready: false` in it the
readings are old. After each event that has an `id` the stream can be resumed: who sends it as `Last-Event-ID` (browsers
do so by themselves) gets what changed since then, or a new snapshot if that is too long ago. A new snapshot replaces
all that was known."""


def openapi_document(plan: Plan) -> dict[str, Any]:
    """Return the document for what `plan` declares."""
    examples = Examples(plan)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "salespulse",
            "version": CONTRACT_VERSION,
            "summary": "Exact, live sales KPIs",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "A view: `salespulse serve`, `run` or `demo`."}],
        "security": [{}, {"bearer": []}],
        "tags": [
            {"name": "readings", "description": "The values, and what they are made of."},
            {"name": "service", "description": "The service itself."},
        ],
        "paths": {**_readings_paths(plan, examples), **_service_paths()},
        "components": {
            "schemas": _schemas(),
            "parameters": declared_parameters(plan),
            "responses": RESPONSES,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The value of `SALESPULSE_HTTP_TOKEN`, where that is set.",
                }
            },
        },
    }


def _schemas() -> dict[str, JsonSchema]:
    types = (KpiMessage, ReadingMessage, EntitiesPage, SnapshotEvent, ChangesEvent, ProgressMessage)
    found = component_schemas(types, _SCHEMAS)
    del found["ReadingMessage"]["properties"]["revision"]  # which the topic alone counts
    return {
        **found,
        "Error": {
            "description": "What is wrong, and the remedy.",
            "type": "object",
            "properties": {"error": {"type": "string"}},
            "required": ["error"],
        },
        "Health": {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]},
        "Readiness": {
            "type": "object",
            "properties": {
                "ready": {"description": "Whether the readings are those of now.", "type": "boolean"},
                "reason": {"description": "The state, or why not.", "type": "string"},
            },
            "required": ["ready", "reason"],
        },
    }


# --------------------------------------------------------------------------------------------------------------- paths


def _readings_paths(plan: Plan, examples: Examples) -> dict[str, Any]:
    kpis = [plain(message) for message in kpi_messages(plan)[:1]]
    readings = json_answer(_list_of("ReadingMessage"), [examples.reading(), examples.absent()], tagged=True)
    return {
        "/api/v1/kpis": _get(
            "listKpis",
            "The declared KPIs",
            answers(json_answer(_list_of("KpiMessage"), kpis, tagged=True), "304"),
            about="What each means, and its windows, breakdowns and targets, in the order of the declarations.",
        ),
        "/api/v1/readings": _get(
            "listReadings",
            "The readings",
            answers(readings, "304"),
            ("kpi", "window", "by", "where", "as_of"),
            about="Those that all filters leave, as of now or of an instant of the past. Without a filter all of them."
            " Empty before the first evaluation.",
        ),
        "/api/v1/readings/{kpi}/entities": _get(
            "listEntities",
            "The entities behind a reading",
            answers(json_answer(schema_of("EntitiesPage"), examples.entities()), "404", "503"),
            ("of_kpi", "agg", "window_of_one", "where", "limit", "before"),
            about="The deals, leads, … that make up one reading, newest first. `where` names each dimension of the"
            " series once; without it the total is meant.",
        ),
        "/api/v1/stream": _get(
            "streamReadings",
            "The readings as they change",
            answers(_event_stream(examples), "503"),
            ("kpi", "window", "by", "where", "last_event_id"),
            about=_STREAM,
        ),
    }


def _service_paths() -> dict[str, Any]:
    document = {
        "type": "object",
        "properties": {"openapi": {"type": "string"}, "info": {"type": "object"}, "paths": {"type": "object"}},
        "required": ["openapi", "info", "paths"],
    }
    readiness = schema_of("Readiness")
    paths = {
        "/api/v1/openapi.json": _get(
            "getOpenapi",
            "This document, with the KPIs of this installation",
            answers(json_answer(document, tagged=True), "304"),
        ),
        "/healthz": _get(
            "getHealth", "Whether the process answers", {"200": json_answer(schema_of("Health"), {"status": "ok"})}
        ),
        "/readyz": _get(
            "getReadiness",
            "Whether the readings are those of now",
            {
                "200": json_answer(readiness, {"ready": True, "reason": "live"}, text="They are."),
                "503": json_answer(readiness, text="They are not, and the reason says why."),
            },
        ),
        "/metrics": _get(
            "getMetrics",
            "All readings for Prometheus",
            {
                "200": {"description": "The metrics.", "content": {"text/plain": {"schema": {"type": "string"}}}},
                "401": {"$ref": "#/components/responses/401"},
            },
        ),
    }
    for path, item in paths.items():
        item["get"] |= {"tags": ["service"], **({"security": []} if path in OPEN_PATHS else {})}
    return paths


def _get(
    name: str, summary: str, responses: dict[str, Any], parameters: tuple[str, ...] = (), *, about: str = ""
) -> dict[str, Any]:
    operation = {
        "operationId": name,
        "tags": ["readings"],
        "summary": summary,
        **({"description": about} if about else {}),
        **({"parameters": [reference(known) for known in parameters]} if parameters else {}),
        "responses": responses,
    }
    return {"get": operation}


def _event_stream(examples: Examples) -> dict[str, Any]:
    progress = {**examples.progress(), "ready": True}
    events = (
        ("1f0c9a3e-41", "snapshot", {"as_of": examples.as_of, "readings": [examples.reading()], "last": True}),
        ("1f0c9a3e-42", "changes", {"as_of": examples.as_of, "readings": [], "gone": [examples.key()]}),
        ("1f0c9a3e-42", "progress", progress),
    )
    text = "".join(
        f"id: {i}\nevent: {name}\ndata: {msgspec.json.encode(told).decode()}\n\n" for i, name, told in events
    )
    return {
        "description": "The events.",
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": text}},
        "x-events": {
            "snapshot": schema_of("SnapshotEvent"),
            "changes": schema_of("ChangesEvent"),
            "progress": schema_of("ProgressMessage"),
        },
    }


def _json(told: Any) -> str:
    return msgspec.json.encode(told).decode()


def _list_of(name: str) -> JsonSchema:
    return {"type": "array", "items": schema_of(name)}
