"""Whether a source's own names agree with each other and with the other sources."""

from collections.abc import Iterator
from keyword import iskeyword

from config.check_children import check_children
from config.check_derived import check_derived
from config.check_shape import check_looked_up
from config.conditions import check_timeless, check_where
from config.declarations import Dimension, FieldType, Source
from config.document import Loc
from config.fields import ENTITY_ID, Fields, Found
from config.known import Known
from config.parse import did_you_mean

_LABELS = ("string", "enum", "integer", "boolean")
"""The types whose values can be the labels of a series."""


def check_source(source: Source, known: Known) -> Iterator[Found]:
    """Yield every fault of a source that fits its model."""
    fields = known.fields(source)
    yield from _fields(source)
    yield from _record(fields)
    yield from check_looked_up(source, known)
    for name, dimension in source.dimensions.items():
        yield from _dimension(fields, name, dimension)
    yield from check_children(source, known)
    yield from check_derived(source, known)


def _record(fields: Fields) -> Iterator[Found]:
    """Yield what is wrong with what a source says of its records as a whole."""
    source, plain = fields.source, fields.plain()
    if source.exists_from:
        yield from fields.check(source.exists_from, {"timestamp"}, ("exists_from",))
    if source.currency:
        yield from fields.check(source.currency, {"string", "enum"}, ("currency",))
    if source.divided_by:
        yield from plain.check(source.divided_by, {"string", "enum"}, ("divided_by",))
    for index, rule in enumerate(source.required_when):
        loc = "required_when", index
        yield from _required(plain, rule.field, (*loc, "field"))
        yield from check_where(plain, rule.where, (*loc, "where"))
        yield from check_timeless(plain, rule.where, (*loc, "where"), "what is required follows from the events alone")
    if source.implied and not source.children:
        wrong = "`implied` is for entities that their children name, and none are declared"
        yield ("implied",), f"{wrong}; declare `children` or remove it"


def _required(plain: Fields, path: str, loc: Loc) -> Iterator[Found]:
    use = plain.find(path)
    if use is None:
        yield loc, plain.unknown(path)
    elif use.items_of:
        yield loc, plain.of_each_item(path, use.items_of)


def _fields(source: Source) -> Iterator[Found]:
    for name, field in source.fields.items():
        if name == ENTITY_ID:
            wrong = f"field `{name}` has the name of the entity's id, which every event has beside its fields"
            yield ("fields", name), f"{wrong}; give it another name"
        for inner, part in field.fields.items():
            loc: Loc = "fields", name, "fields", inner
            if part.fields or part.type == "times":
                whole = f"{'an' if field.type == 'object' else 'a'} {field.type}"
                yield (
                    loc,
                    f"field `{name}.{inner}` is of type {part.type} in {whole}; {whole} holds plain values",
                )
        yield from _kept_apart(field, ("fields", name, "fields"))
    yield from _kept_apart(source, ("fields",))


def _kept_apart(holder: Source | FieldType, loc: Loc) -> Iterator[Found]:
    """Yield the fields that would be kept under the name of another one: `from` is kept as `from_`."""
    for name in holder.fields:
        if iskeyword(name) and f"{name}_" in holder.fields:
            wrong = f"fields `{name}` and `{name}_` would be kept under one name"
            yield (*loc, f"{name}_"), f"{wrong}; give one of them another"


def _dimension(fields: Fields, name: str, dimension: str | Dimension) -> Iterator[Found]:
    loc: Loc = "dimensions", name
    if isinstance(dimension, str):
        yield from _label(fields, dimension, loc)
        return
    yield from _label(fields, dimension.field, (*loc, "field"))
    use = fields.find(dimension.field)
    allowed = use.type.values if use and use.type else ()
    for index, value in enumerate(dimension.values):
        if allowed and value not in allowed:
            wrong = f"field `{dimension.field}` is never `{value}`{did_you_mean(value, allowed)}"
            yield (*loc, "values", index), wrong
    for items, path in dimension.of_items.items():
        yield from _of_items(fields, items, path, (*loc, "of_items", items))


def _label(fields: Fields, path: str, loc: Loc) -> Iterator[Found]:
    if path != ENTITY_ID:
        yield from fields.check(path, _LABELS, loc, in_list=True)


def _of_items(fields: Fields, items: str, path: str, loc: Loc) -> Iterator[Found]:
    lists = [name for name in fields.names() if (use := fields.find(name)) and use.type and use.type.type == "list"]
    lists = [name for name in lists if "." not in name]
    if items not in lists:
        yield loc, f"source `{fields.source.key}` has no list `{items}`{did_you_mean(items, lists)}"
        return
    use = fields.find(path)
    if use and use.items_of != items:
        yield loc, f"field `{path}` is no part of the items of `{items}`; name one that is, as `{items}.…`"
        return
    yield from fields.check(path, _LABELS, loc, in_list=True)
