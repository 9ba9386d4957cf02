"""What is served: a view, kept up to date by whoever owns it, what changed, and whether it is fresh."""

from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram

from metrics.view import View
from streams.contributors import EntitiesPage, Question
from streams.feed import Feed
from streams.web_parts import Health

_TICK_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def tick_histogram(registry: CollectorRegistry) -> Histogram:
    """Return where a board puts how long its evaluations take."""
    return Histogram(
        "salespulse_tick_seconds", "How long an evaluation takes.", buckets=_TICK_SECONDS, registry=registry
    )


class Board(Health, Protocol):
    """The readings of an installation, or of the embedded mode."""

    @property
    def view(self) -> View:
        """The readings; it may be another one after a start from the beginning."""
        ...

    @property
    def feed(self) -> Feed:
        """What changed at the last ticks."""
        ...

    @property
    def registry(self) -> CollectorRegistry:
        """What there is to measure about the process itself; `/metrics` shows it beside the readings."""
        ...

    async def entities(self, question: Question) -> EntitiesPage:
        """Return the entities that make up a reading.

        Raises:
            WorkersUnreachableError: not every shard can be asked now.
        """
        ...
