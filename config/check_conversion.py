"""Whether a conversion's event can be reached by its base."""

from collections.abc import Iterator

from config.check_value import check_duration
from config.declarations import Conversion
from config.fields import Fields, Found
from config.known import Known


def check_conversion(kpi: Conversion, known: Known) -> Iterator[Found]:
    """Yield every fault of a conversion's cohort, event and unit."""
    if kpi.cohort == "matured" and not kpi.within:
        yield ("within",), "`within` is missing or 0; say how long a base entity may take, such as `within: 90d`"
    if kpi.cohort != "matured" and kpi.within is not None:
        yield ("within",), f"`within` goes with `cohort: matured`, and not with `{kpi.cohort}`; remove it"
    if kpi.unit != "ratio":
        yield ("unit",), f"unit `{kpi.unit}` is not that of a share; write `unit: ratio`"
    source = known.sources.get(kpi.base.from_)
    if source is None:
        return
    fields = known.fields(source)
    yield from (_exits if kpi.cohort == "exits" else _instants)(kpi, fields)


def _instants(kpi: Conversion, fields: Fields) -> Iterator[Found]:
    """Yield the faults of a cohort of entities, which reach an event at an instant."""
    base = fields.find(kpi.base.at)
    if base and base.type and base.type.type == "date":
        yield ("base", "at"), f"field `{kpi.base.at}` is a date, and a cohort begins at an instant; name a timestamp"
    elif base and base.items_of and base.items_of not in fields.source.children:
        wrong = f"field `{kpi.base.at}` has a value for each item of `{base.items_of}`"
        yield ("base", "at"), f"{wrong}; write `cohort: exits`, or name a field of the `{fields.source.key}` itself"
    if kpi.event.field:
        yield from fields.check(kpi.event.field, {"timestamp"}, ("event", "field"))
        if kpi.cohort == "to_date" and kpi.event.field in kpi.base.where:
            wrong = f"condition on `{kpi.event.field}` picks the base by the event whose share is asked"
            yield ("base", "where", kpi.event.field), f"{wrong}; remove it"
    if kpi.event.duration:
        yield from check_duration(fields, kpi.event.duration, ("event", "duration"))
        if kpi.cohort != "matured":
            wrong = f"`duration` is measured against `within`, which a cohort `{kpi.cohort}` has not"
            yield ("event", "duration"), f"{wrong}; name a `field`"


def _exits(kpi: Conversion, fields: Fields) -> Iterator[Found]:
    """Yield the faults of a cohort of exits: items that have an instant, and say yes or no."""
    base = fields.find(kpi.base.at)
    if base and not (base.items_of and base.items_of not in fields.source.children):
        wrong = f"field `{kpi.base.at}` is no part of the items of a list"
        yield ("base", "at"), f"{wrong}; name the instant of an exit, such as `stage_exits.at`"
        return
    if kpi.event.field is None:
        yield ("event", "duration"), "an exit is forward or not; name a boolean `field`, such as `stage_exits.forward`"
        return
    faults = list(fields.check(kpi.event.field, {"boolean"}, ("event", "field"), in_list=True))
    yield from faults
    event = fields.find(kpi.event.field)
    if base and event and not faults and event.items_of != base.items_of:
        wrong = f"field `{kpi.event.field}` is no part of the items of `{base.items_of}`"
        yield ("event", "field"), f"{wrong}; name one that is, as `{base.items_of}.…`"
