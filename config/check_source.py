"""Whether a source's own names agree with each other and with the other sources."""

from collections.abc import Iterator
from keyword import iskeyword

from config.declarations import Dimension, LeastOverChildren, Source, StageProbability
from config.fields import Found, check_field, check_where, find
from config.known import Known
from config.parse import did_you_mean, not_computed

_LABELS = ("string", "enum", "integer", "boolean")
"""The types whose values can be the labels of a series."""


def check_source(source: Source, known: Known) -> Iterator[Found]:
    """Yield every fault of a source that fits its model."""
    yield from _fields(source)
    if source.exists_from:
        yield from check_field(source, source.exists_from, {"timestamp"}, ("exists_from",))
    if source.currency:
        yield from check_field(source, source.currency, {"string", "enum"}, ("currency",))
    for index, rule in enumerate(source.required_when):
        loc = "required_when", index
        if rule.field not in source.fields:
            yield (
                (*loc, "field"),
                f"source `{source.key}` has no field `{rule.field}`{did_you_mean(rule.field, source.fields)}",
            )
        yield from check_where(_plain(source), rule.where, (*loc, "where"))
    for name, dimension in source.dimensions.items():
        yield from _dimension(source, name, dimension)
    for name, derived in source.derived.items():
        if derived.least_over_children:
            yield from _least(source, name, derived.least_over_children, known)
        if derived.stage_probability:
            yield from _chance(source, name, derived.stage_probability)


def _plain(source: Source) -> Source:
    """Return the source without its derived fields, where only what an event says may be asked."""
    return source.model_copy(update={"derived": {}})


def _fields(source: Source) -> Iterator[Found]:
    for name, field in source.fields.items():
        if iskeyword(name):
            yield ("fields", name), not_computed(f"a field of the name `{name}`")
        for inner, part in field.fields.items():
            if iskeyword(inner):
                yield ("fields", name, "fields", inner), not_computed(f"a field of the name `{inner}`")
            if part.type in {"list", "times"}:
                yield (
                    ("fields", name, "fields", inner),
                    f"field `{name}.{inner}` is a {part.type} in a list; a list holds plain values",
                )


def _dimension(source: Source, name: str, dimension: str | Dimension) -> Iterator[Found]:
    loc = "dimensions", name
    if isinstance(dimension, str):
        yield from check_field(source, dimension, _LABELS, loc, in_list=True)
        return
    yield from check_field(source, dimension.field, _LABELS, (*loc, "field"), in_list=True)
    use = find(source, dimension.field)
    for index, value in enumerate(dimension.values):
        if use and use.type.values and value not in use.type.values:
            wrong = f"field `{dimension.field}` is never `{value}`{did_you_mean(value, use.type.values)}"
            yield (*loc, "values", index), wrong


def _least(source: Source, name: str, least: LeastOverChildren, known: Known) -> Iterator[Found]:
    loc = "derived", name, "least_over_children"
    if name in source.fields:
        yield (
            ("derived", name),
            f"derived field `{name}` has the name of a field of source `{source.key}`; give it another",
        )
    if least.not_before:
        yield from check_field(_plain(source), least.not_before.field, {"timestamp"}, (*loc, "not_before", "field"))
    if least.over not in known.sources_at:
        yield (*loc, "over"), f"source `{least.over}` is not declared{did_you_mean(least.over, known.sources_at)}"
    child = known.sources.get(least.over)
    if child is None:
        return
    if child.broadcast:
        yield (*loc, "over"), f"source `{child.key}` is broadcast and has no parents; name a source of events"
    # Links are made from what a child is told itself: its own derived fields would make them depend on a third source.
    plain = _plain(child)
    yield from check_field(plain, least.parent, {"string"}, (*loc, "parent"))
    yield from check_field(plain, least.least, {"timestamp"}, (*loc, "least"))
    yield from check_where(plain, least.where, (*loc, "where"))


def _chance(source: Source, name: str, chance: StageProbability) -> Iterator[Found]:
    loc = "derived", name, "stage_probability"
    if name in source.fields and name != chance.own:
        yield (
            ("derived", name),
            f"derived field `{name}` has the name of a field of source `{source.key}`; give it another",
        )
    plain = _plain(source)
    yield from check_field(plain, chance.own, {"decimal"}, (*loc, "own"))
    yield from check_field(plain, chance.pipeline, {"string", "enum"}, (*loc, "pipeline"))
    yield from check_field(plain, chance.stage, {"string", "enum"}, (*loc, "stage"))
