"""The fields of a source as declarations name them: plain, inside a list (`lines.amount_minor`), or derived."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from config.declarations import Condition, FieldType, Scalar, Source, Where
from config.document import Loc
from config.parse import did_you_mean, not_computed

Found = tuple[Loc, str]
"""Where inside a declaration, and what is wrong there."""

_INSTANT = FieldType(type="timestamp")
_CHANCE = FieldType(type="decimal", minimum=0, maximum=1)
_NUMBERS = {"integer", "money", "decimal"}
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "enum": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "money": (int,),
}
"""What a condition may compare a field with; a field of another type can only be there or not."""


@dataclass(frozen=True)
class Use:
    """A field that is named: its type, and the list whose items it is a part of."""

    type: FieldType
    items_of: str | None = None


def find(source: Source, path: str) -> Use | None:
    """Return the field that `path` names, or None if the source has no such field."""
    if path in source.derived:
        return Use(_INSTANT if source.derived[path].least_over_children else _CHANCE)
    head, dot, tail = path.partition(".")
    field = source.fields.get(head)
    if field is None or not dot:
        return Use(field) if field else None
    inner = field.fields.get(tail)
    return Use(inner, head) if inner else None


def names(source: Source) -> list[str]:
    """Return all paths that `find` knows."""
    inner = [f"{name}.{part}" for name, field in source.fields.items() for part in field.fields]
    return [*source.fields, *source.derived, *inner]


def check_field(
    source: Source, path: str, kinds: Collection[str], loc: Loc, *, in_list: bool = False
) -> Iterator[Found]:
    """Yield what keeps `path` from naming a field of one of `kinds`, of the entity itself unless `in_list`."""
    use = find(source, path)
    if use is None:
        yield loc, f"source `{source.key}` has no field `{path}`{did_you_mean(path, names(source))}"
    elif use.type.type not in kinds:
        yield loc, f"field `{path}` is of type {use.type.type}; name a field of type {' or '.join(sorted(kinds))}"
    elif use.items_of and not in_list:
        yield loc, _each_item(source, path, use.items_of)


def _each_item(source: Source, path: str, items: str) -> str:
    return f"field `{path}` has a value for each item of `{items}`; name a field of the `{source.key}` itself"


def check_where(source: Source, where: Where, loc: Loc, *, in_list: bool = False) -> Iterator[Found]:
    """Yield what is wrong with the conditions: fields that cannot be asked, and values that the field cannot have."""
    for path, condition in where.items():
        use = find(source, path)
        if use is None:
            yield (*loc, path), f"source `{source.key}` has no field `{path}`{did_you_mean(path, names(source))}"
            continue
        if use.items_of and not in_list:
            yield (*loc, path), _each_item(source, path, use.items_of)
        if isinstance(condition, Condition) and condition.in_ == ():
            yield (*loc, path, "in"), "`in` is empty, which nothing is; list at least one value"
        for part, value in _compared(condition):
            wrong = (
                _order(source, path, use.type) if part[-1:] and part[-1] in _BOUNDS else _equal(path, use.type, value)
            )
            if wrong:
                yield (*loc, path, *part), wrong


_BOUNDS = ("gt", "gte", "lt", "lte")


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


def _order(source: Source, path: str, field: FieldType) -> str | None:
    if path in source.derived and field.type in _NUMBERS:
        return not_computed(f"a comparison with the derived field `{path}`")
    if field.type in _NUMBERS:
        return None
    return f"field `{path}` is of type {field.type} and has no order; compare it by a value, in, not or exists"


def _equal(path: str, field: FieldType, value: Scalar) -> str | None:
    kinds = _KINDS.get(field.type)
    if kinds is None:
        return f"field `{path}` is of type {field.type} and equals no value that can be written here; use exists"
    if type(value) not in kinds:
        return f"field `{path}` is of type {field.type}, which `{str(value).lower()}` is not; write such a value"
    if field.values and value not in field.values:
        return f"field `{path}` is never `{value}`{did_you_mean(str(value), field.values)}"
    return None
