"""How a value stands: against what it should reach, and against the period before."""

from fractions import Fraction
from typing import Literal, NamedTuple

from metrics.calendar import BusinessCalendar, Window, next_period_start, period_start
from metrics.evaluate import MoneyTotal, Required, Total
from metrics.plan import SeriesPlan

Good = Literal["up", "down"]
_UNITS = {"dtd": "day", "wtd": "week", "mtd": "month", "qtd": "quarter", "ytd": "year"}


class Attainment(NamedTuple):
    """A value against its target.

    Attributes:
        state: of what should be high `reached`, `on_pace` (the period goes on, and so much of the target is reached as
            of the period is over), `behind` that pace, or `below` where there is no pace; of what should be low
            `within` or `over`.
        share: value / target; None when the target is not above 0.
        pace: the share of the period that is over, of what adds up in a period to date.
    """

    state: Literal["reached", "on_pace", "behind", "below", "within", "over"]
    share: Fraction | None
    pace: Fraction | None


class Change(NamedTuple):
    """What became of a value since the comparison window.

    Attributes:
        kind: `percent`, of the value before; `points`, of a ratio; `absolute`, where the value before was 0.
        amount: how much, as a share of 1 for the first two.
    """

    kind: Literal["percent", "points", "absolute"]
    amount: Fraction


def attainment(value: Fraction, target: Fraction, good: Good, pace: Fraction | None = None) -> Attainment:
    """Compare `value` with `target`; exactly the target is reached, and within."""
    share = value / target if target > 0 else None
    if good == "down":
        return Attainment("within" if value <= target else "over", share, None)
    if value >= target:
        return Attainment("reached", share, pace)
    if share is None or pace is None:
        return Attainment("below", share, pace)
    return Attainment("on_pace" if share >= pace else "behind", share, pace)


def change(value: Fraction, before: Fraction, *, in_points: bool) -> Change:
    """Compare `value` with the one `before`; a loss that shrinks is a rise."""
    if in_points:
        return Change("points", value - before)
    if before == 0:
        return Change("absolute", value)
    return Change("percent", (value - before) / abs(before))


def pace(series: SeriesPlan, window: Window, as_of: int, calendar: BusinessCalendar) -> Fraction | None:
    """Return the share of the period that is over; None where the value does not grow with the period.

    Sums and counts over periods to date grow; means, ratios and stocks do not, and other windows are always whole.
    """
    unit = _UNITS.get(window.token)
    if unit is None or not _adds_up(series):
        return None
    today = calendar.current_day(as_of)
    begin = calendar.day_start(period_start(unit, today))
    end = calendar.day_start(next_period_start(unit, today))
    return Fraction(as_of - begin, end - begin)


def _adds_up(series: SeriesPlan) -> bool:
    node = series.node.node if isinstance(series.node, Required) else series.node
    return isinstance(node, Total | MoneyTotal)
