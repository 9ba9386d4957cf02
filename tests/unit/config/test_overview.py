"""The overview: faults of its parts, and layers that change what it shows."""

from pathlib import Path

import pytest

from config.declarations import Overview
from config.load import load
from tests.unit.config.declared import SHOP, expect, faults_of, kpi


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("tiles: [{kpi: §revenu, window: mtd}]", "tiles: kpi `revenu` is not declared; did you mean `revenue`?"),
        ("tiles: [{kpi: revenue, window: §1h}]", "tiles: window `1h` is not declared; declare it or use one of "),
        ("chart: {kpi: revenue, window: mtd, by: §rep}", "chart: `by: rep` has no effect here; remove it"),
        ("mix: §{kpi: revenue, window: mtd}", "mix: `by` is missing; give the dimension whose values are the rows"),
        ("mix: {kpi: revenue, window: mtd, by: §course}", "mix: grain `[course]` is not declared; declare it or use"),
        (
            "leaderboard: §[{kpi: revenue, window: mtd, by: rep}, {kpi: revenue, window: mtd, by: team}]",
            "leaderboard: its columns are about different things; give all the same `by`",
        ),
    ],
)
def test_a_fault_has_its_place(written: str, fault: str, tmp_path: Path) -> None:
    text = f"overview:\n  {written}\n"
    before = text[: text.index("§")]
    (found,) = faults_of(tmp_path, text.replace("§", ""))
    assert found.startswith(f"0.yaml:2:{len(before) - before.rfind(chr(10))}: overview: {fault}")


def test_an_unknown_place_is_refused(tmp_path: Path) -> None:
    expect(tmp_path, "overview:\n  §tile: []\n", "overview: unknown key `tile`; did you mean `tiles`?")


def overview_of(folder: Path, *texts: str) -> Overview:
    paths = [SHOP]
    for number, text in enumerate(texts):
        paths.append(folder / f"{number}.yaml")
        paths[-1].write_text(text, encoding="utf-8")
    return load(paths, shipped=False).overview


def test_a_later_layer_replaces_the_places_that_it_gives(tmp_path: Path) -> None:
    first = "overview: {chart: {kpi: revenue, window: mtd}, gauge: {kpi: revenue, window: mtd}}"
    shown = overview_of(tmp_path, first, "overview: {chart: {kpi: won, window: mtd}}")
    assert (shown.chart and shown.chart.kpi, shown.gauge and shown.gauge.kpi) == ("won", "revenue")


def test_a_kpi_that_is_declared_anew_is_no_fault_of_an_older_overview(tmp_path: Path) -> None:
    older = "overview: {chart: {kpi: x, window: 30d}, gauge: {kpi: revenue, window: mtd}}"
    shown = overview_of(tmp_path, f"{kpi('measure')}\n{older}", kpi("measure", windows="[90d]"))
    assert shown.chart is None
    assert shown.gauge is not None
