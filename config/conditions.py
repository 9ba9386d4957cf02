"""Whether the conditions of a `where` can hold: fields that can be asked, values that they can have."""

from collections.abc import Iterator

from config.declarations import Condition, FieldType, Scalar, Where
from config.document import Loc
from config.fields import Fields, Found, Use
from config.parse import did_you_mean

_BOUNDS = ("gt", "gte", "lt", "lte")
_WHOLE = {"integer", "money"}
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "enum": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "money": (int,),
}
"""What a condition may compare a field with; a field of another type can only be there or not."""


def check_where(fields: Fields, where: Where, loc: Loc, *, in_list: bool = False) -> Iterator[Found]:
    """Yield what is wrong with the conditions: fields that cannot be asked, and values that the field cannot have."""
    for path, condition in where.items():
        use = fields.find(path)
        if use is None:
            yield (*loc, path), fields.unknown(path)
            continue
        if use.items_of and not in_list:
            yield (*loc, path), fields.of_each_item(path, use.items_of)
        if use.type:
            yield from (((*loc, path, *part), wrong) for part, wrong in _wrong(path, use, use.type, condition))


def check_timeless(fields: Fields, where: Where, loc: Loc, why: str) -> Iterator[Found]:
    """Yield the conditions that change with T, where only what events say is known."""
    for path, condition in where.items():
        use = fields.find(path)
        instant = use is not None and use.type is not None and use.type.type == "timestamp"
        if instant and isinstance(condition, Condition) and condition.passed is not None:
            yield (*loc, path, "passed"), f"field `{path}` passes as time goes by, and {why}; remove `passed`"


def _wrong(path: str, use: Use, field: FieldType, condition: Scalar | Condition) -> Iterator[Found]:
    if use.derived and field.type == "list":
        parts = ", ".join(f"`{path}.{part}`" for part in field.fields)
        yield (), f"field `{path}` is a derived list, which is always there; ask for one of {parts}"
        return
    if isinstance(condition, Condition):
        if condition.in_ == ():
            yield ("in",), "`in` is empty, which nothing is; list at least one value"
        if condition.passed is not None:
            yield from ((("passed",), wrong) for wrong in [_passed(path, use, field)] if wrong)
    for part, value in _compared(condition):
        wrong = _order(path, field) if part[-1:] and part[-1] in _BOUNDS else _equal(path, field, value)
        if wrong:
            yield part, wrong


def _compared(condition: Scalar | Condition) -> Iterator[tuple[Loc, Scalar]]:
    """Yield every value that a condition compares with, and its place."""
    if not isinstance(condition, Condition):
        yield (), condition
        return
    for index, value in enumerate(condition.in_ or ()):
        yield ("in", index), value
    if condition.not_ is not None:
        yield ("not",), condition.not_
    for bound in _BOUNDS:
        if getattr(condition, bound) is not None:
            yield (bound,), getattr(condition, bound)


def _passed(path: str, use: Use, field: FieldType) -> str | None:
    if field.type != "timestamp":
        return f"field `{path}` is of type {field.type} and does not pass; ask `passed` of a timestamp"
    if use.items_of:
        return f"field `{path}` has a value for each item of `{use.items_of}`; ask `passed` of a field of the entity"
    return None


def _order(path: str, field: FieldType) -> str | None:
    if field.type in _WHOLE:
        return None
    if field.type == "decimal":
        return f"field `{path}` is a decimal, and bounds are whole numbers; compare fields in a derived `compare`"
    return f"field `{path}` is of type {field.type} and has no order; compare it by a value, in, not or exists"


def _equal(path: str, field: FieldType, value: Scalar) -> str | None:
    kinds = _KINDS.get(field.type)
    if kinds is None:
        others = "exists or passed" if field.type == "timestamp" else "exists"
        return f"field `{path}` is of type {field.type} and equals no value that can be written here; use {others}"
    if type(value) not in kinds:
        return f"field `{path}` is of type {field.type}, which `{str(value).lower()}` is not; write such a value"
    if field.values and value not in field.values:
        return f"field `{path}` is never `{value}`{did_you_mean(str(value), field.values)}"
    return None
