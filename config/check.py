"""Check what the models alone cannot: names that refer to something, and declarations that clash with each other."""

from collections.abc import Iterable, Iterator

from config.aggregated import used_kpis
from config.check_dimensions import check_limits
from config.check_kpi import check_kpi
from config.check_metrics import check_alerts, check_metrics
from config.check_overview import check_overview
from config.check_population import check_population
from config.check_source import check_source
from config.document import Place
from config.faults import Fault
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean


def check(known: Known) -> list[Fault]:
    """Return every fault among the declarations that fit their models."""
    faults: list[Fault] = []
    for key, source in known.sources.items():
        faults += _placed(known.sources_at[key], f"source `{key}`", check_source(source, known))
    for key, population in known.populations.items():
        faults += _placed(known.populations_at[key], f"population `{key}`", check_population(population, known))
    for key, kpi in known.kpis.items():
        faults += _placed(known.kpis_at[key], f"kpi `{key}`", check_kpi(kpi, known))
    for name in known.pipelines:
        faults += _placed(known.pipelines_at[name], f"pipeline `{name}`", _orders(known, name))
    return [
        *faults,
        *_rates(known),
        *check_limits(known),
        *_cycles(known),
        *check_metrics(known),
        *check_alerts(known),
        *check_overview(known),
    ]


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
