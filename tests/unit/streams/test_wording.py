"""Declarations in words: one KPI of each type, and every kind of condition, duration and alert."""

import pytest

from config.declarations import Alert, Condition, Declarations, DurationValue, Level, PlanInput, Scalar, Target
from config.load import load
from streams.wording import (
    alert_words,
    duration_words,
    kpi_words,
    listed,
    plan_words,
    population_words,
    span,
    target_words,
    where_words,
)


@pytest.fixture(scope="module")
def declarations() -> Declarations:
    return load()


READ = {
    "opportunities_won": "number of `deal` with `closed_at` in the window, where `status` is won",
    "pipeline_weighted_value": "sum of `lines.amount_minor` × `probability` of `deal` as of T, where `status` is open",
    "customers_active": "the number of the members of `customer_active` at T",
    "mrr": "the amounts of the members of `subscription_mrr` at T",
    "avg_deal_size": "`revenue` / `opportunities_won`",
    "revenue_growth": (
        "now / before - 1, with now = `revenue`; before = `revenue` over the comparison window; before must be positive"
    ),
    "lead_conversion_rate": (
        "the share of `lead` that reach `first_win_at` less than 90d after `created_at`; "
        "over those whose 90d ended in the window (`created_at`)"
    ),
    "stage_conversion_rate": (
        "the share of `stage_exits` of `deal` for which `stage_exits.forward` is true; "
        "over those that left in the window (`stage_exits.at`)"
    ),
    "customer_retention_rate": "the share of the members of `customer_active` at S that are members at E too",
    "quota_attainment": (
        "the share of the members of `rep_employed` at E with a plan whose `revenue` is at or above "
        "the `quota` of `revenue` of the rep for the calendar period of the window"
    ),
}


@pytest.mark.parametrize("key", READ)
def test_a_kpi_is_read_as_it_is_declared(declarations: Declarations, key: str) -> None:
    assert kpi_words(declarations.kpis[key], declarations) == READ[key]


def test_a_population_says_who_and_when(declarations: Declarations) -> None:
    sources = dict(declarations.sources)
    words = {name: population_words(name, p, sources) for name, p in declarations.populations.items()}

    assert words["rep_employed"] == (
        "members of `rep_employed`: `rep`, where `role` is sales, active from `hired_at` to `left_at`"
    )
    assert words["customer_active"] == (
        "members of `customer_active`: `customer`, active from `paid_from` of its subscriptions to `ended_at`; "
        "without any of those from `closed_at` of its wins or `ordered_at` of its orders for 365d, until `churned_at`"
    )
    assert words["patient_engaged"].endswith("until `churned_at`, with one of its contacts in the window")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("won", "is won"),
        (True, "is true"),
        (Condition(in_=("call", "email", "chat")), "is call, email or chat"),
        (Condition(not_=False), "is not false"),
        (Condition(gt=1, lte=5), "> 1 and ≤ 5"),
        (Condition(exists=True), "is there"),
        (Condition(exists=False), "is not there"),
        (Condition(passed=True), "lies before T"),
        (Condition(passed=False), "does not lie before T"),
    ],
)
def test_conditions_are_read(condition: Scalar | Condition, words: str) -> None:
    assert where_words({"a": condition}) == f", where `a` {words}"


def test_no_condition_is_no_words() -> None:
    assert where_words({}) == ""


@pytest.mark.parametrize(("milliseconds", "text"), [(90 * 86_400_000, "90d"), (3_600_000, "1h"), (90_000, "90s")])
def test_spans_are_spelt_as_they_are_declared(milliseconds: int, text: str) -> None:
    assert span(milliseconds) == text


def test_a_duration_says_what_it_does_with_negative_ones() -> None:
    clamped = DurationValue(from_=("a", "b"), to="c", negative="clamp")
    dropped = DurationValue(from_="a", to="c")

    assert duration_words(clamped) == "the time from `a`, else `b`, to `c` (a negative one counts as 0)"
    assert duration_words(dropped) == "the time from `a` to `c` (negative ones are left out)"


def test_a_plan_says_when_it_must_be_submitted() -> None:
    plan = PlanInput(kind="forecast", metric="revenue", submitted_before="period_start")

    assert plan_words(plan) == (
        "the `forecast` of `revenue` for the calendar period of the window, submitted before the period began"
    )
    assert plan_words(PlanInput(kind="target", metric="revenue"), "qtd") == (
        "the `target` of `revenue` for the calendar period of qtd"
    )


def test_targets_and_alerts_say_where_they_hold() -> None:
    levels = (Level(where={"team": "noord"}, at=7_200),)
    alert = Alert(name="Slow", window="24h", grain=("team",), agg="p90", above=14_400, min_samples=5, levels=levels)

    assert target_words(Target(window="90d", value=0.25)) == "90d: 0.25"
    assert target_words(Target(agg="p90", grain=("team", "rep"), value=10)) == "now p90 by team and rep: 10"
    few = Alert(name="Few", window="now", below=2, clear=2)
    assert alert_words(load().kpis["pipeline_coverage"], few) == "Few (warning): below 2 for 10m"
    slow = "p90 above 14400 (7200 for noord) over 24h by team for 10m, with at least 5 samples; ends at 12960"
    assert alert_words(load().kpis["lead_response_time"], alert) == f"Slow (warning): {slow}"


@pytest.mark.parametrize(("items", "text"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_lists_are_read(items: list[str], text: str) -> None:
    assert listed(items) == text
