"""Quantiles within 1 %, and values that can be taken back exactly."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.histogram import bucket, quantile, representative


@given(st.integers(1, 10**13))
def test_a_bucket_stands_for_its_values_within_one_percent(value: int) -> None:
    assert abs(representative(bucket(value)) - value) <= value * Fraction(10_001, 1_000_000)


def test_zero_has_a_bucket_of_its_own() -> None:
    assert bucket(0) < bucket(1) < bucket(2)
    assert representative(bucket(0)) == 0


@given(
    st.lists(st.integers(0, 10**9), min_size=1), st.sampled_from([Fraction(1, 2), Fraction(9, 10), Fraction(99, 100)])
)
def test_a_quantile_is_the_value_of_its_rank_within_one_percent(values: list[int], q: Fraction) -> None:
    exact = sorted(values)[int(q * (len(values) - 1))]
    estimate = quantile(Counter(map(bucket, values)), q)
    assert estimate is not None
    assert abs(estimate - exact) <= exact * Fraction(10_001, 1_000_000)


@pytest.mark.parametrize("counts", [{}, {5: 0}])
def test_there_is_no_quantile_of_nothing(counts: dict[int, int]) -> None:
    assert quantile(counts, Fraction(1, 2)) is None
