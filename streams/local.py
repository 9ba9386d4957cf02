"""The embedded mode: the whole computation in one process, without Kafka, fed by a simulated organisation."""

import asyncio
import gc
from collections.abc import Iterator
from itertools import islice
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry

from metrics.embedded import Embedded
from metrics.plan import Plan
from metrics.view import Progress, View
from streams.board import tick_histogram
from streams.clock import Clock
from streams.contributors import EntitiesPage, Question, ask_shards
from streams.envelope import Event, parse_instant
from streams.feed import Feed
from streams.simulate.organisation import Organisation

BEAT_SECONDS = 0.5
_SECOND_MS = 1_000
_SLICE = 2_000
"""A slice takes about a tenth of a second; smaller ones would write the same cells more often."""
_BREATH_SECONDS = 0.005
"""Between two slices there is time to answer a whole request."""
_DAY_MS = 86_400_000
_LATE_MS = 5_000


def feed(embedded: Embedded, events: list[Event], written_ms: int) -> None:
    """Apply `events` as if written at `written_ms`, and say how far the sources are, as a worker would."""
    embedded.apply(events, written_ms)
    for i, shard in enumerate(embedded.shards):
        embedded.view.progress[i] = Progress(shard.now, written_ms, shard.watermarks)


class Demo:
    """A simulated organisation, its history and its life, as a board that can be served from the first moment on."""

    def __init__(self, plan: Plan, clock: Clock, *, seed: int = 1, pace: float = 1.0, days: int = 75) -> None:
        """Begin with nothing loaded; `run` does the rest."""
        self._clock = clock
        start_ms = clock()
        self._begins_ms, self._days = start_ms - days * _DAY_MS, days
        self._embedded = Embedded(plan, start_ms)
        self._organisation = Organisation(seed, start_ms, ZoneInfo(str(plan.calendar.zone)), pace=pace)
        self._loading: str | None = "loading the history"
        self.feed = Feed()
        self.registry = CollectorRegistry()
        self._ticks = tick_histogram(self.registry)

    @property
    def view(self) -> View:
        """The readings."""
        return self._embedded.view

    def ready(self) -> tuple[bool, str]:
        """Return whether the history is loaded and the readings follow the clock."""
        if self._loading is not None:
            return False, self._loading
        behind = self._clock() - (self.view.as_of or 0)
        if behind > _LATE_MS:
            return False, f"the last evaluation was {behind / 1000:.0f} s ago"
        if behind < -_LATE_MS:
            return False, f"the clock was put back by {-behind / 1000:.0f} s; start the demo again"
        return True, "live"

    async def entities(self, question: Question) -> EntitiesPage:
        """Return the entities that make up a reading."""
        return await ask_shards(self._embedded.shards, self.view, question)

    async def run(self, stopped: asyncio.Event) -> None:
        """Load the history in slices, then live on until `stopped` is set."""
        if self._days:
            await self._load_history(stopped)
        self._loading = None
        while not stopped.is_set():
            self._beat()
            wait = BEAT_SECONDS - self._clock() % int(BEAT_SECONDS * 1000) / 1000
            try:
                await asyncio.wait_for(stopped.wait(), wait)
            except TimeoutError:
                continue

    async def _load_history(self, stopped: asyncio.Event) -> None:
        gc.disable()  # what is loaded stays: collections would only look at it again and again
        try:
            for events in _slices(self._organisation.history(self._days)):
                if stopped.is_set():
                    return
                feed(self._embedded, events, self._clock())
                share = (parse_instant(events[-1]["updated_at"]) - self._begins_ms) / (self._days * _DAY_MS)
                self._loading = f"loading the history of {self._days} days: {share:.0%}"
                await asyncio.sleep(_BREATH_SECONDS)
        finally:
            gc.enable()

    def _beat(self) -> None:
        """Let happen what is due, and evaluate once a second, on the whole second."""
        now = self._clock()
        events = self._organisation.advance(now)
        feed(self._embedded, events, now)
        as_of = now // _SECOND_MS * _SECOND_MS
        if self.view.as_of is None or as_of > self.view.as_of:
            with self._ticks.time():
                self.feed.tell(self.view, self._embedded.tick(as_of))


def _slices(events: Iterator[Event]) -> Iterator[list[Event]]:
    while piece := list(islice(events, _SLICE)):
        yield piece
