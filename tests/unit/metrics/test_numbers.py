"""Numbers of an own source: what is summed, how many records are behind it, and which names are kept apart."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from metrics.calendar import LATEST_MS, Window
from metrics.embedded import Embedded
from metrics.evaluate import Result
from metrics.plan import compile_plan
from tests.unit.metrics.samples import NOON, sides

HEAD = """\
version: 1
sources:
  - key: visit
    topic: visits
    fields:
      seen_at: {type: timestamp, required: true}
      a_b: {type: integer}
      a: {type: object, fields: {b: {type: integer}, c: {type: decimal, maximum: 5}}}
      a__c: {type: decimal, maximum: 9}
      number: {type: decimal}
kpis:
"""
KPI = "title: {en: A, nl: A}, group: g, unit: none, windows: [7d]"


def core(folder: Path, kpi: str) -> Embedded:
    file = folder / "own.yaml"
    file.write_text(f"{HEAD}  - {{key: q, {KPI}, {kpi}}}\n")
    return Embedded(compile_plan(load([file], shipped=False), "UTC", "EUR"), NOON)


def visit(number: int, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "event_id": str(number),
        "type": "visit",
        "entity_id": str(number),
        "updated_at": "2026-06-10T09:30:00Z",
        "data": {"seen_at": "2026-06-10T09:30:00Z", **data},
    }


def after(made: Embedded, *visits: dict[str, Any]) -> Result:
    made.apply([visit(number, data) for number, data in enumerate(visits)], LATEST_MS)
    made.tick(NOON)
    assert made.rejected == []
    (reading,) = [r for r in made.view.all_readings() if r.window == Window("7d")]
    return reading.result


def test_a_part_of_an_object_is_not_the_field_whose_name_looks_like_it(tmp_path: Path) -> None:
    part, field = (
        f"{{measure: {{from: visit, at: seen_at, agg: sum, value: {{number: {path}}}}}}}" for path in ("a.b", "a_b")
    )
    made = core(tmp_path, f"type: ratio, numerator: {part}, denominator: {field}")
    assert sides(after(made, {"a_b": 1, "a": {"b": 2}})) == (2, 1)


def test_a_part_of_an_object_has_bounds_of_its_own(tmp_path: Path) -> None:
    made = core(tmp_path, "type: measure, from: visit, at: seen_at, agg: count")
    made.apply([visit(0, {"a": {"c": "6"}, "a__c": "8"})], LATEST_MS)
    assert [rejected.reason for rejected in made.rejected] == ["field `a.c`: `6` is more than 5"]


@pytest.mark.parametrize("numbers", [("-2.5", "-2.5"), ("0.25", "0.25"), ("1000000",)])
def test_a_ratio_over_a_sum_counts_no_samples(tmp_path: Path, numbers: tuple[str, ...]) -> None:
    visits = "{measure: {from: visit, at: seen_at, agg: count}}"
    summed = "{measure: {from: visit, at: seen_at, agg: sum, value: {number: number}}}"
    made = core(tmp_path, f"type: ratio, numerator: {visits}, denominator: {summed}")
    found = after(made, *({"number": number} for number in numbers))
    assert found.value == len(numbers) / sum(map(Fraction, numbers))
    assert found.samples is None
