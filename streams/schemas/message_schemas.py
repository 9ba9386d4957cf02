"""What is sent to others, as JSON Schema: made from the very types that are sent, with their attributes' docs.

Objects are open: a client must bear fields that it does not know, because adding one is no new major version.
"""

import re
from collections.abc import Mapping, Sequence
from inspect import getdoc
from typing import Any

import msgspec
from msgspec import Struct

from streams.alerts.message import AlertMessage
from streams.api.catalogue import GrainMessage, GroupMessage, KpiMessage, TargetMessage
from streams.api.stream import ChangesEvent, SnapshotEvent
from streams.contributors import ContributionMessage, EntitiesPage, EntityMessage, EntityTotals
from streams.messages import ProgressMessage, ReadingMessage
from streams.publish.mirror import ChangesMessage
from streams.schemas.forms import (
    AGGREGATE,
    CURRENCY,
    DATE,
    DECIMAL_SENT,
    DEFINITION_VERSION,
    DIALECT,
    FINGERPRINT,
    INSTANT_SENT,
    KEY,
    REASON,
    ROW,
    SERIES,
    SERIES_KEY,
    UNIT,
    WINDOW,
    JsonSchema,
)

_COUNT: JsonSchema = {"type": "integer", "minimum": 0}
_READ: Mapping[str, JsonSchema] = {
    "kpi": KEY,
    "agg": AGGREGATE,
    "window": WINDOW,
    "start": INSTANT_SENT,
    "end": INSTANT_SENT,
    "as_of": INSTANT_SENT,
    "grain": KEY,
    "value": DECIMAL_SENT,
    "unit": UNIT,
    "currency": CURRENCY,
}
_FORMS: Mapping[type[Struct], Mapping[str, JsonSchema]] = {
    ReadingMessage: {
        **_READ,
        "reason": REASON,
        **dict.fromkeys(("numerator", "denominator", "target"), DECIMAL_SENT),
        "samples": _COUNT,
        "definition_version": DEFINITION_VERSION,
        "revision": {"type": "integer", "minimum": 1},
    },
    ProgressMessage: {"as_of": INSTANT_SENT, "watermarks": INSTANT_SENT},
    ChangesMessage: {"as_of": INSTANT_SENT, "changed": ROW},
    EntitiesPage: _READ,
    EntityMessage: {"type": KEY, "at": {"anyOf": [INSTANT_SENT, DATE]}, "updated_at": INSTANT_SENT},
    ContributionMessage: {"value": DECIMAL_SENT, "currency": CURRENCY},
    EntityTotals: {"entities": _COUNT},
    SnapshotEvent: {"as_of": INSTANT_SENT},
    ChangesEvent: {"as_of": INSTANT_SENT, "gone": SERIES_KEY},
    KpiMessage: {
        "key": KEY,
        "unit": UNIT,
        "aggs": AGGREGATE,
        "good": {"type": "string", "enum": ["up", "down"]},
        "definition_version": DEFINITION_VERSION,
    },
    GroupMessage: {"key": KEY},
    GrainMessage: {"by": KEY, "windows": WINDOW},
    TargetMessage: {"by": KEY, "window": WINDOW, "agg": AGGREGATE},
    AlertMessage: {
        "status": {"type": "string", "enum": ["firing", "resolved"]},
        "reading": SERIES_KEY,
        "starts_at": INSTANT_SENT,
        "ends_at": INSTANT_SENT,
        "fingerprint": FINGERPRINT,
    },
}
"""How the texts and numbers of each type are spelt; what a list or an object holds is named by the list or object."""
_RULES: Mapping[type[Struct], JsonSchema] = {
    ReadingMessage: {
        "if": {"properties": {"value": {"type": "null"}}},
        "then": {"required": ["reason"]},
    },
    ChangesMessage: {"properties": {"changed": {"propertyNames": SERIES}}},
    AlertMessage: {
        "if": {"properties": {"status": {"const": "firing"}}},
        "then": {"properties": {"ends_at": {"type": "null"}}},
        "else": {"properties": {"ends_at": INSTANT_SENT}},
    },
}
"""What holds between the fields of a type."""
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


def component_schemas(types: Sequence[type[Struct]], prefix: str) -> dict[str, JsonSchema]:
    """Return the schemas of `types`, and of what they hold, by name; references to each other begin with `prefix`."""
    _, found = msgspec.json.schema_components(types, ref_template=f"{prefix}{{name}}")
    by_name = {known.__name__: known for known in _structs(types)}
    return {name: _described(by_name[name], schema) for name, schema in found.items()}


def message_schema(message: type[Struct]) -> JsonSchema:
    """Return the schema of one type as a document of its own."""
    found = component_schemas([message], "#/$defs/")
    whole = found.pop(message.__name__)
    return {"$schema": DIALECT, **whole, **({"$defs": found} if found else {})}


def dead_letter_schema(sources: Sequence[str]) -> JsonSchema:
    """Return the schema of an event that was refused, of one of `sources`."""
    return {
        "$schema": DIALECT,
        "title": "DeadLetter",
        "description": "An event that can never be applied, and why. The record's key is `type/partition/offset`.",
        "type": "object",
        "properties": {
            "reason": {"type": "string", "description": "Why it was refused: the field, what is wrong, the rule."},
            "type": {"enum": list(sources), "description": "The event type that its topic is for."},
            "topic": {"type": "string", "description": "The topic that it was read from."},
            "partition": {**_COUNT, "description": "Its partition there."},
            "offset": {**_COUNT, "description": "Its offset there."},
            "written_ms": {"type": "integer", "description": "The time of that record, in ms since the epoch."},
            "event": {
                "type": "string",
                "description": "The event as text, of a large one the beginning; bytes that are no UTF-8 as `\\xff`.",
            },
            "event_base64": {"type": "string", "contentEncoding": "base64", "description": "The event byte by byte."},
        },
        "required": ["reason", "type", "topic", "partition", "offset", "written_ms", "event", "event_base64"],
    }


def _structs(types: Sequence[type[Struct]]) -> set[type[Struct]]:
    """Return the struct types among `types` and in their fields."""
    found: set[type[Struct]] = set()
    left: list[Any] = list(types)
    while left:
        known = left.pop()
        if isinstance(known, type) and issubclass(known, Struct) and known not in found:
            found.add(known)
            left += [field.type for field in msgspec.structs.fields(known)]
        left += getattr(known, "__args__", ())
    return found


def _described(message: type[Struct], schema: JsonSchema) -> JsonSchema:
    """Return what msgspec knows of a type, with the docs and the spelling of its attributes."""
    text = getdoc(message) or ""
    docs = {name: _sentence(words) for name, words in _ATTRIBUTE.findall(text)}
    forms = _FORMS.get(message, {})
    properties = {}
    for name, given in schema["properties"].items():
        form = _spelt(_present(given), forms.get(name))
        properties[name] = {"description": docs[name], **form} if name in docs else form
    rules = dict(_RULES.get(message, {}))
    for name, rule in rules.pop("properties", {}).items():
        properties[name] |= rule
    return {**schema, "description": text.partition("\n\n")[0].replace("\n", " "), "properties": properties, **rules}


def _sentence(words: str) -> str:
    joined = " ".join(words.split())
    return joined[0].upper() + joined[1:]


def _present(schema: JsonSchema) -> JsonSchema:
    """Return the schema of a field when it is there: what is null by default is left out instead."""
    if schema.get("default", ...) is not None:
        return schema
    kinds = [kind for kind in schema["anyOf"] if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _spelt(schema: JsonSchema, form: JsonSchema | None) -> JsonSchema:
    """Return `schema` with `form` in the place of the plain texts and numbers in it."""
    if form is None:
        return schema
    if schema in ({"type": "string"}, {"type": "integer"}):
        return form
    inner: dict[str, Any] = {}
    for keyword, part in schema.items():
        if keyword in {"items", "additionalProperties"}:
            inner[keyword] = _spelt(part, form)
        elif keyword == "anyOf":
            inner[keyword] = [_spelt(kind, form) for kind in part]
        else:
            inner[keyword] = part
    return inner
