"""Where an alert fires, and what its value must come back to before it ends, row by row."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from config.declarations import Alert, Kpi

_MARGIN = Decimal("0.1")
"""How far beyond the threshold an alert ends by default, as a share of the threshold."""


class Threshold(NamedTuple):
    """The threshold of some rows, in the unit of the gauge: money in major units, time in seconds.

    Attributes:
        where: the row that it is for, by dimension; nothing for all rows that have none of their own.
        fires: the value must pass this for the alert to fire.
        clears: the alert ends when the value has come back to this; the gap between the two keeps a value that hovers
            round the threshold from firing again and again (hysteresis).
    """

    where: Mapping[str, str]
    fires: Decimal
    clears: Decimal


def thresholds(kpi: Kpi, alert: Alert) -> tuple[Threshold, ...]:
    """Return the thresholds of `alert`: the one of single rows before the one of all others."""
    own = tuple(
        Threshold(level.where, _exact(level.at), _clears(kpi, alert, level.at, level.clear)) for level in alert.levels
    )
    fires = alert.threshold
    return (*own, Threshold({}, _exact(fires), _clears(kpi, alert, fires, alert.clear)))


def _clears(kpi: Kpi, alert: Alert, fires: float, declared: float | None) -> Decimal:
    """Return the level that is declared, else one a tenth of the threshold beyond it.

    A share below 1 is not asked to come back to more than half of what is left to 1.
    """
    if declared is not None:
        return _exact(declared)
    level = _exact(fires)
    margin = abs(level) * _MARGIN
    if alert.below is None:
        return level - margin
    if kpi.unit == "ratio" and 0 < level < 1:
        margin = min(margin, (1 - level) / 2)
    return level + margin


def _exact(number: float) -> Decimal:
    return Decimal(str(number))
