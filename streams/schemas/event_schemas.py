"""What a source accepts, as JSON Schema: the envelope and the declared fields.

The schema is the promise to producers. It says what `metrics.events` accepts and, of a put, that everything is there
which the entity needs to count. Where the decoder is more lenient (other spellings of ISO 8601, a `-0`), nothing is
promised.
"""

from collections.abc import Callable, Mapping
from operator import ge, gt, le, lt
from typing import Any

from config.declarations import Condition, FieldType, RequiredWhen, Scalar, Source
from metrics.events import MAX_AMOUNT_MINOR, MOST_TIMES
from metrics.plan import Plan
from streams.drafts import Draft, Samples, complete, event_of
from streams.envelope import Event
from streams.schemas.examples import AS_OF
from streams.schemas.forms import DATE, DIALECT, INSTANT, JsonSchema

_MAX_TEXT = 1024
_MAX_INTEGER = 2**53
_MAX_DECIMAL = 10**18
_MAX_VERSION = 2**63 - 1
_MAX_ID = 256
_ID: JsonSchema = {"type": "string", "minLength": 1, "maxLength": _MAX_ID}
_NULL: JsonSchema = {"type": "null"}
_THERE: JsonSchema = {"not": _NULL}


def event_schema(plan: Plan, source: Source) -> JsonSchema:
    """Return the schema of the events of `source`."""
    return {
        "$schema": DIALECT,
        "title": f"Event of a {source.key}",
        "description": f"The newest state of a {source.key}, a change of it, or its deletion. The record's key is"
        " `entity_id`. Events may come late, twice and in any order: of each field the greatest"
        " (`version`, `updated_at`, `event_id`) holds.",
        "type": "object",
        "properties": _envelope(source.key),
        "required": ["event_id", "type", "entity_id", "updated_at"],
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"properties": {"op": {"const": "put"}}},
                "then": {"required": ["data"], "properties": {"data": {"$ref": "#/$defs/complete"}}},
            },
            {
                "if": {"properties": {"op": {"const": "patch"}}, "required": ["op"]},
                "then": {"required": ["data"], "properties": {"data": {"type": "object"}}},
            },
        ],
        "$defs": {
            "data": {"description": "The fields; null is the same as not there.", **_object(source.fields)},
            "complete": _complete(source),
        },
        "examples": [example_event(plan, source)],
    }


def example_event(plan: Plan, source: Source) -> Event:
    """Return an event with all that `source` requires."""
    samples = Samples(plan.declarations, plan.calendar, plan.currency, AS_OF)
    draft = Draft(source, f"{source.key}-1")
    complete(draft, samples)
    return event_of(draft, 1, AS_OF)


def _envelope(source: str) -> dict[str, JsonSchema]:
    return {
        "event_id": {"description": "Unique for each event; sent twice, it is the same event.", **_ID},
        "type": {"const": source},
        "entity_id": {"description": "Which one it is, and the key of the record.", **_ID},
        "op": {
            "description": "`put`: the full state, fields that are not named become null. `patch`: only the named"
            " fields change. `delete`: it is no more.",
            "enum": ["put", "patch", "delete"],
            "default": "put",
        },
        "version": {
            "description": "Grows with every change of the entity; without it `updated_at` in microseconds counts.",
            "type": ["integer", "null"],
            "minimum": 0,
            "maximum": _MAX_VERSION,
        },
        "updated_at": {
            "description": "When the source made the change; at most five minutes ahead of the broker's clock.",
            **INSTANT,
        },
        "data": {"anyOf": [{"$ref": "#/$defs/data"}, _NULL]},
        "schema": {"description": "Version of the schema of `data`.", "type": ["integer", "null"]},
        "source": {"description": "The producing system.", "type": ["string", "null"]},
    }


# -------------------------------------------------------------------------------------------------------------- fields


def _object(fields: Mapping[str, FieldType], *, whole: bool = False) -> JsonSchema:
    """Return the schema of an object; `whole` says that its required fields must be there."""
    required = [name for name, field in fields.items() if whole and field.required]
    return {
        "type": "object",
        "properties": {name: _field(field, nullable=not _needed(field, whole=whole)) for name, field in fields.items()},
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _needed(field: FieldType, *, whole: bool) -> bool:
    """Return whether a field must not be null; a default stands in for one of an entity, not for one of an item."""
    return field.required and (whole or field.default is None)


def _field(field: FieldType, *, nullable: bool) -> JsonSchema:
    schema = _TYPES[field.type](field)
    if nullable:
        schema = _or_null(schema)
    return schema if field.default is None else {**schema, "default": field.default}


def _or_null(schema: JsonSchema) -> JsonSchema:
    if "anyOf" in schema:
        return {**schema, "anyOf": [*schema["anyOf"], _NULL]}
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def _integer(field: FieldType) -> JsonSchema:
    return {
        "type": "integer",
        "minimum": -_MAX_INTEGER if field.minimum is None else field.minimum,
        "maximum": _MAX_INTEGER if field.maximum is None else field.maximum,
    }


def _money(field: FieldType) -> JsonSchema:
    return {
        "description": "Money in whole minor units: 1234 are 12.34 euros, or 1234 yen.",
        "type": "integer",
        "minimum": field.minimum or 0,
        "maximum": MAX_AMOUNT_MINOR,
    }


def _decimal(field: FieldType) -> JsonSchema:
    """Return a number as text or as JSON number; a pattern can say no more of a bound than where 0 and 1 lie."""
    low, high = field.minimum, field.maximum
    fraction = "(\\.[0-9]{1,18})?"
    signed = "" if low is not None and low >= 0 else "-?"
    pattern = f"^{signed}[0-9]{{1,18}}{fraction}$"
    if (low, high) == (0, 1):
        pattern = f"^(0{fraction}|1(\\.0{{1,18}})?)$"
    ends = (("at least", low), ("at most", high))
    bounds = [f"{words} {bound}" for words, bound in ends if bound is not None]
    return {
        "description": ", ".join(["A number; as text it is exact", *bounds]) + ".",
        "anyOf": [
            {"type": "string", "pattern": pattern},
            {
                "type": "number",
                "minimum": -_MAX_DECIMAL if low is None else low,
                "maximum": _MAX_DECIMAL if high is None else high,
            },
        ],
    }


_TYPES: Mapping[str, Callable[[FieldType], JsonSchema]] = {
    "string": lambda _: {"type": "string", "maxLength": _MAX_TEXT},
    "integer": _integer,
    "money": _money,
    "decimal": _decimal,
    "boolean": lambda _: {"type": "boolean"},
    "timestamp": lambda _: INSTANT,
    "date": lambda _: {"description": "A date in the business time zone.", **DATE},
    "enum": lambda field: {"enum": list(field.values)},
    "list": lambda field: {"type": "array", "items": _object(field.fields, whole=True)},
    "object": lambda field: _object(field.fields, whole=True),
    "times": lambda _: {
        "description": "Instants by name.",
        "type": "object",
        "propertyNames": {"minLength": 1, "maxLength": _MAX_ID},
        "maxProperties": MOST_TIMES,
        "additionalProperties": _or_null(INSTANT),
    },
}


# ------------------------------------------------------------------------------------------------------------ required


def _complete(source: Source) -> JsonSchema:
    """Return what must be there for the entity to count."""
    required = [name for name, field in source.fields.items() if _needed(field, whole=False)]
    rules = [
        {"if": _met(source, rule), "then": _at(rule.field, _THERE, there=True)}
        for rule in source.required_when
        if _field_at(source, rule.field).default is None
    ]
    return {
        "description": "A put without one of these is kept, but counts nowhere until the rest has come.",
        "type": "object",
        **({"required": required} if required else {}),
        **({"allOf": rules} if rules else {}),
    }


def _met(source: Source, rule: RequiredWhen) -> JsonSchema:
    """Return the schema of the data that meet all conditions of a rule."""
    parts = [_condition(path, _field_at(source, path), condition) for path, condition in rule.where.items()]
    return parts[0] if len(parts) == 1 else {"allOf": parts}


def _field_at(source: Source, path: str) -> FieldType:
    head, dot, part = path.partition(".")
    field = source.fields[head]
    return field.fields[part] if dot else field


def _condition(path: str, field: FieldType, condition: Scalar | Condition) -> JsonSchema:
    schema = _values(condition)
    if _holds(field.default, condition):
        return _at(path, schema if schema == _NULL else {"anyOf": [schema, _NULL]}, there=False)
    return _at(path, {"allOf": [schema, _THERE]} if "not" in schema else {**schema, **_THERE}, there=True)


def _values(condition: Scalar | Condition) -> JsonSchema:
    """Return the schema of the values, other than null, that meet a condition."""
    if not isinstance(condition, Condition):
        return {"const": condition}
    bounds: dict[str, Any] = {
        "enum": None if condition.in_ is None else list(condition.in_),
        "not": None if condition.not_ is None else {"const": condition.not_},
        "exclusiveMinimum": condition.gt,
        "minimum": condition.gte,
        "exclusiveMaximum": condition.lt,
        "maximum": condition.lte,
    }
    schema = {keyword: bound for keyword, bound in bounds.items() if bound is not None}
    return {**schema, **_NULL} if condition.exists is False else schema


def _holds(value: Scalar | None, condition: Scalar | Condition) -> bool:
    """Return whether a field that is not there meets a condition; `value` is what it then counts as."""
    if not isinstance(condition, Condition):
        return value == condition
    bounds = ((gt, condition.gt), (ge, condition.gte), (lt, condition.lt), (le, condition.lte))
    return (
        (condition.exists is None or condition.exists == (value is not None))
        and (condition.in_ is None or value in condition.in_)
        and (condition.not_ is None or value != condition.not_)
        and all(isinstance(value, int) and compare(value, bound) for compare, bound in bounds if bound is not None)
    )


def _at(path: str, schema: JsonSchema, *, there: bool) -> JsonSchema:
    """Return the schema of data in which the field at `path`, which must be `there` or may be absent, is as given."""
    for name in reversed(path.split(".")):
        schema = {"properties": {name: schema}}
        if there:
            schema = {"type": "object", **schema, "required": [name]}
    return schema
