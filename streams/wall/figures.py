"""Figures as people write them in their language."""

from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

from metrics.evaluate import Result
from metrics.formatting import decimal, decimal_text, display_text
from metrics.plan import SeriesPlan
from metrics.standing import Attainment, Change
from streams.wall.words import Language, Words

MINUS = "−"
_SWAPPED = str.maketrans({",": ".", ".": ","})
_HOURS = " h"
_FINE_BELOW = 10
"""Changes of fewer percents than this have a decimal."""
_MOST_PERCENT = 999


def figure(series: SeriesPlan, value: Fraction | None, currency: str, language: Language) -> str:
    """Return a value of a series with its unit, in the form that its declaration asks for."""
    text = display_text(series, Result(value), currency)
    if _is_span(series):
        return text.replace(_HOURS, " u") if language == "nl" else text
    return localised(text, language)


def exact_figure(series: SeriesPlan, value: Fraction | None, currency: str, language: Language) -> str:
    """Return a value with all the places that it has, and its unit."""
    text = decimal_text(series, Result(value), currency)
    if text is None:
        return ""
    unit = {"money": f" {currency}", "seconds": " s"}.get(series.kpi.unit, "")
    return localised(f"{Decimal(text):,f}", language) + unit


def localised(number: str, language: Language) -> str:
    """Return a number that is written in English, with a minus that is one."""
    return number.translate(_SWAPPED) if language == "nl" else number


def count(number: int, language: Language) -> str:
    """Return a whole number."""
    return localised(f"{number:,}", language)


def share_percent(attained: Attainment, language: Language) -> str:
    """Return how much of the target there is; never 100 % for what is not reached, nor for what is over."""
    if attained.share is None:
        return ""
    percent = attained.share * 100
    return f"{count(ceil(percent) if attained.state in {'within', 'over'} else floor(percent), language)} %"


def change_figure(series: SeriesPlan, changed: Change, currency: str, words: Words) -> tuple[str, int]:
    """Return a change with its sign, and the sign as -1, 0 or 1; what rounds to nothing has none."""
    if changed.kind == "absolute":
        size = figure(series, abs(changed.amount), currency, words.language)
        sign = (changed.amount > 0) - (changed.amount < 0)
    else:
        unit = "%" if changed.kind == "percent" else words("points")
        percent = abs(changed.amount * 100)
        number = decimal(percent, 1 if percent < _FINE_BELOW else 0)
        sign = ((changed.amount > 0) - (changed.amount < 0)) if Decimal(number) else 0
        too_much = percent > _MOST_PERCENT
        size = f"{localised(f'{_MOST_PERCENT if too_much else Decimal(number):,}', words.language)} {unit}"
        if too_much:
            return f"> {'+' if sign > 0 else MINUS}{size}", sign
    return f"{('', '+', MINUS)[sign]}{size}", sign


def _is_span(series: SeriesPlan) -> bool:
    shown = series.kpi.display
    return series.kpi.unit == "seconds" if shown is None else shown.format == "duration"
