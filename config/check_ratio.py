"""Whether the sides of a ratio are there and give its unit."""

from collections.abc import Iterator, Mapping

from config.aggregated import Part, parts, sides
from config.check_members import unit_of_members
from config.check_reference import check_used
from config.declarations import Ratio, Unit
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean


def check_ratio(kpi: Ratio, known: Known) -> Iterator[Found]:
    """Yield every fault of the sides of a ratio and of its unit."""
    units: dict[str, Unit | None] = {}
    for part in parts(kpi):
        if part.kpi:
            yield from check_used(kpi, part.kpi, part.refers_at, known)
        units[str(part.loc[0])] = unit_of(part, known)
    yield from _ratio_unit(kpi, units)
    yield from _broadcast(kpi)


def unit_of(part: Part, known: Known) -> Unit | None:
    """Return the unit of a part; None where another fault keeps it from being known."""
    if part.aggregated:
        return part.aggregated.unit
    if part.population:
        return unit_of_members(part.population, known)
    kpi = known.kpis.get(part.kpi or "")
    return kpi.unit if kpi else None


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


def _broadcast(kpi: Ratio) -> Iterator[Found]:
    """Yield the dimensions that a side declares to lack although no grain has them."""
    grouped = sorted({dimension for grain in kpi.grains for dimension in grain})
    for name, side in sides(kpi):
        for index, dimension in enumerate(side.broadcast):
            if dimension not in grouped:
                wrong = f"dimension `{dimension}` is in no grain{did_you_mean(dimension, grouped)}"
                yield (name, "broadcast", index), wrong
