"""Consumers as other services would write them: of the topic, and of the stream."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from aiohttp import ClientError, ClientSession
from aiokafka import AIOKafkaConsumer

from config.settings import Settings
from streams.kafka import client_options

PATIENCE_SECONDS = 60.0
MOVING = ("as_of", "start", "end", "revision")
"""What differs between a reading as of now and the record of when it last changed."""


class TopicTable:
    """The table of readings, rebuilt from the topic alone, and what came by on the way."""

    def __init__(self) -> None:
        self.readings: dict[str, dict[str, Any]] = {}
        self.progress: dict[str, Any] = {}
        self.progress_times: list[float] = []
        self.revisions: dict[str, list[int]] = defaultdict(list)

    def take(self, record: Any) -> None:
        key = record.key.decode(errors="replace")
        if key == "progress":
            self.progress = msgspec.json.decode(record.value)
            self.progress_times.append(time.monotonic())
        elif "|" not in key:
            return  # none of ours
        elif record.value is None:
            self.readings.pop(key, None)
            self.revisions[key].append(int(dict(record.headers)["revision"]))
        else:
            self.readings[key] = msgspec.json.decode(record.value)
            self.revisions[key].append(self.readings[key].get("revision", 0))

    def holes(self) -> dict[str, list[int]]:
        """Return the keys whose revisions do not follow one another (compaction apart), with those."""
        return {k: r for k, r in self.revisions.items() if r != list(range(r[0], r[0] + len(r)))}


@asynccontextmanager
async def following(settings: Settings) -> AsyncIterator[TopicTable]:
    """Follow the topic from its beginning."""
    table = TopicTable()
    consumer: Any = AIOKafkaConsumer(
        settings.kpis_topic,
        **client_options(settings),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()

    async def follow() -> None:
        async for record in consumer:
            table.take(record)

    task = asyncio.ensure_future(follow())
    try:
        yield table
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await consumer.stop()


def still(reading: dict[str, Any]) -> dict[str, Any]:
    """Return a reading without what moves on while it stays the same; windows of days keep the day they begin on."""
    kept = {name: value for name, value in reading.items() if name not in MOVING}
    return kept if reading["window"] in {"1h", "24h", "now"} else kept | {"start": reading["start"]}


def keyed(readings: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return readings of the API by the key that they have on the topic; their values have no special characters."""
    return {
        f"{r['kpi']}{'.' + r['agg'] if 'agg' in r else ''}|{r['window']}|"
        + ",".join(f"{name}={value}" for name, value in r["dimensions"].items()): r
        for r in readings
    }


async def until_equal(table: TopicTable, address: str, patience: float = PATIENCE_SECONDS) -> int:
    """Wait until the table is what the API says of the same instant; return the number of readings."""
    deadline = time.monotonic() + patience
    difference: object = "never as of the same instant"
    async with ClientSession() as session:
        while time.monotonic() < deadline:
            with suppress(ClientError):
                async with session.get(f"{address}/api/v1/readings") as response:
                    told = keyed(await response.json()) if response.status == 200 else {}
                as_of = next((r["as_of"] for r in told.values()), None)
                if told and as_of == table.progress.get("as_of"):
                    mine = {k: still(r) for k, r in table.readings.items()}
                    theirs = {k: still(r) for k, r in told.items()}
                    if mine == theirs:
                        return len(mine)
                    keys = [k for k in mine.keys() | theirs.keys() if mine.get(k) != theirs.get(k)]
                    difference = [(k, mine.get(k), theirs.get(k)) for k in keys[:3]]
            await asyncio.sleep(0.2)
    raise AssertionError(f"the topic and the api differ after {patience:.0f} s: {difference}")
