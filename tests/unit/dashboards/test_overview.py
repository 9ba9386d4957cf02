"""The first dashboard."""

import json
import re
from pathlib import Path

import pytest

from config.declarations import Overview
from config.settings import Settings
from metrics.plan import compile_plan
from streams.dashboards.links import panel_id
from streams.dashboards.overview import SCREEN_ROWS
from streams.render_dashboards import FOLDER, dashboard_files
from streams.titles import window_words
from tests.dashboard_rules import RULES, Json, faults_of, panels_of
from tests.unit.dashboards.catalogues import CATALOGUES, ZONE, by_title, dashboards_of, plan_of

SHIPPED = plan_of("shipped").declarations.overview
PARTS = ("tiles", "gauge", "chart", "ranking", "leaderboard", "mix", "funnel")
FOOTER = ["Data as of", "Age of the data", "Events waiting", "Workers up", "Events per second"]


def overview(catalogue: str = "shipped") -> Json:
    return dashboards_of(catalogue)["Sales/overview.json"]


def overview_with(**parts: object) -> Json:
    """Return the dashboard of the shipped catalogue with another layout."""
    declarations = plan_of("shipped").declarations
    changed = declarations.model_copy(update={"overview": SHIPPED.model_copy(update=parts)})
    plan = compile_plan(changed, ZONE, "EUR")
    made: Json = json.loads(
        next(text for name, text in dashboard_files(plan, Settings()) if name.endswith("overview.json"))
    )
    return made


def lines_of(dashboard: Json) -> list[list[str]]:
    """Return the titles by line, from top to bottom."""
    tops = sorted({panel["gridPos"]["y"] for panel in dashboard["panels"]})
    return [[panel["title"] for panel in dashboard["panels"] if panel["gridPos"]["y"] == top] for top in tops]


def height_of(dashboard: Json) -> int:
    return max(int(panel["gridPos"]["y"] + panel["gridPos"]["h"]) for panel in dashboard["panels"])


def test_it_shows_what_is_declared_in_this_order() -> None:
    lines = lines_of(overview())
    assert [len(line) for line in lines] == [6, 6, 3, 4, 5]
    assert lines[0][:2] == ["Sales revenue", "Net new customers"]
    assert lines[2] == [
        "Progress against target, this month so far",
        "Sales revenue, this month so far",
        "Firing alerts",
    ]
    assert lines[3] == [
        "Progress against target by team, this month so far",
        "Leaderboard by rep, this month so far",
        "Sales revenue by channel, this month so far",
        "What gets through, the last 30 days",
    ]
    assert lines[4] == FOOTER


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_it_fits_a_screen(catalogue: str) -> None:
    assert height_of(overview(catalogue)) <= SCREEN_ROWS


@pytest.mark.parametrize("part", PARTS)
def test_it_is_whole_without_any_of_its_parts(part: str) -> None:
    empty = Overview().model_dump()[part]
    made = overview_with(**{part: empty})
    assert height_of(made) <= SCREEN_ROWS
    assert {rule: found for rule in RULES if (found := faults_of(rule, made))} == {}
    assert len(made["panels"]) < len(overview()["panels"])


def test_with_one_part_only_there_are_the_alerts_and_the_footer_too() -> None:
    others = {part: Overview().model_dump()[part] for part in PARTS if part != "gauge"}
    assert lines_of(overview_with(**others)) == [
        ["Progress against target, this month so far", "Firing alerts"], FOOTER
    ]  # fmt: skip


@pytest.mark.parametrize("count", [13, 18, 19, 24])
def test_many_tiles_make_the_rest_lower_and_still_fit(count: int) -> None:
    made = overview_with(tiles=(SHIPPED.tiles * 2)[:count])
    assert height_of(made) <= SCREEN_ROWS
    assert [len(line) for line in lines_of(made)[-3:]] == [3, 4, 5]


def test_without_a_layout_it_shows_the_headline_kpis_and_the_footer() -> None:
    titles = [panel["title"] for panel in overview("no overview")["panels"]]
    headlines = {
        kpi.title.en.partition(" (")[0]
        for kpi in plan_of("no overview").declarations.kpis.values()
        if kpi.display is not None and kpi.display.headline
    }
    assert set(titles[: -len(FOOTER) - 1]) == headlines
    assert titles[-len(FOOTER) - 1 :] == ["Firing alerts", *FOOTER]


def test_without_headline_kpis_there_is_no_hole() -> None:
    assert lines_of(overview("one kpi")) == [["Firing alerts"], FOOTER]


def test_a_tile_says_its_window_in_words_and_a_stock_is_of_now() -> None:
    panels = overview()["panels"]
    named = {panel["title"]: panel["targets"][0]["legendFormat"] for panel in panels if panel["type"] == "stat"}
    change = " · change in 24 h"
    assert (named["Sales revenue"], named["Win rate"]) == (window_words("mtd") + change, window_words("90d"))
    assert named["Lead response time"] == f"p90, the last 7 days{change}"
    assert named["Pipeline value"] == f"now{change}"
    modes = {panel["title"]: panel["options"]["textMode"] for panel in panels if panel["type"] == "stat"}
    assert {modes[title] for title in named} - {"value"} == {"value_and_name"}
    assert {modes[title] for title in FOOTER} == {"value"}


def test_figures_are_not_older_than_a_minute_and_those_of_the_footer_are_of_now() -> None:
    tiles = [panel for panel in overview()["panels"] if panel["type"] == "stat"]
    assert {panel["maxDataPoints"] for panel in tiles} == {24 * 60}
    instant = {panel["title"] for panel in tiles if panel["targets"][0].get("instant")}
    assert instant == {panel["title"] for panel in tiles if not panel["options"]["showPercentChange"]}
    assert instant > set(FOOTER)


def test_a_tile_leads_to_the_dashboard_of_its_group_with_its_window_where_that_can_be_chosen() -> None:
    configs = {panel["title"]: panel["fieldConfig"]["defaults"] for panel in overview()["panels"]}
    links = {title: config["links"][0]["url"] for title, config in configs.items() if config.get("links")}
    assert {name for config in configs.values() for link in config.get("links", []) for name in link} == {
        "title", "url", "targetBlank"
    }  # fmt: skip
    assert links["Sales revenue"] == "/d/sales-revenue?${datasource:queryparam}&var-window=mtd"
    assert links["Sales growth"] == "/d/sales-revenue?${datasource:queryparam}"
    assert links["Pipeline value"] == "/d/sales-pipeline?${datasource:queryparam}"
    uids = {made["uid"] for made in dashboards_of("shipped").values()}
    assert {re.split(r"[/?]", link)[2] for link in links.values()} <= uids
    assert len(links) == len(SHIPPED.tiles)


def test_the_chart_has_its_target_and_itself_a_week_before() -> None:
    chart = by_title(overview())["Sales revenue, this month so far"]
    assert [(target["legendFormat"], target["expr"]) for target in chart["targets"]] == [
        ("Sales revenue", 'max without (instance, job) (sales_revenue_euros{window="mtd"})'),
        ("target", 'max without (instance, job) (sales_revenue_target_euros{window="mtd"})'),
        ("a week before", 'max without (instance, job) (sales_revenue_euros{window="mtd"} offset 1w)'),
    ]
    dashed = [override["matcher"]["options"] for override in chart["fieldConfig"]["overrides"]]
    assert dashed == ["/^target/", "/^a week before/"]


def test_a_chart_over_a_window_without_a_target_draws_none() -> None:
    part = SHIPPED.chart
    assert part is not None
    made = overview_with(chart=part.model_copy(update={"window": "7d"}))
    chart = by_title(made)["Sales revenue, the last 7 days"]
    assert [target["legendFormat"] for target in chart["targets"]] == ["Sales revenue", "a week before"]


def test_the_funnel_keeps_its_order_and_the_ranking_is_sorted() -> None:
    panels = by_title(overview())
    funnel = panels["What gets through, the last 30 days"]
    assert [target["legendFormat"] for target in funnel["targets"]] == [
        "Leads generated", "Sales-ready leads", "Opportunities generated", "Opportunities won"
    ]  # fmt: skip
    (ranked,) = panels["Progress against target by team, this month so far"]["targets"]
    assert ranked["expr"].startswith("sort_desc(topk(10, ")


def test_the_leaderboard_says_which_column_is_over_another_window_and_draws_shares() -> None:
    table = by_title(overview())["Leaderboard by rep, this month so far"]
    cells = {
        o["matcher"]["options"]: {p["id"]: p["value"] for p in o["properties"]}
        for o in table["fieldConfig"]["overrides"]
    }
    assert list(cells) == ["Sales revenue", "Quota attainment", "Opportunities won", "Win rate, qtd"]
    drawn = {
        name: change["custom.cellOptions"]["type"] for name, change in cells.items() if "custom.cellOptions" in change
    }
    assert drawn == {"Quota attainment": "gauge", "Win rate, qtd": "gauge"}
    assert table["options"]["sortBy"] == [{"displayName": "Sales revenue", "desc": True}]
    assert [step["id"] for step in table["transformations"]] == [
        "filterFieldsByName", "joinByField", "organize", "sortBy", "limit"
    ]  # fmt: skip
    assert table["transformations"][1]["options"] == {"byField": "rep", "mode": "outer"}


def test_nothing_fires_is_said_in_words() -> None:
    panel = by_title(overview())["Firing alerts"]
    assert panel["fieldConfig"]["defaults"]["noValue"] == "nothing firing"
    assert by_title(overview("one kpi"))["Firing alerts"]["targets"] == panel["targets"]


def test_the_worst_alerts_come_first_one_row_of_each_kind() -> None:
    (asked,) = by_title(overview())["Firing alerts"]["targets"]
    assert re.findall(r'severity="(\w+)"', asked["expr"]) == ["critical", "warning", "info"]
    assert asked["expr"].count("count by (alertname, severity) (ALERTS{") == 3


@pytest.mark.parametrize("height", [5, 7, 10])
def test_a_leaderboard_has_as_many_rows_as_can_be_seen_whole(height: int) -> None:
    tiles = {5: 18, 7: 12, 10: 6}[height]
    table = by_title(overview_with(tiles=(SHIPPED.tiles * 2)[:tiles]))["Leaderboard by rep, this month so far"]
    assert table["gridPos"]["h"] >= height - 1
    rows = table["transformations"][-1]["options"]["limitField"]
    room = table["gridPos"]["h"] * 38 - 8 - 32 - 36
    assert rows * 36 <= room < (rows + 1) * 36 + 36


def test_ids_of_panels_are_those_that_links_use() -> None:
    tile = by_title(overview())["Win rate"]
    assert tile["id"] == panel_id("tile", "sales_win_rate_ratio")


def test_every_panel_of_a_kpi_explains_it_and_leads_to_its_page() -> None:
    kpi, page = plan_of("shipped").declarations.kpis["revenue"], f"{Settings().public_url}/kpi/revenue"
    about = f"{kpi.description}\n\n{kpi.formula}"
    panels = by_title(overview())
    chart, tile = panels["Sales revenue, this month so far"], panels["Sales revenue"]
    assert (chart["description"], [(link["title"], link["url"]) for link in chart["links"]]) == (
        about, [("KPI reference", page)]
    )  # fmt: skip
    change = "The change is that over the time shown: 24 hours, unless another is chosen."
    assert (tile["description"], tile.get("links")) == (f"{about}\n\n[KPI reference]({page})\n\n{change}", None)


def test_a_kpi_without_words_is_explained_by_what_it_is() -> None:
    texts = {panel["description"] for panel in panels_of(dashboards_of("one kpi")["Sales/service.json"])}
    assert any("opened_at" in text for text in texts), texts
    assert str(Path("grafana") / "dashboards") == FOLDER
