"""Limits: the first values of a dimension are named, the others are `other`, and nothing else is another number."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
import pytest

from config.load import load
from metrics import cells
from metrics.admitted import LONGEST_NAME, OTHER, Admitted
from metrics.calendar import LATEST_MS, Window
from metrics.contributors import Contributors, Question
from metrics.embedded import Embedded
from metrics.evaluate import Result
from metrics.exposition import ReadingsCollector, dimension_metrics
from metrics.plan import Plan, compile_plan
from metrics.records import cells_key, names_key
from metrics.shard import Record, Shard
from metrics.view import View
from tests.cells import cells_in
from tests.unit.metrics.samples import NOON, Event, event

declared = cache(load)


def planned(default: int = 100, **limits: int) -> Plan:
    """Return a plan of its own: of a process that has seen no value."""
    given = declared()
    defaults = given.defaults.model_copy(update={"dimension_limit": default, "dimension_limits": limits})
    return compile_plan(given.model_copy(update={"defaults": defaults}), "Europe/Amsterdam", "EUR")


def deal(number: int, team: str | None, **changes: Any) -> Event:
    lines = [{"line_id": "1", "product_id": "p1", "amount_minor": 10**number}]
    return event("deal", f"d{number}", **{"team_id": team, "lines": lines, **changes})


def applied(shard: Shard, *events: Event) -> dict[bytes, bytes | None]:
    for one in events:
        shard.apply(one["type"], [Record(msgspec.json.encode(one), LATEST_MS)])
    return dict(shard.seal().cells)


def shown(view: View, key: str, grain: tuple[str, ...], window: str = "30d") -> Mapping[tuple[str, ...], Result]:
    view.tick(NOON)
    index = next(i for i, s in enumerate(view.plan.series) if (s.kpi.key, s.agg, s.grain) == (key, None, grain))
    return view.readings[index, Window(window)]


def by_team(view: View) -> dict[str, int]:
    return {row[0]: int(found.value or 0) for row, found in shown(view, "revenue", ("team",)).items()}


# -------------------------------------------------------------------------------------------------------------- values


def test_the_first_values_are_named_and_stay_and_the_others_are_other_and_stay_so() -> None:
    team = Admitted(2)
    assert [team.admit(name) for name in ("a", "b", "c", "a", "c")] == ["a", "b", OTHER, "a", OTHER]
    assert (team.full, team.folded, list(team.values)) == (True, 2, ["a", "b"])


@pytest.mark.parametrize("value", [OTHER, "unknown", None, "declared"])
def test_what_is_named_in_any_case_takes_no_place(value: str | None) -> None:
    team = Admitted(1, ["declared"])
    assert team.admit(value) == value
    assert [team.admit("a"), team.admit(value), team.find(value)] == ["a", value, value]


def test_a_long_text_is_never_named_and_takes_no_place() -> None:
    team = Admitted(1)
    assert team.admit("x" * (LONGEST_NAME + 1)) == OTHER
    assert not team.full
    assert team.admit("x" * LONGEST_NAME) == "x" * LONGEST_NAME


def test_looking_for_a_value_admits_none() -> None:
    team = Admitted(1)
    assert [team.find("a"), team.find("b"), team.admit("b"), team.find("a")] == ["a", "b", "b", OTHER]


# -------------------------------------------------------------------------------------------------------------- worker


def test_a_refused_name_is_not_kept_anywhere_but_in_its_entity() -> None:
    plan = planned(team=3, rep=3)
    core = Embedded(plan, NOON)
    core.apply([deal(i % 10, f"t{i}", owner_id=f"r{i}") | {"entity_id": f"d{i}"} for i in range(5)], LATEST_MS)
    kept = [len(cube.combinations) + len(cube.combinations.coded) for cube in plan.cubes]
    core.apply([deal(i % 10, f"t{i}", owner_id=f"r{i}") | {"entity_id": f"d{i}"} for i in range(5, 300)], LATEST_MS)
    assert [len(cube.combinations) + len(cube.combinations.coded) for cube in plan.cubes] == kept
    assert not {f"t{i}" for i in range(3, 300)} & set(plan.codes)


def test_a_deal_that_moves_between_named_and_other_teams_is_in_one_of_them() -> None:
    core = Embedded(planned(team=2), NOON)
    core.apply([deal(1, "a"), deal(2, "b"), deal(3, "c")], LATEST_MS)
    assert by_team(core.view) == {"a": 10, "b": 100, OTHER: 1_000}
    core.apply([deal(3, "a", closed_at="2026-06-09T08:00:00Z") | {"version": 2}], LATEST_MS)
    assert by_team(core.view) == {"a": 1_010, "b": 100}
    core.apply([deal(1, "d") | {"version": 2}, event("deal", "d2", 3, "delete")], LATEST_MS)
    assert by_team(core.view) == {"a": 1_000, OTHER: 10}


def test_values_that_the_declarations_name_are_named_however_full_the_dimension_is() -> None:
    core = Embedded(planned(stage=1, pipeline=1), NOON)
    changes = {"status": "open", "closed_at": None}
    core.apply([deal(i, None, stage=f"s{i}", pipeline_id=f"p{i}", **changes) for i in range(4)], LATEST_MS)
    core.apply([deal(5, None, stage="proposal", pipeline_id="regional", **changes)], LATEST_MS)
    assert shown(core.view, "pipeline_value", ("stage",), "now")["proposal",].value == 10**5
    assert shown(core.view, "pipeline_value", ("pipeline",), "now")["regional",].value == 10**5


def test_invented_currencies_take_no_place_from_those_that_exist() -> None:
    plan = planned(currency=1)
    core = Embedded(plan, NOON)
    rate = event("fx_rate", "r", base="EUR", quote="USD", rate="1.0")
    core.apply([deal(i, None, currency=f"COIN{i}") for i in range(4)], LATEST_MS)
    core.apply([deal(6, None, currency="USD"), deal(7, None, currency="EUR"), rate], LATEST_MS)
    assert shown(core.view, "revenue", ())[()].value == 10**6 + 10**7
    assert core.view.unconverted() == {"COIN0": 1, OTHER: 3}


def test_an_entity_of_other_is_found_there_and_says_so() -> None:
    plan = planned(team=1)
    core = Embedded(plan, NOON)
    core.apply([deal(1, "a"), deal(2, "b"), deal(3, "c")], LATEST_MS)
    core.tick(NOON)
    by = next(s for s in plan.series if (s.kpi.key, s.grain) == ("revenue", ("team",)))
    scan = Contributors(plan).scan(Question(by, Window("30d"), (OTHER,)), NOON)
    for _ in scan.over(core.shards[0]):
        pass
    assert {(e.place.entity_id, e.labels["team"]) for e in scan.entities()} == {("d2", OTHER), ("d3", OTHER)}


def test_how_full_a_dimension_is_is_measured() -> None:
    plan = planned(team=2)
    core = Embedded(plan, NOON)
    core.apply([deal(i, f"t{i}") for i in range(4)], LATEST_MS)
    of_worker = [s for m in dimension_metrics(plan.admitted) for s in m.samples]
    told = {s.name: s.value for s in of_worker if s.labels["dimension"] == "team"}
    assert (told["salespulse_dimension_values"], told["salespulse_dimension_limit"]) == (2, 2)
    assert told["salespulse_dimension_folded_total"] >= 2
    core.tick(NOON)
    samples = [s for m in ReadingsCollector(core.view).collect() for s in m.samples]
    assert [
        s.value for s in samples if s.name == "salespulse_dimension_values" and s.labels["dimension"] == "team"
    ] == [2]


# --------------------------------------------------------------------------------------------------- several processes


def test_a_value_that_one_worker_had_no_room_for_is_other_everywhere() -> None:
    """Its deals at the other worker would be a part of its revenue only."""
    plans, view = [planned(team=2), planned(team=2)], View(planned(team=2))
    shards = [Shard(plan, NOON) for plan in plans]
    told = [[deal(1, "both"), deal(2, "first")], [deal(3, "second"), deal(4, "both"), deal(5, "first")]]
    for i, events in enumerate(told):
        for key, value in applied(shards[i], *(e | {"entity_id": str(n)} for n, e in enumerate(events))).items():
            view.apply(i, key, value)
    assert by_team(view) == {"both": 10_010, OTHER: 100 + 1_000 + 100_000}


def test_a_restart_names_what_the_cells_name_and_gives_the_other_places_back() -> None:
    first = Shard(planned(team=2), NOON)
    records = applied(first, deal(1, "gone"), deal(2, "b"), deal(3, "c"))
    records |= applied(first, event("deal", "d1", 9, "delete"))
    entities = {f"deal/d{i}".encode(): first._stored["deal"].packed[f"d{i}"] for i in (3, 2)}  # noqa: SLF001
    published = {key: value for key, value in records.items() if value is not None}
    assert names_key("team") in published

    plan = planned(team=2)
    second = Shard(plan, NOON)
    second.restore(entities, published)
    assert list(plan.admitted["team"].values) == ["b", "c"]
    view = View(plan)
    for key, value in {**published, **dict(second.seal().cells)}.items():
        view.apply(0, key, value)
    assert by_team(view) == {"b": 100, "c": 1_000}


def test_a_shard_that_is_full_no_more_takes_its_list_back() -> None:
    first = Shard(planned(team=1), NOON)
    published = {k: v for k, v in applied(first, deal(1, "a"), deal(2, "b")).items() if v is not None}
    second = Shard(planned(team=5), NOON)
    second.restore(
        {f"deal/d{i}".encode(): first._stored["deal"].packed[f"d{i}"] for i in (1, 2)},  # noqa: SLF001
        published,
    )
    corrected = dict(second.seal().cells)
    assert corrected[names_key("team")] is None
    view = View(planned(team=5))
    for key, value in [*published.items(), *corrected.items()]:
        view.apply(0, key, value)
    assert by_team(view) == {"a": 10, "b": 100}


def test_what_a_view_learns_later_corrects_what_it_showed() -> None:
    view = View(planned(team=1))
    shards = [Shard(planned(team=1), NOON) for _ in range(2)]
    for key, value in applied(shards[0], deal(1, "a")).items():
        view.apply(0, key, value)
    assert by_team(view) == {"a": 10}
    for key, value in applied(shards[1], deal(2, "b")).items():
        view.apply(1, key, value)
    assert by_team(view) == {OTHER: 110}
    view.apply(1, names_key("team"), None)
    assert by_team(view) == {"a": 10, OTHER: 100}


# --------------------------------------------------------------------------------------------------------- large panes


def test_a_pane_that_is_too_large_for_a_record_becomes_several_and_says_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = planned(team=5_000)
    whole = applied(Shard(plan, NOON), *(deal(i % 9, f"t{i}") | {"entity_id": f"d{i}"} for i in range(200)))
    monkeypatch.setattr(cells, "LARGEST_RECORD", 500)
    shard = Shard(plan, NOON)
    published = applied(shard, *(deal(i % 9, f"t{i}") | {"entity_id": f"d{i}"} for i in range(200)))
    assert max(len(v) for k, v in published.items() if v and isinstance(cells_key(k)[0], int)) <= 500
    assert cells_in(plan, published) == cells_in(plan, whole)

    published |= applied(shard, *(event("deal", f"d{i}", 5, "delete") for i in range(150)))
    few = Shard(plan, NOON)
    left = applied(few, *(deal(i % 9, f"t{i}") | {"entity_id": f"d{i}"} for i in range(150, 200)))
    assert cells_in(plan, published) == cells_in(plan, left)
    published |= applied(shard, *(event("deal", f"d{i}", 5, "delete") for i in range(150, 200)))
    assert {k for k, v in published.items() if v is not None} == set()
