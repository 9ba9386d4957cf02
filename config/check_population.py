"""Whether it can be told who is a member of a population, and when."""

from collections.abc import Iterator

from config.conditions import check_where
from config.declarations import Dimension, Interval, Population, Source
from config.document import Loc
from config.fields import Fields, Found
from config.known import Known
from config.parse import did_you_mean


def check_population(population: Population, known: Known) -> Iterator[Found]:
    """Yield every fault of a population that fits its model."""
    key = population.from_
    if key not in known.sources_at:
        yield ("from",), f"source `{key}` is not declared{did_you_mean(key, known.sources_at)}"
    source = known.sources.get(key)
    if source is None:
        return
    if source.broadcast:
        yield ("from",), f"source `{key}` is broadcast and has no members; name a source of events"
    fields = known.fields(source)
    yield from check_where(fields, population.where, ("where",))
    for index, interval in enumerate(population.intervals):
        yield from _interval(fields, interval, ("intervals", index))
    yield from _amounts(fields, population)
    if population.until:
        yield from fields.check(population.until, {"timestamp"}, ("until",))
    if population.contacted:
        yield from _children(source, population.contacted, ("contacted",))


def _children(source: Source, name: str, loc: Loc) -> Iterator[Found]:
    if name not in source.children:
        yield loc, f"source `{source.key}` has no children `{name}`{did_you_mean(name, source.children)}"


def _interval(fields: Fields, interval: Interval, loc: Loc) -> Iterator[Found]:
    for part, goes_with in (("to", "from"), ("ends", "over"), ("for", "over")):
        given = getattr(interval, "for_" if part == "for" else part) is not None
        if given and (goes_with == "from") == (interval.from_ is None):
            yield (*loc, part), f"`{part}` goes with `{goes_with}`; remove it"
    for part, path in (("from", interval.from_), ("to", interval.to)):
        if path:
            yield from fields.check(path, {"timestamp"}, (*loc, part))
    for index, name in enumerate(interval.over):
        yield from _children(fields.source, name, (*loc, "over", index))
    if interval.over and interval.ends:
        yield from _ends(fields, interval.over, interval.ends, (*loc, "ends"))


def _ends(fields: Fields, over: tuple[str, ...], ends: str, loc: Loc) -> Iterator[Found]:
    """Yield why the instants that end the intervals of some children are not all carried in the same way."""
    told = {name: fields.source.children[name] for name in over if name in fields.source.children}
    for name, children in told.items():
        if ends not in children.carry:
            yield loc, fields.not_carried(name, ends)
        else:
            yield from fields.check(f"{name}.{ends}", {"timestamp"}, loc, in_list=True)
    places = {children.carry.index(ends) for children in told.values() if ends in children.carry}
    if len(places) > 1:
        wrong = f"children {' and '.join(f'`{name}`' for name in told)} carry `{ends}` at different places"
        yield loc, f"{wrong}; list it at the same place in each `carry`"


def _amounts(fields: Fields, population: Population) -> Iterator[Found]:
    path = population.amounts
    if path is None:
        return
    for part in ("until", "contacted"):
        if getattr(population, part) is not None:
            yield (part,), f"`{part}` goes with `intervals`; remove it"
    yield from _split(fields, path.partition(".")[0])
    use = fields.find(path)
    if use is None:
        yield ("amounts",), fields.unknown(path)
    elif use.type and not (use.items_of in fields.source.children and use.derived and use.derived.per_month):
        wrong = f"field `{path}` is no list of amounts per month that children carry"
        yield ("amounts",), f"{wrong}; name one that is derived with `per_month`, such as `subscriptions.monthly`"


def _split(fields: Fields, children: str) -> Iterator[Found]:
    """Yield that amounts would be split by several carried fields; members tell them apart by one."""
    found: dict[str, str] = {}
    for name, dimension in fields.source.dimensions.items():
        path = dimension.field if isinstance(dimension, Dimension) else dimension
        if path.partition(".")[0] == children:
            found.setdefault(path, name)
    if len(found) > 1:
        names = " and ".join(f"`{name}`" for name in found.values())
        wrong = f"amounts of `{children}` are split by one dimension at most, and {names} would all split them"
        yield ("amounts",), f"{wrong}; keep one of them"
