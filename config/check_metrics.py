"""Whether each metric, and each alert, is that of one KPI."""

from collections.abc import Iterator, Mapping

from config.aggregated import parts
from config.check_members import unit_of_members
from config.check_ratio import unit_of
from config.declarations import Conversion, Derived, Kpi, Measure, Membership, Ratio, Share, State, Unit
from config.faults import Fault
from config.known import Known

_ENDS = {"money": "_money", "seconds": "_seconds", "ratio": "_ratio", "none": ""}
"""How a unit ends a name, with `money` for the reporting currency, which is not known here."""
OURS = "Salespulse"
"""How the names of the alerts about the service itself begin."""
_SAMPLED = {"mean", "p50", "p90", "p95", "p99"}
"""The aggregates that have the number of their samples beside them."""


def check_metrics(known: Known) -> Iterator[Fault]:
    """Yield the first metric of each KPI that another one has already."""
    owners: dict[str, str] = {}
    for key, kpi in known.kpis.items():
        clashes = {name: owners[name] for name in _names(kpi, known) if owners.setdefault(name, key) != key}
        for name, owner in list(clashes.items())[:1]:
            message = f"kpi `{key}`: its metric `{name}` is also one of kpi `{owner}`; give one of them another key"
            yield known.kpis_at[key].fault(("key",), message)


def check_alerts(known: Known) -> Iterator[Fault]:
    """Yield the alerts whose name another one has already, or that pass for one about the service itself."""
    owners: dict[str, str] = {}
    for key, kpi in known.kpis.items():
        for index, alert in enumerate(kpi.alerts):
            if alert.name in owners:
                wrong = f"alert `{alert.name}` is also one of kpi `{owners[alert.name]}`; give it another name"
                yield known.kpis_at[key].fault(("alerts", index, "name"), f"kpi `{key}`: {wrong}")
            if alert.name.startswith(OURS):
                wrong = f"alert `{alert.name}`: names that begin with `{OURS}` are about the service; give it another"
                yield known.kpis_at[key].fault(("alerts", index, "name"), f"kpi `{key}`: {wrong}")
            owners.setdefault(alert.name, key)


def _names(kpi: Kpi, known: Known) -> Iterator[str]:
    """Yield the names of a KPI's metrics."""
    named = own_metrics(kpi, known, ())
    if named is not None:
        yield from (f"{_stem(name)}{_ENDS[unit]}" for name, unit in named.items())
        return
    for grain in kpi.grains:
        by = f"_by_{'_'.join(grain)}" if grain else ""
        yield from (f"{_stem(kpi.key)}{role}{by}{_ENDS[unit]}" for role, unit in _roles(kpi, known))


def _stem(key: str) -> str:
    return key if key.startswith("sales_") else f"sales_{key}"


def _roles(kpi: Kpi, known: Known) -> Iterator[tuple[str, Unit]]:
    """Yield what a KPI exposes beside its value, and the units."""
    aggs = kpi.aggs if isinstance(kpi, Measure | State) else ()
    yield from ((f"_{agg}", kpi.unit) for agg in aggs) if len(aggs) > 1 else [("", kpi.unit)]
    if _SAMPLED & {*aggs}:
        yield "_samples", "none"
    for agg in dict.fromkeys(target.agg for target in kpi.targets):
        yield f"_target_{agg}" if agg and len(aggs) > 1 else "_target", kpi.unit
    if isinstance(kpi, Ratio):
        sides = {part.name: unit_of(part, known) or "none" for part in parts(kpi)}
        yield "_numerator", sides["`numerator`"]
        yield "_denominator", sides["`denominator`"]
    elif isinstance(kpi, Conversion | Share | Membership) and kpi.unit == "ratio":
        unit = unit_of_members(kpi.population, known) if isinstance(kpi, Membership) else "none"
        yield from ((role, unit or "none") for role in ("_numerator", "_denominator"))


def own_metrics(kpi: Kpi, known: Known, above: tuple[str, ...]) -> Mapping[str, Unit] | None:
    """Return the metrics of a KPI whose values have one each, or that is derived from such a KPI."""
    if isinstance(kpi, State) and kpi.named:
        return {f"{kpi.named.prefix}_{value}": spec.unit for value, spec in kpi.named.values.items()}
    for part in parts(kpi) if isinstance(kpi, Derived) else ():
        used = known.kpis.get(part.kpi or "")
        names = own_metrics(used, known, (*above, kpi.key)) if used and used.key not in above else None
        if names is not None:
            rest = kpi.key.removeprefix(part.kpi or "").strip("_")
            return {f"{name}_{rest}": kpi.unit for name in names}
    return None
