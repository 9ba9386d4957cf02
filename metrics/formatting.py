"""Exact values as text: decimals for programs, and a shorter form for people.

Values are fractions, money in reporting minor units; here they are rounded, half to even, for the only time.
"""

from decimal import Decimal
from fractions import Fraction
from math import inf
from typing import NamedTuple

from config.declarations import Declarations, Membership, Ratio, Side, Unit
from metrics.combine import Attained, Broadcast, Difference, Quotient
from metrics.currency import exponent
from metrics.evaluate import Distinct, GreatestAge, MoneyTotal, Node, Required, Result, Total
from metrics.plan import SeriesPlan

_RATIO_PLACES, _MEAN_MONEY_PLACES, _MEAN_SECONDS_PLACES = 12, 6, 3
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹"}
_SPANS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
ABSENT = "–"
"""What people see in the place of an absent value."""


class Quantity(NamedTuple):
    """What kind of number something is: its unit, and whether it is a sum, which is whole in its smallest unit."""

    unit: Unit
    is_sum: bool

    def text(self, value: Fraction, currency: str) -> str:
        """Return `value` as a decimal: money in major units, with as many places as its kind has."""
        if self.unit == "money":
            minor = exponent(currency)
            return decimal(value, minor if self.is_sum else max(minor, _MEAN_MONEY_PLACES), minor)
        if self.is_sum and self.unit != "ratio":
            return decimal(value, 0)
        return decimal(value, _MEAN_SECONDS_PLACES if self.unit == "seconds" else _RATIO_PLACES)

    def number(self, value: Fraction, currency: str) -> float:
        """Return `value` as the nearest float: money in major units, a sum of it rounded to the minor unit first.

        What is greater than any float is infinite.
        """
        scale = 10 ** exponent(currency) if self.unit == "money" else 1
        try:
            if self.is_sum:
                return (value.numerator if value.denominator == 1 else round(value)) / scale
            return value.numerator / (value.denominator * scale)
        except OverflowError:  # a product of many amounts is exact, and greater than any float
            return inf if value > 0 else -inf


class Quantities(NamedTuple):
    """The kinds of number of a series: of its value, and of the sides where it is a ratio."""

    value: Quantity
    numerator: Quantity | None = None
    denominator: Quantity | None = None


def decimal(value: Fraction, places: int, exponent: int = 0) -> str:
    """Return `value` / 10^`exponent` with exactly `places` decimals, rounded half to even; never a negative zero.

    In whole numbers throughout: each operation on fractions would look for a common divisor.
    """
    above, below = value.numerator * 10**places, value.denominator * 10**exponent
    scaled, left = divmod(above, below)
    if 2 * left > below or (2 * left == below and scaled % 2):
        scaled += 1
    whole, rest = divmod(abs(scaled), 10**places)
    return f"{'-' if scaled < 0 else ''}{whole}" + (f".{rest:0{places}d}" if places else "")


def quantities(series: SeriesPlan, declarations: Declarations) -> Quantities:
    """Return the kinds of number of `series`."""
    kpi, node = series.kpi, series.node
    value = Quantity(kpi.unit, _is_sum(node))
    count = Quantity("none", is_sum=True)
    if isinstance(node, Attained):
        return Quantities(value, count, count)
    if not isinstance(node, Quotient):
        return Quantities(value)
    if isinstance(kpi, Ratio):
        above = _is_sum(node.numerator) and (node.minus is None or _is_sum(node.minus))
        return Quantities(
            value,
            Quantity(_side_unit(kpi.numerator, declarations), above),
            Quantity(_side_unit(kpi.denominator, declarations), _is_sum(node.denominator)),
        )
    if isinstance(kpi, Membership) and declarations.populations[kpi.population].amounts is not None:
        count = Quantity("money", is_sum=True)
    return Quantities(value, count, count)


def decimal_text(series: SeriesPlan, result: Result, currency: str) -> str | None:
    """Return the value as a decimal, None when it is absent.

    Sums of money have the places of the reporting currency, other money 6, ratios 12, means and quantiles of seconds 3;
    counts and whole seconds have none.
    """
    if result.value is None:
        return None
    return Quantity(series.kpi.unit, _is_sum(series.node)).text(result.value, currency)


def currency_symbol(currency: str) -> str:
    """Return the sign that stands for a currency, its code where it has none that everybody knows."""
    return _SYMBOLS.get(currency, currency)


def display_text(series: SeriesPlan, result: Result, currency: str) -> str:
    """Return the value for people, in the form and with the decimals that the declaration asks for."""
    value, shown = result.value, series.kpi.display
    if value is None:
        return ABSENT
    places = 0 if shown is None else shown.decimals
    match shown.format if shown is not None else _FORMATS[series.kpi.unit]:
        case "currency":
            amount = _grouped(value / 10 ** exponent(currency), places)
            return f"{currency_symbol(currency)} {amount}"
        case "percent":
            return f"{_grouped(value * 100, places)} %"
        case "duration":
            return _span(value)
        case _:
            return _grouped(value, places)


_FORMATS = {"money": "currency", "ratio": "percent", "seconds": "duration", "none": "number"}


def _is_sum(node: Node) -> bool:
    """Return whether a value is a whole number of the smallest unit."""
    match node:
        case Required(node=inner) | Broadcast(node=inner):
            return _is_sum(inner)
        case Difference(whole=whole, less=less):
            return _is_sum(whole) and _is_sum(less)
        case Total():
            return node.scale == 1
        case _:
            return isinstance(node, MoneyTotal | GreatestAge | Distinct)


def _side_unit(side: Side, declarations: Declarations) -> Unit:
    if side.membership is not None:
        return "money" if declarations.populations[side.membership.population].amounts is not None else "none"
    spec = side.measure or side.state
    if spec is None:
        return declarations.kpis[side.kpi or ""].unit
    return "none" if spec.agg == "count" or spec.value is None else spec.value.unit


def _grouped(value: Fraction, places: int) -> str:
    return f"{Decimal(decimal(value, places)):,}"


def _span(seconds: Fraction) -> str:
    """Return the two greatest units of a span, such as `2 h 5 min`."""
    left = abs(round(seconds))
    first = next((i for i, (_, size) in enumerate(_SPANS) if left >= size), len(_SPANS) - 1)
    parts: list[str] = []
    for name, size in _SPANS[first : first + 2]:
        count, left = divmod(left, size)
        if count or not parts:
            parts.append(f"{count} {name}")
    return ("-" if seconds < 0 else "") + " ".join(parts)
