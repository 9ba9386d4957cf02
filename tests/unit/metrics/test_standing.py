"""How a value stands against its target, and against the period before."""

from fractions import Fraction

import pytest

from config.load import load
from metrics.calendar import BusinessCalendar, Window, parse_instant
from metrics.plan import Plan, SeriesPlan, compile_plan
from metrics.standing import Attainment, Change, Good, attainment, change, pace

HALF = Fraction(1, 2)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


def total(plan: Plan, kpi: str) -> SeriesPlan:
    return next(s for s in plan.series if s.kpi.key == kpi and not s.grain)


@pytest.mark.parametrize(
    ("value", "target", "good", "so_far", "expected"),
    [
        (100, 100, "up", HALF, Attainment("reached", Fraction(1), HALF)),
        (50, 100, "up", HALF, Attainment("on_pace", HALF, HALF)),
        (49, 100, "up", HALF, Attainment("behind", Fraction(49, 100), HALF)),
        (49, 100, "up", None, Attainment("below", Fraction(49, 100), None)),
        (100, 100, "down", HALF, Attainment("within", Fraction(1), None)),
        (101, 100, "down", None, Attainment("over", Fraction(101, 100), None)),
        (0, 0, "up", HALF, Attainment("reached", None, HALF)),
        (-1, 0, "up", HALF, Attainment("below", None, HALF)),
        (0, 0, "down", None, Attainment("within", None, None)),
    ],
)
def test_exactly_the_target_is_reached_and_within(
    value: int, target: int, good: Good, so_far: Fraction | None, expected: Attainment
) -> None:
    assert expected == attainment(Fraction(value), Fraction(target), good, so_far)


def test_a_ratio_changes_in_points_and_other_values_in_percents() -> None:
    assert Change("points", Fraction(1, 20)) == change(Fraction(3, 10), Fraction(1, 4), in_points=True)
    assert Change("percent", Fraction(1, 5)) == change(Fraction(3, 10), Fraction(1, 4), in_points=False)


def test_a_loss_that_shrinks_is_a_rise() -> None:
    assert Change("percent", Fraction(1, 2)) == change(Fraction(-50), Fraction(-100), in_points=False)


def test_what_was_nothing_has_no_percentage() -> None:
    assert Change("absolute", Fraction(7)) == change(Fraction(7), Fraction(0), in_points=False)


def test_the_pace_is_the_share_of_the_period_that_is_over(plan: Plan) -> None:
    calendar = BusinessCalendar("Europe/Amsterdam")
    ten_days_in = parse_instant("2026-11-11T00:00:00+01:00")  # of the 30 of November
    revenue = total(plan, "revenue")

    assert Fraction(10, 30) == pace(revenue, Window("mtd"), ten_days_in, calendar)
    assert Fraction(1) == pace(revenue, Window("mtd"), parse_instant("2026-12-01T00:00:00+01:00"), calendar)
    # Of this week, whose Monday is the 9th, two days of seven are over.
    assert Fraction(2, 7) == pace(total(plan, "leads_generated"), Window("wtd"), ten_days_in, calendar)


def test_a_day_with_25_hours_is_longer(plan: Plan) -> None:
    calendar = BusinessCalendar("Europe/Amsterdam")
    noon = parse_instant("2026-10-25T12:00:00+01:00")  # thirteen hours after the midnight of summer time

    assert Fraction(13, 25) == pace(total(plan, "revenue"), Window("dtd"), noon, calendar)


@pytest.mark.parametrize(
    ("kpi", "window"),
    [
        ("revenue", "30d"),  # always whole
        ("revenue", "prev_month"),  # over
        ("win_rate", "mtd"),  # does not grow with the month
        ("lead_response_time", "mtd"),  # a mean
    ],
)
def test_what_does_not_grow_with_the_period_has_no_pace(plan: Plan, kpi: str, window: str) -> None:
    at = parse_instant("2026-11-11T00:00:00+01:00")

    assert pace(total(plan, kpi), Window(window), at, BusinessCalendar("Europe/Amsterdam")) is None


def test_a_sum_that_needs_records_grows_too(plan: Plan) -> None:
    at = parse_instant("2026-11-16T00:00:00+01:00")

    assert pace(total(plan, "ad_spend"), Window("mtd"), at, BusinessCalendar("Europe/Amsterdam")) == HALF
