"""Whether the overview shows readings that are declared."""

from collections.abc import Iterator, Mapping
from typing import Any

from config.check_shown import check_series
from config.declarations import Overview, OverviewPart
from config.document import Loc
from config.faults import Fault
from config.known import Known
from config.parse import did_you_mean

_PARTS_BY = ("ranking", "mix", "leaderboard")
"""The places that show a row for each value of a dimension."""


def check_overview(known: Known) -> Iterator[Fault]:
    """Yield the faults of the overview, each at the newest layer that gives the place."""
    given: dict[str, Any] = {}
    for place in known.overview_at:
        content: Mapping[str, Any] = place.content
        given |= dict.fromkeys(content, place)
    for name, place in given.items():
        for loc, part in _parts(known.overview, name):
            for inner, wrong in _faults(name, part, known):
                yield place.fault((name, *loc, *inner), f"overview: {name}: {wrong}")
    if len({part.by for part in known.overview.leaderboard}) > 1:
        wrong = "overview: leaderboard: its columns are about different things; give all the same `by`"
        yield given["leaderboard"].fault(("leaderboard",), wrong)


def _parts(overview: Overview, name: str) -> Iterator[tuple[Loc, OverviewPart]]:
    found = getattr(overview, name)
    if isinstance(found, tuple):
        yield from (((index,), part) for index, part in enumerate(found))
    elif found is not None:
        yield (), found


def _faults(name: str, part: OverviewPart, known: Known) -> Iterator[tuple[Loc, str]]:
    if part.kpi not in known.kpis_at:
        yield ("kpi",), f"kpi `{part.kpi}` is not declared{did_you_mean(part.kpi, known.kpis_at)}"
        return
    if part.by is None and name in _PARTS_BY:
        yield (), "`by` is missing; give the dimension whose values are the rows"
    elif part.by is not None and name not in _PARTS_BY:
        yield ("by",), f"`by: {part.by}` has no effect here; remove it"
    elif part.kpi in known.kpis:
        yield from check_series(known.kpis[part.kpi], part, ("by",))
