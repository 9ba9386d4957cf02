"""Which faults come when: drawn from a seed, in lanes that overlap; within a lane one comes after the other."""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "worker killed",
    "worker terminated",
    "worker leaves",
    "worker joins",
    "worker stopped",
    "broker killed",
    "broker frozen",
    "view killed",
    "view stopped",
    "redis restarted",
]
Span = tuple[float, float]
WORKER_SLOTS = 3
OWN_SECONDS = 2.0
"""About how long a fault takes besides what it waits: a program starts, or ends in good order."""
BROKER_SECONDS = 8.0
"""As `OWN_SECONDS`, of a broker, with others that want the same processor."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: so many seconds after the one before it in its lane, for so many seconds."""

    kind: Kind
    after: float
    lasting: float


Lanes = Mapping[str, tuple[Fault, ...]]
"""By the program that suffers: `worker-1` … `worker-3`, `view-1`, `view-2`, `broker`, `redis`."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How many faults of each kind there are, and how long they last, in seconds.

    Attributes:
        workers: faults of each place for a worker.
        views: faults of all views together.
        redis: restarts of Redis.
        kills: the broker is killed so often.
        freezes: the broker is frozen so often.
        pause: from one fault of a lane to the next.
        away: how long what was ended stays away.
        stopped: how long a worker is stopped: longer than its session, which is 10 s.
        frozen: how long a frozen broker stays so.
        silent: how long a view is stopped: longer than its lease, which is 5 s.
    """

    workers: int
    views: int
    redis: int
    kills: int
    freezes: int
    pause: Span
    away: Span
    stopped: Span
    frozen: Span
    silent: Span


FULL = Extent(5, 4, 2, 2, 1, (2.0, 8.0), (0.0, 6.0), (12.0, 16.0), (30.0, 30.0), (6.0, 12.0))
SHORT = Extent(2, 2, 1, 1, 1, (0.2, 1.0), (0.0, 1.0), (11.0, 11.5), (3.0, 3.0), (5.5, 6.0))
_OF_A_WORKER: tuple[Kind, ...] = ("worker killed", "worker terminated", "worker stopped", "worker leaves")


class Draw:
    """Draws faults of an extent."""

    def __init__(self, draw: random.Random, extent: Extent) -> None:
        self._random = draw
        self._extent = extent

    def lanes(self, workers: int, views: int) -> Lanes:
        """Return the faults of an installation that begins with so many workers and has so many views."""
        extent = self._extent
        lanes = {f"worker-{n}": tuple(self._worker(n, present=n <= workers)) for n in range(1, WORKER_SLOTS + 1)}
        shares = Counter(n % views for n in range(extent.views))
        lanes |= {f"view-{n + 1}": tuple(self._view() for _ in range(shares[n])) for n in range(views)}
        kinds: tuple[tuple[Kind, int], ...] = (("broker killed", extent.kills), ("broker frozen", extent.freezes))
        broker = [kind for kind, times in kinds for _ in range(times)]
        self._random.shuffle(broker)
        lanes["broker"] = tuple(self._one(kind) for kind in broker)
        lanes["redis"] = tuple(self._one("redis restarted") for _ in range(extent.redis))
        return lanes

    def _worker(self, number: int, *, present: bool) -> Iterator[Fault]:
        """Yield the faults of a place for a worker; the first one is never left for long."""
        kinds = _OF_A_WORKER[:-1] if number == 1 else _OF_A_WORKER
        for _ in range(self._extent.workers):
            kind: Kind = self._random.choice(kinds) if present else "worker joins"
            present = kind != "worker leaves"
            yield self._one(kind)

    def _view(self) -> Fault:
        return self._one(self._random.choice(("view killed", "view stopped")))

    def _one(self, kind: Kind) -> Fault:
        extent = self._extent
        spans: dict[Kind, Span] = {
            "worker stopped": extent.stopped,
            "broker frozen": extent.frozen,
            "view stopped": extent.silent,
            "worker joins": (0.0, 0.0),
            "worker leaves": (0.0, 0.0),
        }
        return Fault(kind, self._random.uniform(*extent.pause), self._random.uniform(*spans.get(kind, extent.away)))


def seconds_of(lanes: Lanes) -> float:
    """Return about how long the faults of the longest lane take."""
    return max(
        sum(f.after + f.lasting + (BROKER_SECONDS if lane == "broker" else OWN_SECONDS) for f in faults)
        for lane, faults in lanes.items()
    )
