"""The past for the pictures: a simulated organisation's readings over some days, as Prometheus would have scraped them.

They are computed with the code of the embedded mode, at one instant after another, from the events that had arrived by
then. So the curves are those of a service that was running all the time.
"""

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, NamedTuple

from grafana.render.life import Life
from grafana.render.monitor import Monitor
from grafana.render.moved import DAY_MS
from grafana.render.programs import program
from metrics.embedded import Embedded
from metrics.exposition import ReadingsCollector
from metrics.plan import Plan
from streams.envelope import Event, parse_instant
from streams.local import feed

_MINUTE_MS = 60_000
DAYS = 8
"""How far the readings go back: dashboards compare with a week ago."""
LOOKBACK_SECONDS = 61 * 60
"""For how long Prometheus must take a value of this past to hold: a little longer than its points are apart."""

_COARSE_MS = 60 * _MINUTE_MS
_FINE_DAYS, _FINE_MS = 2, 10 * _MINUTE_MS
_METRIC = re.compile(r"\bsales_[a-z0-9_]+")
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def metrics_named(texts: Iterable[str]) -> frozenset[str]:
    """Return the metrics of KPIs that dashboards and rules name; nobody asks for the past of the others."""
    return frozenset(chain.from_iterable(_METRIC.findall(text) for text in texts))


class Kept(NamedTuple):
    """Which samples of the past are kept."""

    metrics: frozenset[str]
    labels: dict[str, str]
    """What Prometheus adds to each sample when it scrapes."""


def write_readings(plan: Plan, life: Life, kept: Kept, out: IO[str], told: Callable[[float], None]) -> None:
    """Write the readings of the days before the present as OpenMetrics with timestamps.

    Args:
        plan: what is computed.
        life: whose events.
        kept: what to write.
        out: an open text file.
        told: told the share that is done.
    """
    events, now = life.events, life.now
    embedded = Embedded(plan, parse_instant(events[0]["updated_at"]))
    collector = ReadingsCollector(embedded.view)
    arrived = _Arrivals(events)
    for at in _instants(now):
        feed(embedded, arrived.until(at), at)
        embedded.tick(at)
        out.writelines(_samples(collector, kept, at))
        told((at - now) / (DAYS * DAY_MS) + 1)
    out.write("# EOF\n")


def write_recordings(monitor: Monitor, now: int, out: IO[str]) -> None:
    """Write what the recording rules would have said over the last days, as above.

    Args:
        monitor: a running one that knows the readings of these days.
        now: milliseconds since the epoch; the last instant.
        out: an open text file.
    """
    end = now // 1000
    for series in monitor.recorded(end - _FINE_DAYS * DAY_MS // 1000, end, _FINE_MS // 1000):
        labels = dict(series.labels)
        named = _named(labels.pop("__name__"), labels)
        out.writelines(f"{named} {value} {at}\n" for at, value in series.samples)
    out.write("# EOF\n")


def make_blocks(openmetrics: Path, folder: Path) -> None:
    """Add Prometheus' blocks of a file to those in a folder, and take the file away.

    Raises:
        MissingProgramError: there is no promtool.
        subprocess.CalledProcessError: promtool does not take it; its `stderr` says why.
    """
    longest = "--max-block-duration=256h"  # it reads the file once for each block
    create = [program("promtool", package="prometheus"), "tsdb", "create-blocks-from", longest, "openmetrics"]
    subprocess.run([*create, str(openmetrics), str(folder)], check=True, capture_output=True, text=True)
    openmetrics.unlink()


class _Arrivals:
    """Events in order of arrival, to be taken by time: one has arrived when all updates before it have."""

    def __init__(self, events: list[Event]) -> None:
        self._events = iter(events)
        self._next = next(self._events, None)

    def until(self, at: int) -> list[Event]:
        """Return those that have arrived before `at`, and were not returned yet."""
        found = []
        while self._next is not None and parse_instant(self._next["updated_at"]) < at:
            found.append(self._next)
            self._next = next(self._events, None)
        return found


def _instants(now: int) -> Iterator[int]:
    yield from range(now - DAYS * DAY_MS, now - _FINE_DAYS * DAY_MS, _COARSE_MS)
    yield from range(now - _FINE_DAYS * DAY_MS, now + 1, _FINE_MS)


def _samples(collector: ReadingsCollector, kept: Kept, at: int) -> Iterator[str]:
    for family in collector.collect():
        if family.name in kept.metrics:
            for name, labels, value, *_ in family.samples:
                yield f"{_named(name, labels | kept.labels)} {value} {at / 1000}\n"


def _named(name: str, labels: dict[str, str]) -> str:
    pairs = (f'{key}="{value.translate(_ESCAPES)}"' for key, value in labels.items())
    return f"{name}{{{','.join(pairs)}}}"
