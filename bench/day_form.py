"""What a day in the benchmark is like: how long, how fast time goes by, how many events, and when there are more."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

MIDNIGHT_AT = 0.75
"""The part of the day that is over at local midnight, so that days change however short it is."""
BURST_AT = 0.3
"""The part of the day that is over when the burst begins: half of the time is left to judge what comes after."""
SETTLING_SECONDS = 86_400.0
"""The company's places are filled with events of so long before the day."""


@dataclass(frozen=True)
class Form:
    """One day.

    Attributes:
        hours: how long it is, simulated.
        rate: events a simulated second.
        speed: simulated seconds that go by in a real one.
        burst: how many times the rate the burst has.
        burst_minutes: how long it is, simulated.
        entities: places of the company.
        begins: its first instant, in seconds since the epoch.
        begun: a file that holds the monotonic time of the day's begin, once it has begun.
    """

    hours: float
    rate: float
    speed: float
    burst: float
    burst_minutes: float
    entities: int
    begins: float
    begun: str

    @property
    def seconds(self) -> float:
        """How long it is, in simulated seconds."""
        return self.hours * 3600

    @property
    def ends(self) -> float:
        """The first instant after it, in seconds since the epoch: a whole one."""
        return self.begins + self.seconds

    @property
    def real_seconds(self) -> float:
        """How long it takes."""
        return self.seconds / self.speed

    @property
    def burst_begins(self) -> float:
        """When the burst begins, in simulated seconds of the day."""
        return BURST_AT * self.seconds

    @property
    def burst_ends(self) -> float:
        """When it ends."""
        return self.burst_begins + 60 * self.burst_minutes

    def rate_at(self, second: float) -> float:
        """Return how many events there are in a simulated second of the day."""
        return self.rate * (self.burst if self.burst_begins <= second < self.burst_ends else 1)

    def instants(self, first: float, last: float) -> Iterator[float]:
        """Yield the instants of the events from second `first` of the day up to `last`, exclusive."""
        count = round((last - first) * self.rate_at(first))
        for number in range(count):
            yield self.begins + first + (last - first) * number / count


def begin_before_now(hours: float, zone: str) -> float:
    """Return when a day begins that is over now and in which a local midnight lies, in seconds since the epoch."""
    now = datetime.now(ZoneInfo(zone))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    while midnight + timedelta(hours=(1 - MIDNIGHT_AT) * hours) > now:
        midnight -= timedelta(days=1)
    return (midnight - timedelta(hours=MIDNIGHT_AT * hours)).timestamp() // 1


class DayClock:
    """The simulated time: it stands still before the day, goes at its speed, and stands still after it."""

    def __init__(self, form: Form) -> None:
        """Look for the day's begin from now on."""
        self._form = form
        self._begun: float | None = None

    def begin(self) -> None:
        """Begin the day, for everybody who has the form."""
        Path(self._form.begun).write_text(repr(time.monotonic()))

    @property
    def real_second(self) -> float:
        """How many real seconds of the day are over; below 0 before it begins."""
        if self._begun is None:
            try:
                self._begun = float(Path(self._form.begun).read_text())
            except (FileNotFoundError, ValueError):  # not begun, or being written
                return -1.0
        return time.monotonic() - self._begun

    @property
    def second(self) -> float:
        """How many simulated seconds of the day are over."""
        return min(self._form.seconds, max(0.0, self.real_second * self._form.speed))

    def __call__(self) -> int:
        """Return the simulated time in milliseconds since the epoch."""
        return int((self._form.begins + self.second) * 1000)
