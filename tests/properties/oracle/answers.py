"""What a formula gives for the values of a row's dimensions: a number, or the reason why there is none."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import NamedTuple

Dims = tuple[str, ...]
Grain = tuple[str, ...]
Key = tuple[str, str | None, Grain, str, Dims]
"""(KPI, aggregate where it has several, grain, window, dimension values)."""


class Answer(NamedTuple):
    """An exact value (money in minor units, time in seconds), or None with the reason."""

    value: Fraction | None
    reason: str | None = None
    samples: int | None = None
    """How many entities a mean, a quantile or a ratio over a count is of."""


Table = Callable[[Dims], Answer]
Sums = defaultdict[Dims, Fraction]


def absent(reason: str) -> Answer:
    return Answer(None, reason)


def divided(numerator: Fraction, denominator: Fraction) -> Answer:
    """Divide; there is no value over zero or less."""
    if denominator <= 0:
        return absent("denominator_zero" if denominator == 0 else "denominator_negative")
    return Answer(numerator / denominator)


def per_count(numerator: Fraction, count: Fraction) -> Answer:
    """Divide by a number of entities."""
    return divided(numerator, count)._replace(samples=int(count))


def grown(now: Fraction, before: Fraction) -> Answer:
    """Return the growth: now / before - 1."""
    found = divided(now, before)
    return found if found.value is None else Answer(found.value - 1)


def judged(found: Answer, min_samples: int) -> Answer:
    """Return what is shown of an answer: nothing of too few samples."""
    if found.value is not None and found.samples is not None and found.samples < min_samples:
        return absent("below_min_samples")
    return found


def zero_or_more(sums: Sums) -> Table:
    return lambda dims: Answer(sums[dims])


def quotient(numerators: Sums, denominators: Sums) -> Table:
    return lambda dims: divided(numerators[dims], denominators[dims])


def rate(numerators: Sums, counts: Sums) -> Table:
    return lambda dims: per_count(numerators[dims], counts[dims])


def aggregated(samples: Mapping[Dims, list[Fraction]], agg: str) -> Table:
    """Return the mean, the largest, or the quantile at the rank floor(q (n - 1))."""

    def of(dims: Dims) -> Answer:
        values = sorted(samples.get(dims, ()))
        match agg:
            case _ if not values:
                return absent("no_samples")
            case "mean":
                return Answer(sum(values, Fraction()) / len(values), samples=len(values))
            case "max":
                return Answer(values[-1])
            case _:
                return Answer(values[int(agg[1:]) * (len(values) - 1) // 100], samples=len(values))

    return of
