"""Every aggregate that can be declared, over a few records whose values are added up by hand."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from config.load import load
from metrics.calendar import LATEST_MS
from metrics.embedded import Embedded
from metrics.evaluate import Result
from metrics.plan import compile_plan
from tests.unit.metrics.samples import DAY, NOON

SHOP = """\
version: 1
sources:
  - key: shop
    topic: shops
    fields: {opened_at: {type: timestamp, required: true}, closed_at: {type: timestamp}}
    dimensions: {shop: entity_id}
    children:
      visits: {from: visit, parent: shop_id, at: seen_at, carry: [city]}
    derived:
      first_city: {first: {over: visits, take: city}}
  - key: visit
    topic: visits
    fields:
      seen_at: {type: timestamp, required: true}
      bought_at: {type: timestamp}
      day: {type: date}
      shop_id: {type: string}
      city: {type: string}
      items: {type: integer}
      litres: {type: decimal}
    dimensions: {city: city, shop: shop_id}
populations:
  open_shops: {from: shop, intervals: [{from: opened_at, to: closed_at}]}
kpis:
"""
COMMON = "title: {en: A, nl: A}, group: g"
MEASURE = f"type: measure, from: visit, at: seen_at, windows: [7d], {COMMON}, unit: none"
STATE = f"type: state, from: visit, windows: [now], {COMMON}"
VISITS: list[dict[str, Any]] = [
    {"city": "a", "shop_id": "s1", "items": 3, "litres": "0.5", "day": "2026-06-09"},
    {"city": "b", "shop_id": "s1", "items": -2, "litres": 2.25, "day": "2025-06-09"},
    {"city": "a", "shop_id": "s2", "items": 3, "litres": "1" + "0" * 17, "day": "2026-06-11"},
    {"city": None, "shop_id": None, "items": None, "litres": None, "bought_at": "2026-06-10T09:59:00Z"},
]
SHOPS: list[dict[str, Any]] = [
    {"opened_at": "2026-01-01T00:00:00Z"},
    {"opened_at": "2026-06-08T00:00:00Z"},
    {"opened_at": "2026-01-01T00:00:00Z", "closed_at": "2026-06-09T00:00:00Z"},
]


def events() -> list[dict[str, Any]]:
    seen = {"seen_at": "2026-06-10T09:30:00Z"}
    told = [("visit", f"v{i}", {**seen, **data}) for i, data in enumerate(VISITS)]
    told += [("shop", f"s{i}", data) for i, data in enumerate(SHOPS, 1)]
    return [
        {"event_id": name, "type": source, "entity_id": name, "updated_at": "2026-06-10T09:30:00Z", "data": data}
        for source, name, data in told
    ]


def read(folder: Path, kpi: str, *more: str, at: int = NOON) -> Result:
    file = folder / "shop.yaml"
    file.write_text(SHOP + "".join(f"  - {{{text}}}\n" for text in (f"key: q, {kpi}", *more)))
    core = Embedded(compile_plan(load([file], shipped=False), "UTC", "EUR"), NOON, 2)
    core.apply(events(), LATEST_MS)
    core.tick(at)
    assert core.rejected == []
    (found,) = [r.result for r in core.view.all_readings() if r.series.kpi.key == "q"]
    return found


@pytest.mark.parametrize(
    ("kpi", "value", "samples"),
    [
        ("agg: max, value: {number: items}", 3, 3),
        ("agg: min, value: {number: items}", -2, 3),
        ("agg: min, value: {number: litres}", Fraction(1, 2), 3),
        ("agg: max, value: {number: litres}", 10**17, 3),  # more than 64 bits in billionths
        ("agg: mean, value: {number: items}", Fraction(4, 3), 3),
        ("agg: sum, value: {number: litres, times: items}", Fraction("-3") + 3 * 10**17, None),
        ("agg: sum, value: {number: litres}", Fraction("2.75") + 10**17, None),
        ("agg: count_distinct, value: {distinct: city}", 2, None),
        ("agg: count_distinct, value: {distinct: items}", 2, None),
        ("agg: sum, value: {number: items}, per: shop, then: sum", 4, None),
        ("agg: mean, value: {number: items}, per: shop, then: sum", Fraction(7, 2), None),
    ],
)
def test_measures(tmp_path: Path, kpi: str, value: Fraction | int, samples: int | None) -> None:
    found = read(tmp_path, f"{MEASURE}, {kpi}")
    assert found.value == value
    if samples is not None:
        assert found.samples == samples


@pytest.mark.parametrize("agg", ["max", "min"])
def test_there_is_no_extreme_without_records(tmp_path: Path, agg: str) -> None:
    found = read(tmp_path, f"{MEASURE}, agg: {agg}, value: {{number: items}}", at=NOON + 30 * DAY)
    assert (found.value, found.reason) == (None, "no_samples")


def test_there_is_no_sum_of_means_without_records(tmp_path: Path) -> None:
    kpi = f"{MEASURE}, agg: mean, value: {{number: items}}, per: shop, then: sum"
    assert read(tmp_path, kpi, at=NOON + 30 * DAY).reason == "no_samples"


@pytest.mark.parametrize(
    ("later", "seconds"),
    [(0, [1_800, 1_800]), (1_500, [Fraction("1801.5"), 1_801])],
)
def test_ages_grow(tmp_path: Path, later: int, seconds: list[Fraction | int]) -> None:
    ages = [
        read(tmp_path, f"{STATE}, unit: seconds, agg: {agg}, value: {{age_of: seen_at}}", at=NOON + later).value
        for agg in ("mean", "max")
    ]
    assert ages == seconds


def test_there_is_no_age_of_nothing(tmp_path: Path) -> None:
    kpi = f"{STATE}, unit: seconds, agg: mean, where: {{city: nowhere}}, value: {{age_of: seen_at}}"
    assert read(tmp_path, kpi).reason == "no_samples"


LATEST = f"{STATE}, unit: none, grains: [[city]], where: {{city: a}}, agg: latest"


@pytest.mark.parametrize(
    ("later", "more", "value"),
    [
        (0, "", 3),  # the record of tomorrow is there, and does not count yet
        (0, ", max_age: 1d", 3),
        (DAY, "", 3),
        (3 * DAY, ", max_age: 1d", None),
    ],
)
def test_the_latest_record_is_not_of_tomorrow_and_not_too_old(
    tmp_path: Path, later: int, more: str, value: int | None
) -> None:
    found = read(tmp_path, f"{LATEST}, value: {{latest: items, dated: day{more}}}", at=NOON + later)
    assert found.value == value
    assert (found.reason == "no_source_records") == (value is None)


@pytest.mark.parametrize(("where", "value"), [("", -2), (", where: {city: a}", None)])
def test_the_latest_record_is_compared_with_that_of_exactly_a_year_before(
    tmp_path: Path, where: str, value: int | None
) -> None:
    latest = f"key: l, {STATE}, unit: none, grains: [[shop]], agg: latest, value: {{latest: items, dated: day}}{where}"
    year = f"type: derived, windows: [now], {COMMON}, unit: none, grains: [[shop]]"
    kpi = f"{year}, inputs: {{b: {{kpi: l, offset: year}}}}, expr: b * 1"
    file = tmp_path / "shop.yaml"
    file.write_text(f"{SHOP}  - {{{latest}}}\n  - {{key: q, {kpi}}}\n")
    core = Embedded(compile_plan(load([file], shipped=False), "UTC", "EUR"), NOON)
    core.apply(events(), LATEST_MS)
    core.tick(NOON)
    found = {r.dims: r.result.value for r in core.view.all_readings() if r.series.kpi.key == "q"}
    assert found["s1",] == value


@pytest.mark.parametrize(
    ("output", "unit", "value"),
    [("start", "none", 2), ("end", "none", 2), ("net_change", "none", 0), ("lost_ratio", "ratio", Fraction(1, 2))],
)
def test_memberships(tmp_path: Path, output: str, unit: str, value: Fraction | int) -> None:
    kpi = f"type: membership, population: open_shops, output: {output}, windows: [7d], unit: {unit}, {COMMON}"
    assert read(tmp_path, kpi).value == value


@pytest.mark.parametrize(("later", "value"), [(-61_000, 0), (-59_000, Fraction(1, 4)), (0, Fraction(1, 4))])
def test_a_cohort_to_date_asks_what_happened_before_now(tmp_path: Path, later: int, value: Fraction | int) -> None:
    kpi = f"type: conversion, base: {{from: visit, at: seen_at}}, event: {{field: bought_at}}, windows: [7d], {COMMON}"
    file = tmp_path / "shop.yaml"
    file.write_text(f"{SHOP}  - {{key: q, {kpi}, cohort: to_date, unit: ratio}}\n")
    core = Embedded(compile_plan(load([file], shipped=False), "UTC", "EUR"), NOON - 2 * DAY)
    core.apply(events(), LATEST_MS)
    core.tick(NOON + later)
    (found,) = core.view.all_readings()
    assert found.result.value == value


def test_an_own_field_may_be_what_the_first_child_tells(tmp_path: Path) -> None:
    kpi = f"type: state, from: shop, windows: [now], {COMMON}, unit: none, agg: count, where: {{first_city: a}}"
    assert read(tmp_path, kpi).value == 2
