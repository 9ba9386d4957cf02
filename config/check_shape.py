"""Whether what has a fixed meaning to the service has the fields for it: plans, rates, the phases of contracts."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from config.check_plan import PLANS
from config.declarations import FieldType, Source
from config.document import Loc
from config.fields import Found
from config.known import Known

_INTERVALS = {"day", "week", "month", "quarter", "year"}


class _Part(NamedTuple):
    """What a field must be."""

    kinds: tuple[str, ...]
    required: bool = True


_PHASE: Mapping[str, _Part] = {
    "from": _Part(("timestamp",)),
    "to": _Part(("timestamp",), required=False),
    "amount_minor": _Part(("money",)),
    "currency": _Part(("string", "enum")),
    "interval": _Part(("enum",)),
    "interval_count": _Part(("integer",)),
}
_PLAN: Mapping[str, _Part] = {
    "kind": _Part(("string", "enum")),
    "metric": _Part(("string", "enum")),
    "period": _Part(("string",)),
    "amount_minor": _Part(("money",), required=False),
    "currency": _Part(("string", "enum"), required=False),
    "value": _Part(("decimal", "integer"), required=False),
    "submitted_at": _Part(("timestamp",)),
}
_RATE: Mapping[str, _Part] = {
    "base": _Part(("string", "enum")),
    "quote": _Part(("string", "enum")),
    "rate_date": _Part(("date",)),
    "rate": _Part(("decimal",)),
}


def check_looked_up(source: Source, known: Known) -> Iterator[Found]:
    """Yield what the records lack that are looked up at the reading: the plans, and the rates."""
    if source.key == PLANS and not source.broadcast:
        yield (), f"source `{PLANS}` has the plans, which are looked up; declare it `broadcast: true`"
    for name, key, needed in (("plan", PLANS, _PLAN), ("rate", known.defaults.fx.source, _RATE)):
        if source.key == key and source.broadcast:
            yield from ((("fields",), f"a {name} {lack}") for lack in _lacking(source.fields, needed))


def check_phases(source: Source, phases: str, loc: Loc) -> Iterator[Found]:
    """Yield what the items of the list `phases` lack."""
    whole = source.fields.get(phases)
    if whole is None or whole.type != "list":
        return
    for lack in _lacking(whole.fields, _PHASE):
        yield loc, f"list `{phases}`: a phase {lack}"
    yield from _ranges(phases, whole, loc)


def _lacking(fields: Mapping[str, FieldType], needed: Mapping[str, _Part]) -> Iterator[str]:
    for name, part in needed.items():
        field = fields.get(name)
        if field is None or field.type not in part.kinds or (part.required and not field.required):
            kinds = " or ".join(part.kinds)
            yield f"needs `{name}`, {kinds}{' and required' if part.required else ''}; declare it so"


def _ranges(phases: str, whole: FieldType, loc: Loc) -> Iterator[Found]:
    interval, count = whole.fields.get("interval"), whole.fields.get("interval_count")
    others = sorted(set(interval.values) - _INTERVALS) if interval else []
    if others:
        known = ", ".join(sorted(_INTERVALS))
        yield loc, f"list `{phases}`: `interval` may be `{others[0]}`, which is no part of a calendar; use {known}"
    if count and count.type == "integer" and (count.minimum or 0) < 1:
        yield loc, f"list `{phases}`: `interval_count` may be 0; declare `minimum: 1`"
