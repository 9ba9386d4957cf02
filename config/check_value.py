"""Whether the fields that are aggregated hold money, numbers, instants."""

from collections.abc import Iterator

from config.declarations import DurationValue, Value
from config.document import Loc
from config.fields import Fields, Found

_DAY_MS = 86_400_000


def check_value(fields: Fields, value: Value, loc: Loc) -> Iterator[Found]:
    """Yield every fault of a value."""
    if value.money:
        yield from _money(fields, value.money, (*loc, "money"))
    if value.weight:
        yield from _weight(fields, value.weight, (*loc, "weight"))
    for part in ("number", "times", "latest"):
        path = getattr(value, part)
        if path:
            yield from _number(fields, path, (*loc, part))
    if value.dated:
        yield from _dated(fields, value.dated, (*loc, "dated"))
    if value.max_age is not None:
        yield from check_max_age(value.max_age, (*loc, "max_age"))
    if value.distinct:
        yield from fields.check(value.distinct, {"string", "enum", "integer", "boolean"}, (*loc, "distinct"))
    if value.age_of:
        yield from fields.check(value.age_of, {"timestamp"}, (*loc, "age_of"))
    if value.duration:
        yield from check_duration(fields, value.duration, (*loc, "duration"))


def check_duration(fields: Fields, duration: DurationValue, loc: Loc) -> Iterator[Found]:
    """Yield what keeps the ends of a duration from being instants of the entity."""
    for index, start in enumerate(duration.starts):
        part: Loc = ("from",) if isinstance(duration.from_, str) else ("from", index)
        yield from fields.check(start, {"timestamp"}, (*loc, *part))
    yield from fields.check(duration.to, {"timestamp"}, (*loc, "to"))


def check_max_age(max_age: int, loc: Loc) -> Iterator[Found]:
    """Yield that an age of dates is no whole number of days."""
    if max_age % _DAY_MS or not max_age:
        yield loc, "`max_age` is an age of dates, which have no hours; write whole days, such as 90d"


def _money(fields: Fields, path: str, loc: Loc) -> Iterator[Found]:
    yield from fields.check(path, {"money"}, loc, in_list=True)
    source, use = fields.source, fields.find(path)
    if use and use.items_of and use.items_of not in source.fields:
        wrong = f"the amounts of `{use.items_of}` have a currency each, and are known over time"
        yield loc, f"{wrong}; declare a population with `amounts` and name it in `active`"
    elif source.currency is None:
        wrong = f"source `{source.key}` has no `currency` for the amounts of `{path}`"
        yield loc, f"{wrong}; declare the field that has it"


def _weight(fields: Fields, path: str, loc: Loc) -> Iterator[Found]:
    yield from fields.check(path, {"decimal"}, loc)
    use = fields.find(path)
    if use and use.type and use.type.type == "decimal" and not (use.derived and use.derived.stage_probability):
        yield loc, f"field `{path}` is no chance of closing; name a field that is derived with `stage_probability`"


def _number(fields: Fields, path: str, loc: Loc) -> Iterator[Found]:
    yield from fields.check(path, {"integer", "decimal"}, loc)
    use = fields.find(path)
    if use and use.derived and use.type and use.type.type == "decimal":
        yield loc, f"field `{path}` is a derived decimal, which can only be a `weight`; name a field that events have"


def _dated(fields: Fields, path: str, loc: Loc) -> Iterator[Found]:
    yield from fields.check(path, {"date"}, loc)
