"""The compiled plan: what it refuses, and what it keeps."""

from pathlib import Path
from typing import Any

from config.declarations import Declarations
from config.load import load
from metrics.calendar import Window
from metrics.plan import compile_plan
from tests.unit.metrics.samples import event, plan, told

BASE: dict[str, Any] = {"title": {"en": "A", "nl": "A"}, "group": "a", "unit": "none", "windows": ["7d"], "key": "a"}
VALUE = {"duration": {"from": "created_at", "to": "closed_at"}}
MEASURE: dict[str, Any] = {**BASE, "type": "measure", "from": "deal", "at": "closed_at"}


def declared(kpi: dict[str, Any]) -> Declarations:
    shipped = load()
    return Declarations.model_validate(
        {"defaults": shipped.defaults, "pipelines": shipped.pipelines, "sources": shipped.sources, "kpis": {"a": kpi}},
        strict=False,
    )


def test_only_sums_of_money_are_rounded_to_the_minor_unit() -> None:
    rounded = {s.kpi.key for s in plan().series if s.rounds_to_minor}
    assert rounded == {"revenue", "pipeline_value", "pipeline_weighted_value", "acquisition_spend", "ad_spend", "mrr"}


def test_cuboids_with_another_meaning_have_another_number() -> None:
    assert len(plan().cuboids) == sum(len(cube.cuboids) for cube in plan().cubes)


def test_growth_over_hours_keeps_the_minutes_that_it_compares_with(tmp_path: Path) -> None:
    declaration = tmp_path / "hours.yaml"
    declaration.write_text(
        """
version: 1
kpis:
  - key: revenue_growth
    type: derived
    title: {en: Growth, nl: Groei}
    group: revenue
    inputs:
      now: {kpi: revenue}
      before: {kpi: revenue, offset: previous}
    expr: now / before - 1
    unit: ratio
    windows: [24h]
""",
        "utf-8",
    )
    compiled = compile_plan(load([declaration]), "Europe/Amsterdam", "EUR")
    assert compiled.minutes_kept_ms == 49 * 3_600_000
    assert any(Window("24h", previous=True) in windows for windows in compiled.windows.values())


def test_an_event_of_an_unknown_type_is_rejected() -> None:
    core = told()
    core.apply([{"type": "unheard"}, event("deal")], 0)
    assert core.rejected[0].reason == "unknown type `unheard`"
    assert [s.size for s in core.shards] == [0]  # the deal's clock is ahead of that broker's
