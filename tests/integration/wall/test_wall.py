"""What a person sees and does on the wall."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.async_playwright import Axe  # type: ignore[import-untyped]
from playwright.async_api import Page, expect

from streams.feed import Feed
from tests.integration.wall.conftest import Served, Visit, figure
from tests.unit.streams.boards import Board
from tests.unit.streams.test_label_values import HARMFUL

PHONE = (390, 844)


# ------------------------------------------------------------------------------------------------------------- the wall


async def test_the_wall_shows_the_headlines(visit: Visit) -> None:
    page = await visit.open()

    await expect(page).to_have_title("Sales wall · Salespulse")
    await expect(figure(page, "revenue")).to_have_text("€ 21,000")
    await expect(page.get_by_role("heading", name="Sales revenue")).to_be_visible()
    await expect(page.locator("#as-of")).to_contain_text("Monday 26 October 2026")
    await expect(page.get_by_role("alert")).to_have_count(0)
    await visit.picture("wall")


async def test_an_event_is_on_the_wall_within_two_seconds(visit: Visit, served: Served) -> None:
    page = await visit.open()
    await expect(figure(page, "revenue")).to_have_text("€ 21,000")
    still = await page.evaluate("window.still = {}")
    served.board.win("late", 5_000_00)

    await expect(figure(page, "revenue")).to_have_text("€ 26,000", timeout=2_000)
    assert await page.evaluate("window.still") == still  # the page was not loaded again


async def test_a_team_a_period_and_a_language_can_be_chosen(visit: Visit) -> None:
    page = await visit.open()
    await page.get_by_label("Team").focus()
    await page.get_by_label("Team").select_option("noord")
    await expect(figure(page, "revenue")).to_have_text("€ 13,000")
    await expect(page.locator("#tile-customers_active .whole")).to_have_text("whole company")
    assert "team=noord" in page.url
    await expect(page.get_by_label("Team")).to_be_focused()

    await page.get_by_label("Period").select_option("prev_month")
    await expect(figure(page, "revenue")).to_have_text("€ 0")

    await page.get_by_label("Team").select_option("")
    await expect(figure(page, "revenue")).to_have_text("€ 12,000")

    await page.get_by_label("Language").select_option("nl")
    await expect(page.locator("html")).to_have_attribute("lang", "nl")
    await expect(figure(page, "revenue")).to_have_text("€ 12.000")
    await expect(page.get_by_role("heading", name="Verkoopomzet")).to_be_visible()


async def test_what_was_chosen_goes_on_live(visit: Visit, served: Served) -> None:
    page = await visit.open()
    await page.get_by_label("Team").select_option("zuid")
    await expect(figure(page, "revenue")).to_have_text("€ 8,000")
    served.board.win("late", 5_000_00, team="zuid")

    await expect(figure(page, "revenue")).to_have_text("€ 13,000", timeout=2_000)


async def test_a_team_that_appears_can_be_chosen(visit: Visit, served: Served) -> None:
    await visit.page.clock.install()
    page = await visit.open()
    await expect(figure(page, "revenue")).to_have_text("€ 21,000")
    await page.clock.fast_forward(11_000)  # a page that was only just loaded is not loaded again
    served.board.win("late", 5_000_00, team="west")

    await expect(page.get_by_label("Team").locator("option")).to_contain_text(
        ["All teams", "noord", "west", "zuid", "unknown"]
    )


async def test_the_theme_is_kept(visit: Visit) -> None:
    page = await visit.open()
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.get_by_role("button", name="Light or dark").click()
    await page.reload()
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert light != dark
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"


async def test_the_wall_works_without_javascript(served: Served, browser: Any) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{served.url}/?window=mtd&lang=en")
    await page.get_by_label("Team").select_option("noord")
    await page.get_by_role("button", name="Show").click()
    await expect(figure(page, "revenue")).to_have_text("€ 13,000")
    await page.get_by_role("link", name="Sales revenue").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sales revenue")
    await expect(page.locator("#by-product")).to_have_text("By product")
    await page.get_by_role("link", name="Back to the wall").click()
    await expect(figure(page, "revenue")).to_have_text("€ 13,000")
    await context.close()


# ------------------------------------------------------------------------------------------------------------ freshness


async def test_stale_figures_are_said_to_be_stale_until_they_are_not(visit: Visit, served: Served) -> None:
    page = await visit.open()
    alert = page.get_by_role("alert")
    served.board.state = (False, "the last evaluation was 8 s ago")
    await expect(alert).to_contain_text("not up to date")
    await expect(alert).to_contain_text("the last evaluation was 8 s ago")
    await expect(page.locator("body")).to_have_class("stale")
    await visit.picture("stale")

    served.board.state = (True, "live")
    await expect(alert).to_have_count(0)
    await expect(page.locator("body")).to_have_class("fresh")


async def test_a_lost_server_is_said_so_until_it_is_back(visit: Visit, served: Served) -> None:
    page = await visit.open()
    await expect(page.locator("body")).to_have_class("fresh")
    await served.stop()
    await expect(page.get_by_role("alert")).to_contain_text("The connection is lost", timeout=8_000)

    await served.start()
    await expect(page.get_by_role("alert")).to_have_count(0, timeout=15_000)
    served.board.win("late", 5_000_00)
    await expect(figure(page, "revenue")).to_have_text("€ 26,000", timeout=2_000)
    assert all("ERR_" in problem for problem in visit.problems)
    visit.problems.clear()  # what the browser itself said of the lost connection


class SilentFeed(Feed):
    """A feed that never tells anything more, as when the server hangs."""

    async def wait(self, seconds: float, after: int | None = None) -> None:  # noqa: ARG002 - as the feed
        await asyncio.sleep(3_600)


async def test_a_silent_stream_is_no_live_one(visit: Visit, served: Served) -> None:
    silent = SilentFeed()
    silent.number, silent.epoch = served.board.feed.number, served.board.feed.epoch
    served.board.feed = silent
    await visit.page.clock.install()
    page = await visit.open()
    await expect(figure(page, "revenue")).to_have_text("€ 21,000")
    await page.clock.fast_forward(11_000)
    await expect(page.get_by_role("alert")).to_have_count(0)
    await page.clock.fast_forward(3_000)

    await expect(page.get_by_role("alert")).to_contain_text("Nothing has been heard for 1")


# ---------------------------------------------------------------------------------------------------------- the details


async def test_a_tile_opens_what_it_is_made_of(visit: Visit) -> None:
    page = await visit.open()
    await page.get_by_role("link", name="Sales revenue").click()
    dialog = page.get_by_role("dialog", name="Sales revenue")
    await expect(dialog).to_contain_text("Sum of the line amounts of the deals with status won")
    await expect(dialog).to_contain_text("sum of lines.amount_minor of deal")
    await expect(dialog.get_by_role("row", name="Last month")).to_contain_text("€ 12,000")
    by_team = dialog.get_by_role("region", name="By team")
    await expect(by_team.get_by_role("row", name="noord")).to_contain_text("€ 13,000")
    await visit.picture("details")

    why = dialog.get_by_role("region", name="Why this number?")
    await why.get_by_role("button", name="Show what it is made of").click()
    await expect(why.get_by_role("status")).to_contain_text("of 4 shown")
    await expect(why.get_by_role("row")).to_have_count(1 + 4)
    await expect(why.get_by_role("status")).to_contain_text("Total: €13,000.00 · $15,000.00")
    await expect(why.get_by_role("button")).to_have_count(0)  # there is nothing more
    await visit.picture("entities")


async def test_more_entities_come_when_they_are_asked_for(visit: Visit, served: Served) -> None:
    for i in range(30):
        served.board.win(f"late-{i:02}", 100_00)
    page = await visit.open()
    await page.get_by_role("link", name="Sales revenue").click()
    why = page.get_by_role("region", name="Why this number?")
    await why.get_by_role("button", name="Show what it is made of").click()
    await expect(why.get_by_role("row")).to_have_count(1 + 20)
    await why.get_by_role("button", name="More").click()

    await expect(why.get_by_role("row")).to_have_count(1 + 34)
    await expect(why.get_by_role("status")).to_contain_text("34 of 34 shown")


async def test_open_details_are_kept_up_to_date(visit: Visit, served: Served) -> None:
    page = await visit.open()
    await page.get_by_role("link", name="Sales revenue").click()
    by_team = page.get_by_role("dialog").get_by_role("region", name="By team")
    await expect(by_team.get_by_role("row", name="noord")).to_contain_text("€ 13,000")
    served.board.win("late", 5_000_00)

    await expect(by_team.get_by_role("row", name="noord")).to_contain_text("€ 18,000", timeout=8_000)


async def test_the_keyboard_opens_and_closes_the_details(visit: Visit) -> None:
    page = await visit.open()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the figures")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    tile = page.get_by_role("link", name="Sales revenue")
    await expect(tile).to_be_focused()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Sales revenue")
    await expect(dialog).to_be_visible()
    assert await dialog.evaluate("dialog => dialog.contains(document.activeElement)")
    await page.keyboard.press("Escape")

    await expect(dialog).to_be_hidden()
    await expect(tile).to_be_focused()
    assert "/kpi/" not in page.url


async def test_the_way_back_closes_the_details(visit: Visit) -> None:
    page = await visit.open()
    await page.get_by_role("link", name="Win rate").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert "/kpi/win_rate" in page.url  # what a person would send to a colleague
    await page.go_back()

    await expect(page.get_by_role("dialog")).to_be_hidden()
    assert "/kpi/" not in page.url


async def test_the_details_are_a_page_of_their_own_that_lives(visit: Visit, served: Served) -> None:
    page = await visit.open("/kpi/revenue?window=mtd&lang=en")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sales revenue")
    served.board.state = (False, "the last evaluation was 8 s ago")
    await expect(page.get_by_role("alert")).to_contain_text("not up to date")
    served.board.win("late", 5_000_00)

    await expect(page.locator(".standing .figure")).to_have_text("€ 26,000", timeout=8_000)


# --------------------------------------------------------------------------------------------------------------- layout


@pytest.mark.parametrize("path", ["/?window=mtd&lang=en", "/?window=30d&lang=nl&team=noord", "/?window=mtd&kiosk=1"])
async def test_a_full_wall_fits_a_screen(visit: Visit, full_board: Board, path: str) -> None:
    assert full_board.view.as_of is not None
    page = await visit.open(path)
    await expect(page.locator("#tile-revenue .target")).to_be_visible()
    await visit.picture(f"full-{path[2:].replace('&', '-').replace('=', '-')}")

    assert await page.evaluate(
        "document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth"
    )
    cut_off = await page.eval_on_selector_all(
        ".card", "cards => cards.filter(c => c.scrollHeight > c.clientHeight + 1).map(c => c.innerText)"
    )
    assert cut_off == []
    right = "e.getBoundingClientRect().right"
    beyond = f"all => all.filter(e => {right} > e.closest('.card').getBoundingClientRect().right).map(e => e.innerText)"
    assert await page.eval_on_selector_all(".figure span", beyond) == []


@pytest.mark.parametrize("size", [PHONE])
@pytest.mark.parametrize("language", ["en", "nl"])
async def test_a_phone_needs_no_scrolling_sideways(visit: Visit, full_board: Board, language: str) -> None:
    assert full_board.view.as_of is not None
    page = await visit.open(f"/?window=mtd&team=noord&lang={language}")
    sideways = "document.documentElement.scrollWidth > innerWidth"
    assert not await page.evaluate(sideways)
    small = "e => e.map(c => c.getBoundingClientRect()).filter(r => r.width && (r.width < 44 || r.height < 44)).length"
    assert await page.eval_on_selector_all("select, button, .actions a", small) == 0
    await visit.picture(f"phone-{language}")

    await page.locator("a[data-kpi=revenue]").click()
    await expect(page.locator("#by-team")).to_be_visible()
    assert not await page.evaluate(sideways)
    assert not await page.evaluate("(p => p.scrollWidth > p.clientWidth)(document.querySelector('dialog .pane'))")
    await visit.picture(f"phone-details-{language}")


# -------------------------------------------------------------------------------------------------------- accessibility


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "nl"])
async def test_nobody_is_shut_out(visit: Visit, full_board: Board, scheme: str, language: str) -> None:
    assert full_board.view.as_of is not None
    page = await visit.open(f"/?window=mtd&team=noord&lang={language}")
    await expect(figure(page, "revenue")).to_be_visible()
    await visit.picture(f"wall-{scheme}-{language}")
    assert await violations(page) == ""

    full_board.state = (False, "the last evaluation was 8 s ago")
    await expect(page.get_by_role("alert")).to_be_visible()
    assert await violations(page) == ""
    full_board.state = (True, "live")
    await expect(page.get_by_role("alert")).to_have_count(0)

    await page.locator("a[data-kpi=revenue]").click()
    await page.locator(".why .load").click()
    await expect(page.locator(".why tbody tr")).to_have_count(3)
    assert await violations(page) == ""
    await visit.picture(f"details-{scheme}-{language}")

    await page.goto(f"{visit.url}/kpi/lead_response_time?lang={language}")
    assert await violations(page) == ""


async def violations(page: Page) -> str:
    results = await Axe().run(page)
    return "" if results.violations_count == 0 else str(results.generate_report())


async def test_names_that_would_run_something_are_only_names(visit: Visit, served: Served) -> None:
    for number, name in enumerate(HARMFUL):
        served.board.win(f"h{number}", 1_000_00, name)
    served.board.tick()
    page = await visit.open()
    options = await page.get_by_label("Team").locator("option").evaluate_all("all => all.map(one => one.value)")
    names = [name for name in HARMFUL if "\r" not in name]  # HTML itself makes a line feed of it
    assert set(names) <= set(options)
    for name in names:
        await page.get_by_label("Team").select_option(value=name)
        await expect(figure(page, "revenue")).to_have_text("€ 1,000")
    await visit.open(f"/kpi/revenue?window=mtd&lang=en&team={quote(HARMFUL[0], safe='')}")
    assert await page.locator("img, script:not([src])").count() == 0
