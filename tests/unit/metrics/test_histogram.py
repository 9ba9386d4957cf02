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
    assert bucket(-2) < bucket(-1) < bucket(0) < bucket(1) < bucket(2)
    assert representative(bucket(0)) == 0


@given(st.integers(1, 10**13))
def test_the_bucket_of_a_negative_mirrors_that_of_its_positive(value: int) -> None:
    assert representative(bucket(-value)) == -representative(bucket(value))


@given(st.lists(st.integers(-(10**27), 10**27), min_size=2))
def test_buckets_are_in_the_order_of_their_values(values: list[int]) -> None:
    assert [bucket(v) for v in sorted(values)] == sorted(bucket(v) for v in values)


@given(
    st.lists(st.integers(-(10**9), 10**9), min_size=1),
    st.sampled_from([Fraction(1, 2), Fraction(9, 10), Fraction(99, 100)]),
)
def test_a_quantile_is_the_value_of_its_rank_within_one_percent(values: list[int], q: Fraction) -> None:
    exact = sorted(values)[int(q * (len(values) - 1))]
    estimate = quantile(Counter(map(bucket, values)), q)
    assert estimate is not None
    assert abs(estimate - exact) <= abs(exact) * Fraction(10_001, 1_000_000)


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        # Rank floor(q (n - 1)) of the values in their order.
        ([-1, 0, 1], Fraction(1, 2), 0),
        ([-1, -1, 1], Fraction(1, 2), -1),
        ([-1, -1, 1], Fraction(99, 100), -1),
        ([-1, 1], Fraction(1, 2), -1),
        ([-1], Fraction(9, 10), -1),
        ([0, 0, -1, 0], Fraction(0), -1),
        ([-1, 0, 0, 1], Fraction(1), 1),
    ],
)
def test_a_quantile_of_values_on_both_sides_of_zero(values: list[int], q: Fraction, expected: int) -> None:
    found = quantile(Counter(map(bucket, values)), q)
    assert found is not None
    assert abs(found - expected) <= Fraction(10_001, 1_000_000) * abs(expected)


@pytest.mark.parametrize("counts", [{}, {5: 0}])
def test_there_is_no_quantile_of_nothing(counts: dict[int, int]) -> None:
    assert quantile(counts, Fraction(1, 2)) is None
