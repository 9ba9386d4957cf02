"""Follow the alerts on Kafka: which fire now, then each that begins, ends, or is told no more.

Usage: python subscribe_alerts.py BOOTSTRAP [--topic sales.alerts] [--once]     (pip install aiokafka)
"""
# ruff: noqa: INP001, T201, TID251 - a program of its own, which talks to a person

import argparse
import asyncio
import contextlib
import json
import time
from typing import Any

from aiokafka import AIOKafkaConsumer

TOLD_AGAIN_SECONDS = 15 * 60
"""An alert that fires is told again within this time: an older record is of one that is muted, or is over unsaid."""


async def follow(bootstrap: str, topic: str, *, once: bool) -> None:
    """Find out which alerts fire at the present end of the topic, show them, and follow it unless `once`."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",  # and no group: everybody who wants all alerts reads the whole topic
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
        firing: dict[bytes, Any] = {}
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            await news(consumer, firing)
        forget(firing)
        show(firing)
        while not once:
            for record in await news(consumer, firing):
                print(told(json.loads(record.value)))
            for record in forget(firing):
                print(f"not told again: {told(json.loads(record.value))}")
    finally:
        await consumer.stop()


async def news(consumer: Any, firing: dict[bytes, Any]) -> list[Any]:
    """Wait for a second at most; return the records that begin or end an alert, and are no repetitions."""
    batches = await consumer.getmany(timeout_ms=1_000)
    return [record for records in batches.values() for record in records if take(firing, record)]


def take(firing: dict[bytes, Any], record: Any) -> bool:
    """Keep the newest record of an alert that fires; return whether it began or ended with this record."""
    before = firing.pop(record.key, None)
    fires = bool(json.loads(record.value)["status"] == "firing")
    if fires:
        firing[record.key] = record
    return fires != (before is not None)


def forget(firing: dict[bytes, Any]) -> list[Any]:
    """Remove and return the records that are too old to be believed."""
    oldest_ms = (time.time() - TOLD_AGAIN_SECONDS) * 1000
    old = [record for record in firing.values() if record.timestamp < oldest_ms]
    for record in old:
        del firing[record.key]
    return old


def show(firing: dict[bytes, Any]) -> None:
    """Print how many alerts fire, and each of them, the oldest first."""
    alerts = [json.loads(record.value) for record in firing.values()]
    print(f"alerts that fire: {len(alerts)}")
    for alert in sorted(alerts, key=lambda alert: alert["starts_at"]):
        print(told(alert))


def told(alert: dict[str, Any]) -> str:
    """Return what a record says, in a line."""
    where = "".join(f" {name}={value}" for name, value in alert["dimensions"].items())
    span = f"since {alert['starts_at']}" if alert["ends_at"] is None else f"ended {alert['ends_at']}"
    summary = alert.get("summary", "no summary")
    return f"{alert['status']} {alert['alert']}{where} ({alert.get('severity', '?')}), {span}: {summary}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bootstrap", metavar="BOOTSTRAP", help="the brokers, such as 127.0.0.1:9092")
    parser.add_argument("--topic", default="sales.alerts")
    parser.add_argument("--once", action="store_true", help="end when it is known which alerts fire")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(follow(given.bootstrap, given.topic, once=given.once))
