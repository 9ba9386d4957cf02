"""The engine of the simulation: a clock driven from outside, happenings in their order, and events under way.

An event *happens* at one instant and *arrives* at a later one: most within seconds, some after days, a few twice. What
happens is the business of the parts that a subclass begins with.
"""

import heapq
import math
import random
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from streams.envelope import Event, format_instant

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
SATURDAY = 5
_OPENS, _CLOSES = time(8, 30), time(17, 30)
# Share of the busiest hour at which people come, by local hour: nights are quiet, never silent.
_RHYTHM = (2, 1, 1, 1, 1, 2, 5, 15, 45, 90, 100, 95, 70, 80, 95, 90, 75, 45, 25, 20, 18, 14, 8, 4)
_WEEKEND = 0.12
_PROMPT, _SAME_DAY = 0.95, 0.985
_TWICE = 0.01

Happening = Callable[[int], None]


@dataclass(slots=True)
class Entity:
    """The current state of one simulated entity at its source."""

    type: str
    entity_id: str
    fields: dict[str, Any]
    """What is inside a value is never changed, only replaced: events share it."""
    version: int = 0
    stage: int = 0
    gone: bool = False
    shared: bool = False
    """Whether other runs send it too (a rate, a hotel night): its version is then the time of the change."""


class Simulation:
    """What any simulated organisation needs; see `streams.simulate.organisation.Organisation` for the arguments."""

    def __init__(self, seed: int, start_ms: int, zone: ZoneInfo, *, pace: float = 1.0) -> None:
        if not pace > 0:
            raise ValueError(f"pace `{pace}` is not above 0; use 1 for real life, or more for a denser demo")
        self.random = random.Random(f"{seed}:{start_ms}")  # noqa: S311 - repeatable, not secret
        # Two runs into one topic must not meet in the same entity ids, and the same run must have the same ones.
        self._run = f"{zlib.crc32(f'{seed}:{start_ms}'.encode()):08x}"
        self._start_ms, self.zone, self._target_pace = start_ms, zone, pace
        self.pace = 1.0  # the past went at the pace of life
        self._counters: dict[str, int] = {}
        self._happenings: list[tuple[int, int, Happening]] = []
        self._arrivals: list[tuple[int, int, Event]] = []
        self._sequence = 0
        self._begun = False

    def begin(self, at: int) -> None:
        """Set the first happenings of an organisation whose life, or whose record of it, begins at `at`."""
        raise NotImplementedError

    def history(self, days: int) -> Iterator[Event]:
        """Yield the events of the last `days` days before the start, in order of arrival.

        To be read to its end before `advance`; what is under way at the start then goes on.

        Raises:
            ValueError: The organisation lives already.
        """
        if self._begun:
            raise ValueError("the history comes first: ask for it once, before `advance`")
        self._start_life(self._start_ms - days * DAY)
        for _, event in self.arrivals(self._start_ms):
            yield event
        self._change_pace()

    def advance(self, to_ms: int) -> list[Event]:
        """Return the events that arrive after those of the last call, up to and including `to_ms`, in that order."""
        if not self._begun:
            self._start_life(self._start_ms)
            self._change_pace()
        return [event for _, event in self.arrivals(to_ms)]

    def arrivals(self, to_ms: int) -> Iterator[tuple[int, Event]]:
        """Yield (instant of arrival, event) up to and including `to_ms`; the form of `advance` that tells when."""
        while True:
            happens = self._happenings[0][0]
            if self._arrivals and self._arrivals[0][0] <= min(happens, to_ms):
                at, _, event = heapq.heappop(self._arrivals)
                yield at, event
            elif happens <= to_ms:
                at, _, happening = heapq.heappop(self._happenings)
                happening(at)
            else:
                return

    def _start_life(self, at: int) -> None:
        self._begun = True
        self.begin(at)

    def _change_pace(self) -> None:
        """Bring what is still to happen nearer, so that the pace holds from the first second on."""
        self.pace = self._target_pace
        if self.pace != 1:
            self._happenings = [
                (
                    at if _is_daily(happening) else self._start_ms + int((at - self._start_ms) / self.pace),
                    order,
                    happening,
                )
                for at, order, happening in self._happenings
            ]
            heapq.heapify(self._happenings)

    # ------------------------------------------------------------------------------------------------------------- time

    def local(self, at: int) -> datetime:
        """Return the local date and time of an instant."""
        return datetime.fromtimestamp(at / 1000, self.zone)

    def schedule(self, at: int, happening: Happening) -> None:
        """Let it happen at `at`."""
        self._sequence += 1
        heapq.heappush(self._happenings, (at, self._sequence, happening))

    def every_day(self, after: int, local_time: time, happening: Callable[[int, date], None]) -> None:
        """Let it happen at that local time of every day after `after`; no pace brings it nearer."""
        day = self.local(after).date()
        at = self.clock(day, local_time)
        while at <= after:
            day += timedelta(days=1)
            at = self.clock(day, local_time)
        self.schedule(at, _Daily(self, day, local_time, happening))

    def stream(self, at: int, an_office_hour: float, happening: Happening) -> None:
        """Let it happen so many times in a busy hour: a Poisson stream thinned to the rhythm of the day."""
        self.schedule(at, _Stream(self, an_office_hour, happening))

    def clock(self, day: date, local_time: time) -> int:
        """Return the instant of a local time."""
        return int(datetime.combine(day, local_time, self.zone).timestamp()) * 1000

    def in_office(self, at: int) -> int:
        """Return `at`, moved into the morning of the next working day when nobody is at work then."""
        if self.pace != 1:
            return at
        local = self.local(at)
        day = local.date()
        if day.weekday() < SATURDAY and _OPENS <= local.time() < _CLOSES:
            return at
        if day.weekday() >= SATURDAY or local.time() >= _CLOSES:
            day += timedelta(days=1)
        while day.weekday() >= SATURDAY:
            day += timedelta(days=1)
        return self.clock(day, _OPENS) + int(self.random.random() ** 2 * 3 * HOUR)

    # ----------------------------------------------------------------------------------------------------------- chance

    def chance(self, probability: float) -> bool:
        """Return True with that probability."""
        return self.random.random() < probability

    def pick(self, weights: Mapping[str, int]) -> str:
        """Draw one of the keys, by their weights."""
        return self.random.choices(list(weights), list(weights.values()))[0]

    def around(self, median_ms: float, spread: float = 0.9) -> int:
        """Draw a duration: log-normal, as waiting times at work are."""
        return max(1, int(median_ms * math.exp(self.random.gauss(0.0, spread))))

    def later(self, at: int, median_days: float) -> int:
        """Draw an office hour about so many days later, sooner at a higher pace."""
        return self.in_office(at + max(1, int(self.around(median_days * DAY) / self.pace)))

    # ---------------------------------------------------------------------------------------------------------- sending

    def new(self, kind: str, letter: str, fields: dict[str, Any]) -> Entity:
        """Make an entity whose id no other run uses."""
        number = self._counters[kind] = self._counters.get(kind, 0) + 1
        return self.named(kind, f"{letter}-{number:06d}", fields)

    def named(self, kind: str, name: str, fields: dict[str, Any]) -> Entity:
        """Make an entity with a name that is unique within this run."""
        letter, _, rest = name.partition("-")
        return Entity(kind, f"{letter}-{self._run}-{rest}", fields)

    def put(self, entity: Entity, at: int, lag: int | None = None) -> None:
        """Send the whole entity as of `at`; it arrives after `lag` milliseconds, or whenever it may be."""
        self._send(entity, at, "put", dict(entity.fields), lag)

    def patch(self, entity: Entity, at: int, **changes: Any) -> None:
        """Change fields, and send only those."""
        entity.fields |= changes
        self._send(entity, at, "patch", changes, None)

    def delete(self, entity: Entity, at: int) -> None:
        """Take the entity away."""
        entity.gone = True
        self._send(entity, at, "delete", None, None)

    def _send(self, entity: Entity, at: int, op: str, fields: dict[str, Any] | None, lag: int | None) -> None:
        entity.version = at * 1000 if entity.shared else entity.version + 1
        event: Event = {
            "event_id": str(uuid.UUID(int=self.random.getrandbits(128), version=4)),
            "type": entity.type,
            "entity_id": entity.entity_id,
            "op": op,
            "version": entity.version,
            "updated_at": format_instant(at),
        }
        if fields is not None:
            event["data"] = fields
        event["source"] = "simulator"
        arrives = at + (self._lag() if lag is None else lag)
        self._deliver(arrives, event)
        if self.chance(_TWICE):
            self._deliver(arrives + self.random.randint(5 * SECOND, 10 * MINUTE), event)

    def _lag(self) -> int:
        """Draw how long an event is under way: seconds as a rule, now and then hours or days."""
        draw = self.random.random()
        if draw < _PROMPT:
            return self.random.randint(50, 3 * SECOND)
        if draw < _SAME_DAY:
            return self.random.randint(1 * HOUR, 9 * HOUR)
        return self.random.randint(1 * DAY, 4 * DAY)

    def _deliver(self, at: int, event: Event) -> None:
        self._sequence += 1
        heapq.heappush(self._arrivals, (at, self._sequence, event))


@dataclass(frozen=True, slots=True)
class _Daily:
    """A happening of every local day, which no pace brings nearer."""

    simulation: Simulation
    day: date
    local_time: time
    happening: Callable[[int, date], None]

    def __call__(self, at: int) -> None:
        """Let it happen, and set the one of the next day."""
        self.happening(at, self.day)
        self.simulation.every_day(at, self.local_time, self.happening)


@dataclass(frozen=True, slots=True)
class _Stream:
    """A happening that comes again and again."""

    simulation: Simulation
    an_office_hour: float
    happening: Happening

    def __call__(self, at: int) -> None:
        """Set the next chance, and let it happen if it is the hour for it; in a paced organisation it always is."""
        simulation = self.simulation
        gap = simulation.random.expovariate(self.an_office_hour * simulation.pace / HOUR)
        simulation.schedule(at + max(1, int(gap)), self)
        local = simulation.local(at)
        share = _RHYTHM[local.hour] / 100 * (_WEEKEND if local.weekday() >= SATURDAY else 1.0)
        if simulation.pace != 1 or simulation.chance(share):
            self.happening(at)


def _is_daily(happening: Happening) -> bool:
    return isinstance(happening, _Daily)
