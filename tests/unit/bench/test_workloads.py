"""The benchmarks check the product against plain loops; here the loops and the checks are held against the core."""

import json
from collections import Counter

import pytest

from bench.groups import measure_groups, without
from bench.mix import event_mix
from bench.totals import cell_totals, differences
from bench.workloads import CATALOGUE, WORKLOADS, Workload
from metrics.embedded import Embedded
from metrics.plan import compile_plan
from metrics.shard import Record

_EVENTS = 3_000


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=list(WORKLOADS))
def test_cells_add_up_to_what_a_plain_loop_finds(workload: Workload) -> None:
    plan = compile_plan(workload.load(), "Europe/Amsterdam", "EUR")
    now = round(workload.ends_at(_EVENTS).timestamp() * 1000)
    events = list(workload.events(_EVENTS))
    shard = Embedded(plan, now).shards[0]
    for source, _, value in events:
        shard.apply(source, [Record(value, now)])
    sealed = shard.seal()
    cells = dict(sealed.cells)
    shard.apply_links(sealed.links)
    cells.update(shard.seal().cells)
    found = cell_totals(plan, workload.checks, ((key, value) for key, value in cells.items() if value is not None))
    expected = workload.totals(value for _, _, value in events)
    assert not sealed.rejected
    assert all(expected.values())
    assert differences(expected, found) == []


def test_a_wrong_total_is_told() -> None:
    assert differences({"revenue by team": {"a|EUR": 1}}, {"revenue by team": {"a|EUR": 2}}) == [
        "revenue by team a|EUR: expected 1, is 2"
    ]


def test_the_mix_has_the_same_bytes_each_time() -> None:
    assert list(event_mix(500)) == list(event_mix(500))


def test_the_mix_is_of_all_sources() -> None:
    counts = Counter(json.loads(value)["type"] for _, _, value in event_mix(5_000))
    assert counts["deal"] == pytest.approx(2_100, rel=0.05)
    assert counts["lead"] == pytest.approx(900, rel=0.1)
    assert len(counts) == 11


def test_without_a_group_only_what_others_are_made_of_is_left_of_it() -> None:
    whole = CATALOGUE.load()
    left = without(whole, "revenue").kpis
    assert [key for key, kpi in left.items() if kpi.group == "revenue"] == ["revenue"]
    assert {kpi.group for kpi in without(whole, "saas").kpis.values()} == {k.group for k in whole.kpis.values()} - {
        "saas"
    }
    compile_plan(without(whole, "funnel"), "Europe/Amsterdam", "EUR")


def test_what_each_group_adds_is_measured() -> None:
    found = measure_groups(300, rounds=1)
    assert {g.group for g in found.groups} == {kpi.group for kpi in CATALOGUE.load().kpis.values()}
    assert sum(g.kpis for g in found.groups) <= found.kpis == 74
    assert all(0 <= g.cells < found.cells for g in found.groups)
