"""The wall in a browser: a board that lives on in the test's own loop, and headless Chromium looking at it."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, async_playwright
from prometheus_client import CollectorRegistry

from config.load import load
from config.settings import Settings
from metrics.evaluate import Result
from metrics.plan import Plan, compile_plan
from streams.wall.headlines import Headlines
from streams.web import view_app
from streams.web_parts import bound_port, quiet_runner
from tests.unit.streams.boards import SECOND, Board, golden_board

_SCREENSHOTS = os.environ.get("WALL_SCREENSHOTS")  # a folder: read here, because tests run without SALESPULSE_…
Scheme = Literal["light", "dark"]


def figure(page: Page, kpi: str) -> Any:
    """Return the value on the tile of a KPI."""
    return page.locator(f"#tile-{kpi} .figure")


class Served:
    """A board that ticks every second, at an address that it keeps when it is stopped and started again."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self._port = 0
        self._open = AsyncExitStack()
        self._ticks = 0
        self.still = False
        """Whether the readings stay as they are, although the board ticks."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        self.board.registry = CollectorRegistry()  # as of a process that has just begun
        runner = await quiet_runner(view_app(Settings(), self.board), "127.0.0.1", self._port)
        self._open.push_async_callback(runner.cleanup)
        self._port = bound_port(runner)

    async def stop(self) -> None:
        await self._open.aclose()

    async def live(self) -> None:
        while True:
            await asyncio.sleep(1)
            self._ticks += 1
            if self.still:
                self.board.feed.tell(self.board.view, [])
            else:
                self.board.tick(self._ticks * SECOND)


class Visit:
    """A page, and what went wrong on it."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.problems: list[str] = []
        page.on("console", lambda said: self._note(said.text) if said.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: self._note(f"{error}"))
        page.on("request", lambda request: self._check_host(request.url))

    def _note(self, text: str) -> None:
        self.problems.append(text)

    def _check_host(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.url).netloc:
            self._note(f"a request left the host: {url}")

    async def open(self, path: str = "/?window=mtd&lang=en") -> Page:
        await self.page.goto(self.url + path)
        return self.page

    async def picture(self, name: str) -> None:
        if _SCREENSHOTS:
            await self.page.screenshot(path=Path(_SCREENSHOTS) / f"{name}.png")


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is not None:
        return found
    reason = "chromium is not installed; `apt-get install chromium` brings it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


@pytest.fixture
def board(plan: Plan) -> Board:
    return golden_board(plan)


@pytest.fixture
async def served(board: Board) -> AsyncIterator[Served]:
    served = Served(board)
    await served.start()
    living = asyncio.ensure_future(served.live())
    yield served
    living.cancel()
    await served.stop()


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture
def scheme() -> Scheme:
    return "light"


@pytest.fixture
def size() -> tuple[int, int]:
    return 1920, 1080


@pytest.fixture
async def visit(served: Served, browser: Browser, scheme: Scheme, size: tuple[int, int]) -> AsyncIterator[Visit]:
    """Give a page at which nothing may go wrong; a test that breaks something empties `problems`."""
    context = await browser.new_context(color_scheme=scheme, viewport={"width": size[0], "height": size[1]})
    context.set_default_timeout(5_000)
    visit = Visit(await context.new_page(), served.url)
    yield visit
    await context.close()
    assert visit.problems == []


@pytest.fixture
def full_board(served: Served) -> Board:
    """Give every tile a long value and a target, as on the fullest of walls."""
    served.still = True
    view = served.board.view
    for position, value in _long_values(view.plan):
        for window in view.plan.series[position].windows:
            results = view.readings[position, window]
            results.update(dict.fromkeys(list(results) or [()], value))
    return served.board


def _long_values(plan: Plan) -> Iterator[tuple[int, Result]]:
    amounts: dict[str, Any] = {"money": 1_234_567_89, "seconds": 12 * 86_400 + 14 * 3_600, "ratio": Fraction(987, 1000)}
    for kpis in Headlines(plan).groups.values():
        for of in kpis:
            value = Fraction(amounts.get(of.kpi.unit, 23_456))
            for (grain, _), position in of.at.items():
                if grain in {(), ("team",)}:
                    yield position, Result(value, target=value * 4 / 3)
