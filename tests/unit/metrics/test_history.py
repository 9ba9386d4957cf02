"""History: what panes tell of an earlier T is what a view there would have shown, and the rest is refused."""

from collections.abc import Iterator
from functools import cache
from zoneinfo import ZoneInfo

import pytest

from metrics.calendar import DAY, MINUTE, MINUTE_MS, Window, parse_instant
from metrics.embedded import Embedded
from metrics.evaluate import NOW, Result
from metrics.history import NotKeptError, Past, compare, read, trend
from metrics.plan import SeriesPlan
from metrics.records import PROGRESS_KEY, encode_versioned
from metrics.view import View
from streams.simulate.organisation import Organisation
from tests.unit.metrics.samples import NOON, event, plan, result, series, told

HOUR = 3_600_000
MIDNIGHT = parse_instant("2026-06-10T00:00:00+02:00")
END = parse_instant("2026-11-24T12:00:00Z")
"""When the simulated organisation's 45 days are over; within them, clocks were put back and a month began."""
MIDNIGHTS = ("2026-11-24T00:00:00+01:00", "2026-11-02T00:00:00+01:00", "2026-10-26T00:00:00+01:00")
Records = list[tuple[int, bytes, bytes | None]]


class Recorded(View):
    """A view that remembers what it was told."""

    def __init__(self) -> None:
        super().__init__(plan())
        self.records: Records = []

    def apply(self, shard: int, key: bytes, value: bytes | None) -> None:
        self.records.append((shard, key, value))
        super().apply(shard, key, value)


@cache
def simulated() -> Recorded:
    """Return the view of an organisation of two shards."""
    core, view = Embedded(plan(), END, shards=2), Recorded()
    core.view = view
    core.apply(Organisation(4, END, ZoneInfo("Europe/Amsterdam")).history(45), END)
    core.tick(END)
    return view


def fresh(as_of: int) -> View:
    """Return a view that was told the same, and was never anywhere but at `as_of`."""
    view = View(plan())
    for record in simulated().records:
        view.apply(*record)
    view.tick(as_of)
    return view


def of_panes(*tiers: str) -> Iterator[tuple[int, SeriesPlan, Window]]:
    """Yield the series windows, in total and by team, that are made of panes of these tiers only."""
    for i, s in enumerate(plan().series):
        for window in s.windows if s.grain in ((), ("team",)) else ():
            found = {plan().cuboids[table].tier for table, _ in s.node.reads(window)}
            if found and found <= {*tiers}:
                yield i, s, window


def values(results: list[Result]) -> list[object]:
    return [found.value for found in results]


def revenue(view: View, window: str, as_of: int, *grain: str) -> dict[tuple[str, ...], object]:
    found = read(view, series("revenue", None, grain)[0], Window(window), as_of)
    return {dims: one.value for dims, one in found.items()}


def refusal(view: View, key: str, window: str, as_of: int) -> str:
    with pytest.raises(NotKeptError) as caught:
        read(view, series(key)[0], Window(window), as_of)
    return str(caught.value)


# ------------------------------------------------------------------------------------------- the whole catalogue


@pytest.mark.parametrize("midnight", MIDNIGHTS)
def test_days_as_of_a_midnight_are_what_a_view_there_shows(midnight: str) -> None:
    as_of = parse_instant(midnight)
    there, past = fresh(as_of), Past(simulated(), as_of)
    compared = 0
    for i, _, window in of_panes(DAY):
        expected = there.readings[i, window]
        assert expected == past.read(i, window)
        compared += sum(found.value is not None for found in expected.values())
    assert compared > 1_000


@pytest.mark.parametrize(
    ("before", "windows"), [(MINUTE_MS, {"1h", "24h"}), (HOUR, {"1h", "24h"}), (20 * HOUR, {"1h"})]
)
def test_hours_as_of_a_minute_are_what_a_view_there_shows(before: int, windows: set[str]) -> None:
    there, past = fresh(END - before), Past(simulated(), END - before)
    compared = 0
    for i, _, window in of_panes(MINUTE):
        if window.token in windows:
            assert there.readings[i, window] == past.read(i, window)
            compared += sum(bool(found.value) for found in there.readings[i, window].values())
    assert compared > 15


def test_what_reads_the_state_of_now_is_refused_and_nothing_else() -> None:
    past = Past(simulated(), parse_instant(MIDNIGHTS[0]))
    of_panes_only = {(i, window) for i, _, window in of_panes(MINUTE, DAY)}
    for i, s in enumerate(plan().series):
        for window in s.windows if s.grain in ((), ("team",)) else ():
            if (i, window) not in of_panes_only:
                with pytest.raises(NotKeptError, match="its state as of then is not kept"):
                    past.read(i, window)
            elif window != Window("24h"):
                assert past.read(i, window).keys() == simulated().readings[i, window].keys()


def test_a_trend_is_each_of_its_points_read_by_itself() -> None:
    view = simulated()
    today = plan().calendar.current_day(END)
    marks = [plan().calendar.day_start(today - back) for back in (3, 2, 1, 0)]
    for i, s, window in of_panes(DAY):
        row = next(iter(sorted(view.readings[i, window])), None)
        if row is not None and s.kpi.display is not None and s.kpi.display.headline:
            expected = [read(view, i, window, mark)[row] for mark in marks]
            assert [*expected, view.readings[i, window][row]] == trend(view, i, window, row, points=4)


def test_the_comparison_is_what_growth_divides_by() -> None:
    view = simulated()
    (revenue_at, _), (growth_at, growth) = series("revenue"), series("revenue_growth")
    for window in growth.windows:
        now, before = result(view, "revenue", window.token).value, compare(view, revenue_at, window, ())
        assert now is not None
        assert before is not None
        grown = now / before.value - 1 if before.value else None
        assert grown == view.readings[growth_at, window][()].value


# ---------------------------------------------------------------------------------------------- worked out by hand


def shop(*more: dict[str, object]) -> View:
    """Return a view at noon on 10 June: 1,000 at 10:00, 200 at 11:30, 500 the day before, 300 on 1 June."""
    return told(
        event("deal", "a", team_id="noord"),
        event("deal", "b", team_id="zuid", closed_at="2026-06-10T09:30:00Z", lines=lines(200)),
        event("deal", "c", team_id="noord", closed_at="2026-06-09T08:00:00Z", lines=lines(500)),
        event("deal", "d", team_id="noord", closed_at="2026-06-01T08:00:00Z", lines=lines(300)),
        *more,
    ).view


def lines(amount: int) -> list[dict[str, object]]:
    return [{"line_id": "1", "product_id": "p1", "amount_minor": amount}]


def test_a_window_of_days_ends_with_the_day_before_the_midnight() -> None:
    view = shop()
    assert revenue(view, "dtd", MIDNIGHT) == {(): 500}
    assert revenue(view, "mtd", MIDNIGHT) == {(): 800}
    assert revenue(view, "prev_day", MIDNIGHT) == {(): 0}
    assert revenue(view, "mtd", MIDNIGHT - 8 * 24 * HOUR) == {(): 300}
    assert revenue(view, "mtd", MIDNIGHT - 9 * 24 * HOUR) == {(): 0}


def test_hours_end_at_the_minute_without_it() -> None:
    view = shop()
    assert revenue(view, "1h", NOON - 30 * MINUTE_MS) == {(): 0}
    assert revenue(view, "1h", NOON - 29 * MINUTE_MS) == {(): 200}
    assert revenue(view, "24h", NOON - HOUR) == {(): 1_000}


def test_rows_are_those_that_exist_now() -> None:
    assert revenue(shop(), "7d", MIDNIGHT, "team") == {("noord",): 500, ("zuid",): 0}


def test_an_earlier_reading_is_as_known_today() -> None:
    core = told(event("deal", currency="USD"))
    past = NOON - HOUR
    assert revenue(core.view, "24h", past) == {(): 0}
    core.apply([event("fx_rate"), event("deal", "late", closed_at="2026-06-10T07:00:00Z")], NOON)
    core.tick(NOON)
    assert revenue(core.view, "24h", past) == {(): 1_800}


def test_a_plan_counts_from_its_submission_on() -> None:
    view = shop(event("plan", submitted_at="2026-06-09T12:00:00Z", team_id="noord"))
    i, _ = series("revenue", None, ("team",))
    targets = [read(view, i, Window("mtd"), MIDNIGHT - back)["noord",].target for back in (0, 24 * HOUR)]
    assert targets == [2_000, None]


def test_too_few_samples_then_give_no_value_then() -> None:
    view = simulated()
    i, found = next((i, s) for i, s in enumerate(plan().series) if (s.kpi.key, s.agg) == ("lead_response_time", "p90"))
    found = SeriesPlan(
        found.kpi.model_copy(update={"min_samples": 10**6}), found.agg, found.grain, found.windows, found.node, None
    )
    results = Past(view, END).results(found, Window("30d"), {()})
    samples = view.readings[i, Window("30d")][()].samples
    assert results == {(): Result(None, "below_min_samples", samples=samples)}


def test_as_of_the_last_tick_everything_is_there() -> None:
    view = shop(event("deal", "o", status="open"))
    assert {found.value for found in read(view, series("pipeline_value")[0], NOW, NOON).values()} == {1_000}
    assert read(view, series("revenue")[0], Window("7d"), NOON) == view.readings[series("revenue")[0], Window("7d")]


def test_the_comparison_window_is_the_one_before() -> None:
    view, (i, _) = shop(), series("revenue")
    assert compare(view, i, Window("7d"), ()) == Result(300)  # type: ignore[arg-type]
    assert compare(view, i, Window("1h"), ()) == Result(1_000)  # type: ignore[arg-type]
    assert compare(view, i, Window("dtd"), ()) == Result(500)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "window", "dims"),
    [
        ("revenue", "24h", ()),  # minutes are kept for 25 hours
        ("revenue_growth", "7d", ()),
        ("pipeline_value", "now", ()),
        ("customer_churn_rate", "30d", ()),
        ("revenue", "7d", ("nobody",)),
    ],
)
def test_what_has_no_comparison(key: str, window: str, dims: tuple[str, ...]) -> None:
    assert compare(shop(), series(key)[0], Window(window), dims) is None


def test_a_trend_of_days_has_a_point_for_each_midnight_and_now() -> None:
    view, (i, _) = shop(), series("revenue")
    assert values(trend(view, i, Window("dtd"), (), points=3)) == [0, 0, 500, 1_200]
    assert values(trend(view, i, Window("mtd"), (), points=10)) == [0, *[300] * 8, 800, 2_000]
    assert len(trend(view, i, Window("7d"), ())) == 31


def test_a_trend_of_hours_has_a_point_for_each_mark_that_is_kept() -> None:
    view, (i, _) = shop(), series("revenue")
    assert values(trend(view, i, Window("1h"), (), points=7)) == [0, 0, 200, 200, 200, 200, 200, 200]
    assert values(trend(view, i, Window("24h"), ())) == [1_000, 1_000, 1_200]


def test_a_trend_goes_back_as_far_as_days_are_kept() -> None:
    """As of the midnight 365 days ago the window began 730 days ago, on the first day that is kept."""
    view, (i, _) = shop(), series("revenue")
    assert len(trend(view, i, Window("365d"), (), points=1_000)) == 1 + 365 + 1


@pytest.mark.parametrize("key", ["pipeline_value", "customer_churn_rate", "quota_attainment"])
def test_what_is_counted_as_it_stands_now_has_no_trend(key: str) -> None:
    i, found = series(key)
    assert [trend(shop(), i, window, ()) for window in found.windows] == [[]] * len(found.windows)


def test_what_is_no_row_has_no_trend() -> None:
    i, _ = series("revenue", None, ("team",))
    assert trend(shop(), i, Window("7d"), ("nobody",)) == []
    assert trend(View(plan()), i, Window("7d"), ()) == []


# ------------------------------------------------------------------------------------------------------- refusals


def test_what_the_panes_do_not_tell_is_refused_with_the_remedy() -> None:
    view = shop()
    assert refusal(view, "revenue", "7d", NOON + 1) == (
        "2026-06-10T12:00:00.001000+02:00 is later than the newest readings; ask for 2026-06-10T12:00:00+02:00"
        " or before"
    )
    assert refusal(view, "pipeline_value", "now", MIDNIGHT) == (
        "kpi `pipeline_value` over `now` is made of what is there now, and its state as of then is not kept;"
        " ask for it without a time"
    )
    assert refusal(view, "revenue", "7d", NOON - HOUR) == (
        "kpi `revenue` over `7d`: days are kept as wholes, and 2026-06-10T11:00:00+02:00 is no midnight;"
        " ask for 2026-06-10T00:00:00+02:00"
    )
    assert refusal(view, "revenue", "1h", NOON - 30_000) == (
        "kpi `revenue` over `1h`: hours are kept by whole minutes, and 2026-06-10T11:59:30+02:00 is none;"
        " ask for 2026-06-10T11:59:00+02:00"
    )
    assert refusal(view, "revenue", "24h", NOON - 2 * HOUR) == (
        "kpi `revenue` over `24h`: as of 2026-06-10T10:00:00+02:00 it reaches back to 2026-06-09T10:00:00+02:00, and"
        " only what is from 2026-06-09T11:00:00+02:00 on is kept; ask for a later time or a shorter window"
    )
    assert refusal(view, "revenue_growth", "7d", parse_instant("2024-06-20T00:00:00+02:00")) == (
        "kpi `revenue_growth` over `7d`: as of 2024-06-20T00:00:00+02:00 it reaches back to 2024-06-06T00:00:00+02:00,"
        " and only what is from 2024-06-10T00:00:00+02:00 on is kept; ask for a later time or a shorter window"
    )


def test_before_the_first_tick_there_is_nothing() -> None:
    assert refusal(View(plan()), "revenue", "7d", NOON) == (
        "there are no readings yet; ask again after the first evaluation"
    )


def test_what_a_shard_ahead_of_the_view_has_dropped_is_not_kept() -> None:
    view = shop()
    ahead = {"as_of": NOON + 10 * MINUTE_MS, "written_ms": NOON, "watermarks": {}}
    view.apply(0, PROGRESS_KEY, encode_versioned(ahead))
    assert "only what is from 2026-06-09T11:10:00+02:00 on is kept" in refusal(view, "revenue", "24h", NOON - HOUR)
