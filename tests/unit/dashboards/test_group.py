"""The dashboard of a group of KPIs."""

import json

import pytest

from streams.dashboards.figures import Figures
from streams.dashboards.links import alert_panel_id, group_uid
from streams.dashboards.span import windows_of
from tests.dashboard_rules import Json, panels_of, variables_of
from tests.unit.dashboards.catalogues import CATALOGUES, by_title, dashboards_of, plan_of

PLAN = plan_of("shipped")
COURSES = ("Over time", "Over the months")


def group(key: str, catalogue: str = "shipped") -> Json:
    return dashboards_of(catalogue)[f"Sales/{group_uid(key).removeprefix('sales-')}.json"]


def rows_of(dashboard: Json) -> dict[str, list[Json]]:
    """Return the panels by the title of their row."""
    found: dict[str, list[Json]] = {}
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            found[panel["title"]] = list(panel["panels"])
        else:
            found[list(found)[-1]].append(panel)
    return found


def titles(panels: list[Json]) -> list[str]:
    return [panel["title"] for panel in panels]


def expressions(panel: Json) -> list[str]:
    return [target["expr"] for target in panel["targets"]]


def test_its_rows_go_from_how_it_stands_to_what_it_is_made_of() -> None:
    rows = rows_of(group("people"))
    assert list(rows) == [
        "Now",
        "Over time",
        "Thresholds",
        "Against target",
        "Quota attainment, broken down",
        "Quota attainment per rep, broken down",
        "Sales team turnover, broken down",
        "Sales productivity, broken down",
    ]
    folded = {panel["title"]: panel["collapsed"] for panel in group("people")["panels"] if panel["type"] == "row"}
    assert [title for title, is_folded in folded.items() if not is_folded] == list(rows)[:4]


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_every_kpi_has_a_course_and_every_total_a_tile(catalogue: str) -> None:
    plan = plan_of(catalogue)
    figures = Figures(plan)
    for kpi in plan.declarations.kpis.values():
        rows = rows_of(group(kpi.group, catalogue))
        asked = {row: {expr for panel in rows.get(row, []) for expr in expressions(panel)} for row in ("Now", *COURSES)}
        courses = set().union(*(asked[row] for row in COURSES))
        main = figures.main(kpi.key)
        for figure in main:
            assert any(f"({figure.gauge}" in expr for expr in courses), figure.gauge
        shown = main if main[0].series.names is not None else main[:1]
        tiles = [any(f"({figure.gauge}" in expr for expr in asked["Now"]) for figure in shown]
        assert tiles == [not main[0].labels] * len(shown), kpi.key


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_every_grain_has_a_panel_of_the_first_aggregate_in_a_folded_row(catalogue: str) -> None:
    figures = Figures(plan_of(catalogue))
    for figure in figures.all:
        if figure.labels:
            first = figure.series.agg == figures.of_kpi(figure.kpi.key)[0].series.agg
            folded = [p for row in group(figure.kpi.group, catalogue)["panels"] for p in row.get("panels", [])]
            found = [panel["type"] for panel in folded if f"({figure.gauge}" in expressions(panel)[0]]
            assert len(found) == first, figure.gauge
            assert set(found) <= ({"table"} if len(figure.labels) > 1 else {"bargauge", "table"}), figure.gauge


def test_what_may_be_below_zero_is_a_table_with_coloured_numbers_and_every_bar_begins_at_zero() -> None:
    panels = {title: panel for key in PLAN.declarations.groups for title, panel in by_title(group(key)).items()}
    growth = panels["Sales growth by team, ${window:text}"]
    (override,) = growth["fieldConfig"]["overrides"]
    assert (growth["type"], growth["targets"][0]["instant"]) == ("table", True)
    assert {"id": "custom.cellOptions", "value": {"type": "color-text"}} in override["properties"]
    tables = {title for title, panel in panels.items() if panel["type"] == "table"}
    assert {"Net new customers by segment, ${window:text}", "Average profit margin by region, ${window:text}"} <= tables
    bars = [panel for panel in panels.values() if panel["type"] == "bargauge"]
    assert {panel["fieldConfig"]["defaults"].get("min") for panel in bars} == {0}


def test_what_moves_by_the_month_has_its_course_folded_over_months() -> None:
    rows = rows_of(group("market"))
    assert {panel["timeFrom"] for panel in rows["Over the months"]} == {"90d"}
    assert "Inflation (year on year)" in titles(rows["Over the months"])
    assert not any("timeFrom" in panel for panel in rows["Over time"])


# -------------------------------------------------------------------------------------------------------------- windows


def test_what_has_all_windows_follows_the_choice_and_the_rest_says_its_own() -> None:
    panels = by_title(group("revenue"))
    options = [option["value"] for option in variables_of(group("revenue"))["window"]["options"]]
    assert options == ["mtd", "qtd"]
    assert expressions(panels["Sales revenue, ${window:text}"])[0] == (
        'max without (instance, job) (sales_revenue_euros{window="$window"})'
    )
    own = panels["Monthly sales growth, the last complete month"]
    assert expressions(own) == [
        'max without (instance, job) (sales_monthly_revenue_growth_ratio{window="prev_month"})'
    ]  # fmt: skip


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_every_option_is_a_window_of_whatever_follows(catalogue: str) -> None:
    windows = {figure.gauge: set(figure.windows) for figure in Figures(plan_of(catalogue)).all}
    windows |= {figure.target: set(figure.goals) for figure in Figures(plan_of(catalogue)).all if figure.target}
    for dashboard in dashboards_of(catalogue).values():
        variable = variables_of(dashboard).get("window")
        options = set() if variable is None else {option["value"] for option in variable["options"]}
        for panel in panels_of(dashboard):
            for expr in expressions(panel):
                if "$window" in expr:
                    gauge = expr.rpartition("(instance, job) (")[2].partition("{")[0]
                    assert options <= windows[gauge], (panel["title"], options, windows[gauge])


def test_a_group_of_stocks_has_no_window() -> None:
    dashboard = group("pipeline")
    assert "window" not in variables_of(dashboard)
    assert "window" not in json.dumps(dashboard["panels"])


def test_values_with_a_metric_each_have_a_tile_and_a_course_each() -> None:
    rows = rows_of(group("market"))
    named = [(panel["title"], panel["targets"][0]["legendFormat"]) for panel in rows["Now"]]
    assert ("Inflation", "year on year") in named
    assert ("Inflation: year-on-year change of an indicator", "year on year") in named
    assert len({title for title, _ in named}) == len(named)
    assert "Unemployment rate: year-on-year change of an indicator" in titles(rows["Over the months"])


def test_several_aggregates_are_the_lines_of_one_course() -> None:
    course = by_title(group("speed"))["Sales cycle length, ${window:text}"]
    assert [target["legendFormat"] for target in course["targets"]] == ["mean", "p50", "p90"]


def test_a_kpi_without_a_total_shows_the_rows_of_its_first_grain() -> None:
    course = next(p for p in rows_of(group("market"))["Over time"] if p["title"] == "Market penetration by market")
    assert [(t["expr"], t["legendFormat"]) for t in course["targets"]] == [
        ("max without (instance, job) (sales_market_penetration_rate_by_market_ratio)", "{{market}}")
    ]


def test_bars_are_sorted_and_narrowed_by_what_people_chose() -> None:
    bars = by_title(group("revenue"))["Sales revenue by team, ${window:text}"]
    values = 'max without (instance, job) (sales_revenue_by_team_euros{window="$window", team=~"$team"})'
    assert expressions(bars) == [f"sort_desc(topk(15, {values}))"]
    assert bars["targets"][0]["instant"] is True


def test_pairs_are_a_table_with_a_column_for_each_dimension() -> None:
    table = by_title(group("revenue"))["Sales revenue by team and product, this month so far"]
    assert table["type"] == "table"
    renamed = table["transformations"][-1]["options"]["renameByName"]
    assert renamed == {"team": "Team", "product": "Product", "Value": "Sales revenue", "Value #A": "Sales revenue"}
    assert 'team=~"$team"' in expressions(table)[0]


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_the_variables_are_those_of_its_dimensions(catalogue: str) -> None:
    for key in plan_of(catalogue).declarations.groups:
        kpis = [kpi for kpi in plan_of(catalogue).declarations.kpis.values() if kpi.group == key]
        if kpis:
            dimensions = {dimension for kpi in kpis for grain in kpi.grains for dimension in grain}
            there = set(variables_of(group(key, catalogue))) - {"datasource", "window"}
            assert there == dimensions & {"team", "rep", "region"}


# --------------------------------------------------------------------------------------------------- alerts and targets


def test_every_alert_has_a_panel_at_its_address_that_is_not_folded() -> None:
    alerts = [(kpi, alert) for kpi in PLAN.declarations.kpis.values() for alert in kpi.alerts]
    for kpi, alert in alerts:
        panels = {panel["id"]: panel for panel in group(kpi.group)["panels"]}
        panel = panels[alert_panel_id(alert.name)]
        value, fires, clears = expressions(panel)
        gauge = Figures(PLAN).find(kpi.key, alert.agg, alert.grain).gauge
        assert (panel["type"], f"({gauge}" in value) == ("timeseries", True)
        assert f'{gauge}:fire_level{{alert="{alert.name}"' in fires
        assert f'{gauge}:clear_level{{alert="{alert.name}"' in clears
        assert f'window="{alert.window}"' in value or alert.window is None
        assert [link["title"] for link in panel["links"]] == ["KPI reference", "Runbook"]
        assert panel["links"][1]["url"].endswith(f"/runbooks/{alert.name}")
    assert len(alerts) > 20


def test_the_line_where_an_alert_fires_has_the_colour_of_its_severity() -> None:
    panel = by_title(group("funnel"))["WinRateCritical: Win rate, the last 90 days"]
    dashed = {o["matcher"]["options"]: o["properties"][-1]["value"] for o in panel["fieldConfig"]["overrides"]}
    assert dashed == {
        "/^fires below/": {"mode": "fixed", "fixedColor": "dark-red"},
        "/^ends at/": {"mode": "fixed", "fixedColor": "#8e8e8e"},
    }
    assert [target["legendFormat"] for target in panel["targets"]] == ["Win rate", "fires below", "ends at"]


def test_a_total_is_shown_with_its_target_over_each_window_that_has_one_and_as_a_share_of_it() -> None:
    row = rows_of(group("revenue"))["Against target"]
    assert titles(row) == [
        "Sales revenue, the last 24 hours, and its target",
        "Sales revenue, this month so far, and its target",
        "Sales revenue, share of the target",
        "Sales revenue by team, share of the target, this month so far",
    ]
    assert expressions(row[1]) == [
        'max without (instance, job) (sales_revenue_euros{window="mtd"})',
        'max without (instance, job) (sales_revenue_target_euros{window="mtd"})',
    ]
    assert [(t["expr"], t["legendFormat"]) for t in row[2]["targets"]] == [
        ('max without (instance, job) (sales_revenue_euros:target_ratio{window="24h"})', "the last 24 hours"),
        ('max without (instance, job) (sales_revenue_euros:target_ratio{window="mtd"})', "this month so far"),
    ]


def test_reaching_a_target_is_green_and_passing_one_where_less_is_better_is_not() -> None:
    up = by_title(group("revenue"))["Sales revenue, share of the target"]
    down = by_title(group("speed"))["Lead response time (p90), share of the target, the last 24 hours"]
    assert (up["type"], down["type"]) == ("bargauge", "gauge")
    steps = [
        [(step["value"], step["color"]) for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        for panel in (up, down)
    ]
    assert steps == [[(None, "blue"), (1, "green")], [(None, "green"), (1, "orange")]]


def test_the_alerts_of_the_group_are_marked() -> None:
    (mark,) = group("funnel")["annotations"]["list"]
    assert mark["expr"] == 'ALERTS{alertstate="firing", service="salespulse", kind="threshold", group="funnel"}'
    assert mark["enable"] is True


def test_windows_of_a_group_are_those_of_its_totals() -> None:
    kpis = [kpi for kpi in PLAN.declarations.kpis.values() if kpi.group == "cost"]
    windows = windows_of(Figures(PLAN).main(kpi.key)[0].windows for kpi in kpis)
    assert (windows.default, windows.options) == ("30d", ("30d", "90d", "mtd", "qtd", "prev_month"))
    assert variables_of(group("cost"))["window"]["current"] == {
        "text": "the last 30 days", "value": "30d", "selected": True
    }  # fmt: skip


def test_few_breakdowns_stand_in_one_line_and_of_many_the_low_ones_come_first() -> None:
    few = rows_of(group("saas"))["Monthly recurring revenue, broken down"]
    assert {(panel["gridPos"]["y"], panel["gridPos"]["h"]) for panel in few} == {(few[0]["gridPos"]["y"], 11)}
    many = rows_of(group("revenue"))["Sales revenue, broken down"]
    heights = [panel["gridPos"]["h"] for panel in many]
    assert (heights, set(heights)) == (sorted(heights), {8, 11})
    assert "Sales revenue by rep, ${window:text}" not in [p["title"] for p in many if p["gridPos"]["h"] == 8]
