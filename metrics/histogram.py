"""Log-histogram buckets of whole values: relative error 1 %, exactly retractable.

The scheme of DDSketch (Masson, Rim, Lee: DDSketch, VLDB 2019) without collapsing and without min or max: bucket i >= 0
holds the values in (gamma^(i-1), gamma^i], bucket -2 - i their negatives. Counts are signed integers kept in cells, so
taking a value back is the exact inverse of adding it; that is why the published library cannot be used, which only
adds.
"""

from collections.abc import Mapping
from fractions import Fraction
from itertools import accumulate
from math import ceil, log

GAMMA = 1.01 / 0.99
_LOG_GAMMA = log(GAMMA)
ZERO_BUCKET = -1


def bucket(value: int) -> int:
    """Return the bucket of a whole value; 0 has a bucket of its own."""
    if value < 0:
        return 2 * ZERO_BUCKET - bucket(-value)
    return ZERO_BUCKET if value == 0 else ceil(log(value) / _LOG_GAMMA - 1e-9)


def representative(index: int) -> Fraction:
    """Return the value that stands for a bucket: at most 1 % from every value in it."""
    if index < ZERO_BUCKET:
        return -representative(2 * ZERO_BUCKET - index)
    if index == ZERO_BUCKET:
        return Fraction(0)
    return Fraction(2 * GAMMA**index / (1 + GAMMA)).limit_denominator(1000)


def quantile(counts: Mapping[int, int], q: Fraction) -> Fraction | None:
    """Return the value of rank floor(q (n - 1)) of the merged counts, None without samples."""
    samples = sum(counts.values())
    if samples <= 0:
        return None
    rank = q.numerator * (samples - 1) // q.denominator
    ordered = sorted(counts)
    reached = zip(ordered, accumulate(counts[index] for index in ordered), strict=True)
    return representative(next(index for index, seen in reached if seen > rank))
