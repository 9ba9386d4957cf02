"""How numbers are written."""

from streams.dashboards.figures import Figures
from streams.dashboards.form import DAYS, HOURS, Form, axis_of, money_unit
from tests.dashboard_rules import is_unit, panels_of
from tests.unit.dashboards.catalogues import CATALOGUES, dashboards_of, plan_of

FIGURES = Figures(plan_of("shipped"))


def form(kpi: str) -> Form:
    return FIGURES.main(kpi)[0].form


def test_money_is_written_out_in_the_currency_of_the_reports() -> None:
    assert form("revenue") == Form("currency:financial:€:prefix:2", 0)
    assert form("adr") == Form("currency:financial:€:prefix:2", 2)
    assert money_unit("USD") == "currency:financial:$:prefix:2"


def test_a_currency_without_a_sign_is_told_by_its_code_and_a_space() -> None:
    assert money_unit("CHF") == "currency:financial:CHF :prefix:2"
    assert Figures(plan_of("groups off")).main("revenue")[0].form.unit == money_unit("CHF")


def test_a_share_is_a_percentage_unless_it_is_shown_as_a_number() -> None:
    assert form("win_rate") == Form("percentunit", 1)
    assert form("pipeline_coverage") == Form("none", 1)


def test_counts_have_separators_and_times_a_decimal() -> None:
    assert form("new_customers") == Form("locale", 0)
    assert form("sales_productivity") == Form("locale", 1)
    assert form("sales_cycle_length") == Form("s", 1)


def test_axes_of_durations_have_round_ticks_in_days_or_in_hours_where_a_day_is_long() -> None:
    assert axis_of(Form("s", 1), None) == axis_of(Form("s", 1), 259200) == DAYS
    assert axis_of(Form("s", 1), 14400) == HOURS
    assert axis_of(Form("locale", 0), 14400) == Form("locale", 0)


def test_a_chart_of_durations_divides_its_values_and_its_levels() -> None:
    chart = next(
        panel
        for panel in panels_of(dashboards_of("shipped")["Sales/speed.json"])
        if panel["title"] == "Age of the oldest waiting lead" and panel["type"] == "timeseries"
    )
    defaults = chart["fieldConfig"]["defaults"]
    assert [target["expr"] for target in chart["targets"]] == [
        "max without (instance, job) (sales_lead_waiting_age_max_seconds) / 86400"
    ]
    assert (defaults["unit"], [step["value"] for step in defaults["thresholds"]["steps"]]) == (DAYS.unit, [None, 3])


def test_a_kpi_without_a_display_has_the_form_of_its_unit() -> None:
    (figure, _) = Figures(plan_of("one kpi")).main("ticket_solution_time")
    assert (figure.kpi.display, figure.form) == (None, Form("s", 1))


def test_values_with_a_metric_each_have_the_form_of_their_own_unit() -> None:
    forms = {figure.gauge: figure.form for figure in FIGURES.main("market_indicator")}
    assert forms["sales_market_consumer_confidence"] == Form("locale", 2)
    assert forms["sales_market_inflation_ratio"] == Form("percentunit", 1)


def test_every_unit_is_one_of_grafana() -> None:
    assert all(is_unit(figure.form.unit) for catalogue in CATALOGUES for figure in Figures(plan_of(catalogue)).all)
    assert not is_unit("euros")


def test_no_sum_of_money_is_shortened_by_grafana() -> None:
    units = {
        panel["fieldConfig"]["defaults"]["unit"]
        for dashboard in dashboards_of("shipped").values()
        for panel in panels_of(dashboard)
    }
    assert {unit for unit in units if unit.startswith("currency")} == {money_unit("EUR")}
