"""The view: which series there are, and what makes them change."""

import msgspec
import pytest

from metrics.calendar import Window
from metrics.evaluate import Result
from metrics.records import PROGRESS_KEY, encode_versioned, reference_key
from metrics.view import Progress, View
from tests.unit.metrics.samples import DAY, NOON, event, plan, result, series, sides, told


def rows(view: View, key: str, window: str, *grain: str) -> dict[tuple[str, ...], object]:
    i, _ = series(key, None, grain)
    return {dims: found.value for dims, found in view.readings[i, Window(window)].items()}


def test_declared_label_values_are_there_before_any_entity() -> None:
    view = told().view
    assert rows(view, "pipeline_leads", "now", "status") == {("new",): 0, ("working",): 0, ("qualified",): 0}
    assert rows(view, "sales_activities", "24h", "kind") == {("call",): 0, ("email",): 0, ("meeting",): 0}
    stages = {"qualified", "proposal", "negotiation", "qualify", "develop", "propose", "close"}
    assert rows(view, "pipeline_deals", "now", "stage") == dict.fromkeys(((s,) for s in stages), 0)
    assert rows(view, "revenue", "30d", "team") == {}
    assert result(view, "revenue", "30d").value == 0


def test_label_values_are_those_of_live_entities() -> None:
    core = told(event("deal", "d1", team_id="noord"), event("deal", "d2", status="open"))
    assert rows(core.view, "revenue", "7d", "team") == {("noord",): 1_000, ("unknown",): 0}
    core.apply([event("deal", "d1", version=2, op="delete")], NOON)
    changes = {(r.series.kpi.key, r.window.token, r.dims): r.result for r in core.tick(NOON)}
    assert changes["revenue", "7d", ("noord",)] == Result(None)
    assert rows(core.view, "revenue", "7d", "team") == {("unknown",): 0}


def test_a_label_value_that_the_condition_excludes_is_no_series() -> None:
    view = told(event("lead", status="converted"), event("activity", kind="chat")).view
    assert ("converted",) not in rows(view, "pipeline_leads", "now", "status")
    assert ("chat",) not in rows(view, "sales_activities", "24h", "kind")


def test_a_tick_tells_only_what_changed() -> None:
    core = told(event("deal"))
    assert core.tick(NOON) == []
    assert core.tick(NOON + 1) == []
    changed = {(r.series.kpi.key, r.window.token) for r in core.tick(NOON + DAY)}
    assert ("revenue", "24h") in changed
    assert ("revenue", "30d") not in changed


def test_a_late_rate_revalues_every_reading() -> None:
    core = told(event("deal", currency="USD"), event("deal", "d2"))
    assert result(core.view, "revenue", "7d").value == 1_000
    assert sides(result(core.view, "avg_deal_size", "7d")) == (1_000, 1)
    assert core.view.unconverted() == {"USD": 1}
    core.apply([event("fx_rate")], NOON)
    core.tick(NOON)
    assert result(core.view, "revenue", "7d").value == 1_800
    assert sides(result(core.view, "avg_deal_size", "7d")) == (1_800, 2)
    assert core.view.unconverted() == {}
    core.apply([event("fx_rate", version=2, op="patch", rate="2")], NOON)
    core.tick(NOON)
    assert result(core.view, "revenue", "7d").value == 1_500
    core.apply([event("fx_rate", version=3, op="delete")], NOON)
    core.tick(NOON)
    assert result(core.view, "revenue", "7d").value == 1_000


def test_stocks_are_valued_at_todays_rate() -> None:
    core = told(
        event("deal", status="open", currency="USD"),
        event("fx_rate", "r1"),
        event("fx_rate", "r2", rate_date="2026-06-11", rate="2"),
    )
    assert result(core.view, "pipeline_value").value == 800
    core.tick(NOON + DAY)
    assert result(core.view, "pipeline_value").value == 500
    core.tick(NOON + 9 * DAY)
    assert result(core.view, "pipeline_value").value == 0
    assert core.view.unconverted() == {"USD": 1}


def test_what_was_won_is_valued_at_the_rate_of_its_day() -> None:
    core = told(
        event("deal", currency="USD"), event("fx_rate"), event("fx_rate", "r2", rate_date="2026-06-11", rate="2")
    )
    core.tick(NOON + DAY - 3 * 3_600_000)
    assert result(core.view, "revenue", "24h").value == 800
    assert result(core.view, "revenue", "7d").value == 800


@pytest.mark.parametrize(
    ("plans", "value", "reason"),
    [
        ([], None, "no_plan"),
        ([event("plan")], 0.5, None),
        ([event("plan", "a"), event("plan", "b", amount_minor=4_000, submitted_at="2026-05-21T08:00:00Z")], 0.25, None),
        ([event("plan"), event("plan", version=2, op="delete")], None, "no_plan"),
        ([event("plan", amount_minor=0)], None, "denominator_zero"),
        ([event("plan", amount_minor=None, currency=None)], None, "no_plan"),
        ([event("plan", amount_minor=None, value="4000")], 0.25, None),
        ([event("plan", currency="USD")], None, "no_plan"),
        ([event("plan", currency="USD"), event("fx_rate", rate_date="2026-05-31")], 0.625, None),
        ([event("plan", team_id="noord")], None, "no_plan"),
        ([event("plan", kind="quota")], None, "no_plan"),
    ],
)
def test_the_target_of_the_month(plans: list[dict[str, object]], value: float | None, reason: str | None) -> None:
    view = told(event("deal"), *plans).view
    assert result(view, "target_attainment", "mtd")[:2] == (value, reason)


def test_a_plan_of_the_future_counts_when_it_is_submitted() -> None:
    core = told(event("deal"), event("plan", submitted_at="2026-06-10T10:00:00Z"))
    assert result(core.view, "target_attainment", "mtd").reason == "no_plan"
    core.tick(NOON + 1)
    assert result(core.view, "target_attainment", "mtd").value == 0.5


def test_a_plan_by_team_is_for_the_team() -> None:
    view = told(event("deal", team_id="noord"), event("plan", team_id="noord")).view
    assert result(view, "target_attainment", "mtd", team="noord").value == 0.5


def test_the_age_of_what_waits_grows_by_itself() -> None:
    core = told(event("lead"))
    assert result(core.view, "lead_waiting_age_max").value == 7_200
    core.tick(NOON + 1_500)
    assert result(core.view, "lead_waiting_age_max").value == 7_201


def test_a_sign_of_life_is_kept_by_shard() -> None:
    view = View(plan())
    view.apply(2, PROGRESS_KEY, encode_versioned({"as_of": 1, "written_ms": 2, "watermarks": {"deal": 3}}))
    view.apply(2, PROGRESS_KEY, None)
    assert view.progress == {2: Progress(1, 2, {"deal": 3})}


def test_what_is_unknown_is_left() -> None:
    view = View(plan())
    view.tick(NOON)
    view.apply(0, msgspec.msgpack.encode((1, 2)), msgspec.msgpack.encode([1]))
    view.apply(0, reference_key("unheard", "of"), encode_versioned({}))
    view.apply(0, reference_key("plan", "p"), None)
    view.tick(NOON)
    assert view.tick(NOON) == []


def test_a_cell_that_was_never_there_can_be_taken_away() -> None:
    view = View(plan())
    cuboid = next(iter(plan().cuboids))
    view.apply(0, msgspec.msgpack.encode((cuboid, 0)), None)
    assert view.tick(NOON)


def test_the_same_cell_of_two_shards_adds_up() -> None:
    core = told(*(event("lead", f"l{i}") for i in range(8)), shards=4)
    assert result(core.view, "leads_generated", "24h").value == 8
