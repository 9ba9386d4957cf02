"""The colours of values."""

import re
from pathlib import Path

import pytest

from config.load import load
from metrics.plan import compile_plan
from streams.dashboards.colours import GOOD, NEUTRAL, SEVERITIES, Step, lines_of, steps
from streams.dashboards.figures import Figure, Figures
from tests.dashboard_rules import Json, panels_of, steps_of
from tests.unit.dashboards.catalogues import CATALOGUES, ZONE, dashboards_of, plan_of

_BADNESS = {GOOD: 0, NEUTRAL: 0, "text": 0, "transparent": 0} | {
    colour: place for place, colour in enumerate(SEVERITIES.values(), 1)
}
_KPI = """
version: 1
sources:
  - key: call
    topic: calls
    fields: {at: {type: timestamp, required: true}, seconds: {type: integer}, team_id: {type: string}}
    dimensions: {team: team_id}
kpis:
  - key: calls
    type: measure
    title: {en: Calls, nl: Gesprekken}
    group: work
    from: call
    at: at
    agg: count
    unit: none
    windows: [24h, 7d]
    grains: [[], [team]]
    display: {format: number, good: GOOD}
    alerts: [ALERTS]
  - key: pace
    type: derived
    title: {en: Pace, nl: Tempo}
    group: work
    inputs: {now: {kpi: calls}, before: {kpi: calls, offset: previous}}
    expr: now / before
    unit: ratio
    windows: [24h, 7d]
    grains: [[], [team]]
    display: {format: percent, good: GOOD}
    alerts: [ALERTS]
"""
_WARNING = "{name: NAME1, window: 24h, SIDE: 10}"
_CRITICAL = "{name: NAME2, window: 24h, SIDE: 5, severity: critical}"
_INFO = "{name: NAME3, window: 24h, SIDE: 20, severity: info}"


def figures_with(folder: Path, good: str, *alerts: str) -> tuple[Figures, Figure, Figure]:
    """Return all figures, the total of a sum, and that of a ratio, with alerts that are said of both."""
    text = _KPI.replace("GOOD", good)
    for kpi in ("Calls", "Pace"):
        text = text.replace("ALERTS", ", ".join(alerts).replace("NAME", kpi), 1)
    path = folder / "kpis.yaml"
    path.write_text(text, "utf-8")
    figures = Figures(compile_plan(load([path], shipped=False), ZONE, "EUR"))
    return figures, figures.find("calls", None, ()), figures.find("pace", None, ())


def side(alert: str, side: str) -> str:
    return alert.replace("SIDE", side)


def test_below_the_level_it_is_bad_where_more_is_better(tmp_path: Path) -> None:
    _, calls, _ = figures_with(tmp_path, "up", side(_WARNING, "below"))
    assert steps(calls, "24h") == (Step(None, "orange"), Step(10, GOOD))


def test_above_the_level_it_is_bad_where_less_is_better(tmp_path: Path) -> None:
    _, calls, _ = figures_with(tmp_path, "down", side(_WARNING, "above"))
    assert steps(calls, "24h") == (Step(None, GOOD), Step(10, "orange"))


def test_a_level_against_the_declared_direction_colours_nothing(tmp_path: Path) -> None:
    _, calls, _ = figures_with(tmp_path, "up", side(_WARNING, "above"))
    assert steps(calls, "24h") == (Step(None, NEUTRAL),)


def test_the_worst_level_that_is_passed_gives_the_colour(tmp_path: Path) -> None:
    levels = (_WARNING, _CRITICAL, _INFO)
    _, calls, _ = figures_with(tmp_path, "up", *(side(alert, "below") for alert in levels))
    assert steps(calls, "24h") == (Step(None, "red"), Step(5, "orange"), Step(10, "yellow"), Step(20, GOOD))
    _, calls, _ = figures_with(tmp_path, "down", *(side(alert, "above") for alert in levels))
    # Above 5 it is critical, and what comes above 10 and 20 is not as bad.
    assert steps(calls, "24h") == (Step(None, GOOD), Step(5, "red"))


@pytest.mark.parametrize(("window", "grain"), [("7d", ()), (None, ()), ("24h", ("team",))])
def test_the_level_of_a_sum_says_nothing_about_other_windows_and_rows(
    tmp_path: Path, window: str | None, grain: tuple[str, ...]
) -> None:
    figures, _, _ = figures_with(tmp_path, "up", side(_WARNING, "below"))
    assert steps(figures.find("calls", None, grain), window) == (Step(None, NEUTRAL),)


@pytest.mark.parametrize(("window", "grain"), [("24h", ()), ("7d", ()), (None, ()), ("24h", ("team",))])
def test_the_level_of_a_ratio_holds_everywhere(tmp_path: Path, window: str | None, grain: tuple[str, ...]) -> None:
    figures, _, _ = figures_with(tmp_path, "up", side(_WARNING, "below"))
    assert steps(figures.find("pace", None, grain), window) == (Step(None, "orange"), Step(10, GOOD))


def test_means_and_extremes_are_levels_and_sums_are_not() -> None:
    figures = Figures(plan_of("shipped"))
    assert steps(figures.find("cac", None, ()), None) == (Step(None, GOOD), Step(1500, "orange"))
    assert steps(figures.find("lead_response_time", "p90", ()), None) == (Step(None, GOOD), Step(14400, "orange"))
    assert steps(figures.find("lead_waiting_age_max", None, ()), "now") == (Step(None, GOOD), Step(259200, "orange"))
    assert steps(figures.find("leads_waiting", None, ()), "now") == (Step(None, NEUTRAL),)
    assert steps(figures.find("leads_waiting", None, ("team",)), "now") == (Step(None, GOOD), Step(25, "orange"))


def test_the_level_of_one_aggregate_says_nothing_about_another() -> None:
    figures = Figures(plan_of("shipped"))
    assert steps(figures.find("lead_response_time", "mean", ()), "24h") == (Step(None, NEUTRAL),)


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_no_panel_is_coloured_the_wrong_way_round(catalogue: str) -> None:
    figures = {figure.gauge: figure for figure in Figures(plan_of(catalogue)).all}
    coloured: dict[bool, int] = {True: 0, False: 0}
    for dashboard in dashboards_of(catalogue).values():
        for panel in panels_of(dashboard):
            for figure, colours in _coloured(panel, figures):
                badness = [_BADNESS[step["color"]] for step in colours]
                assert badness == sorted(badness, reverse=not figure.good_is_down), panel["title"]
                coloured[figure.good_is_down] += len(colours) > 1
    assert catalogue == "one kpi" or min(coloured.values()) > 5, coloured


def _coloured(panel: Json, figures: dict[str, Figure]) -> list[tuple[Figure, list[Json]]]:
    """Return the thresholds of a panel, each with the figure that it colours."""
    found = steps_of(panel)
    own = found[:1] if len(panel["targets"]) == 1 or len(found) == 1 else found[1:]
    gauges = [_gauge(target["expr"]) for target in panel["targets"]]
    return [(figures[gauge], colours) for gauge, colours in zip(gauges, own, strict=False) if gauge in figures]


def _gauge(expr: str) -> str:
    found = re.search(r"\(instance, job\) \((\w+)", expr)
    return "" if found is None else found[1]


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_a_change_is_green_when_it_is_for_the_better(catalogue: str) -> None:
    figures = {figure.gauge: figure for figure in Figures(plan_of(catalogue)).all}
    modes = set()
    for dashboard in dashboards_of(catalogue).values():
        for panel in panels_of(dashboard):
            figure = figures.get(_gauge(panel["targets"][0]["expr"])) if panel["targets"] else None
            if panel["type"] == "stat" and figure is not None and panel["options"]["showPercentChange"]:
                mode = panel["options"]["percentChangeColorMode"]
                assert mode == ("inverted" if figure.good_is_down else "standard"), panel["title"]
                modes.add(mode)
    assert catalogue == "one kpi" or modes == {"inverted", "standard"}


def test_no_change_in_percent_is_told_of_shares_and_of_what_may_be_below_zero() -> None:
    tiles = _changes()
    assert (tiles["Sales revenue"], tiles["Sales cycle length"]) == (True, True)
    assert [tiles[name] for name in ("Win rate", "Sales growth", "Net new customers")] == [False] * 3


def test_no_change_is_told_of_what_cannot_move_within_a_day_or_may_be_a_complete_month() -> None:
    tiles = _changes()
    assert [tiles[name] for name in ("Household consumption", "Customer acquisition cost")] == [False] * 2


def _changes() -> dict[str, bool]:
    """Return by title whether a tile tells its change."""
    return {
        panel["title"]: panel["options"]["showPercentChange"]
        for dashboard in dashboards_of("shipped").values()
        for panel in panels_of(dashboard)
        if panel["type"] == "stat"
    }


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_a_tile_that_tells_its_change_says_over_what_and_no_course_runs_through_it(catalogue: str) -> None:
    for dashboard in dashboards_of(catalogue).values():
        for panel in (panel for panel in panels_of(dashboard) if panel["type"] == "stat"):
            changes = panel["options"]["showPercentChange"]
            assert changes == panel["targets"][0]["legendFormat"].endswith("change in 24 h"), panel["title"]
            assert panel["options"]["graphMode"] == "none", panel["title"]


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_the_ground_of_a_figure_has_a_colour_only_when_it_is_bad(catalogue: str) -> None:
    for dashboard in dashboards_of(catalogue).values():
        for panel in (panel for panel in panels_of(dashboard) if panel["type"] == "stat"):
            ((*colours,),) = steps_of(panel)
            found = {step["color"] for step in colours}
            judged = len(colours) > 1
            assert panel["options"]["colorMode"] == ("background" if judged else "none"), panel["title"]
            assert found == {NEUTRAL} or ("transparent" in found and found <= {"transparent", *SEVERITIES.values()})


def test_a_level_where_more_is_better_is_a_line_in_the_colour_of_what_is_below_it() -> None:
    rising = (Step(None, "red"), Step(5, "orange"), Step(10, GOOD))
    assert lines_of(rising) == (Step(None, "red"), Step(5, "red"), Step(10, "orange"))
    falling = (Step(None, GOOD), Step(5, "orange"), Step(10, "red"))
    assert lines_of(falling) == falling


@pytest.mark.parametrize("catalogue", CATALOGUES)
def test_the_axis_reaches_to_every_level_that_is_a_line(catalogue: str) -> None:
    seen = 0
    for dashboard in dashboards_of(catalogue).values():
        for panel in (panel for panel in panels_of(dashboard) if panel["type"] == "timeseries"):
            custom = panel["fieldConfig"]["defaults"]["custom"]
            levels = [step["value"] for step in steps_of(panel)[0][1:]]
            if levels:
                assert custom["thresholdsStyle"]["mode"] == "dashed"
                assert custom["axisSoftMin"] < min(levels) <= max(levels) < custom["axisSoftMax"], panel["title"]
                seen += 1
    assert catalogue == "one kpi" or seen > 5
