"""What one seed does, as a pure function of the seed: feed, declarations, programs and faults."""

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.chaos.faults import FULL, SHORT, Draw, Extent, Lanes, seconds_of
from tests.chaos.feed import Feed

CLOCK = "2026-11-01T12:00:00Z"
CLOCK_MS = 1_793_534_400_000
PARTITIONS = 8
CHANGE_SECONDS = 8.0
"""About how long it takes to end all programs and to start them with other declarations."""
Declared = Literal["shipped", "more", "fewer"]
DECLARED: dict[Declared, dict[str, Any]] = {
    "shipped": {},
    "more": {"catalogue": (Path(__file__).with_name("extra.yaml"),)},
    "fewer": {"groups_off": ("speed", "pipeline")},
}
"""The settings that choose the declarations."""
_ALIKE: tuple[tuple[Declared, ...], ...] = (("shipped",), ("shipped",), ("shipped",), ("more",))
_CHANGES: tuple[tuple[Declared, ...], ...] = (
    ("shipped", "more"),
    ("fewer", "shipped"),
    ("more", "fewer"),
    ("shipped", "fewer"),
)


@dataclass(frozen=True, slots=True)
class Act:
    """A time with the same declarations."""

    declared: Declared
    workers: int
    lanes: Lanes


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens.

    Attributes:
        seed: where all of it comes from.
        feed: the events.
        views: how many views there are.
        acts: one, or two with other declarations in the second.
        gently: whether all programs end by SIGTERM between two acts, rather than by SIGKILL.
    """

    seed: int
    feed: Feed
    views: int
    acts: tuple[Act, ...]
    gently: bool

    @property
    def rate(self) -> float:
        """Events a second such that the last ones come when the faults are over."""
        return self.feed.events / (sum(seconds_of(act.lanes) for act in self.acts) + CHANGE_SECONDS * len(self.acts))

    @property
    def faults(self) -> Counter[str]:
        """How many faults of each kind there are."""
        return Counter(f.kind for act in self.acts for faults in act.lanes.values() for f in faults)


def scenario(seed: int, events: int, *, short: bool = False) -> Scenario:
    """Draw what happens in a run.

    Every third seed changes the declarations half-way; three feeds are shared by the seeds, so that each needs to be
    recomputed once only; half of the seeds have their events out of order, with duplicates and astray.
    """
    draw = random.Random(seed)
    feed = Feed(mix=1 + seed // 3 % 3, events=events, shuffled=draw.random() < 0.5)
    changes = seed % 3 == 0 and not short
    declared = draw.choice(_CHANGES if changes else _ALIKE)
    views = 2 if short else draw.randint(1, 2)
    acts = tuple(_act(draw, one, views, _extent(short=short, parts=len(declared))) for one in declared)
    return Scenario(seed, feed, views, acts, gently=draw.random() < 0.5)


def _act(draw: random.Random, declared: Declared, views: int, extent: Extent) -> Act:
    workers = draw.randint(1, 3)
    return Act(declared, workers, Draw(draw, extent).lanes(workers, views))


def _extent(*, short: bool, parts: int) -> Extent:
    if short or parts == 1:
        return SHORT if short else FULL
    return FIRST_AND_SECOND


FIRST_AND_SECOND = Extent(3, 2, 1, 1, 1, FULL.pause, FULL.away, FULL.stopped, FULL.frozen, FULL.silent)
"""What each of two acts has: somewhat more than half of a run with one."""
