"""Conversion is exact, of the newest rate that is not too old."""

from decimal import Decimal
from fractions import Fraction

import pytest

from metrics.currency import Rate, Rates, exponent

DAY = 86_400_000


def rates(*published: tuple[str, str, int, str], reporting: str = "EUR", max_age_days: int = 7) -> Rates:
    return Rates(reporting, max_age_days * DAY, [Rate(b, q, d, Decimal(r)) for b, q, d, r in published])


@pytest.mark.parametrize(("currency", "places"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("XYZ", 2)])
def test_exponents(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize(
    ("currency", "day", "expected"),
    [
        ("EUR", 0, Fraction(1)),
        ("USD", 99, None),  # before the first rate
        ("USD", 100, Fraction(4, 5)),
        ("USD", 101, Fraction(4, 5)),
        ("USD", 102, Fraction(10, 11)),
        ("USD", 109, Fraction(10, 11)),  # seven days old
        ("USD", 110, None),
        ("JPY", 100, Fraction(100, 160)),  # a yen has no smaller unit, a euro has cents
        ("KWD", 100, Fraction(1, 10) / Fraction("0.35")),
        ("GBP", 100, None),
    ],
)
def test_the_newest_rate_not_after_the_day(currency: str, day: int, expected: Fraction | None) -> None:
    table = rates(
        ("EUR", "USD", 100, "1.25"), ("EUR", "USD", 102, "1.1"), ("EUR", "JPY", 100, "160"), ("EUR", "KWD", 100, "0.35")
    )
    assert table.factor(currency, day) == expected
    assert table.factor(currency, day) == expected  # and again from memory


def test_cross_rates_go_through_the_base() -> None:
    table = rates(("EUR", "USD", 100, "1.25"), ("EUR", "GBP", 100, "0.8"), reporting="USD")
    assert table.factor("GBP", 100) == Fraction("1.25") / Fraction("0.8")
    assert table.factor("EUR", 100) == Fraction("1.25")


def test_the_reporting_currency_is_the_first_base_to_be_tried() -> None:
    table = rates(("CHF", "USD", 100, "3"), ("CHF", "EUR", 100, "1"), ("EUR", "USD", 100, "2"))
    assert table.factor("USD", 100) == Fraction(1, 2)
    assert table.factor("CHF", 100) == Fraction(1)


def test_a_cross_rate_needs_both_rates() -> None:
    assert rates(("CHF", "USD", 100, "3"), ("CHF", "EUR", 90, "1")).factor("USD", 100) is None


def test_of_two_rates_of_a_day_the_last_given_counts_and_zero_never() -> None:
    table = rates(("EUR", "USD", 100, "2"), ("EUR", "USD", 100, "4"), ("EUR", "USD", 101, "0"))
    assert table.factor("USD", 101) == Fraction(1, 4)
