"""Headless Chromium with the page that draws dashboards."""

import json
import mimetypes
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, Route, async_playwright

from grafana.render.programs import program
from streams.clock import wall_clock

WIDTH, KIOSK_HEIGHT = 1920, 1080
_PAGE = Path(__file__).parent / "out"
_ORIGIN = "http://dashboards.test"
_DRAWN_MS, _SETTLES_MS = 60_000, 1_000


class Note(NamedTuple):
    """Something that is wrong with a picture, or may be."""

    where: str
    what: str


class Picture(NamedTuple):
    """A dashboard as an image, and what is wrong with it."""

    png: bytes
    faults: tuple[Note, ...]
    hints: tuple[Note, ...]


class Sitting(NamedTuple):
    """How a dashboard is to be shown."""

    folder: str
    theme: Literal["dark", "light"] = "dark"
    kiosk: bool = False
    """Whether there is nothing but the panels, on one screen."""
    time: Mapping[str, str] | None = None
    """A time range other than the dashboard's: `{"from": …, "to": …}`."""


class Painter:
    """Draws dashboards; made by `painting`."""

    def __init__(self, browser: Browser, prometheus: str, timezone: str) -> None:
        """Draw with what `prometheus` knows, for somebody in `timezone`."""
        self._browser, self._prometheus, self._timezone = browser, prometheus, timezone

    async def draw(self, dashboard: Mapping[str, Any], sitting: Sitting) -> Picture:
        """Return the picture of a dashboard."""
        errors: list[Note] = []
        job = {
            "dashboard": dashboard,
            "folder": sitting.folder,
            "width": WIDTH,
            "kiosk": sitting.kiosk,
            "theme": sitting.theme,
            "time": sitting.time,
            "now": wall_clock(),
            "prometheus": "",  # on the page's own address: see `_answer`
        }

        async def answer(route: Route) -> None:
            if not await self._answer(route, job):
                errors.append(Note("page", f"asks for `{route.request.url}`, which is not in `{_PAGE}`; build it anew"))
                await route.abort()

        context = await self._browser.new_context(
            viewport={"width": WIDTH, "height": KIOSK_HEIGHT}, timezone_id=self._timezone, locale="en-GB"
        )
        try:
            page = await context.new_page()
            page.on("pageerror", lambda error: errors.append(Note("page", str(error))))
            await page.route("**/*", answer)
            return await self._shot(page, sitting, errors)
        finally:
            await context.close()

    async def _shot(self, page: Page, sitting: Sitting, errors: list[Note]) -> Picture:
        await page.goto(f"{_ORIGIN}/index.html")
        await page.wait_for_function("window.drawing?.height", timeout=_DRAWN_MS)
        height = int(await page.evaluate("window.drawing.height"))
        if not sitting.kiosk:  # as high as the page: what is outside the window is not always drawn
            await page.set_viewport_size({"width": WIDTH, "height": height})
        await page.wait_for_function("window.drawing.done", timeout=_DRAWN_MS)
        await page.evaluate("document.fonts.ready")
        await page.wait_for_timeout(_SETTLES_MS)
        report = await page.evaluate("window.drawing.report()")
        if sitting.kiosk and height > KIOSK_HEIGHT:
            errors.append(Note("page", f"is {height} px high; a screen has {KIOSK_HEIGHT}"))
        faults = (*errors, *(Note(**fault) for fault in report["faults"]))
        return Picture(await page.screenshot(), faults, tuple(Note(**hint) for hint in report["hints"]))

    async def _answer(self, route: Route, job: Mapping[str, Any]) -> bool:
        """Answer from the built page, or from Prometheus as if it were on the same server; False if neither can."""
        address = urlsplit(route.request.url)
        if address.path.startswith("/api/"):
            query = f"{self._prometheus}{address.path}?{address.query}"
            await route.fulfill(response=await route.fetch(url=query))
        elif address.path == "/job.json":
            await route.fulfill(body=json.dumps(job), content_type="application/json")
        elif (file := _PAGE / address.path.lstrip("/")).is_file():
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            await route.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            return False
        return True


@asynccontextmanager
async def painting(prometheus: str, timezone: str) -> AsyncIterator[Painter]:
    """Start the browser, and end it afterwards.

    Raises:
        MissingProgramError: there is no Chromium.
    """
    path = program("chromium", "chromium-browser", "google-chrome", package="chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield Painter(browser, prometheus, timezone)
        finally:
            await browser.close()
