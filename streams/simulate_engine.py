"""The engine of the simulation: a clock driven from outside, happenings in their order, and events under way.

An event *happens* at one instant and *arrives* at a later one: most within seconds, some after days, a few twice. What
happens is the business of the subclass.
"""

import heapq
import math
import random
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from streams.envelope import Event, format_instant

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
SATURDAY = 5
_OPENS, _CLOSES = time(8, 30), time(17, 30)
_PROMPT, _SAME_DAY = 0.95, 0.985
_TWICE = 0.01

Happening = Callable[[int], None]


@dataclass(slots=True)
class Entity:
    """The current state of one simulated entity at its source."""

    type: str
    entity_id: str
    fields: dict[str, Any]
    version: int = 0
    stage: int = 0
    gone: bool = False


class Simulation:
    """What any simulated organisation needs; see `streams.simulate.Organisation` for the arguments."""

    def __init__(self, seed: int, start_ms: int, zone: ZoneInfo, *, pace: float = 1.0) -> None:
        if not pace > 0:
            raise ValueError(f"pace `{pace}` is not above 0; use 1 for real life, or more for a denser demo")
        self._random = random.Random(f"{seed}:{start_ms}")  # noqa: S311 - repeatable, not secret
        # Two runs into one topic must not meet in the same entity ids, and the same run must have the same ones.
        self._run = f"{zlib.crc32(f'{seed}:{start_ms}'.encode()):08x}"
        self._start_ms, self._zone, self._target_pace = start_ms, zone, pace
        self._pace = 1.0  # the past went at the pace of life
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
        self._pace = self._target_pace
        if self._pace != 1:
            self._happenings = [
                (
                    at if _is_daily(happening) else self._start_ms + int((at - self._start_ms) / self._pace),
                    order,
                    happening,
                )
                for at, order, happening in self._happenings
            ]
            heapq.heapify(self._happenings)

    def _local(self, at: int) -> datetime:
        return datetime.fromtimestamp(at / 1000, self._zone)

    def _schedule(self, at: int, happening: Happening) -> None:
        self._sequence += 1
        heapq.heappush(self._happenings, (at, self._sequence, happening))

    def _every_day(self, after: int, local_time: time, happening: Callable[[int, date], None]) -> None:
        day = self._local(after).date()
        at = self._at(day, local_time)
        while at <= after:
            day += timedelta(days=1)
            at = self._at(day, local_time)
        self._schedule(at, _Daily(self, day, local_time, happening))

    def _at(self, day: date, local_time: time) -> int:
        return int(datetime.combine(day, local_time, self._zone).timestamp()) * 1000

    def _in_office(self, at: int) -> int:
        """Return `at`, moved into the morning of the next working day when nobody is at work then."""
        if self._pace != 1:
            return at
        local = self._local(at)
        day = local.date()
        if day.weekday() < SATURDAY and _OPENS <= local.time() < _CLOSES:
            return at
        if day.weekday() >= SATURDAY or local.time() >= _CLOSES:
            day += timedelta(days=1)
        while day.weekday() >= SATURDAY:
            day += timedelta(days=1)
        return self._at(day, _OPENS) + int(self._random.random() ** 2 * 3 * HOUR)

    # ----------------------------------------------------------------------------------------------------------- chance

    def _chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def _pick(self, weights: Mapping[str, int]) -> str:
        return self._random.choices(list(weights), list(weights.values()))[0]

    def _around(self, median_ms: float, spread: float = 0.9) -> int:
        """Draw a duration: log-normal, as waiting times at work are."""
        return max(1, int(median_ms * math.exp(self._random.gauss(0.0, spread))))

    def _stage_time(self, at: int, median_days: float) -> int:
        return self._in_office(at + max(1, int(self._around(median_days * DAY) / self._pace)))

    # ---------------------------------------------------------------------------------------------------------- sending

    def _new(self, kind: str, letter: str, fields: dict[str, Any]) -> Entity:
        number = self._counters[kind] = self._counters.get(kind, 0) + 1
        return Entity(kind, f"{letter}-{self._run}-{number:06d}", fields)

    def _put(self, entity: Entity, at: int, lag: int | None = None) -> None:
        self._send(entity, at, "put", deepcopy(entity.fields), lag)

    def _patch(self, entity: Entity, at: int, **changes: Any) -> None:
        entity.fields |= changes
        self._send(entity, at, "patch", deepcopy(changes), None)

    def _delete(self, entity: Entity, at: int) -> None:
        entity.gone = True
        self._send(entity, at, "delete", None, None)

    def _send(self, entity: Entity, at: int, op: str, fields: dict[str, Any] | None, lag: int | None) -> None:
        entity.version += 1
        event: Event = {
            "event_id": str(uuid.UUID(int=self._random.getrandbits(128), version=4)),
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
        if self._chance(_TWICE):
            self._deliver(arrives + self._random.randint(5 * SECOND, 10 * MINUTE), deepcopy(event))

    def _lag(self) -> int:
        """Draw how long an event is under way: seconds as a rule, now and then hours or days."""
        draw = self._random.random()
        if draw < _PROMPT:
            return self._random.randint(50, 3 * SECOND)
        if draw < _SAME_DAY:
            return self._random.randint(1 * HOUR, 9 * HOUR)
        return self._random.randint(1 * DAY, 4 * DAY)

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
        self.simulation._every_day(at, self.local_time, self.happening)  # noqa: SLF001 - a part of it


def _is_daily(happening: Happening) -> bool:
    return isinstance(happening, _Daily)
