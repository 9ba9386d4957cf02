"""The dashboard of teams and reps."""

from streams.dashboards.figures import Figures, is_headline
from tests.dashboard_rules import Json, panels_of, variables_of
from tests.unit.dashboards.catalogues import by_title, dashboards_of, plan_of

NAME = "Sales/rep-team.json"
PEOPLE = dashboards_of("shipped")[NAME]


def tables(dashboard: Json) -> dict[str, Json]:
    return {title.partition(",")[0]: panel for title, panel in by_title(dashboard).items() if panel["type"] == "table"}


def columns(table: Json) -> list[str]:
    return [override["matcher"]["options"] for override in table["fieldConfig"]["overrides"]]


def test_there_is_a_table_of_teams_and_one_of_reps() -> None:
    assert list(tables(PEOPLE)) == ["Teams", "Reps"]
    places = [table["transformations"][-1]["options"]["indexByName"] for table in tables(PEOPLE).values()]
    assert [min(place, key=lambda name: place[name]) for place in places] == ["team", "rep"]


def test_a_table_has_eight_columns_at_most_the_headline_kpis_first() -> None:
    kpis = {kpi.title.en: kpi for kpi in plan_of("shipped").declarations.kpis.values()}
    for table in tables(PEOPLE).values():
        found = [is_headline(kpis[title.partition(",")[0].partition(" (")[0]]) for title in columns(table)]
        assert len(found) == 8
        assert found == sorted(found, reverse=True)
    assert columns(tables(PEOPLE)["Teams"])[0] == "Sales revenue"


def test_columns_of_a_table_are_told_apart() -> None:
    for table in tables(PEOPLE).values():
        assert len(set(columns(table))) == len(columns(table)) == len(table["targets"])


def test_every_kpi_by_team_or_rep_has_a_course_of_the_chosen_ones() -> None:
    asked = [t["expr"] for panel in panels_of(PEOPLE) if panel["type"] == "timeseries" for t in panel["targets"]]
    figures = Figures(plan_of("shipped"))
    wanted = [
        next(f for f in figures.of_kpi(figure.kpi.key) if f.labels == figure.labels)
        for figure in figures.all
        if figure.labels in {("team",), ("rep",)}
    ]
    for figure in wanted:
        (name,) = figure.labels
        assert any(f"({figure.gauge}" in expr and f'{name}=~"${name}"' in expr for expr in asked), figure.gauge


def test_people_choose_window_team_and_rep() -> None:
    assert list(variables_of(PEOPLE)) == ["datasource", "window", "team", "rep"]
    assert list(variables_of(dashboards_of("one kpi")[NAME])) == ["datasource", "window", "team"]
