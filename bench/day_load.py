"""The events of a simulated day: ``python -m bench.day_load FORM STATES``.

It fills the company's places, says `filled`, waits for a line on its standard input, and then produces at the day's
pace. At the end it writes what still counts to the file STATES, and a line of JSON.
"""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from bench.day_form import SETTLING_SECONDS, DayClock, Form
from bench.mix import Wire
from bench.population import EVENTS_AN_ENTITY, Population
from config.load import load
from config.settings import Settings
from metrics.partitions import home_partition
from streams.kafka import client_options, send_batches

_STEP_SECONDS = 0.1
_PIECE = 10_000
_LAST_SECONDS = 1.0
"""Real seconds before the end of the day that have no events, so that all of them are before its end everywhere."""


class _Load:
    def __init__(self, form: Form, settings: Settings) -> None:
        self._form = form
        self._company = Population(form.entities)
        self._clock = DayClock(form)
        self._settings = settings
        self._topics = {key: settings.input_topic(source.topic) for key, source in load().sources.items()}
        self._homes: dict[bytes, int] = {}
        self._producer: Any = None
        self.late = 0.0
        """The greatest number of real seconds by which events were produced too late."""

    async def run(self, states: Path) -> None:
        self._producer = AIOKafkaProducer(
            **client_options(self._settings), max_batch_size=400_000, enable_idempotence=True
        )
        await self._producer.start()
        try:
            await self._fill()
            _say(b"filled")
            await asyncio.to_thread(sys.stdin.readline)
            before = self._company.events
            await self._produce()
        finally:
            await self._producer.stop()
        last = [(source, value) for source, _, values in self._company.last_events() for value in values]
        await asyncio.to_thread(states.write_bytes, msgspec.msgpack.encode(last))
        told = {"events": self._company.events, "of_the_day": self._company.events - before, "late": self.late}
        _say(msgspec.json.encode(told))

    async def _fill(self) -> None:
        form = self._form
        count = form.entities * EVENTS_AN_ENTITY
        step = SETTLING_SECONDS / count
        events = self._company.draw_at(form.begins + (number - count) * step for number in range(count))
        while piece := list(islice(events, _PIECE)):
            await self._send(piece)

    async def _produce(self) -> None:
        """Produce what has come to pass, ten times a second."""
        form, clock, done = self._form, self._clock, 0.0
        end = form.seconds - _LAST_SECONDS * form.speed
        step = _STEP_SECONDS * form.speed
        while done < end:
            upto = min(end, done + step, *(b for b in (form.burst_begins, form.burst_ends) if b > done))
            await asyncio.sleep(max(0.0, (upto - clock.second) / form.speed))
            self.late = max(self.late, clock.real_second - upto / form.speed)
            await self._send(self._company.draw_at(form.instants(done, upto)))
            done = upto

    async def _send(self, events: Iterable[Wire]) -> None:
        found: dict[tuple[str, int], list[Any]] = defaultdict(list)
        for source, key, value in events:
            home = self._homes.get(key)
            if home is None:
                home = self._homes[key] = home_partition(key, self._settings.partitions)
            found[self._topics[source], home].append((key, value, ()))
        sends = []
        for (topic, partition), records in found.items():
            sends += [send async for send, _ in send_batches(self._producer, topic, partition, records)]
        await asyncio.gather(*sends)


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(_Load(msgspec.json.decode(sys.argv[1], type=Form), Settings()).run(Path(sys.argv[2])))
