"""The OpenAPI document: it is one, its examples are valid, and it names what is declared and what is served."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from config.load import load
from metrics.plan import Plan, compile_plan
from streams.api.catalogue import kpi_messages
from streams.api.routes import FILTERS
from streams.contributors import PARAMETERS as ENTITY_PARAMETERS
from streams.readings import QueryError, query
from streams.schemas.examples import plain
from streams.schemas.openapi import openapi_document

ROOT = Path(__file__).parents[3]
OPENAPI = json.loads((ROOT / "tests/data/openapi-3.1.schema.json").read_text("utf-8"))
COMMITTED = ROOT / "docs/schemas/openapi.json"


@cache
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


@cache
def document() -> dict[str, Any]:
    return openapi_document(plan())


def resolved(value: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference leads to, or the value itself."""
    at: Any = value
    if "$ref" in value:
        at = document()
        for step in value["$ref"].split("/")[1:]:
            at = at[step]
    result: dict[str, Any] = at
    return result


def operation(path: str) -> dict[str, Any]:
    found: dict[str, Any] = document()["paths"][path]["get"]
    return found


def parameter(path: str, name: str) -> dict[str, Any]:
    return next(p for p in map(resolved, operation(path)["parameters"]) if p["name"] == name)


def names(path: str, place: str = "query") -> list[str]:
    return [p["name"] for p in map(resolved, operation(path)["parameters"]) if p["in"] == place]


def faults(schema: dict[str, Any], value: object) -> list[str]:
    whole = {"components": document()["components"], **schema}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def test_it_is_an_openapi_document() -> None:
    validator = Draft202012Validator(OPENAPI)

    assert [error.message for error in validator.iter_errors(document())] == []
    broken = copy.deepcopy(document())
    broken["paths"]["/api/v1/kpis"]["get"]["respones"] = {}
    assert not validator.is_valid(broken)


def test_every_schema_is_one() -> None:
    for schema in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_the_committed_document_is_what_is_served() -> None:
    assert msgspec.json.decode(msgspec.json.encode(document())) == json.loads(COMMITTED.read_text("utf-8"))


def test_every_example_is_valid() -> None:
    seen = 0
    for item in document()["paths"].values():
        for answer in map(resolved, item["get"]["responses"].values()):
            for content in answer.get("content", {}).values():
                if "example" in content:
                    assert faults(content["schema"], content["example"]) == []
                    seen += 1
    assert seen == 30


def test_the_events_of_the_stream_are_valid() -> None:
    good = operation("/api/v1/stream")["responses"]["200"]
    told = [block.split("\n") for block in good["content"]["text/event-stream"]["example"].strip().split("\n\n")]

    assert [event.removeprefix("event: ") for _, event, _ in told] == list(good["x-events"])
    for head, event, data in told:
        schema = good["x-events"][event.removeprefix("event: ")]
        assert head.startswith("id: ")
        assert faults(schema, json.loads(data.removeprefix("data: "))) == []
        assert faults(schema, {})


def test_the_parameters_are_those_that_are_read() -> None:
    assert names("/api/v1/readings") == [*FILTERS, "as_of"]
    assert names("/api/v1/stream") == list(FILTERS)
    assert names("/api/v1/stream", "header") == ["Last-Event-ID"]
    assert sorted(names("/api/v1/readings/{kpi}/entities")) == sorted(ENTITY_PARAMETERS)
    assert names("/api/v1/readings/{kpi}/entities", "path") == ["kpi"]
    assert [path for path in document()["paths"] if "parameters" not in operation(path)] == [
        "/api/v1/kpis", "/api/v1/openapi.json", "/healthz", "/readyz", "/metrics",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["kpi", "window", "by"])
def test_the_values_of_a_filter_are_those_that_are_declared(name: str) -> None:
    values = parameter("/api/v1/readings", name)["schema"]["items"]["enum"]

    for value in values:
        query(plan(), **{{"kpi": "kpis", "window": "windows", "by": "by"}[name]: [value]})
    told = {
        "kpi": {m.key for m in kpi_messages(plan())},
        "window": {w for m in kpi_messages(plan()) for g in m.grains for w in g.windows},
        "by": {",".join(g.by) for m in kpi_messages(plan()) for g in m.grains},
    }
    assert set(values) == told[name]


def test_the_dimensions_are_those_that_are_declared() -> None:
    schema = parameter("/api/v1/readings", "where")["schema"]["items"]
    dimensions = {name for message in kpi_messages(plan()) for grain in message.grains for name in grain.by}

    for name in dimensions:
        query(plan(), where=[f"{name}:x"])
        assert faults(schema, f"{name}:x") == []
    for text in ("colour:red", "team", "noord"):
        with pytest.raises(QueryError):
            query(plan(), where=[text])
        assert faults(schema, text)


def test_every_kpi_that_is_listed_is_valid() -> None:
    schema = operation("/api/v1/kpis")["responses"]["200"]["content"]["application/json"]["schema"]

    assert faults(schema, [plain(message) for message in kpi_messages(plan())]) == []


def test_only_the_health_paths_need_no_token() -> None:
    assert document()["security"] == [{}, {"bearer": []}]
    assert [path for path in document()["paths"] if operation(path).get("security") == []] == ["/healthz", "/readyz"]


def test_a_reading_has_no_revision_over_http() -> None:
    assert "revision" not in document()["components"]["schemas"]["ReadingMessage"]["properties"]
