"""The entities that make up a reading: found by hand, and adding up to the sums of the cells for every reading."""

import json
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.load import load
from metrics.calendar import Window, parse_instant
from metrics.combine import Quotient
from metrics.contributors import Amounts, Contributor, Contributors, Place, Question, Scan
from metrics.currency import Rates
from metrics.embedded import Embedded
from metrics.evaluate import NOW, Context, MeanAge, MoneyTotal, Node, Part, Result, Total
from metrics.plan import Plan, SeriesPlan, compile_plan
from metrics.plans import Plans
from metrics.records import PROGRESS, REFERENCE, cells_key, decode_cells
from metrics.windows import RunningWindows
from streams.simulate.organisation import Organisation
from tests.golden.comparison import FIRST, SECOND, Example, golden_events, golden_expectations, golden_plan
from tests.unit.metrics.samples import NOON, Event, event, plan, record, series, told

Tables = dict[int, RunningWindows]
DEAL_LABELS = {
    "team": "unknown", "rep": "r1", "region": "unknown", "channel": "unknown", "source": "unknown",
    "pipeline": "new_business", "deal_type": "unknown", "stage": "proposal", "lost_reason": "unknown",
}  # fmt: skip


def question(key: str, window: str = "now", agg: str | None = None, **dims: str) -> Question:
    return Question(series(key, agg, tuple(dims))[1], Window(window), tuple(dims.values()))


def searched(core: Embedded, asked: Question, as_of: int = NOON, known: Contributors | None = None) -> Scan:
    scan = (known or Contributors(core.plan)).scan(asked, as_of)
    for shard in core.shards:
        for _ in scan.over(shard):
            pass
    return scan


def found(core: Embedded, asked: Question, as_of: int = NOON) -> list[Contributor]:
    return list(searched(core, asked, as_of).entities())


def line(number: int, product: str, amount: int) -> Event:
    return {"line_id": f"{number}", "product_id": product, "amount_minor": amount}


def at(text: str) -> int:
    return parse_instant(text)


# ---------------------------------------------------------------------------------------------------------- by hand


def test_the_deals_of_a_revenue_come_newest_first_with_all_that_is_known_of_them() -> None:
    core = told(
        event("deal", "old", closed_at="2026-06-02T08:00:00Z", team_id="north"),
        event("deal", "new", closed_at="2026-06-09T08:00:00Z", lines=[line(1, "a", 300), line(2, "b", 40)]),
        event("deal", "us", closed_at="2026-06-05T08:00:00Z", currency="USD", lines=[line(1, "a", 70)]),
        event("deal", "lost", status="lost"),
        event("deal", "last month", closed_at="2026-05-31T08:00:00Z"),
        shards=3,
    )
    scan = searched(core, question("revenue", "mtd"))
    updated = at("2026-06-01T00:00:00Z")

    def deal(day: int, name: str, currency: str, amount: int, **labels: str) -> Contributor:
        return Contributor(
            place=Place(at(f"2026-06-{day:02}T08:00:00Z"), name, "deal"),
            dated=False,
            updated=updated,
            amounts={("value", currency): Fraction(amount)},
            labels=DEAL_LABELS | labels,
        )

    assert list(scan.entities()) == [
        deal(9, "new", "EUR", 340),
        deal(5, "us", "USD", 70),
        deal(2, "old", "EUR", 1_000, team="north"),
    ]
    assert (scan.count, scan.left) == (3, 3)
    assert scan.totals() == {("value", "EUR"): Fraction(1_340), ("value", "USD"): Fraction(70)}


def test_only_the_lines_of_the_row_count() -> None:
    lines = [line(1, "a", 300), line(2, "b", 40), line(3, "a", 5)]
    core = told(event("deal", "two", lines=lines), event("deal", "none", lines=[line(1, "b", 7)]))
    assert [(d.place.entity_id, d.amounts) for d in found(core, question("revenue", "30d", product="a"))] == [
        ("two", {("value", "EUR"): Fraction(305)})
    ]


@pytest.mark.parametrize(("team", "ids"), [("north", ["n"]), ("unknown", ["u"]), ("elsewhere", [])])
def test_a_row_has_those_of_its_values(team: str, ids: list[str]) -> None:
    core = told(event("deal", "n", team_id="north"), event("deal", "u"))
    assert [d.place.entity_id for d in found(core, question("revenue", "30d", team=team))] == ids


def test_a_ratio_tells_its_sides_apart() -> None:
    core = told(event("deal", "won"), event("deal", "lost", status="lost"))
    assert {d.place.entity_id: d.amounts for d in found(core, question("win_rate", "30d"))} == {
        "won": {("numerator", None): Fraction(1), ("denominator", None): Fraction(1)},
        "lost": {("denominator", None): Fraction(1)},
    }


def test_a_formula_tells_its_inputs_apart_each_over_its_own_window() -> None:
    core = told(
        event("deal", "june"), event("deal", "may", closed_at="2026-05-08T08:00:00Z", created_at="2026-05-01T08:00:00Z")
    )
    parts = question("revenue_growth", "mtd").parts()
    assert {(p.role, p.window) for p in parts} == {
        ("now", Window("mtd")), ("before", Window("mtd", previous=True)),
    }  # fmt: skip
    amounts = {d.place.entity_id: d.amounts for d in found(core, question("revenue_growth", "mtd"))}
    assert amounts == {"june": {("now", "EUR"): Fraction(1_000)}, "may": {("before", "EUR"): Fraction(1_000)}}


def test_what_counts_as_it_stands_is_placed_by_its_last_update() -> None:
    core = told(
        event("deal", "a", status="open", closed_at=None),
        {**event("deal", "b", status="open", closed_at=None), "updated_at": "2026-06-03T00:00:00Z"},
        {**event("deal", "a", 2, "patch", stage="negotiation"), "updated_at": "2026-06-04T00:00:00Z"},
    )
    assert [(d.place.entity_id, d.place.at, d.updated) for d in found(core, question("pipeline_deals"))] == [
        ("a", at("2026-06-04T00:00:00Z"), at("2026-06-04T00:00:00Z")),
        ("b", at("2026-06-03T00:00:00Z"), at("2026-06-03T00:00:00Z")),
    ]


def test_a_customer_that_only_its_deals_name_is_placed_by_the_newest_of_them() -> None:
    core = told(
        event("deal", "first", customer_id="c"),
        {**event("deal", "second", customer_id="c"), "updated_at": "2026-06-02T00:00:00Z"},
    )
    (customer,) = found(core, question("customers_active"))
    assert customer.place == Place(at("2026-06-02T00:00:00Z"), "c", "customer")
    assert customer.amounts == {("value", None): Fraction(1)}
    assert set(customer.labels.values()) == {"unknown"}


def test_what_has_a_date_only_is_placed_at_the_beginning_of_that_day() -> None:
    spend = {"incurred_on": "2026-06-03", "category": "sales", "amount_minor": 900, "currency": "EUR"}
    core = told(_event("spend", "s", spend))
    (record,) = found(core, question("acquisition_spend", "30d"))
    assert (record.place.at, record.dated) == (at("2026-06-02T22:00:00Z"), True)
    assert record.amounts == {("value", "EUR"): Fraction(900)}


def test_a_matured_cohort_is_placed_by_its_own_time_and_not_by_that_of_its_maturity() -> None:
    core = told(event("lead", "l", created_at="2026-03-01T08:00:00Z"))  # matured after 90 days, on the 30th of May
    (lead,) = found(core, question("lead_conversion_rate", "30d"))
    assert lead.place.at == at("2026-03-01T08:00:00Z")
    assert lead.amounts == {("denominator", None): Fraction(1)}


def test_ages_are_counted_to_t() -> None:
    core = told(
        event("deal", "d", status="open", closed_at=None, stage_entered_at={"proposal": "2026-06-10T09:59:30Z"})
    )
    (deal,) = found(core, question("stage_age", agg="mean", stage="proposal"))
    assert deal.amounts == {("value", None): Fraction(30), ("samples", None): Fraction(1)}


def test_quantiles_and_extremes_count_samples() -> None:
    core = told(event("deal", "d"), event("lead", "w"))
    assert [d.amounts for d in found(core, question("sales_cycle_length", "30d", agg="p90"))] == [
        {("samples", None): Fraction(1)}
    ]
    assert [d.amounts for d in found(core, question("lead_waiting_age_max"))] == [{("samples", None): Fraction(1)}]


def test_of_the_latest_the_newest_date_comes_first_and_nothing_is_added_up() -> None:
    dated = (("2026-04-30", "0.021"), ("2026-05-31", "0.0"), ("2026-06-30", "0.5"))
    inflation = {"kind": "indicator", "unit_id": "inflation"}
    core = told(
        *(_event("measurement", day, {**inflation, "on_date": day, "values": {"value": value}}) for day, value in dated)
    )
    scan = searched(core, question("market_indicator", series="inflation"))
    assert [(d.place.entity_id, d.amounts) for d in scan.entities()] == [
        ("2026-05-31", {("samples", None): Fraction(1)}),
        ("2026-04-30", {("value", None): Fraction(21, 1_000), ("samples", None): Fraction(1)}),
    ]
    assert scan.totals() == {}


def test_a_share_is_made_of_members() -> None:
    rep = {"role": "sales", "hired_at": "2020-01-01T00:00:00Z", "team_id": "north"}
    core = told(_event("rep", "r1", rep), _event("rep", "r2", rep | {"team_id": "south"}), event("deal", "d"))
    members = found(core, question("quota_attainment", "mtd", team="north"))
    assert [(m.place.entity_id, m.amounts) for m in members] == [("r1", {("members", None): Fraction(1)})]


def test_a_sum_over_members_has_those_of_all_members() -> None:
    core = told(
        *(
            _event(
                "measurement",
                f"{place}-{day}",
                {"kind": "inventory_snapshot", "unit_id": place, "on_date": f"2026-06-0{day}", "currency": "EUR",
                 "values": {"value_minor": 100 * day}},
            )
            for place in ("east", "west")
            for day in (1, 3)
        )
    )  # fmt: skip
    scan = searched(core, question("inventory_turnover", "90d"))
    assert [d.place.entity_id for d in scan.entities()] == ["west-3", "east-3", "west-1", "east-1"]
    assert scan.totals() == {("denominator", "EUR"): Fraction(800), ("denominator.samples", None): Fraction(4)}


def test_deleted_entities_and_those_that_miss_something_are_none_of_it() -> None:
    core = told(
        event("deal", "gone"),
        event("deal", "gone", 2, "delete"),
        event("deal", "half", owner_id=None),
        event("deal", "d"),
    )
    assert [d.place.entity_id for d in found(core, question("revenue", "30d"))] == ["d"]


def test_what_is_not_sealed_yet_is_not_in_the_cells_either() -> None:
    core = told(event("deal", "d"))
    (shard,) = core.shards
    shard.apply("deal", [record(event("deal", "d", 2, lines=[line(1, "a", 5)])), record(event("deal", "e"))])
    assert [d.amounts for d in found(core, question("revenue", "30d"))] == [{("value", "EUR"): Fraction(1_000)}]
    core.settle()
    assert searched(core, question("revenue", "30d")).totals() == {("value", "EUR"): Fraction(1_005)}


# ------------------------------------------------------------------------------------------------------------- pages


def test_pages_follow_each_other_without_gap_or_repetition() -> None:
    hours = [f"2026-06-10T0{n % 4}:00:00Z" for n in range(23)]  # many at the same time
    core = told(*(event("deal", f"d{n:02}", closed_at=hour) for n, hour in enumerate(hours)), shards=3)
    asked = replace(question("revenue", "30d"), limit=5)
    pages: list[list[Place]] = []
    left = []
    while True:
        scan = searched(core, asked)
        assert scan.count == 23
        left.append(scan.left)
        pages.append([deal.place for deal in scan.entities()])
        if scan.left <= asked.limit:
            break
        asked = replace(asked, before=pages[-1][-1])
    assert left == [23, 18, 13, 8, 3]
    shown = [place for page in pages for place in page]
    assert shown == sorted(shown, reverse=True)
    assert [(p.at, p.entity_id) for p in shown] == sorted(
        ((at(h), f"d{n:02}") for n, h in enumerate(hours)), reverse=True
    )


def test_a_search_lets_others_work_every_few_entities_and_bears_what_they_do() -> None:
    core = told(*(event("deal", f"d{n:03}") for n in range(500)))
    (shard,) = core.shards
    scan = Contributors(core.plan).scan(question("revenue", "30d"), NOON)
    steps = 0
    for _ in scan.over(shard):
        steps += 1
        if steps == 3:
            core.apply([event("deal", "d499", 2, "delete"), *(event("deal", f"new{n}") for n in range(50))], NOON)
    assert steps == 10
    assert scan.count == 499


# ------------------------------------------------------------------------------------------------- what always holds


class Noted(Embedded):
    """Shards and a view, and the cells once more in windows of the test's own."""

    def __init__(self, of: Plan, now: int) -> None:
        super().__init__(of, now, 3)
        self.known = Contributors(of)
        self._latest: dict[tuple[int, bytes], bytes | None] = {}
        merge = self.view.apply

        def note(shard: int, key: bytes, value: bytes | None) -> None:
            self._latest[shard, key] = value
            merge(shard, key, value)

        self.view.apply = note  # type: ignore[method-assign]

    def tables(self, as_of: int) -> Tables:
        windows, calendar = self.plan.windows, self.plan.calendar
        tables = {
            i: RunningWindows(c, {*windows[i], *([NOW] if c.tier == "stock" else [])}, calendar, "EUR")
            for i, c in self.plan.cuboids.items()
        }
        for (_, key), value in self._latest.items():
            kind, *rest = cells_key(key)
            if value is not None and kind not in {PROGRESS, REFERENCE}:
                for names, sums in decode_cells(value, tables[kind].cuboid.width).items():
                    tables[kind].add(rest[0], names, sums)
        for table in tables.values():
            table.move(as_of)
        return tables


def sums_of(part: Part, tables: Tables) -> Counter[tuple[str, str | None]]:
    """Return the sums of all rows of a part by role and currency, in units."""
    table, _ = part.ref.place(part.window)
    rows = tables[table].sums[NOW if part.ref.by_window else part.window]
    context = Context(0, plan().calendar, Rates("EUR", 0), Plans(), tables)
    sums: Counter[tuple[str, str | None]] = Counter()
    for row in {row[:-1] if part.ref.by_window else row for row in rows}:
        if all(wanted in {None, value} for wanted, value in zip(part.dims, row, strict=True)):
            for hidden, amount in part.ref.parts(context, part.window, row):
                sums[part.role, hidden[0] if part.reads == "money" else None] += amount
    return sums


def check(core: Noted, tables: Tables, asked: Question, result: Result, as_of: int) -> int:
    """Compare what was found with the cells, and with the reading where that is a plain sum; return how much it was."""
    scan = searched(core, asked, as_of, core.known)
    totals = scan.totals()
    plain = [part for part in asked.parts() if part.reads in {"number", "money"}]
    expected: Amounts = {
        (role, currency): Fraction(amount, part.scale)
        for part in plain
        for (role, currency), amount in sums_of(part, tables).items()
    }
    roles = {part.role for part in plain}
    assert {key: n for key, n in totals.items() if key[0] in roles and n} == {k: n for k, n in expected.items() if n}
    for role, value in _plain_sums(asked.series.node, result):
        assert totals.get((role, None), 0) == value, (asked, role)
    return scan.count


def _plain_sums(node: Node, result: Result) -> Iterator[tuple[str, Fraction]]:
    """Yield (role, value) where the reading itself tells the sum of a part."""
    if result.value is None:
        return
    if isinstance(node, Total) and not node.convertible:
        yield "value", result.value
    if isinstance(node, MeanAge) and result.numerator is not None:
        yield "value", result.numerator
    if isinstance(node, Quotient):
        for role, side, value in (
            ("numerator", node.numerator, result.numerator),
            ("denominator", node.denominator, result.denominator),
        ):
            if isinstance(side, Total) and not side.convertible and value is not None and node.minus is None:
                yield role, value


@pytest.mark.parametrize("example", [FIRST, SECOND], ids=lambda e: e.name)
def test_every_golden_reading_is_the_sum_of_its_entities(example: Example) -> None:
    of = golden_plan(example)
    checked = 0
    for text in golden_expectations(example):
        as_of = parse_instant(text)
        core = Noted(of, as_of)
        core.apply([e for arrived, e in golden_events(of.sources, example) if arrived < as_of], as_of)
        core.tick(as_of)
        tables = core.tables(as_of)
        for reading in core.view.all_readings():
            asked = Question(reading.series, reading.window, reading.dims)
            checked += check(core, tables, asked, reading.result, as_of)
    assert checked > 1_000


def test_money_in_one_currency_is_the_reading() -> None:
    of = golden_plan(FIRST)
    as_of = parse_instant(list(golden_expectations(FIRST))[-1])
    core = Embedded(of, as_of, 3)
    events = [json.loads(json.dumps(e).replace('"USD"', '"EUR"')) for at, e in golden_events(of.sources) if at < as_of]
    core.apply([e for e in events if e["type"] != "fx_rate"], as_of)
    core.tick(as_of)
    checked = 0
    for reading in core.view.all_readings():
        if isinstance(reading.series.node, MoneyTotal):
            asked = Question(reading.series, reading.window, reading.dims)
            totals = searched(core, asked, as_of).totals()
            assert totals.get(("value", "EUR"), 0) == reading.result.value
            checked += bool(totals)
    assert checked > 50


@pytest.mark.parametrize("one_of", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_simulated_readings_are_the_sums_of_their_entities(one_of: int) -> None:
    as_of = parse_instant("2026-11-24T12:00:00Z")
    core = Noted(compile_plan(load(), "Europe/Amsterdam", "EUR"), as_of)
    core.apply(Organisation(1, as_of, ZoneInfo("Europe/Amsterdam")).history(3), as_of)
    core.tick(as_of)
    tables = core.tables(as_of)
    draw = random.Random(5)
    some = list(_a_row_of_each(core, draw))
    checked = sum(check(core, tables, asked, result, as_of) for asked, result in some[::one_of])
    assert checked > 10_000


def _a_row_of_each(core: Embedded, draw: random.Random) -> Iterator[tuple[Question, Result]]:
    """Yield one row, with a value that is not 0 if there is any, of each series and window."""
    by_series: dict[tuple[int, Window], list[tuple[SeriesPlan, Any, Result]]] = {}
    for reading in core.view.all_readings():
        by_series.setdefault((id(reading.series), reading.window), []).append(
            (reading.series, reading.dims, reading.result)
        )
    for (_, window), rows in by_series.items():
        rows.sort(key=lambda row: row[1])
        chosen, dims, result = draw.choice([row for row in rows if row[2].value] or rows)
        yield Question(chosen, window, dims), result


def _event(source: str, entity_id: str, data: Event) -> Event:
    return {
        "event_id": f"{source}-{entity_id}", "type": source, "entity_id": entity_id, "version": 1,
        "updated_at": "2026-06-01T00:00:00.000Z", "data": data,
    }  # fmt: skip
