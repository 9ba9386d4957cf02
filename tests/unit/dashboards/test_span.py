"""The windows of panels."""

import pytest

from streams.dashboards.span import Span, Windows, fixed, windows_of


def test_the_default_is_the_window_that_most_have() -> None:
    assert windows_of([["7d", "mtd"], ["mtd", "7d"], ["30d", "mtd", "7d"]]) == Windows("7d", ("7d", "mtd"))
    assert windows_of([["7d", "mtd"], ["mtd", "qtd"], ["mtd", "qtd"]]).default == "mtd"


def test_thirty_days_come_first_where_as_many_have_another() -> None:
    assert windows_of([["7d", "30d"], ["7d", "30d"]]) == Windows("30d", ("7d", "30d"))


def test_a_window_that_runs_comes_before_one_that_is_complete() -> None:
    assert windows_of([["mtd", "qtd"], ["prev_month", "prev_quarter"], ["prev_month", "prev_quarter"]]).default == "mtd"
    assert windows_of([["prev_month", "prev_quarter"], ["now"]]) == Windows(
        "prev_month", ("prev_month", "prev_quarter")
    )


def test_the_options_are_the_windows_of_all_that_follow() -> None:
    assert windows_of([["7d", "30d", "90d"], ["30d", "90d"], ["mtd"]]) == Windows("30d", ("30d", "90d"))


def test_a_default_that_leaves_a_choice_comes_before_one_that_most_have() -> None:
    assert windows_of([["mtd", "7d", "30d"], ["mtd", "90d"], ["mtd"], ["7d", "30d"]]) == Windows("30d", ("7d", "30d"))


@pytest.mark.parametrize("series", [[], [["now"]], [["mtd"], ["mtd"]]])
def test_one_window_is_no_choice(series: list[list[str]]) -> None:
    assert not windows_of(series).is_choice


def test_a_complete_period_does_not_move_nor_does_what_may_be_one() -> None:
    assert (fixed("mtd").moves, fixed("now").moves, fixed("prev_month").moves) == (True, True, False)
    assert Windows("30d", ("30d", "mtd")).span(["30d", "mtd"]).moves
    assert not Windows("30d", ("30d", "prev_month")).span(["30d", "prev_month"]).moves


def test_what_has_every_option_follows_the_choice() -> None:
    windows = Windows("30d", ("30d", "90d"))
    assert windows.span(["7d", "30d", "90d"]) == Span(None, 'window="$window"', "${window:text}")


def test_what_lacks_an_option_has_the_nearest_window_of_its_own() -> None:
    windows = Windows("30d", ("30d", "90d"))
    assert windows.span(["30d"]) == fixed("30d") == Span("30d", 'window="30d"', "the last 30 days")
    assert windows.span(["7d", "prev_month"]) == fixed("7d")


def test_a_stock_has_no_window() -> None:
    assert Windows("30d", ("30d", "90d")).span(["now"]) == Span("now", "", "")
    assert fixed("now").after("Pipeline value") == "Pipeline value"
    assert fixed("mtd").after("Revenue") == "Revenue, this month so far"
