"""Whether the overview shows readings that are declared."""

from collections.abc import Iterator

from config.check_shown import check_series
from config.declarations import Overview, OverviewPart
from config.document import Loc, Place
from config.faults import Fault
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean

_WITH_ROWS = ("ranking", "mix", "leaderboard")
"""The places that show a row for each value of a dimension."""


def check_overview(known: Known) -> Iterator[Fault]:
    """Yield the faults of the overview.

    What a later layer has made of a KPI is no fault of an overview that was written before.
    """
    for name, (layer, place) in _given(known).items():
        for loc, part in _parts(known.overview, name):
            if known.kpi_layers.get(part.kpi, layer) <= layer:
                for inner, wrong in _faults(name, part, known):
                    yield place.fault((name, *loc, *inner), f"overview: {name}: {wrong}")
        if name == "leaderboard" and len({part.by for part in known.overview.leaderboard}) > 1:
            wrong = "its columns are about different things; give all the same `by`"
            yield place.fault((name,), f"overview: {name}: {wrong}")


def shown_overview(known: Known) -> Overview:
    """Return the parts of the overview that there are readings for: their KPIs are not off, and as they were."""

    def has_series(part: OverviewPart) -> bool:
        return part.kpi in known.kpis and not any(check_series(known.kpis[part.kpi], part))

    return known.overview.where(has_series)


def _given(known: Known) -> dict[str, tuple[int, Place]]:
    """Return, for each place of the overview, the newest layer that gives it."""
    return {name: (layer, place) for layer, place in known.overview_at for name in place.content}


def _parts(overview: Overview, name: str) -> Iterator[tuple[Loc, OverviewPart]]:
    found = getattr(overview, name)
    if isinstance(found, tuple):
        yield from (((index,), part) for index, part in enumerate(found))
    elif found is not None:
        yield (), found


def _faults(name: str, part: OverviewPart, known: Known) -> Iterator[Found]:
    if part.kpi not in known.kpis_at:
        yield ("kpi",), f"kpi `{part.kpi}` is not declared{did_you_mean(part.kpi, known.kpis_at)}"
    elif part.by is None and name in _WITH_ROWS:
        yield (), "`by` is missing; give the dimension whose values are the rows"
    elif part.by is not None and name not in _WITH_ROWS:
        yield ("by",), f"`by: {part.by}` has no effect here; remove it"
    elif part.kpi in known.kpis:
        yield from check_series(known.kpis[part.kpi], part, ("by",))
