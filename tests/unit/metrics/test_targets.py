"""Targets: declared in major units and for one series, they stand beside its values."""

from fractions import Fraction

import pytest

from config.declarations import Target
from config.load import load
from metrics.calendar import Window
from metrics.evaluate import Context, Result
from metrics.plan import compile_plan
from metrics.targets import targets_of
from metrics.view import View
from tests.unit.metrics.samples import NOON, event, plan, result, told


def bar(context: Context, key: str, target: Target, agg: str | None, currency: str = "EUR") -> dict[str, Result]:
    kpi = plan().declarations.kpis[key].model_copy(update={"targets": (target,)})
    nodes = targets_of(kpi, agg, (), currency)
    return {window.token: node.read(context, window, ()) for window, node in nodes.items()}


@pytest.mark.parametrize(("currency", "minor"), [("EUR", 2_500_000), ("JPY", 25_000), ("KWD", 25_000_000)])
def test_a_target_of_money_is_in_minor_units_of_the_reporting_currency(currency: str, minor: int) -> None:
    view = View(compile_plan(load(), "Europe/Amsterdam", currency))
    view.tick(NOON)
    targets = {(r.series.kpi.key, r.series.grain, r.window.token): r.result.target for r in view.all_readings()}
    assert targets["revenue", (), "24h"] == minor


def test_a_target_of_anything_else_is_as_it_is_written() -> None:
    view = told(event("deal")).view
    assert result(view, "win_rate", "90d") == Result(Fraction(1), None, Fraction(1), Fraction(1), 1, Fraction(1, 4))
    assert result(view, "quota_attainment", "prev_month").target == Fraction(3, 5)


def test_an_absent_value_has_its_target_too() -> None:
    found = result(told().view, "win_rate", "90d")
    assert (found.value, found.reason, found.target) == (None, "denominator_zero", Fraction(1, 4))


def test_a_target_is_for_one_window_grain_and_aggregate() -> None:
    view = told(event("deal", team_id="noord")).view
    assert result(view, "revenue", "7d").target is None
    assert result(view, "revenue", "24h", team="noord").target is None
    assert result(view, "lead_response_time", "24h", "p90").target == 3_600
    assert result(view, "lead_response_time", "24h", "p50").target is None


@pytest.mark.parametrize("agg", [None, "sum"])
def test_a_target_may_name_the_only_aggregate_or_not(agg: str | None) -> None:
    target = Target.model_validate({"window": "24h", "agg": agg, "value": 0.5})
    assert bar(told().view.context(NOON, {}), "revenue", target, "sum") == {"24h": Result(Fraction(50))}


def test_a_target_without_a_window_is_for_what_there_is_now() -> None:
    target = Target(value=7)
    assert bar(told().view.context(NOON, {}), "pipeline_deals", target, "count") == {"now": Result(Fraction(7))}


def test_a_target_from_a_plan_follows_the_plan() -> None:
    core = told(event("deal", team_id="noord"), event("plan", team_id="noord"))
    assert result(core.view, "revenue", "mtd", team="noord") == Result(Fraction(1_000), target=Fraction(2_000))
    core.apply([event("plan", version=2, op="patch", amount_minor=3_000)], NOON)
    changed = [r for r in core.tick(NOON) if r.series.kpi.key == "revenue"]
    assert [(r.window, r.dims, r.result) for r in changed] == [
        (Window("mtd"), ("noord",), Result(Fraction(1_000), target=Fraction(3_000)))
    ]
    core.apply([event("plan", version=3, op="delete")], NOON)
    core.tick(NOON)
    assert result(core.view, "revenue", "mtd", team="noord") == Result(Fraction(1_000))


def test_a_target_is_that_of_the_row() -> None:
    view = told(event("deal", team_id="noord"), event("deal", "e", team_id="zuid"), event("plan", team_id="zuid")).view
    assert result(view, "revenue", "mtd", team="noord").target is None
    assert result(view, "revenue", "mtd", team="zuid").target == 2_000
