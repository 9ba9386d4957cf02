"""Whether what entities tell those that they belong to can be told."""

from collections.abc import Iterator

from config.conditions import check_timeless, check_where
from config.declarations import Children, Source
from config.document import Loc
from config.fields import Fields, Found, named_by, way_of
from config.known import Known
from config.parse import did_you_mean

_CARRIED = ("string", "enum", "integer", "money", "boolean", "timestamp", "date", "list")


def check_children(source: Source, known: Known) -> Iterator[Found]:
    """Yield every fault of the children of a source."""
    if source.broadcast and source.children:
        wrong = f"source `{source.key}` is broadcast: its records are looked up and belong to no one"
        yield ("children",), f"{wrong}; remove `children`"
    for name, children in source.children.items():
        loc: Loc = "children", name
        if name in source.fields or name in source.derived:
            yield loc, f"children `{name}` have the name of a field of source `{source.key}`; give them another"
        yield from _told(children, loc, known)


def _told(children: Children, loc: Loc, known: Known) -> Iterator[Found]:
    key = children.from_
    if key not in known.sources_at:
        yield (*loc, "from"), f"source `{key}` is not declared{did_you_mean(key, known.sources_at)}"
    child = known.sources.get(key)
    if child is None:
        return
    if child.broadcast:
        yield (*loc, "from"), f"source `{key}` is broadcast and has no parents; name a source of events"
    fields = known.fields(child)
    yield from fields.plain().check(children.parent, {"string"}, (*loc, "parent"))
    yield from fields.check(children.at, {"timestamp"}, (*loc, "at"))
    yield from _known_at_once(fields, children.at, (*loc, "at"))
    yield from check_where(fields.plain(), children.where, (*loc, "where"))
    yield from check_timeless(fields.plain(), children.where, (*loc, "where"), "a child tells what its own events say")
    for index, path in enumerate(children.carry):
        yield from _carried(fields, path, (*loc, "carry", index))


def _carried(fields: Fields, path: str, loc: Loc) -> Iterator[Found]:
    use = fields.find(path)
    if use and use.type and use.type.type == "list" and not use.derived:
        yield loc, f"field `{path}` is a list of what events say; carry a field that is derived from it"
        return
    yield from fields.check(path, _CARRIED, loc)
    yield from _known_at_once(fields, path, loc)


def _known_at_once(fields: Fields, path: str, loc: Loc) -> Iterator[Found]:
    reason = _changes_by_itself(fields.source, path, ())
    if reason:
        wrong = f"field `{path}` is derived from {reason}, and a child tells what its own events say"
        yield loc, f"{wrong}; name a field that is not"


def _changes_by_itself(source: Source, path: str, above: tuple[str, ...]) -> str | None:
    """Return why a field is not known from the events of its entity alone."""
    derived = source.derived.get(path)
    if derived is None or path in above:
        return None
    if not derived.of_the_entity_alone:
        return f"children or T (`{way_of(derived)}`)"
    inner = (_changes_by_itself(source, used, (*above, path)) for used in named_by(derived))
    return next((reason for reason in inner if reason), None)
