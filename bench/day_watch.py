"""What is seen of an installation during a simulated day: memory, lag, flushes, and every evaluation."""

import asyncio
import re
from dataclasses import dataclass, field

import msgspec
from aiohttp import ClientSession, ClientTimeout

from bench.children import Child
from bench.day_form import DayClock, Form
from config.settings import Settings
from metrics.calendar import parse_instant

_SAMPLE_SECONDS = 1.0
_SCRAPE_SECONDS = 5.0
"""As often as a Prometheus in a hurry asks a view for everything."""
_AGEING = "kpi=lead_waiting_age_max&by=&window=now"
"""A reading that grows older with every evaluation: who follows it hears of each."""
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one moment.

    Attributes:
        second: real seconds since the day began.
        worker_bytes: resident memory of the worker.
        view_bytes: resident memory of the view.
        lag: events that were written and not applied.
        flush_age: seconds since the last flush of the shard that waits longest.
    """

    second: float
    worker_bytes: int
    view_bytes: int
    lag: int
    flush_age: float


@dataclass(frozen=True, slots=True)
class Tick:
    """One evaluation, in real seconds: when a client had its readings, and the instant that they are as of."""

    seen: float
    as_of: float

    @property
    def late(self) -> float:
        """How long after its instant a client had it."""
        return self.seen - self.as_of


@dataclass
class Seen:
    """All that was seen."""

    samples: list[Sample] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    tick_seconds: list[float] = field(default_factory=list)
    """The mean duration of the evaluations between two scrapes."""
    applied: int = 0
    """Events that were applied, as the worker counts them."""
    refused: int = 0
    """Events with any other outcome."""


class Watch:
    """Follows one worker and one view."""

    def __init__(self, form: Form, clock: DayClock, settings: Settings, worker: Child, view: Child) -> None:
        """Begin with nothing seen."""
        self.seen = Seen()
        self._form, self._clock = form, clock
        self._worker, self._view = worker, view
        self._worker_url = f"http://127.0.0.1:{settings.worker_http_port}"
        self._view_url = f"http://127.0.0.1:{settings.http_port}"
        self._ticked = 0.0, 0.0

    async def until_over(self) -> None:
        """Watch until the day is over.

        Raises:
            ChildError: one of the two ended.
        """
        async with ClientSession(timeout=ClientTimeout(total=None, sock_connect=10)) as session:
            tasks = [
                asyncio.ensure_future(self._sample_for_ever(session)),
                asyncio.ensure_future(self._scrape_for_ever(session)),
                asyncio.ensure_future(self._follow(session)),
            ]
            left = self._form.real_seconds - self._clock.real_second
            done, pending = await asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
            for task in done:
                task.result()  # raises what ended it

    async def count(self) -> None:
        """Take the worker's count of events."""
        async with ClientSession() as session:
            text = await self._text(session, f"{self._worker_url}/metrics")
        self.seen.applied = round(_sum(text, r'salespulse_events_total\{outcome="applied"[^}]*\}'))
        self.seen.refused = round(_sum(text, r"salespulse_events_total\{[^}]*\}")) - self.seen.applied

    async def readings(self) -> set[str]:
        """Return the samples of all KPIs that the view shows now, as lines."""
        async with ClientSession() as session:
            return samples_in(await self._text(session, f"{self._view_url}/metrics"))

    async def _sample_for_ever(self, session: ClientSession) -> None:
        while True:
            text = await self._text(session, f"{self._worker_url}/metrics")
            self.seen.samples.append(
                Sample(
                    round(self._clock.real_second, 3),
                    self._worker.resident_bytes(),
                    self._view.resident_bytes(),
                    round(_sum(text, r"salespulse_consumer_lag\{[^}]*\}")),
                    max(_values(text, r"salespulse_flush_age_seconds\{[^}]*\}"), default=0.0),
                )
            )
            await asyncio.sleep(_SAMPLE_SECONDS)

    async def _scrape_for_ever(self, session: ClientSession) -> None:
        while True:
            text = await self._text(session, f"{self._view_url}/metrics")
            seconds, count = _sum(text, "salespulse_tick_seconds_sum"), _sum(text, "salespulse_tick_seconds_count")
            before_seconds, before_count = self._ticked
            if count > before_count:
                self.seen.tick_seconds.append((seconds - before_seconds) / (count - before_count))
            self._ticked = seconds, count
            await asyncio.sleep(_SCRAPE_SECONDS)

    async def _follow(self, session: ClientSession) -> None:
        async with session.get(f"{self._view_url}/api/v1/stream?{_AGEING}") as response:
            name = b""
            async for line in response.content:
                if line.startswith(b"event: "):
                    name = line[7:].strip()
                elif name == b"changes" and line.startswith(b"data: "):
                    as_of = parse_instant(_decode(line[6:])["as_of"]) / 1000 - self._form.begins
                    self.seen.ticks.append(Tick(self._clock.real_second, as_of / self._form.speed))
        raise self._view.error("ended the stream")

    async def _text(self, session: ClientSession, url: str) -> str:
        for child in (self._worker, self._view):
            if not child.running:
                raise child.error("ended during the day")
        async with session.get(url) as response:
            return await response.text()


def samples_in(text: str) -> set[str]:
    """Return the samples of KPIs in a page of metrics."""
    return {line for line in text.splitlines() if line.startswith("sales_")}


def _values(text: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf"^{name} (\S+)$", text, re.MULTILINE)]


def _sum(text: str, name: str) -> float:
    return sum(_values(text, name))
