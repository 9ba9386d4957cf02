"""Whether the inputs of a derived KPI are there, can be looked at in their window, and are used in its expression."""

from collections.abc import Iterator
from keyword import iskeyword

from config.aggregated import Part, leaves, parts
from config.check_plan import check_plan
from config.check_reference import check_used
from config.declarations import Derived, Kpi, State
from config.expression import FUNCTIONS, aliases
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean


def check_formula(kpi: Derived, known: Known) -> Iterator[Found]:
    """Yield every fault of the inputs and the expression of a derived KPI."""
    if all(part.plan for part in kpi.inputs.values()):
        yield ("inputs",), "all inputs are plans, and the series have their labels from the other ones; add one"
    for alias in kpi.inputs:
        if alias in FUNCTIONS:
            yield ("inputs", alias), f"alias `{alias}` is the name of a function; give it another name"
        elif iskeyword(alias):
            yield ("inputs", alias), f"alias `{alias}` means something else in an expression; give it another name"
    for part in parts(kpi):
        if part.kpi:
            yield from check_used(kpi, part.kpi, part.refers_at, known)
        if part.plan:
            yield from check_plan(kpi, part.plan, part.refers_at, known)
        if part.offset:
            reason = _no_year(part, known) if part.offset == "year" else _no_previous(part, known)
            yield from [((*part.loc, "offset"), f"{part.name}: {reason}; remove `offset`")] if reason else []
    yield from _expression(kpi)


def _no_year(part: Part, known: Known) -> str | None:
    kpi = known.kpis.get(part.kpi or "")
    if part.kpi and kpi is None:
        return None
    latest = isinstance(kpi, State) and kpi.aggs == ("latest",)
    inline = part.aggregated is not None and part.aggregated.aggs == ("latest",)
    return None if latest or inline else "`offset: year` is for the latest record, `agg: latest`"


def _no_previous(part: Part, known: Known) -> str | None:
    """Return why a part has no value for the window before."""
    kpi = known.kpis.get(part.kpi or "")
    if part.kpi and kpi is None:
        return None
    whole = f"`{part.kpi}`" if part.kpi else "it"
    if kpi and _looks_back(kpi, known, ()):
        return f"{whole} looks at another time itself, which cannot be done twice"
    for leaf, _ in leaves(kpi, (), known.kpis) if kpi else [(part, ())]:
        if leaf.plan:
            return f"{whole} is compared with a plan, which is that of the window itself"
        if (leaf.aggregated and leaf.aggregated.at is None) or leaf.output == "now":
            return f"{whole} is a stock, known only as of T, and has no previous window"
        if leaf.population:
            return f"{whole} counts members at the ends of the window itself"
    return None


def _looks_back(kpi: Kpi | None, known: Known, above: tuple[str, ...]) -> bool:
    """Tell whether a KPI has an offset, itself or through what it is made of."""
    if kpi is None or kpi.key in above:
        return False
    return any(p.offset or _looks_back(known.kpis.get(p.kpi or ""), known, (*above, kpi.key)) for p in parts(kpi))


def _expression(kpi: Derived) -> Iterator[Found]:
    texts: list[Found] = [(("expr",), kpi.expr), *((("require", text), text) for text in kpi.require)]
    used: set[str] = set()
    unread = False
    for loc, text in texts:
        try:
            named = aliases(text)
        except ValueError as error:
            unread = True
            yield loc, str(error)
            continue
        for alias in sorted(named - kpi.inputs.keys()):
            yield loc, f"alias `{alias}` is no input{did_you_mean(alias, kpi.inputs)}"
        used |= named
    for alias in kpi.inputs:
        if not unread and alias not in used:
            yield ("inputs", alias), f"input `{alias}` is not used in `{kpi.expr}`; use it or remove it"
