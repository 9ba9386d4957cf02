"""What sources declare about each other, and how paths name fields: plain ones, those of items, and carried ones."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from keyword import iskeyword

from config.declarations import Children, Declarations, Dimension, Source
from metrics.cubes import spell

ENTITY_ID = "entity_id"
"""The field name that stands for the id itself."""


@dataclass(frozen=True, slots=True)
class Relation:
    """What the children of one source tell their parents of another one."""

    name: str
    """``customer.wins``: the parent source and the name of its children."""
    parent_source: str
    child_source: str
    told: Children
    meaning: int
    """Changes when the links of the same children would tell something else, because of what is declared."""


def relations(declarations: Declarations, zone: str) -> tuple[Relation, ...]:
    """Return every relation that the sources declare, for days of the time zone `zone`."""
    return tuple(
        Relation(f"{source.key}.{name}", source.key, told.from_, told, _meaning(told, declarations, zone))
        for source in declarations.sources.values()
        for name, told in source.children.items()
    )


def _meaning(told: Children, declarations: Declarations, zone: str) -> int:
    child = declarations.sources[told.from_]
    said = [told, child.fields, child.required_when, child.derived, declarations.pipelines, zone]
    return zlib.crc32(spell(said).encode())


def position_of(source: Source, path: str) -> int:
    """Return where a child's carried tuple has the field that `path` names, such as ``subscriptions.product_id``."""
    children, _, field = path.partition(".")
    told = source.children[children]
    return (told.at, *told.carry).index(field)


def attribute(name: str) -> str:
    """Return the attribute of a struct that holds the field `name`."""
    return f"{name}_" if iskeyword(name) else name


def one_word(path: str) -> str:
    """Return a path as a part of an identifier, which no other path gives: declared names have small letters only."""
    return path.replace(".", "_OF_")


def list_of(source: Source, path: str) -> str | None:
    """Return the list whose items `path` names a part of: a list field, a derived list, or children."""
    head, dot, _ = path.partition(".")
    if not dot or (head in source.fields and source.fields[head].type != "list"):
        return None
    return head


def dimension_of(source: Source, name: str) -> Dimension:
    """Return the declared dimension of a source."""
    declared = source.dimensions[name]
    return Dimension(field=declared) if isinstance(declared, str) else declared


def dimension_path(source: Source, name: str, items: str | None) -> str:
    """Return the field that has a dimension's value when the items of a list (or the entities) are counted."""
    dimension = dimension_of(source, name)
    return dimension.of_items.get(items or "", dimension.field)


def fan_out_of(source: Source, grain: Sequence[str], at: str | None) -> str | None:
    """Return the list whose items are counted one by one: that of the event time, else of a dimension of the grain."""
    of_time = None if at is None else list_of(source, at)
    lists = {list_of(source, dimension_path(source, d, of_time)) for d in grain if d in source.dimensions}
    return of_time or next((found for found in lists if found is not None), None)
