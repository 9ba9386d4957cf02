"""The unit tests of the rules about KPIs, made from what is declared and not from the rules."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import count, product
from typing import Any

from config.settings import Settings
from metrics.evaluate import NOW
from metrics.exposition import exposed_gauges
from metrics.plan import Plan
from streams.rules.annotations import Said, annotations
from streams.rules.kpi_alert import KpiAlert, kpi_alerts
from streams.rules.kpi_story import STEP_SECONDS, Story
from streams.rules.promql import number, selector
from streams.rules.promtool import Test, alerts_at, input_series, series_at

_REPLICAS = ({"instance": "a:8080", "job": "salespulse-serve"}, {"instance": "b:8080", "job": "salespulse-serve"})
"""Two processes that expose the same readings: no alert may come twice, and no rule may fail."""
_FEW_STEPS = 2
Row = Mapping[str, str]


def kpi_tests(plan: Plan, settings: Settings) -> dict[str, Any]:
    """Return the tests of all alerts and records about KPIs.

    Each test evaluates all rules, so alerts are tested side by side: in several rounds where they read the same gauges.
    """
    rounds = list(_rounds(kpi_alerts(plan)))
    tests = [test for alerts in rounds for test in _tests_of(alerts, settings)]
    return {
        "rule_files": ["../rules/kpis.yml"],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "tests": [*tests, *_target_tests(plan)],
    }


def _rounds(alerts: Iterable[KpiAlert]) -> Iterator[list[KpiAlert]]:
    """Yield the alerts so that no two of a round read the same gauge."""
    left = list(alerts)
    while left:
        taken: set[str] = set()
        chosen: list[KpiAlert] = []
        for of in left:
            read = {of.gauge} if of.samples is None else {of.gauge, of.samples}
            if not read & taken:
                taken |= read
                chosen.append(of)
        yield chosen
        left = [of for of in left if of not in chosen]


def _tests_of(alerts: Sequence[KpiAlert], settings: Settings) -> Iterator[Test]:
    yield _test(
        "fires after `for` and not before, stays while the value hovers, ends once it is back",
        [series for of in alerts for series in _whole_story(of)],
        alert_rule_test=[check for of in alerts for check in _story_checks(of, settings)],
        promql_expr_test=[check for of in alerts for check in (*_state_checks(of), *_level_checks(of))],
    )
    few = [of for of in alerts if of.samples is not None]
    if few:
        yield _test(
            "too few samples are no alert",
            [series for of in few for series in _story_of_few(of)],
            promql_expr_test=[_nothing_at(of, _FEW_STEPS) for of in few],
        )


def _test(name: str, series: list[Any], **checks: list[Test]) -> Test:
    shown = {kind: found for kind, found in checks.items() if found}
    return {"name": name, "interval": f"{STEP_SECONDS}s", "input_series": series, **shown}


def _at(step: int) -> int:
    return step * STEP_SECONDS


# ---------------------------------------------------------------------------------------------------------------- rows


def _rows(of: KpiAlert) -> Iterator[Row]:
    """Yield rows without a level of their own: one for the total, else two for each dimension, in all combinations."""
    own = {value for threshold in of.thresholds for value in threshold.where.values()}
    names = []
    for dimension in of.dimensions:
        free = (name for n in count(1) if (name := f"{dimension} {n}") not in own)
        names.append((next(free), next(free)))
    for values in product(*names):
        yield dict(zip(of.dimensions, values, strict=True))


def _bad_rows(of: KpiAlert) -> list[Row]:
    """Return the rows that go bad: those with a level of their own, and the first of all others."""
    return [*(threshold.where for threshold in of.thresholds[:-1]), next(_rows(of))]


# -------------------------------------------------------------------------------------------------------------- values


def _whole_story(of: KpiAlert) -> Iterator[Any]:
    """Yield the series of the rows that go bad, of others that only hover, and of another window that is always bad."""
    steps = max(Story(of, row).steps for row in _bad_rows(of))
    for row in _bad_rows(of):
        yield from _value(of, row, Story(of, row).values())
        yield from _samples(of, row, of.min_samples, steps)
    for row in list(_rows(of))[1:]:
        yield from _value(of, row, [(number(Story(of, row).hovering), steps + 1)])
        yield from _samples(of, row, of.min_samples, steps)
    if of.window is not None:
        row = next(_rows(of))
        other = "7d" if of.window != "7d" else "30d"
        yield from _replicated(of.gauge, {"window": other, **row}, [(number(Story(of, row).bad), steps + 1)])


def _story_of_few(of: KpiAlert) -> Iterator[Any]:
    for row in _bad_rows(of):
        yield from _value(of, row, [(number(Story(of, row).bad), _FEW_STEPS + 1)])
        yield from _samples(of, row, of.min_samples - 1, _FEW_STEPS)


def _value(of: KpiAlert, row: Row, values: Sequence[tuple[str, int]]) -> Iterator[Any]:
    return _replicated(of.gauge, _labels(of, row), values)


def _samples(of: KpiAlert, row: Row, samples: int, steps: int) -> Iterator[Any]:
    if of.samples is not None:
        yield from _replicated(of.samples, _labels(of, row), [(str(samples), steps + 1)])


def _labels(of: KpiAlert, row: Row) -> Row:
    return dict(row) if of.window is None else {"window": of.window, **row}


def _replicated(name: str, labels: Row, values: Sequence[tuple[str, int]]) -> Iterator[Any]:
    for replica in _REPLICAS:
        yield input_series(name, {**labels, **replica}, values)


# -------------------------------------------------------------------------------------------------------------- checks


def _story_checks(of: KpiAlert, settings: Settings) -> Iterator[Test]:
    """Yield, at each turn of a story, exactly which rows fire and what they say."""
    stories = [Story(of, row) for row in _bad_rows(of)]
    for step in sorted({step for story in stories for step in story.turns}):
        told = [(story, story.told_at(step)) for story in stories]
        firing = [_firing(story, value, settings) for story, value in told if value is not None]
        yield alerts_at(_at(step), of.name, firing)


def _firing(story: Story, value: Decimal, settings: Settings) -> tuple[Row, Row]:
    of = story.of
    labels = {**of.labels, **{of.label(dimension): text for dimension, text in story.row.items()}}
    return labels, annotations(of, settings, Said(of, story.row, float(value)))


def _state_checks(of: KpiAlert) -> Iterator[Test]:
    """Yield that the alert is pending before it fires, and not even that at its level or after its end."""
    stories = [Story(of, row) for row in _bad_rows(of)]
    pending = selector("ALERTS", {"alertname": of.name, "alertstate": "pending"})
    for step in (stories[0].at_level_at - 1, stories[0].fires_at - 1) if stories[0].for_steps else ():
        yield series_at(_at(step), f"count({pending})", [("{}", len(stories))])
    yield _nothing_at(of, stories[0].bad_at - 1)
    yield _nothing_at(of, max(story.steps for story in stories))


def _nothing_at(of: KpiAlert, step: int) -> Test:
    return series_at(_at(step), selector("ALERTS", {"alertname": of.name}), [])


def _level_checks(of: KpiAlert) -> Iterator[Test]:
    """Yield the levels of every row that has a value, in whichever window."""
    rows = [*(threshold.where for threshold in of.thresholds[:-1]), *_rows(of)]
    for name in ("fire", "clear"):
        record = f"{of.gauge}:{name}_level"
        expected = []
        for row in rows:
            level = of.threshold(row).fires if name == "fire" else of.threshold(row).clears
            expected.append((selector(record, {**_labels(of, row), "alert": of.name}), float(level)))
        yield series_at(_at(1), selector(record, {"alert": of.name}), expected)


# ------------------------------------------------------------------------------------------------------------- targets


def _target_tests(plan: Plan) -> Iterator[Test]:
    """Yield that values are divided by their target, and that a target of 0 or less, or none, gives no ratio."""
    series: list[Any] = []
    checks: list[Test] = []
    for planned, gauges in exposed_gauges(plan):
        names = {gauge.role: gauge.name for gauge in gauges}
        if "target" not in names:
            continue
        row = {dimension: f"{dimension} 1" for dimension in planned.grain}
        windows = [window for gauge in gauges if gauge.role == "target" for window in gauge.windows]
        labels = [dict(row) if window == NOW else {"window": window.token, **row} for window in windows]
        for of_window in labels:
            series += _replicated(names["value"], of_window, [("3", 3)])
            series += _replicated(names["target"], of_window, [("4", 1), ("0", 1), ("-4", 1)])
        if NOW not in windows:
            series += _replicated(names["value"], {"window": "without", **row}, [("3", 3)])
        record = f"{names['value']}:target_ratio"
        checks.append(series_at(0, record, [(selector(record, of_window), 0.75) for of_window in labels]))
        checks += [series_at(_at(step), record, []) for step in (1, 2)]
    if checks:
        yield _test("how far values are on the way to their targets", series, promql_expr_test=checks)
