"""Whether the KPIs that a KPI refers to are there."""

from collections.abc import Iterator

from config.declarations import Kpi, Measure, State
from config.document import Loc
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean

GROUPS_OFF = "SALESPULSE_GROUPS_OFF"
"""The setting with the groups that are switched off."""


def check_declared(kpi: Kpi, key: str, loc: Loc, known: Known) -> Iterator[Found]:
    """Yield why `kpi` cannot refer to the KPI `key`."""
    if key not in known.kpis_at:
        yield loc, f"kpi `{key}` is not declared{did_you_mean(key, known.kpis_at)}"
    elif key in known.off:
        off = known.off[key]
        wrong = f"kpi `{key}` is switched off with the group `{off}`"
        yield loc, f"{wrong}; take `{off}` out of `{GROUPS_OFF}`, or add `{kpi.group}` to it"


def check_used(kpi: Kpi, key: str, loc: Loc, known: Known) -> Iterator[Found]:
    """Yield why `kpi` cannot be made of the KPI `key`."""
    yield from check_declared(kpi, key, loc, known)
    used = known.kpis.get(key)
    if isinstance(used, Measure | State) and len(used.aggs) > 1:
        yield loc, f"kpi `{key}` has several aggregates ({', '.join(used.aggs)}); name a kpi that has one"
