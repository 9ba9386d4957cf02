"""How Grafana should write a number: its unit and decimals."""

from typing import NamedTuple

from config.declarations import Kpi, Unit
from metrics.formatting import currency_symbol

_FORMATS = {"money": "currency", "ratio": "percent", "seconds": "duration", "none": "number"}
_PERCENT_DECIMALS = 1
_HOUR_SECONDS, _DAY_SECONDS = 3600, 86400


class Form(NamedTuple):
    """A unit of Grafana, and the number of decimals; None is as many as it takes to tell values apart."""

    unit: str
    decimals: int | None


DAYS, HOURS = Form("suffix:d", None), Form("suffix:h", None)
"""How axes of durations are written: Grafana's own units have ticks at 5.79 weeks."""
AXES = {DAYS: _DAY_SECONDS, HOURS: _HOUR_SECONDS}
"""By form of an axis, the seconds of its unit."""


def axis_of(form: Form, typical_seconds: float | None) -> Form:
    """Return the form of an axis of values in `form`; durations of a day at most are in hours, others in days."""
    if form.unit != "s":
        return form
    return HOURS if typical_seconds is not None and typical_seconds <= _DAY_SECONDS else DAYS


def form_of(kpi: Kpi, unit: Unit, currency: str) -> Form:
    """Return the form of the values of `kpi` that are in `unit`, which is the KPI's own or that of a named value."""
    shown = kpi.display
    decimals = 0 if shown is None else shown.decimals
    match _FORMATS[unit] if shown is None or unit != kpi.unit else shown.format:
        case "currency":
            return Form(money_unit(currency), decimals)
        case "percent":
            return Form("percentunit", decimals if unit == kpi.unit and shown is not None else _PERCENT_DECIMALS)
        case "duration":
            return Form("s", max(decimals, 1))  # Grafana writes the greatest unit only: 10 days would be 1 week
        case _:
            return Form("none" if unit == "ratio" else "locale", decimals)


def money_unit(currency: str) -> str:
    """Return the unit for amounts that are written out, `€1,414,235`; Grafana's own units shorten them to `€1.41M`."""
    symbol = currency_symbol(currency)
    return f"currency:financial:{symbol}{' ' if symbol.isalpha() else ''}:prefix:2"
