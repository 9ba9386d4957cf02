"""How the values of a KPI are written in annotations: by the templates of Prometheus, and as those come out."""

from decimal import Decimal
from typing import NamedTuple

from config.declarations import Unit
from metrics.currency import exponent
from metrics.formatting import quantities
from metrics.plan import Plan, SeriesPlan
from streams.rules.humanize import humanize_duration, humanize_percentage
from streams.rules.promql import number
from streams.rules.spans import span_text

_OTHER_PLACES = 2


class Amount(NamedTuple):
    """The kind of number that a KPI is.

    Attributes:
        unit: its unit; the value is in major units of money, or in seconds.
        places: how many decimals are shown of money and of plain numbers.
        currency: the reporting currency.
    """

    unit: Unit
    places: int
    currency: str

    @property
    def template(self) -> str:
        """What stands for the value in an annotation."""
        match self.unit:
            case "ratio":
                return "{{ $value | humanizePercentage }}"
            case "seconds":
                return "{{ $value | humanizeDuration }}"
            case _:
                return f'{self._currency}{{{{ $value | printf "%.{self.places}f" }}}}'

    def said(self, value: float) -> str:
        """Return what Prometheus makes of the template when the value is `value`."""
        match self.unit:
            case "ratio":
                return humanize_percentage(value)
            case "seconds":
                return humanize_duration(value)
            case _:
                return f"{self._currency}{value:.{self.places}f}"

    def exact(self, level: Decimal) -> str:
        """Return a threshold as it is declared, in the same unit."""
        match self.unit:
            case "ratio":
                return f"{number(level * 100)}%"
            case "seconds":
                return span_text(level)
            case _:
                return f"{self._currency}{number(level)}"

    @property
    def _currency(self) -> str:
        return f"{self.currency} " if self.unit == "money" else ""


def amount_of(plan: Plan, series: SeriesPlan) -> Amount:
    """Return the kind of number that the values of `series` are; a ratio need not be shown as a percentage."""
    kpi = series.kpi
    if kpi.unit == "ratio" and kpi.display is not None and kpi.display.format == "number":
        return Amount("none", max(kpi.display.decimals, _OTHER_PLACES), plan.currency)
    if kpi.unit == "money":
        places = exponent(plan.currency) if kpi.display is None else kpi.display.decimals
    else:
        places = 0 if quantities(series, plan.declarations).value.is_sum else _OTHER_PLACES
    return Amount(kpi.unit, places, plan.currency)
