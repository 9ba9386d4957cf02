"""Exact values become text once, half to even."""

from fractions import Fraction
from math import inf

import pytest

from config.load import load
from metrics.evaluate import Result
from metrics.formatting import Quantity, decimal, decimal_text, display_text, quantities
from metrics.plan import Plan, SeriesPlan, compile_plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


def series(plan: Plan, key: str, agg: str | None = None) -> SeriesPlan:
    return next(s for s in plan.series if s.kpi.key == key and s.agg == agg and not s.grain)


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (Fraction(5, 1000), 2, "0.00"),
        (Fraction(15, 1000), 2, "0.02"),
        (Fraction(25, 1000), 2, "0.02"),
        (Fraction(-15, 1000), 2, "-0.02"),
        (Fraction(-5, 1000), 2, "0.00"),
        (Fraction(-1, 2), 2, "-0.50"),
        (Fraction(5, 2), 0, "2"),
        (Fraction(7, 2), 0, "4"),
        (Fraction(10**20) + Fraction(1, 3), 3, "100000000000000000000.333"),
    ],
)
def test_decimals_are_exact_and_half_even(value: Fraction, places: int, text: str) -> None:
    assert decimal(value, places) == text


@pytest.mark.parametrize(
    ("kind", "value", "currency", "text"),
    [
        (Quantity("money", is_sum=True), Fraction(2562963), "EUR", "25629.63"),
        (Quantity("money", is_sum=True), Fraction(25629635, 10), "EUR", "25629.64"),
        (Quantity("money", is_sum=True), Fraction(1234), "JPY", "1234"),
        (Quantity("money", is_sum=True), Fraction(1234), "KWD", "1.234"),
        (Quantity("money", is_sum=False), Fraction(100, 3), "EUR", "0.333333"),
        (Quantity("money", is_sum=False), Fraction(100, 3), "JPY", "33.333333"),
        (Quantity("ratio", is_sum=False), Fraction(1, 3), "EUR", "0.333333333333"),
        (Quantity("seconds", is_sum=False), Fraction(10, 3), "EUR", "3.333"),
        (Quantity("seconds", is_sum=True), Fraction(97200), "EUR", "97200"),
        (Quantity("none", is_sum=True), Fraction(-3), "EUR", "-3"),
        (Quantity("none", is_sum=False), Fraction(2, 3), "EUR", "0.666666666667"),
    ],
)
def test_each_kind_of_number_has_its_places(kind: Quantity, value: Fraction, currency: str, text: str) -> None:
    assert kind.text(value, currency) == text


@pytest.mark.parametrize(
    ("kind", "value", "currency", "number"),
    [
        (Quantity("money", is_sum=True), Fraction(25629635, 10), "EUR", 25629.64),
        (Quantity("money", is_sum=True), Fraction(2562963), "EUR", 25629.63),
        (Quantity("money", is_sum=True), Fraction(7), "JPY", 7.0),
        (Quantity("money", is_sum=False), Fraction(100, 3), "EUR", 1 / 3),
        (Quantity("ratio", is_sum=False), Fraction(2, 3), "EUR", 2 / 3),
        (Quantity("none", is_sum=True), Fraction(12), "EUR", 12.0),
    ],
)
def test_the_nearest_float_in_major_units(kind: Quantity, value: Fraction, currency: str, number: float) -> None:
    assert kind.number(value, currency) == number


@pytest.mark.parametrize("kind", [Quantity("money", is_sum=True), Quantity("none", is_sum=False)])
def test_a_value_that_is_greater_than_any_float_is_infinite(kind: Quantity) -> None:
    assert kind.number(Fraction(10**400), "EUR") == inf
    assert kind.number(Fraction(-(10**400)), "EUR") == -inf


def test_the_places_follow_the_series(plan: Plan) -> None:
    third = Result(Fraction(100, 3))

    assert decimal_text(series(plan, "revenue"), third, "EUR") == "0.33"
    assert decimal_text(series(plan, "avg_deal_size"), third, "EUR") == "0.333333"
    assert decimal_text(series(plan, "win_rate"), third, "EUR") == "33.333333333333"
    assert decimal_text(series(plan, "lead_response_time", "mean"), third, "EUR") == "33.333"
    assert decimal_text(series(plan, "opportunities_won"), Result(Fraction(4)), "EUR") == "4"
    assert decimal_text(series(plan, "lead_waiting_age_max"), Result(Fraction(4)), "EUR") == "4"


def test_an_absent_value_has_no_text(plan: Plan) -> None:
    assert decimal_text(series(plan, "win_rate"), Result(None, "denominator_zero"), "EUR") is None
    assert display_text(series(plan, "win_rate"), Result(None, "denominator_zero"), "EUR") == "–"


def test_the_sides_of_a_ratio_have_units_of_their_own(plan: Plan) -> None:
    count, sum_of_money = Quantity("none", is_sum=True), Quantity("money", is_sum=True)

    win_rate = quantities(series(plan, "win_rate"), plan.declarations)
    deal_size = quantities(series(plan, "avg_deal_size"), plan.declarations)
    margin = quantities(series(plan, "avg_profit_margin"), plan.declarations)
    cohort = quantities(series(plan, "lead_conversion_rate"), plan.declarations)
    revenue = quantities(series(plan, "revenue"), plan.declarations)

    assert win_rate == (Quantity("ratio", is_sum=False), count, count)
    assert deal_size == (Quantity("money", is_sum=False), sum_of_money, count)
    assert margin == (Quantity("ratio", is_sum=False), sum_of_money, sum_of_money)
    assert cohort == (Quantity("ratio", is_sum=False), count, count)
    assert revenue == (sum_of_money, None, None)


@pytest.mark.parametrize(
    ("key", "agg", "value", "currency", "text"),
    [
        ("revenue", None, 123456789, "EUR", "€ 1,234,568"),
        ("revenue", None, 1234567, "SEK", "SEK 12,346"),
        ("win_rate", None, Fraction(4, 9), "EUR", "44.4 %"),
        ("revenue_growth", None, Fraction(-1, 400), "EUR", "-0.2 %"),
        ("revenue_growth", None, Fraction(-1, 10_000), "EUR", "0.0 %"),
        ("opportunities_won", None, 1234567, "EUR", "1,234,567"),
        ("lead_waiting_age_max", None, 0, "EUR", "0 s"),
        ("lead_waiting_age_max", None, 59, "EUR", "59 s"),
        ("lead_waiting_age_max", None, 3600, "EUR", "1 h"),
        ("lead_waiting_age_max", None, 3661, "EUR", "1 h 1 min"),
        ("lead_waiting_age_max", None, 3 * 86_400 + 59, "EUR", "3 d"),
        ("lead_response_time", "mean", Fraction(-125, 2), "EUR", "-1 min 2 s"),
    ],
)
def test_people_read_less(plan: Plan, key: str, agg: str | None, value: Fraction, currency: str, text: str) -> None:
    assert display_text(series(plan, key, agg), Result(Fraction(value)), currency) == text


def test_without_a_display_the_unit_decides(plan: Plan) -> None:
    revenue = series(plan, "revenue")
    bare = SeriesPlan(
        revenue.kpi.model_copy(update={"display": None}), None, (), revenue.windows, revenue.node, population=None
    )

    assert display_text(bare, Result(Fraction(150)), "EUR") == "€ 2"
