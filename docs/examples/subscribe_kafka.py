"""Follow the readings on Kafka: rebuild the table of all readings from the topic, then print what changes.

Usage: python subscribe_kafka.py BOOTSTRAP [--topic sales.kpis] [--once]     (pip install aiokafka)
"""
# ruff: noqa: INP001, T201, TID251 - a program of its own, which talks to a person

import argparse
import asyncio
import contextlib
import json
from typing import Any

from aiokafka import AIOKafkaConsumer


async def follow(bootstrap: str, topic: str, *, once: bool) -> None:
    """Rebuild the table up to the present end of the topic, show it, and follow it unless `once`."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",  # what a failed transaction left behind must not be seen
        auto_offset_reset="earliest",  # and no group: everybody who wants the whole table reads the whole topic
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        if topic not in await consumer.topics():
            raise SystemExit(f"topic `{topic}` is not there; name the right one with --topic")
        consumer.subscribe([topic])
        while not consumer.assignment():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.01)
        ends = await consumer.end_offsets(consumer.assignment())
        table: dict[str, dict[str, Any]] = {}
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    take(table, record)
        show(table)
        while not once:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    take(table, record)
                    print(f"{record.key.decode()} -> {told(table.get(record.key.decode()))}")
    finally:
        await consumer.stop()


def take(table: dict[str, dict[str, Any]], record: Any) -> None:
    """Bring the table up to date with one record: the newest of a key holds, and null removes it."""
    key = record.key.decode()
    if record.value is None:
        table.pop(key, None)
    else:
        table[key] = json.loads(record.value)


def show(table: dict[str, dict[str, Any]]) -> None:
    """Print up to when the table is true, how many readings it has, and every total."""
    progress = table.get("progress", {})
    readings = {key: reading for key, reading in table.items() if key != "progress"}
    print(f"as of {progress.get('as_of')}: {len(readings)} readings")
    for key, reading in sorted(readings.items()):
        if not reading["grain"]:
            print(f"{key} = {told(reading)}")


def told(reading: dict[str, Any] | None) -> str:
    """Return what a record says, in a few words."""
    if reading is None:
        return "gone"
    if "kpi" not in reading:
        return f"as of {reading['as_of']}"
    value = reading["value"] if reading["value"] is not None else f"no value ({reading['reason']})"
    return f"{value} {reading.get('currency', '')} (revision {reading['revision']})".replace("  ", " ")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bootstrap", metavar="BOOTSTRAP", help="the brokers, such as 127.0.0.1:9092")
    parser.add_argument("--topic", default="sales.kpis")
    parser.add_argument("--once", action="store_true", help="end when the table is rebuilt")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(follow(given.bootstrap, given.topic, once=given.once))
