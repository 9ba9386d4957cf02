"""Whether a KPI's parts agree with each other, with its sources and with the KPIs that it is made of."""

from collections.abc import Iterator, Mapping

from config.aggregated import Aggregated, aggregates, check_duration, inline, sides
from config.check_grains import check_grains, used_kpis
from config.check_plan import CALENDAR, check_plan
from config.check_shown import check_shown
from config.declarations import (
    Conversion,
    Derived,
    DerivedInput,
    Kpi,
    Measure,
    Membership,
    Ratio,
    Share,
    Side,
    State,
    Unit,
)
from config.document import Loc
from config.expression import FUNCTIONS, aliases
from config.fields import Found, check_field, find
from config.known import Known
from config.parse import did_you_mean, not_computed

_ENDINGS = ("_numerator", "_denominator", "_samples", "_target")
_HOURS = ("1h", "24h")


def check_kpi(kpi: Kpi, known: Known) -> Iterator[Found]:
    """Yield every fault of a KPI that fits its model."""
    yield from _key(kpi.key)
    yield from check_shown(kpi, known)
    if isinstance(kpi, Membership | Share):
        yield ("type",), not_computed(f"type `{kpi.type}`")
        return
    yield from _windows(kpi, known)
    for aggregated in aggregates(kpi):
        yield from aggregated.check(known)
        yield from _hours(kpi, aggregated, known)
    match kpi:
        case Measure() | State():
            yield from _aggregate(kpi)
        case Conversion():
            yield from _conversion(kpi, known)
        case Ratio():
            yield from _ratio(kpi, known)
        case Derived():
            yield from _derived(kpi, known)
    yield from check_grains(kpi, known)


def _key(key: str) -> Iterator[Found]:
    if key.startswith("kpi_"):
        yield ("key",), f"key `{key}` begins with `kpi_`, which the service's own metrics do; give it another name"
    for ending in _ENDINGS:
        if key.endswith(ending):
            yield ("key",), f"key `{key}` ends with `{ending}`, as the companions of a metric do; give it another name"


# -------------------------------------------------------------------------------------------------------------- windows


def _windows(kpi: Kpi, known: Known) -> Iterator[Found]:
    for index, window in enumerate(kpi.windows):
        if window in kpi.windows[:index]:
            yield ("windows", index), f"window `{window}` is listed twice; keep one of them"
    if not kpi.windows:
        yield ("windows",), "`windows` is empty; list at least one"
    if isinstance(kpi, State):
        yield from _stock_windows(kpi, f"type `{kpi.type}`")
    elif isinstance(kpi, Measure | Conversion):
        yield from _period_windows(kpi, f"type `{kpi.type}`")
    elif isinstance(kpi, Ratio):
        for name, side, _ in sides(kpi):
            yield from _part_windows(kpi, _is_stock(side, known), f"`{name}`")
    elif isinstance(kpi, Derived):
        for alias, part in kpi.inputs.items():
            yield from _input_windows(kpi, alias, part, known)


def _stock_windows(kpi: Kpi, what: str) -> Iterator[Found]:
    for index, window in enumerate(kpi.windows):
        if window != "now":
            yield (
                ("windows", index),
                f"window `{window}`: {what} is a stock, known only as of T; write `windows: [now]`",
            )
            return


def _period_windows(kpi: Kpi, what: str) -> Iterator[Found]:
    if "now" in kpi.windows:
        loc = ("windows", kpi.windows.index("now"))
        yield loc, f"window `now`: {what} is aggregated over a period; list windows such as 30d or mtd instead"


def _part_windows(kpi: Kpi, stock: bool | None, what: str) -> Iterator[Found]:  # noqa: FBT001 - the answer of _is_stock
    if stock is not None:
        yield from _stock_windows(kpi, what) if stock else _period_windows(kpi, what)


def _input_windows(kpi: Derived, alias: str, part: DerivedInput, known: Known) -> Iterator[Found]:
    loc: Loc = ("inputs", alias)
    what = f"input `{alias}`"
    if part.plan:
        for index, window in enumerate(kpi.windows):
            if window not in CALENDAR:
                wrong = f"window `{window}`: a plan is made for a calendar period; use one of {', '.join(CALENDAR)}"
                yield ("windows", index), f"{wrong}, or leave out {what}"
                return
    stock = _is_stock(Side(kpi=part.kpi), known) if part.kpi else None
    if stock and part.offset:
        yield (
            (*loc, "offset"),
            f"{what}: `{part.kpi}` is a stock, known only as of T, and has no previous window; remove `offset`",
        )
    if part.window is None:
        yield from _part_windows(kpi, stock, what)
    elif stock is not None and stock != (part.window == "now"):
        known_for = "only `now`" if stock else "a period, not `now`"
        yield (
            (*loc, "window"),
            f"{what}: `{part.kpi}` is known for {known_for}; `window: {part.window}` cannot be; change it",
        )


def _is_stock(side: Side, known: Known) -> bool | None:
    """Tell whether a side is known only as of T; None where that cannot be told."""
    if side.kpi is None:
        return side.state is not None
    kpi = known.kpis.get(side.kpi)
    if kpi is None or isinstance(kpi, Membership | Share):
        return None
    if isinstance(kpi, State):
        return True
    return "now" in kpi.windows if isinstance(kpi, Ratio | Derived) else False


def _hours(kpi: Kpi, aggregated: Aggregated, known: Known) -> Iterator[Found]:
    source = known.sources.get(aggregated.source)
    use = find(source, aggregated.at) if source and aggregated.at else None
    if use is None or use.type.type != "date":
        return
    for index, window in enumerate(kpi.windows):
        if window in _HOURS:
            wrong = f"window `{window}`: `{aggregated.at}` is a date and has no hours; use a window of whole days"
            yield ("windows", index), wrong


# ---------------------------------------------------------------------------------------------------------------- types


def _aggregate(kpi: Measure | State) -> Iterator[Found]:
    if isinstance(kpi, Measure):
        for part in ("per", "then"):
            if getattr(kpi, part) is not None:
                yield (part,), not_computed(f"`{part}`")
    elif kpi.active is not None:
        yield ("active",), not_computed("`active`")
    (aggregated,) = aggregates(kpi)
    if kpi.unit != aggregated.unit:
        yield ("unit",), f"unit `{kpi.unit}` does not follow from what is aggregated; write `unit: {aggregated.unit}`"


def _conversion(kpi: Conversion, known: Known) -> Iterator[Found]:
    if kpi.cohort != "matured":
        yield ("cohort",), not_computed(f"`cohort: {kpi.cohort}`")
    elif not kpi.within:
        yield ("within",), "`within` is missing or 0; say how long a base entity may take, such as `within: 90d`"
    if kpi.unit != "ratio":
        yield ("unit",), f"unit `{kpi.unit}` is not that of a share; write `unit: ratio`"
    source = known.sources.get(kpi.base.from_)
    if source and kpi.event.field:
        yield from check_field(source, kpi.event.field, {"timestamp"}, ("event", "field"))
    if source and kpi.event.duration:
        yield from check_duration(source, kpi.event.duration, ("event", "duration"))


def _ratio(kpi: Ratio, known: Known) -> Iterator[Found]:
    units: dict[str, Unit | None] = {}
    for name, side, loc in sides(kpi):
        if side.require is not None:
            yield (*loc, "require"), not_computed("`require` of a side")
        if side.broadcast:
            yield (*loc, "broadcast"), not_computed("`broadcast` of a side")
        if side.kpi:
            yield from _reference(side.kpi, (*loc, "kpi"), known)
        units[name] = _unit(side, known)
    yield from _ratio_unit(kpi, units)


def _ratio_unit(kpi: Ratio, units: Mapping[str, Unit | None]) -> Iterator[Found]:
    above, minus, below = units["numerator"], units.get("minus", units["numerator"]), units["denominator"]
    if above is None or below is None:
        return
    if minus is not None and minus != above:
        yield ("minus",), f"`minus` is of unit {minus} and the numerator of unit {above}; subtract the same unit"
    follow = _quotient(above, below)
    if kpi.unit not in follow:
        wrong = f"unit `{kpi.unit}` does not follow from {above} / {below}; write `unit: {' or '.join(follow)}`"
        yield ("unit",), wrong


def _quotient(above: Unit, below: Unit) -> tuple[Unit, ...]:
    if above == below:
        return ("ratio", "none") if above == "none" else ("ratio",)
    return (above,) if below in {"none", "ratio"} else ("none",)


def _unit(side: Side, known: Known) -> Unit | None:
    if side.kpi:
        return known.kpis[side.kpi].unit if side.kpi in known.kpis else None
    return next(inline(side, ())).unit


def _reference(key: str, loc: Loc, known: Known) -> Iterator[Found]:
    if key not in known.kpis_at:
        yield loc, f"kpi `{key}` is not declared{did_you_mean(key, known.kpis_at)}"
    kpi = known.kpis.get(key)
    if isinstance(kpi, Measure | State) and len(kpi.aggs) > 1:
        yield loc, f"kpi `{key}` has several aggregates ({', '.join(kpi.aggs)}); name a kpi that has one"


def _derived(kpi: Derived, known: Known) -> Iterator[Found]:
    if not any(part.kpi for part in kpi.inputs.values()):
        yield ("inputs",), "no input is a `kpi`, which the series have their labels from; add one"
    for alias, part in kpi.inputs.items():
        loc = ("inputs", alias)
        if part.kpi and part.offset and _offsets(part.kpi, known, ()):
            yield (*loc, "offset"), not_computed("`offset` of a kpi that has an offset itself")
        if alias in FUNCTIONS:
            yield loc, f"alias `{alias}` is the name of a function; give it another name"
        if part.kpi:
            yield from _reference(part.kpi, (*loc, "kpi"), known)
        elif part.window or part.offset:
            word = "window" if part.window else "offset"
            yield (*loc, word), f"`{word}` goes with `kpi`; remove it"
        if part.membership:
            yield (*loc, "membership"), not_computed("input `membership`")
        if part.plan:
            yield from check_plan(part.plan, (*loc, "plan"), known)
    yield from _expression(kpi)


def _offsets(key: str, known: Known, above: tuple[str, ...]) -> bool:
    """Tell whether a KPI looks at a previous window, itself or through what it is made of."""
    kpi = known.kpis.get(key)
    if kpi is None or key in above:
        return False
    if isinstance(kpi, Derived) and any(part.offset for part in kpi.inputs.values()):
        return True
    return any(_offsets(part, known, (*above, key)) for part in used_kpis(kpi))


def _expression(kpi: Derived) -> Iterator[Found]:
    for alias in kpi.require:
        if alias not in kpi.inputs:
            yield ("require", alias), f"alias `{alias}` is no input{did_you_mean(alias, kpi.inputs)}"
    try:
        used = aliases(kpi.expr)
    except ValueError as error:
        yield ("expr",), str(error)
        return
    for alias in sorted(used - kpi.inputs.keys()):
        yield ("expr",), f"alias `{alias}` is no input{did_you_mean(alias, kpi.inputs)}"
    for alias in kpi.inputs:
        if alias not in used:
            yield ("inputs", alias), f"input `{alias}` is not used in `{kpi.expr}`; use it or remove it"
