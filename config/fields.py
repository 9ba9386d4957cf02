"""The fields of a source as declarations name them: plain, inside an object or a list, derived, carried by children."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from config.declarations import Compare, DerivedField, FieldType, Least, Source
from config.document import Loc
from config.parse import did_you_mean

Found = tuple[Loc, str]
"""Where inside a declaration, and what is wrong there."""

ENTITY_ID = "entity_id"
"""What a dimension names to have the entity's id as its values; no field has this name."""

_INSTANT = FieldType(type="timestamp")
_TYPES = {
    "least": _INSTANT,
    "coalesce": _INSTANT,
    "earliest": _INSTANT,
    "entry": _INSTANT,
    "instant_of": _INSTANT,
    "local_date": FieldType(type="date"),
    "compare": FieldType(type="boolean"),
    "stage_probability": FieldType(type="decimal", minimum=0, maximum=1),
    "stage_exits": FieldType(
        type="list",
        fields={
            "stage": FieldType(type="string", required=True),
            "at": FieldType(type="timestamp", required=True),
            "forward": FieldType(type="boolean", required=True),
        },
    ),
    "per_month": FieldType(
        type="list",
        fields={
            "from": FieldType(type="timestamp", required=True),
            "to": FieldType(type="timestamp"),
            "amount_minor": FieldType(type="money", required=True),
            "currency": FieldType(type="string", required=True),
        },
    ),
}
"""What the ways of deriving a field give; the type of a `first` is that of the field it takes."""


@dataclass(frozen=True)
class Use:
    """A field that is named: its type, the list whose items it is a part of, and how it is derived.

    The type is None where only another fault keeps it from being known.
    """

    type: FieldType | None
    items_of: str | None = None
    derived: DerivedField | None = None


def way_of(derived: DerivedField) -> str:
    """Return the name of the one way in which a field is derived."""
    return next(way for way in type(derived).model_fields if getattr(derived, way) is not None)


_MADE_OF = ("own", "pipeline", "stage", "entered", "status", "closed_at", "times", "key", "phases", "ended_at", "date")
"""What the ways of deriving a field call the fields that they are made of."""


def named_by(derived: DerivedField) -> Iterator[str]:
    """Yield the fields of the entity, lists among them, that a derived field is made of."""
    way = getattr(derived, way_of(derived))
    if isinstance(way, str | tuple):  # a local_date, an earliest, a coalesce
        paths = [way] if isinstance(way, str) else list(way)
    elif isinstance(way, Compare):
        paths = [way.left, way.right]
    else:
        found = [getattr(way, part, None) for part in _MADE_OF]
        paths = [path for part in found if part for path in ([part] if isinstance(part, str) else part)]
    if isinstance(way, Least) and way.not_before:
        paths.append(way.not_before.field)
    yield from (path.partition(".")[0] for path in paths)


@dataclass(frozen=True)
class Fields:
    """The fields of one source; `sources` tells what its children carry."""

    source: Source
    sources: Mapping[str, Source]

    def plain(self) -> "Fields":
        """Return only what an event of the source says itself."""
        return replace(self, source=self.source.model_copy(update={"derived": {}, "children": {}}))

    def find(self, path: str) -> Use | None:
        """Return the field that `path` names, or None if the source has no such field."""
        derived = self.source.derived.get(path)
        if derived is not None:
            return Use(self._derived_type(derived), derived=derived)
        head, dot, part = path.partition(".")
        if dot and head in self.source.children:
            use = self._carried(head, part)
            return use and replace(use, items_of=head)
        items = self.source.derived.get(head)
        whole = self.source.fields.get(head) if items is None else self._derived_type(items)
        if whole is None or not dot:
            return Use(whole) if whole else None
        inner = whole.fields.get(part)
        return Use(inner, head if whole.type == "list" else None) if inner else None

    def names(self) -> list[str]:
        """Return all paths that `find` knows."""
        wholes = {name: self._derived_type(derived) for name, derived in self.source.derived.items()}
        lists = {**self.source.fields, **wholes}
        inner = [f"{name}.{part}" for name, whole in lists.items() if whole for part in whole.fields]
        carried = [f"{name}.{part}" for name, children in self.source.children.items() for part in children.carry]
        return [*lists, *inner, *carried]

    def _derived_type(self, derived: DerivedField) -> FieldType | None:
        if derived.first is None:
            return _TYPES[way_of(derived)]
        use = self._carried(derived.first.over, derived.first.take)
        return use.type if use else None

    def _carried(self, children: str, field: str) -> Use | None:
        """Return a field that children carry; what these must not carry has no type here."""
        told = self.source.children.get(children)
        if told is None or field not in told.carry:
            return None
        child = self.sources.get(told.from_)
        of_its_own_children = child is not None and field in child.derived and child.derived[field].first is not None
        return (Fields(child, self.sources).find(field) if child and not of_its_own_children else None) or Use(None)

    def unknown(self, path: str) -> str:
        """Return what is wrong with a `path` that names no field, and the remedy."""
        children, _, part = path.partition(".")
        told = self.source.children.get(children)
        child = self.sources.get(told.from_) if told else None
        if child and Fields(child, self.sources).find(part):
            return self.not_carried(children, part)
        return f"source `{self.source.key}` has no field `{path}`{did_you_mean(path, self.names())}"

    def not_carried(self, children: str, field: str) -> str:
        """Return that children do not carry a field, and the remedy."""
        carry = self.source.children[children].carry
        others = f", or name one of {', '.join(carry)}" if carry else ""
        return f"children `{children}` do not carry `{field}`; add it to their `carry`{others}"

    def of_each_item(self, path: str, items: str) -> str:
        """Return that a field of the whole entity was wanted."""
        return f"field `{path}` has a value for each item of `{items}`; name a field of the `{self.source.key}` itself"

    def check(self, path: str, kinds: Collection[str], loc: Loc, *, in_list: bool = False) -> Iterator[Found]:
        """Yield what keeps `path` from naming a field of one of `kinds`, of the entity itself unless `in_list`."""
        use = self.find(path)
        if use is None:
            yield loc, self.unknown(path)
        elif use.type and use.type.type not in kinds:
            yield loc, f"field `{path}` is of type {use.type.type}; name a field of type {' or '.join(sorted(kinds))}"
        elif use.items_of and not in_list:
            yield loc, self.of_each_item(path, use.items_of)
