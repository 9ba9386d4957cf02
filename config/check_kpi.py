"""Whether a KPI's parts agree with each other, with its sources and with the KPIs that it is made of."""

from collections.abc import Iterator

from config.aggregated import parts
from config.check_aggregated import check_aggregated
from config.check_conversion import check_conversion
from config.check_formula import check_formula
from config.check_grains import check_grains
from config.check_members import check_active, check_membership, check_population_of, check_share
from config.check_named import check_named
from config.check_ratio import check_ratio
from config.check_samples import check_samples
from config.check_shown import check_shown
from config.check_windows import check_windows
from config.declarations import Conversion, Derived, Kpi, Measure, Membership, Ratio, Share, State
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean

_ENDINGS = ("_numerator", "_denominator", "_samples", "_target")


def check_kpi(kpi: Kpi, known: Known) -> Iterator[Found]:
    """Yield every fault of a KPI that fits its model."""
    yield from _key(kpi.key)
    if known.groups_at and kpi.group not in known.groups_at:
        yield ("group",), f"group `{kpi.group}` is not declared{did_you_mean(kpi.group, known.groups_at)}"
    yield from check_samples(kpi, known)
    yield from check_shown(kpi, known)
    yield from check_windows(kpi, known)
    for part in parts(kpi):
        if part.aggregated:
            yield from check_aggregated(part.aggregated, known)
        yield from check_population_of(part, known)
    yield from _type(kpi, known)
    yield from check_grains(kpi, known)


def _key(key: str) -> Iterator[Found]:
    if key.startswith("kpi_"):
        yield ("key",), f"key `{key}` begins with `kpi_`, which the service's own metrics do; give it another name"
    for ending in _ENDINGS:
        if key.endswith(ending):
            yield ("key",), f"key `{key}` ends with `{ending}`, as the companions of a metric do; give it another name"


def _type(kpi: Kpi, known: Known) -> Iterator[Found]:
    match kpi:
        case State() if kpi.active is not None:
            yield from check_active(kpi, known)
        case Measure() | State():
            yield from _aggregate(kpi, known)
        case Conversion():
            yield from check_conversion(kpi, known)
        case Membership():
            yield from check_membership(kpi, known)
        case Share():
            yield from check_share(kpi, known)
        case Ratio():
            yield from check_ratio(kpi, known)
        case Derived():
            yield from check_formula(kpi, known)


def _aggregate(kpi: Measure | State, known: Known) -> Iterator[Found]:
    units = [part.aggregated.unit for part in parts(kpi) if part.aggregated]
    if kpi.unit not in units:
        yield ("unit",), f"unit `{kpi.unit}` does not follow from what is aggregated; write `unit: {units[0]}`"
    if isinstance(kpi, State) and kpi.named:
        yield from check_named(kpi, kpi.named, known)
