"""Metric names: ``sales_<kpi>[_<role>][_<agg>][_by_<dimensions>][_<unit>]`` (KPIS 0.7)."""

from collections.abc import Sequence
from typing import Literal

Role = Literal["value", "numerator", "denominator", "samples", "target"]
_CURRENCY_NAMES = {"EUR": "euros", "USD": "dollars", "GBP": "pounds", "JPY": "yen", "CHF": "francs", "INR": "rupees"}


def unit_suffix(unit: str, currency: str) -> str:
    """Return the base unit as it ends a name; counted things have none."""
    if unit == "none":
        return ""
    return "_" + (_CURRENCY_NAMES.get(currency, currency.lower()) if unit == "money" else unit)


def metric_name(key: str, agg: str | None, grain: Sequence[str], unit: str, currency: str, role: Role = "value") -> str:
    """Return the name of the gauge; `agg` only where a KPI has several aggregates."""
    name = key if key.startswith("sales_") else f"sales_{key}"
    if role != "value":
        name += f"_{role}"
    if agg is not None:
        name += f"_{agg}"
    if grain:
        name += "_by_" + "_".join(grain)
    return name + unit_suffix(unit, currency)
