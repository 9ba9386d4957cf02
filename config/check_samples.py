"""Whether `min_samples` has samples to count."""

from collections.abc import Iterator

from config.aggregated import Part, parts
from config.check_members import unit_of_members
from config.declarations import Conversion, Kpi, Measure, Membership, Ratio, Share, State
from config.document import Loc
from config.fields import Found
from config.known import Known

_SAMPLED = {"mean", "p50", "p90", "p95", "p99"}


def check_samples(kpi: Kpi, known: Known) -> Iterator[Found]:
    """Yield that a `min_samples` asks for nothing, or that the KPI has no number of samples."""
    for loc, who, samples in _asked(kpi):
        if samples < 1:
            yield loc, f"{who}`min_samples: {samples}` asks for nothing; write 1 or more, or remove it"
        elif samples > 1 and not _has_samples(kpi, known):
            wrong = "has no effect: there is no number of samples, as means, quantiles and shares of a number have"
            yield loc, f"{who}`min_samples` {wrong}; remove it"


def _asked(kpi: Kpi) -> Iterator[tuple[Loc, str, int]]:
    """Yield where samples are asked for, by whom, and how many."""
    yield ("min_samples",), "", kpi.min_samples
    for index, alert in enumerate(kpi.alerts):
        if alert.min_samples is not None:
            yield ("alerts", index, "min_samples"), f"alert `{alert.name}`: ", alert.min_samples


def _has_samples(kpi: Kpi, known: Known) -> bool:
    match kpi:
        case Conversion() | Share():
            return True
        case Membership():
            return kpi.output.endswith("_ratio") and unit_of_members(kpi.population, known) == "none"
        case Measure() | State():
            return bool(_SAMPLED & set(kpi.aggs))
        case Ratio():
            *_, denominator = parts(kpi)
            return _counts(denominator, known)
        case _:
            return False


def _counts(part: Part, known: Known) -> bool:
    """Return whether a part is a number of entities or members."""
    if part.aggregated:
        return part.aggregated.aggs == ("count",)
    if part.population:
        return part.output in {"start", "end", "now"} and unit_of_members(part.population, known) == "none"
    kpi = known.kpis.get(part.kpi or "")
    return isinstance(kpi, Measure | State | Membership) and all(_counts(p, known) for p in parts(kpi))
