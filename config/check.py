"""Check what the models alone cannot: names that refer to something, and declarations that clash with each other."""

from collections.abc import Iterable, Iterator

from config.check_grains import used_kpis
from config.check_kpi import check_kpi
from config.check_source import check_source
from config.declarations import Conversion, Kpi, Measure, Ratio, State
from config.document import Place
from config.faults import Fault
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean

_ENDS = {"money": "_money", "seconds": "_seconds", "ratio": "_ratio", "none": ""}


def check(known: Known) -> list[Fault]:
    """Return every fault among the declarations that fit their models."""
    faults: list[Fault] = []
    for key, source in known.sources.items():
        faults += _placed(known.sources_at[key], f"source `{key}`", check_source(source, known))
    for key, kpi in known.kpis.items():
        faults += _placed(known.kpis_at[key], f"kpi `{key}`", check_kpi(kpi, known))
    for name in known.pipelines:
        faults += _placed(known.pipelines_at[name], f"pipeline `{name}`", _orders(known, name))
    return [*faults, *_rates(known), *_cycles(known), *_metrics(known), *_alerts(known)]


def _placed(place: Place, noun: str, found: Iterable[Found]) -> Iterator[Fault]:
    return (place.fault(loc, f"{noun}: {message}") for loc, message in found)


def _orders(known: Known, pipeline: str) -> Iterator[Found]:
    taken: dict[int, str] = {}
    for name, stage in known.pipelines[pipeline].items():
        if stage.order in taken:
            wrong = f"stage `{name}` has the order `{stage.order}`, as `{taken[stage.order]}` has; give each its own"
            yield (name, "order"), wrong
        taken.setdefault(stage.order, name)


def _rates(known: Known) -> Iterator[Fault]:
    for place in known.defaults_at:
        name = (place.content.get("fx") or {}).get("source")
        if name is None:
            continue
        loc = ("fx", "source")
        if name not in known.sources_at:
            yield place.fault(loc, f"defaults: source `{name}` is not declared{did_you_mean(name, known.sources_at)}")
        elif name in known.sources and not known.sources[name].broadcast:
            yield place.fault(
                loc, f"defaults: source `{name}` is not broadcast; rates are looked up, so declare it `broadcast: true`"
            )


def _cycles(known: Known) -> Iterator[Fault]:
    """Yield one fault for each circle among the inputs, at the KPI of it whose name comes first."""
    seen: set[str] = set()
    for key in sorted(known.kpis):
        circle = _circle((key,), known, seen)
        if circle:
            first = min(circle)
            turned = [*circle[circle.index(first) :], *circle[: circle.index(first)], first]
            way = " → ".join(f"`{name}`" for name in turned)
            message = f"kpi `{first}`: its inputs go round in a circle, {way}; take one of them out"
            yield known.kpis_at[first].fault(("key",), message)


def _circle(way: tuple[str, ...], known: Known, seen: set[str]) -> tuple[str, ...] | None:
    if way[-1] in way[:-1]:
        return way[way.index(way[-1]) : -1]
    if way[-1] in seen or way[-1] not in known.kpis:
        return None
    inputs = sorted(set(used_kpis(known.kpis[way[-1]])))
    found = next((circle for key in inputs if (circle := _circle((*way, key), known, seen))), None)
    seen.add(way[-1])
    return found


def _metrics(known: Known) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for key, kpi in known.kpis.items():
        clashes = {name: owners[name] for name in _metric_names(kpi) if owners.setdefault(name, key) != key}
        for name, owner in list(clashes.items())[:1]:
            message = f"kpi `{key}`: its metric `{name}` is also one of kpi `{owner}`; give one of them another key"
            yield known.kpis_at[key].fault(("key",), message)


def _metric_names(kpi: Kpi) -> Iterator[str]:
    """Yield the names of a KPI's metrics, with `money` for the reporting currency, which is not known here."""
    aggs = kpi.aggs if isinstance(kpi, Measure | State) else ()
    stem = kpi.key if kpi.key.startswith("sales_") else f"sales_{kpi.key}"
    roles = {f"_{agg}" for agg in aggs} if len(aggs) > 1 else {""}
    if isinstance(kpi, Ratio | Conversion):
        roles |= {"_numerator", "_denominator"}
    if not {"sum", "count", "max"} & set(aggs) and aggs:
        roles.add("_samples")
    if kpi.targets:
        roles.add("_target")
    for grain in kpi.grains:
        for role in sorted(roles):
            yield f"{stem}{role}{'_by_' if grain else ''}{'_'.join(grain)}{_ENDS[kpi.unit]}"


def _alerts(known: Known) -> Iterator[Fault]:
    owners: dict[str, str] = {}
    for key, kpi in known.kpis.items():
        for index, alert in enumerate(kpi.alerts):
            if alert.name in owners:
                message = (
                    f"kpi `{key}`: alert `{alert.name}` is also one of kpi `{owners[alert.name]}`; give it another name"
                )
                yield known.kpis_at[key].fault(("alerts", index, "name"), message)
            owners.setdefault(alert.name, key)
