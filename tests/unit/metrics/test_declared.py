"""What the shipped catalogue does not use, declared from nothing: closed lists, bounds, stocks without a beginning."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from metrics.calendar import LATEST_MS, Window
from metrics.cubes import spell
from metrics.embedded import Embedded
from metrics.evaluate import Result
from metrics.plan import compile_plan
from tests.unit.metrics.samples import NOON

SOURCES = """
version: 1
sources:
  - key: visit
    topic: visits
    fields:
      seen_at: {type: timestamp, required: true}
      left_at: {type: timestamp}
      page: {type: string}
      kind: {type: enum, values: [human, robot, unsure]}
      score: {type: integer, default: 5}
    dimensions: {page: {field: page, values: [home, shop]}, kind: kind}
"""


def kpi(text: str) -> str:
    common = "title: {en: A, nl: A}, group: a"
    return f"  - {{{text}, {common}}}\n"


KPIS = "".join(
    kpi(text)
    for text in (
        (
            "key: high, type: measure, from: visit, at: seen_at, agg: count, where: {score: {gte: 5, lt: 9}}, "
            "unit: none, windows: [1h], grains: [[], [page], [kind]]"
        ),
        (
            "key: low, type: measure, from: visit, at: seen_at, agg: count, where: {score: {gt: 0, lte: 4}}, "
            "unit: none, windows: [1h], grains: [[]]"
        ),
        (
            "key: people, type: measure, from: visit, at: seen_at, agg: count, where: {kind: {not: robot}}, "
            "unit: none, windows: [1h], grains: [[], [kind]]"
        ),
        (
            "key: robots, type: measure, from: visit, at: seen_at, agg: sum, value: {number: score}, "
            "where: {kind: robot}, unit: none, windows: [1h], grains: [[], [kind]]"
        ),
        "key: visits, type: state, from: visit, agg: count, unit: none, windows: [now], grains: [[], [page]]",
        (
            "key: stay, type: measure, from: visit, at: seen_at, agg: [mean, p50], min_samples: 2, unit: seconds, "
            "value: {duration: {from: seen_at, to: left_at}}, windows: [1h], grains: [[]]"
        ),
        (
            "key: oldest, type: state, from: visit, agg: max, value: {age_of: seen_at}, unit: seconds, windows: [now], "
            "grains: [[]]"
        ),
        (
            "key: half_oldest, type: derived, inputs: {age: {kpi: oldest}}, expr: age / 2, unit: seconds, "
            "windows: [now], grains: [[]]"
        ),
        (
            "key: share, type: ratio, numerator: {kpi: high}, denominator: {kpi: people}, min_samples: 3, unit: ratio, "
            "windows: [1h], grains: [[], [kind]]"
        ),
    )
)


@pytest.fixture
def core(tmp_path: Path) -> Embedded:
    file = tmp_path / "visits.yaml"
    file.write_text(SOURCES + "kpis:\n" + KPIS, "utf-8")
    return Embedded(compile_plan(load([file], shipped=False), "Europe/Amsterdam", "EUR"), NOON)


def visit(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "type": "visit",
        "entity_id": f"v{number}",
        "updated_at": "2026-06-10T09:30:00Z",
        "data": {"seen_at": "2026-06-10T09:30:00Z", **fields},
    }


def values(core: Embedded, key: str, *grain: str) -> dict[tuple[str, ...], Result]:
    found = (r for r in core.view.all_readings() if (r.series.kpi.key, r.series.grain) == (key, grain))
    return {r.dims: r.result for r in found if r.window in (Window("1h"), Window("now"))}


def counts(core: Embedded, key: str, *grain: str) -> dict[tuple[str, ...], object]:
    return {dims: found.value for dims, found in values(core, key, *grain).items()}


@pytest.mark.parametrize("copies", [1, 20])
def test_what_is_declared_is_computed(core: Embedded, copies: int) -> None:
    kinds: list[dict[str, Any]] = [
        {"page": "home", "kind": "human"},
        {"page": "attic", "kind": "robot", "score": 8},
        {"kind": "robot", "score": 9},
        {"page": "shop", "score": 4},
        {"page": "shop", "kind": "unsure", "score": 0},
    ]
    core.apply([visit(i, **kinds[i % 5]) for i in range(5 * copies)], LATEST_MS)
    core.tick(NOON)
    n = copies
    assert core.rejected == []
    assert counts(core, "high") == {(): 2 * n}
    assert counts(core, "high", "page") == {("home",): n, ("shop",): 0, ("other",): n, ("unknown",): 0}
    assert counts(core, "low") == {(): n}
    assert counts(core, "people", "kind") == {("human",): n, ("robot",): 0, ("unsure",): n, ("unknown",): n}
    assert counts(core, "robots") == {(): 17 * n}
    assert counts(core, "robots", "kind") == {("robot",): 17 * n}
    assert counts(core, "visits", "page") == {("home",): n, ("shop",): 2 * n, ("other",): n, ("unknown",): n}


def test_too_few_samples_make_no_ratio(core: Embedded) -> None:
    core.apply([visit(0, kind="human"), visit(1, kind="human")], LATEST_MS)
    core.tick(NOON)
    assert values(core, "share")[()].reason == "below_min_samples"
    core.apply([visit(2, kind="human")], LATEST_MS)
    core.tick(NOON)
    assert counts(core, "share") == {(): 1}


def test_too_few_samples_make_no_mean_and_no_quantile(core: Embedded) -> None:
    core.apply([visit(0, left_at="2026-06-10T09:30:10Z")], LATEST_MS)
    core.tick(NOON)
    stays = [r.result for r in core.view.all_readings() if r.series.kpi.key == "stay"]
    assert [(stay.value, stay.reason, stay.samples) for stay in stays] == [(None, "below_min_samples", 1)] * 2
    core.apply([visit(1, left_at="2026-06-10T09:30:20Z")], LATEST_MS)
    core.tick(NOON)
    mean = next(r.result for r in core.view.all_readings() if (r.series.kpi.key, r.series.agg) == ("stay", "mean"))
    assert mean.value == 15
    assert mean.samples == 2


def test_what_is_derived_from_an_age_grows_with_it(core: Embedded) -> None:
    core.apply([visit(0)], LATEST_MS)
    core.tick(NOON)
    before = counts(core, "half_oldest")[()]
    core.tick(NOON + 10_000)
    assert isinstance(before, Fraction)
    assert counts(core, "half_oldest") == {(): before + 5}


def test_closed_lists_are_there_before_any_entity(core: Embedded) -> None:
    core.tick(NOON)
    assert counts(core, "high", "page") == {("home",): 0, ("shop",): 0}


def test_what_is_no_declaration_has_no_spelling() -> None:
    with pytest.raises(TypeError, match=r"^cannot spell <object object at"):
        spell(object())
