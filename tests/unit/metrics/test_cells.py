"""Cells: exact sums of any size, folded by columns or one by one, and dropped when no window reaches them."""

import random
import sys
from collections.abc import Iterator

import pytest

from metrics.calendar import MINUTE, BusinessCalendar, Window, bounds, parse_instant
from metrics.cells import Retention
from metrics.records import cells_key, decode_cells, encode_cells
from metrics.shard import Shard
from tests.cells import Cell, cells_in
from tests.unit.metrics.samples import DAY, NOON, Event, event, plan, record, result, told

HOUR = 3_600_000
AMSTERDAM = BusinessCalendar("Europe/Amsterdam")


@pytest.mark.parametrize("sums", [[0], [1, -1], [2**63 - 1, -(2**63)], [2**64, 1], [-(2**70), 0, 3]])
def test_sums_of_any_size_are_packed_and_unpacked(sums: list[int]) -> None:
    rows = [["a", 7, *sums], ["b", -1, *sums]]
    assert decode_cells(encode_cells(rows), 2) == {("a", 7): sums, ("b", -1): sums}
    assert decode_cells(encode_cells([sums]), 0) == {(): sums}


def test_an_amount_beyond_64_bits_is_exact() -> None:
    lines = [{"line_id": str(i), "product_id": "p1", "amount_minor": 10**15} for i in range(20_000)]
    core = told(event("deal", lines=lines))
    assert result(core.view, "revenue", "7d").value == 20_000 * 10**15
    assert result(core.view, "revenue", "7d", product="p1").value == 20_000 * 10**15
    core.apply([event("deal", version=2, op="patch", lines=lines[:1])], NOON)
    core.tick(NOON)
    assert result(core.view, "revenue", "7d").value == 10**15


def test_many_large_amounts_in_one_batch_are_exact() -> None:
    lines = [{"line_id": str(i), "product_id": "p1", "amount_minor": 10**15} for i in range(2_000)]
    core = told(*(event("deal", f"d{i}", lines=lines) for i in range(100)))
    assert result(core.view, "revenue", "7d").value == 100 * 2_000 * 10**15


def cells(shard: Shard) -> dict[Cell, list[int]]:
    return cells_in(plan(), dict(shard.seal().cells))


def deals(count: int, chance: random.Random) -> Iterator[Event]:
    for i in range(count):
        yield event(
            "deal",
            f"d{chance.randrange(count // 2)}",
            version=i,
            owner_id=chance.choice("ab"),
            currency=chance.choice(("EUR", "USD")),
            closed_at=f"2026-06-{chance.randrange(1, 11):02}T08:{chance.randrange(60):02}:00Z",
            lines=[{"line_id": "1", "product_id": chance.choice("pq"), "amount_minor": chance.choice((0, 7, 10**15))}],
        )


def test_columns_fold_as_one_by_one() -> None:
    history = list(deals(200, random.Random(4)))
    columns, singly = Shard(plan(), NOON), Shard(plan(), NOON)
    columns.apply("deal", [record(e) for e in history])
    sealed: dict[bytes, bytes | None] = {}
    for made in history:
        singly.apply("deal", [record(made)])
        sealed.update(singly.seal().cells)
    assert cells(columns) == cells_in(plan(), sealed)


@pytest.mark.parametrize(
    ("as_of", "token", "previous"),
    [
        ("2029-01-01T00:00+01:00", "ytd", True),  # the longest: a year and the leap year before it, at the last instant
        ("2026-06-10T12:00+02:00", "365d", True),
        ("2026-06-10T12:00:59+02:00", "24h", False),
        ("2026-06-10T12:09:59.999+02:00", "1h", False),
    ],
)
def test_what_a_window_reaches_is_kept(as_of: str, token: str, previous: bool) -> None:  # noqa: FBT001
    now = parse_instant(as_of)
    window = Window(token, previous)
    assert (
        Retention(AMSTERDAM, now, plan().minutes_kept_ms).first[window.tier]
        <= bounds(window, now, AMSTERDAM).panes.first
    )


def test_retention_moves_in_steps_and_never_back() -> None:
    retention = Retention(AMSTERDAM, NOON, 25 * HOUR)
    first = retention.first[MINUTE]
    assert not retention.reaches(NOON + 599_999)
    assert not retention.reaches(NOON - DAY)
    assert retention.reaches(NOON + 600_000)
    retention.move(NOON + 600_000)
    assert retention.first[MINUTE] == first + 10


def test_minutes_are_kept_an_hour_longer_than_windows_reach() -> None:
    assert plan().minutes_kept_ms == 25 * HOUR


def test_old_panes_are_dropped_and_taking_them_out_again_changes_nothing() -> None:
    shard = Shard(plan(), NOON)
    shard.apply("deal", [record(event("deal"))])
    before = len(cells(shard))
    shard.advance(NOON + 26 * HOUR)
    gone = [cells_key(key) for key, value in shard.seal().cells if value is None]
    minutes = {c.id for c in plan().cuboids.values() if c.tier == MINUTE}
    assert gone
    assert {key[0] for key in gone} <= minutes
    shard.advance(NOON + 800 * DAY)
    shard.seal()
    shard.apply("deal", [record(event("deal", version=2, op="delete"))])
    sealed = shard.seal()
    stocks = {c.id for c in plan().cuboids.values() if c.tier == "stock"}
    assert {cells_key(key)[0] for key, _ in sealed.cells} <= stocks
    assert {value for _, value in sealed.cells} == {None}
    assert before > len(gone)


def test_a_pane_that_loses_its_cells_gives_their_room_back() -> None:
    shard = Shard(plan(), NOON)
    many = [event("deal", f"d{i}", owner_id=f"rep-{i}") for i in range(300)]
    shard.apply("deal", [record(e) for e in many])
    shard.seal()
    before = _room(shard)
    shard.apply("deal", [record(event("deal", f"d{i}", version=2, op="delete")) for i in range(1, 300)])
    shard.seal()
    assert _room(shard) < before / 4


def _room(shard: Shard) -> int:
    """Return the bytes that the tables of all panes take."""
    cubes = vars(shard)["_cubes"].values()
    tables = (table for each in cubes for cube in each for table in cube.cuboids)
    return sum(sys.getsizeof(cells) for table in tables for cells in table.panes.values())


@pytest.mark.parametrize("count", [1, 200])
def test_what_is_too_old_on_arrival_is_left_out_and_counted(count: int) -> None:
    shard = Shard(plan(), NOON + 800 * DAY)
    shard.apply("deal", [record(event("deal", f"d{i}")) for i in range(count)])
    assert {plan().cuboids[key[0]].tier for key in cells(shard)} == {"stock"}
    assert shard.too_old > 0
