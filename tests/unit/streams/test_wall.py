"""The wall: its tiles over the golden events, whose values the comments work out, and its pages over HTTP.

The deals that are won: in September 12,000 of zuid; in October 10,000 and 3,000 and another 0 of noord, 8,000 of zuid.
"""

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import aiohttp
import pytest

from config.load import load
from config.settings import Settings
from metrics.calendar import Window
from metrics.evaluate import Result
from metrics.plan import Plan, compile_plan
from streams.absence import REASON_WORDS
from streams.wall.detail import MOST_ROWS, Detail, detail
from streams.wall.headlines import Headlines
from streams.wall.pages import detail_fragment, tile_content
from streams.wall.selection import Selection, nearest_window, selection
from streams.wall.sparkline import sparkline
from streams.wall.texts import COMPARED, REASONS, TEXTS, WINDOWS
from streams.wall.tiles import Tile, Tiles
from streams.wall.words import WORDS, preferred_language
from streams.web import view_app
from streams.web_parts import bound_port, quiet_runner
from tests.unit.streams.boards import Board, empty_board, get_text, golden_board, serving

MTD, NOORD = Selection("mtd", "", "en"), Selection("mtd", "noord", "en")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


@pytest.fixture
def board(plan: Plan) -> Board:
    return golden_board(plan)


def tile(board: Board, kpi: str, chosen: Selection = MTD) -> Tile:
    tiles = Tiles(Headlines(board.view.plan))
    return tiles.tile(tiles.headlines.kpis[kpi], board.view, board.feed.epoch, chosen)


def put(board: Board, kpi: str, window: str, result: Result, **dims: str) -> None:
    """Have the view hold a reading."""
    series = board.view.plan.series
    index = next(i for i, s in enumerate(series) if s.kpi.key == kpi and s.grain == tuple(dims))
    board.view.readings[index, Window(window)][tuple(dims.values())] = result


def details(board: Board, kpi: str, chosen: Selection = MTD) -> Detail:
    return detail(Tiles(Headlines(board.view.plan)), kpi, board.view, board.feed.epoch, chosen)


# ------------------------------------------------------------------------------------------------------------ selection


@pytest.mark.parametrize(
    ("wanted", "windows", "nearest"),
    [
        ("mtd", ["7d", "mtd", "qtd"], "mtd"),
        ("mtd", ["7d", "30d", "wtd", "qtd"], "qtd"),  # of the same kind: 91 days are 3 times 30, which is 4.3 times 7
        ("24h", ["7d", "30d", "dtd"], "7d"),
        ("ytd", ["7d", "90d", "365d"], "365d"),  # none of its kind: the nearest in length
        ("mtd", ["prev_month", "prev_quarter"], "prev_month"),
        ("prev_day", ["now"], "now"),
        ("qtd", ["365d", "30d", "90d", "prev_quarter"], "prev_quarter"),
    ],
)
def test_a_kpi_without_the_period_takes_the_nearest_of_the_same_kind(
    wanted: str, windows: list[str], nearest: str
) -> None:
    assert nearest_window(wanted, [Window(token) for token in windows]).token == nearest


def test_what_cannot_be_chosen_is_left_to_defaults() -> None:
    assert selection({"window": "31d", "lang": "de"}, "", ["7d", "mtd"]) == Selection("mtd", "", "en")
    assert selection({}, "", ["7d", "30d"]) == Selection("7d", "", "en")
    chosen = {"window": "7d", "team": "a&b", "lang": "nl", "kiosk": "1"}
    assert selection(chosen, "en", ["7d", "mtd"]) == Selection("7d", "a&b", "nl", kiosk=True)
    assert Selection("7d", "a&b", "nl", kiosk=True).query() == "window=7d&team=a%26b&lang=nl&kiosk=1"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("nl", "nl"),
        ("nl-BE,nl;q=0.9,en;q=0.8", "nl"),
        ("de;q=1,en;q=0.5,nl;q=0.7", "nl"),
        ("fr, *;q=0.1", "en"),
        ("nl;q=0,en;q=broken", "en"),
        ("nl;q=1.1.1, en;q=0.2", "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_likes_best(accepted: str, language: str) -> None:
    assert preferred_language(accepted) == language


# ---------------------------------------------------------------------------------------------------------------- tiles


def test_a_tile_shows_the_value_over_the_period_and_the_change(board: Board) -> None:
    revenue = tile(board, "revenue")

    # 21,000 against 12,000: three quarters more.
    assert (revenue.figure, revenue.title, revenue.window) == ("€ 21,000", "21,000.00 EUR", "this month")
    assert revenue.change is not None
    assert (revenue.change.text, revenue.change.direction, revenue.change.verdict) == ("+75 %", "up", "good")
    assert revenue.change.words == "better than last month"
    assert revenue.change.title == "€ 12,000 in as many days of last month"
    assert not revenue.other_window
    assert not revenue.whole_company


def test_a_team_sees_its_own_values(board: Board) -> None:
    revenue = tile(board, "revenue", NOORD)

    assert (revenue.figure, revenue.whole_company) == ("€ 13,000", False)
    assert revenue.change is not None
    assert revenue.change.text == "+€ 13,000"  # there was nothing in September: no percentage


def test_what_is_not_kept_by_team_is_that_of_the_whole_company_and_says_so(board: Board) -> None:
    customers = tile(board, "customers_active", NOORD)

    assert (customers.figure, customers.whole_company) == (tile(board, "customers_active").figure, True)
    assert "whole company" in tile_content(customers, "en")
    assert "hele organisatie" in tile_content(customers, "nl")


def test_a_team_that_nobody_knows_has_no_values(board: Board) -> None:
    revenue = tile(board, "revenue", Selection("mtd", "west", "en"))

    assert (revenue.figure, revenue.absent, revenue.title) == ("–", True, "there is nothing of this team")


def test_a_tile_without_the_period_says_which_one_it_shows(board: Board) -> None:
    productivity = tile(board, "sales_productivity", Selection("dtd", "", "en"))

    assert (productivity.window, productivity.other_window) == ("this week", True)
    assert 'class="other"' in tile_content(productivity, "en")


def test_an_absent_value_says_why(board: Board) -> None:
    market = tile(board, "market_share", Selection("mtd", "", "nl"))

    assert (market.figure, market.absent, market.change, market.target) == ("–", True, None, None)
    assert market.title == "er zijn geen gegevens, of geen die nieuw genoeg zijn"


def test_a_share_changes_in_points(board: Board) -> None:
    put(board, "win_rate", "mtd", Result(Fraction(3, 5)))  # after 1 of 1 in September
    change = tile(board, "win_rate").change

    assert change is not None
    assert (change.text, change.verdict, change.words) == ("−40 pp", "bad", "worse than last month")


def test_less_is_better_where_the_declaration_says_so(board: Board) -> None:
    change = tile(board, "sales_cycle_length").change

    # 1,295,550 s after 2,250,000 s: 42 % less.
    assert change is not None
    assert (change.text, change.direction, change.verdict) == ("−42 %", "down", "good")


def test_a_change_that_rounds_to_nothing_is_none(board: Board) -> None:
    put(board, "revenue", "mtd", Result(Fraction(1_200_001)))  # a cent more than before
    change = tile(board, "revenue").change

    assert change is not None
    assert (change.text, change.direction, change.verdict) == ("0.0 %", "same", "even")
    assert change.words == "as last month"


def test_an_enormous_change_is_cut_off(board: Board) -> None:
    put(board, "revenue", "mtd", Result(Fraction(1_200_000 * 50)))
    change = tile(board, "revenue").change

    assert change is not None
    assert change.text == "> +999 %"


@pytest.mark.parametrize(
    ("value", "target", "told", "filled"),
    [
        # At midnight of the 26th of October 25 days and an hour of 31 days and an hour are over: 601 of 745 hours.
        (1_000_000, 1_000_000, "✓ 100 % of € 10,000 reached", 100),
        (999_999, 1_000_000, "✓ 99 % of € 10,000 on pace", 99),
        (810_000, 1_000_000, "✓ 81 % of € 10,000 on pace", 81),
        (800_000, 1_000_000, "! 80 % of € 10,000 behind", 80),
        (1_500_000, 1_000_000, "✓ 150 % of € 10,000 reached", 100),
        (-1, 1_000_000, "! target € 10,000 behind", 0),
        (5, 0, "✓ target € 0 reached", 100),
    ],
)
def test_a_sum_is_compared_with_its_target_and_the_pace(
    board: Board, value: int, target: int, told: str, filled: int
) -> None:
    put(board, "revenue", "mtd", Result(Fraction(value), target=Fraction(target)))
    shown = tile(board, "revenue").target

    assert shown is not None
    assert (f"{shown.sign} {shown.text} {shown.words}", shown.filled) == (told, filled)
    assert (shown.pace, shown.title) == (80, "80 % of the period is over")
    assert shown.good == told.startswith("✓")


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(3600, "✓ 100 % of 1 h within"), (1800, "✓ 50 % of 1 h within"), (3601, "! 101 % of 1 h over")],
)
def test_what_should_be_low_is_within_its_limit_or_over(board: Board, seconds: int, told: str) -> None:
    put(board, "sales_cycle_length", "mtd", Result(Fraction(seconds), target=Fraction(3600)))
    shown = tile(board, "sales_cycle_length").target

    assert shown is not None
    assert (f"{shown.sign} {shown.text} {shown.words}", shown.pace) == (told, None)


def test_dutch_writes_numbers_its_own_way(board: Board) -> None:
    dutch = Selection("mtd", "", "nl")
    put(board, "revenue", "mtd", Result(Fraction(123_456_789), target=Fraction(150_000_000)))
    revenue, response = tile(board, "revenue", dutch), tile(board, "lead_response_time", dutch)

    assert (revenue.figure, revenue.title, revenue.window) == ("€ 1.234.568", "1.234.567,89 EUR", "deze maand")
    assert revenue.target is not None
    assert (revenue.target.text, revenue.target.words) == ("82 % van € 1.500.000", "op koers")
    assert (response.figure, response.agg, response.title) == ("1 u 45 min", "gemiddelde", "6.300,000 s")
    assert tile(board, "win_rate", dutch).figure == "100,0 %"


def test_before_the_first_tick_a_tile_has_no_value(plan: Plan) -> None:
    revenue = tile(empty_board(plan), "revenue")

    assert (revenue.figure, revenue.title, revenue.change, revenue.spark) == ("–", "no figures yet", None, None)


def test_only_headlines_are_on_the_wall_in_the_order_of_the_declarations(board: Board) -> None:
    tiles = Tiles(Headlines(board.view.plan))
    groups = tiles.groups(board.view, board.feed.epoch, MTD)
    shown = [placed.tile.key for group in groups for placed in group.tiles]
    declared = board.view.plan.declarations.kpis.values()

    assert set(shown) == {k.key for k in declared if k.display is not None and k.display.headline}
    assert [group.title for group in groups][:3] == ["Revenue and growth", "Conversion and funnel", "Speed"]
    assert tiles.columns**2 >= len(shown) > (tiles.columns - 1) ** 2
    assert tiles.headlines.windows[0] == "1h"
    assert "now" not in tiles.headlines.windows


def test_the_teams_are_those_of_the_readings(board: Board) -> None:
    tiles = Tiles(Headlines(board.view.plan))

    assert tiles.teams(board.view, "") == ["noord", "zuid", "unknown"]
    assert tiles.teams(board.view, "west") == ["noord", "west", "zuid", "unknown"]


def test_the_trend_ends_with_the_value_of_now(board: Board) -> None:
    tiles = Tiles(Headlines(board.view.plan))
    revenue = tiles.headlines.kpis["revenue"]
    before = tiles.tile(revenue, board.view, board.feed.epoch, MTD)
    board.win("late", 5_000_00)
    board.tick(1_000)
    after = tiles.tile(revenue, board.view, board.feed.epoch, MTD)

    assert before.spark_words == "Trend: first € 12,000, last € 21,000, lowest € 0, highest € 21,000"
    assert after.spark_words == "Trend: first € 12,000, last € 26,000, lowest € 0, highest € 26,000"


def test_a_sparkline_has_gaps_where_there_was_no_value() -> None:
    drawn = sparkline([Fraction(0), Fraction(10), None, Fraction(5), None])

    assert drawn is not None
    assert drawn.line == "M0 22L25 2M75 12"
    assert drawn.area == "M0 24L0 22L25 2L25 24Z"
    assert drawn.end == ""
    assert drawn.values == (Fraction(0), Fraction(5), Fraction(0), Fraction(10))
    assert sparkline([None, Fraction(1), None]) is None
    level = sparkline([Fraction(3), Fraction(3)])
    assert level is not None
    assert (level.line, level.end) == ("M0 12L100 12", "M100 12h0")


# -------------------------------------------------------------------------------------------------------------- details


def test_details_have_all_periods_and_each_dimension(board: Board) -> None:
    revenue = details(board, "revenue")
    by = {b.dimension: [(row.label, row.cell.figure, row.filled) for row in b.rows] for b in revenue.breakdowns}

    assert [row.window for row in revenue.windows if row.chosen] == ["this month"]
    assert {row.window: row.cells[0].figure for row in revenue.windows}["last month"] == "€ 12,000"
    assert by["team"] == [("noord", "€ 13,000", 100), ("zuid", "€ 8,000", 61)]
    assert set(by) == {"team", "rep", "region", "channel", "source", "pipeline", "deal_type", "product"}
    assert revenue.computed.startswith("sum of `lines.amount_minor` of `deal`")
    assert revenue.entities == "/api/v1/readings/revenue/entities?window=mtd&limit=20"


def test_details_of_a_team_are_within_it_where_that_is_kept(board: Board) -> None:
    revenue = details(board, "revenue", NOORD)
    by = {b.dimension: b for b in revenue.breakdowns}

    assert not by["product"].whole_company
    assert by["region"].whole_company
    assert revenue.entities.endswith("&where=team%3Anoord")


def test_several_aggregates_stand_side_by_side(board: Board) -> None:
    response = details(board, "lead_response_time")
    month = next(row for row in response.windows if row.chosen)

    assert response.aggregates == ("mean", "median", "90th percentile")
    assert len(month.cells) == 3
    assert "agg=mean" in response.entities


def test_a_long_list_ends_with_how_many_more_there_are(board: Board) -> None:
    for i in range(MOST_ROWS + 7):
        put(board, "revenue", "mtd", Result(Fraction(100_000 + i)), rep=f"r{i:03}")
    put(board, "revenue", "mtd", Result(None, "no_samples"), rep="aaa")
    by_rep = next(b for b in details(board, "revenue").breakdowns if b.dimension == "rep")

    figures = [row.cell.figure for row in by_rep.rows]
    assert len(figures) == MOST_ROWS
    assert by_rep.more >= 8
    assert by_rep.rows[-1].label != "aaa"
    assert f"… and {by_rep.more} more" in detail_fragment(details(board, "revenue"), MTD)


def test_a_kpi_without_a_total_has_breakdowns_only(board: Board) -> None:
    market = details(board, "market_penetration_rate")

    assert (market.tile, market.windows, market.entities) == (None, (), "")
    assert [b.dimension for b in market.breakdowns] == ["market"]


@pytest.mark.parametrize("language", ["en", "nl"])
def test_every_kpi_can_be_shown_in_every_language(board: Board, language: Any) -> None:
    for kpi in board.view.plan.declarations.kpis:
        chosen = Selection("qtd", "noord", language)
        assert "<h2" in detail_fragment(details(board, kpi, chosen), chosen)


# ---------------------------------------------------------------------------------------------------------------- words


def test_everything_is_said_in_dutch_too() -> None:
    assert set(REASONS) == set(REASON_WORDS)
    assert set(WINDOWS) == set(COMPARED)
    assert all(all(pair) for table in (TEXTS, WINDOWS, COMPARED) for pair in table.values())


@pytest.mark.parametrize(
    ("said", "dutch", "language"),
    [
        ("loading the history of 75 days: 40%", "de geschiedenis van 75 dagen wordt geladen: 40 %", "nl"),
        ("the last evaluation was 8 s ago", "de laatste berekening was 8 s geleden", "nl"),
        ("no worker has reported on shards 0, 2 yet; start `salespulse worker`",
         "nog geen worker heeft gemeld over shard 0, 2; start `salespulse worker`", "nl"),
        (("no worker has reported on shard 1 for 12 s by this host's clock; see whether workers and broker are well,"
         " and the clocks right"),
         ("al 12 s, volgens de klok hier, heeft geen worker gemeld over shard 1; ga na of workers en broker werken en"
         " of de klokken gelijk lopen"), "nl"),
        ("the clock of the worker of shards 0, 1 is 3600 s ahead of this host's; set both right",
         "de klok van de worker van shard 0, 1 loopt 3600 s voor op die van deze host; zet beide gelijk", "nl"),
        ("the clock was put back by 60 s; start the demo again",
         "de klok is 60 s teruggezet; start de demo opnieuw", "nl"),
        ("something new", "something new", "en"),
    ],
)  # fmt: skip
def test_a_state_that_nobody_has_translated_stays_english(said: str, dutch: str, language: str) -> None:
    assert WORDS["nl"].state(said) == (dutch, language)
    assert WORDS["en"].state(said) == (said, "en")


# ----------------------------------------------------------------------------------------------------------------- HTTP


async def test_the_page_shows_what_is_chosen_in_the_language_of_the_browser(board: Board) -> None:
    async with serving(board) as client:
        async with client.get("/?team=noord", headers={"Accept-Language": "nl"}) as response:
            dutch = await response.text()
        english = await get_text(client, "/?window=30d&lang=en")

    assert '<html lang="nl"' in dutch
    assert "Verkoopomzet" in dutch
    assert "€ 13.000" in dutch
    assert 'value="noord" selected' in dutch
    assert 'value="30d" selected' in english
    assert 'href="/kpi/revenue?window=30d&amp;lang=en"' in english


async def test_what_comes_from_outside_is_escaped(board: Board) -> None:
    board.state = (False, "<script>alert(1)</script>")
    put(board, "revenue", "mtd", Result(Fraction(1)), team="<b>x</b>")
    async with serving(board) as client:
        for path in ("/?team=<script>alert(2)</script>", "/kpi/revenue", "/kpi/<script>"):
            async with client.get(path) as response:
                page = await response.text()
            assert "<script>alert" not in page
            assert "<b>x</b>" not in page


async def test_stale_figures_are_marked(board: Board) -> None:
    board.state = (False, "the last evaluation was 12 s ago")
    async with serving(board) as client:
        english, dutch = await get_text(client, "/?lang=en"), await get_text(client, "/kpi/revenue?lang=nl")

    assert "These figures are not up to date." in english
    assert 'class="stale"' in english
    assert "de laatste berekening was 12 s geleden" in dutch


async def test_before_the_first_tick_the_page_says_what_is_going_on(plan: Plan) -> None:
    async with serving(empty_board(plan)) as client:
        page = await get_text(client, "/")

    assert "loading" in page
    assert "no figures yet" in page


async def test_details_are_a_page_and_a_fragment(board: Board) -> None:
    async with serving(board) as client:
        page = await get_text(client, "/kpi/revenue?window=mtd")
        fragment = await get_text(client, "/kpi/revenue?window=mtd&fragment=1")
        async with client.get("/kpi/nothing") as response:
            missing = await response.text()
            assert response.status == 404

    assert "<h1" in page
    assert "<html" not in fragment
    assert fragment.startswith('<div class="detail">')
    assert "There is no such KPI" in missing


async def test_the_pages_need_nothing_from_elsewhere(board: Board) -> None:
    async with serving(board) as client:
        page = await get_text(client, "/")
        async with client.get("/") as response:
            assert response.headers["Content-Security-Policy"].startswith("default-src 'self';")
            assert response.headers["Cache-Control"] == "no-store"
        for name in ("wall.css", "wall.js", "theme.js", "icon.svg"):
            text = await get_text(client, f"/assets/{name}")
            assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
        async with client.get("/assets/nothing.js") as response:
            assert response.status == 404

    assert "://" not in page
    assert " style=" not in page
    assert "<style" not in page
    assert "javascript:" not in page


async def test_an_asset_is_sent_once(board: Board) -> None:
    async with serving(board) as client:
        async with client.get("/assets/wall.css") as response:
            tag = response.headers["ETag"]
            assert response.headers["Content-Type"] == "text/css; charset=utf-8"
        async with client.get("/assets/wall.css", headers={"If-None-Match": tag}) as response:
            assert response.status == 304


Event = tuple[str, Any]


async def next_event(response: aiohttp.ClientResponse) -> Event:
    """Return the next event of a stream."""
    name = ""
    while True:
        line = (await response.content.readline()).decode().rstrip("\n")
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            return name, json.loads(line.removeprefix("data: "))


async def test_the_stream_tells_the_tiles_that_changed(board: Board) -> None:
    async with serving(board) as client, client.get("/wall/stream?window=mtd&lang=en") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        name, all_tiles = await next_event(response)
        assert (name, len(all_tiles)) == ("tiles", len(tiles_of(board)))
        name, state = await next_event(response)
        assert name == "state"
        assert (state["ready"], state["as_of"]) == (True, "2026-10-25T23:00:00.000Z")
        assert state["clock"] == "Monday 26 October 2026, 00:00:00"

        board.win("late", 5_000_00)
        board.tick(1_000)
        name, changed = await next_event(response)
        assert name == "tiles"
        assert "€ 26,000" in changed["revenue"]
        assert "occupancy_rate" not in changed
        assert changed["revenue"] != all_tiles["revenue"]


async def test_the_stream_tells_at_once_that_figures_are_stale(board: Board) -> None:
    async with serving(board) as client, client.get("/wall/stream?lang=nl") as response:
        await next_event(response)
        _, state = await next_event(response)
        assert state["ready"]
        board.state = (False, "the last evaluation was 6 s ago")
        _, state = await next_event(response)

    assert (state["ready"], state["reason"]) == (False, "de laatste berekening was 6 s geleden")


async def test_two_people_who_see_the_same_share_the_work(board: Board) -> None:
    async with (
        serving(board) as client,
        client.get("/wall/stream?window=mtd&lang=en") as one,
        client.get("/wall/stream?window=mtd&lang=en&kiosk=1") as other,
    ):
        first, second = await next_event(one), await next_event(other)

    assert first == second


async def test_the_end_of_the_server_ends_the_streams(board: Board) -> None:
    runner = await quiet_runner(view_app(Settings(), board), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{bound_port(runner)}/wall/stream"
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        await next_event(response)
        await runner.cleanup()
        rest = await response.content.read()  # an error would be a connection that was cut off

    assert rest.lstrip().startswith(b"event: state")


def tiles_of(board: Board) -> Mapping[str, Tile]:
    return Tiles(Headlines(board.view.plan)).tiles(board.view, board.feed.epoch, MTD)
