"""Follow the readings in Redis: read all of them, then print what changes.

Usage: python subscribe_redis.py redis://127.0.0.1:6379 [--prefix salespulse] [--once]     (pip install redis)
"""
# ruff: noqa: INP001, T201, TID251 - a program of its own, which talks to a person

import argparse
import contextlib
import json
from typing import Any

from redis import Redis

Table = dict[tuple[str, str], dict[str, Any]]
"""Readings by KPI (with its aggregate) and field, such as `revenue` and `30d|team=noord`."""


def follow(url: str, prefix: str, *, once: bool) -> None:
    """Read all readings, show them, and follow them unless `once`."""
    with Redis.from_url(url, decode_responses=True) as redis, redis.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(f"{prefix}:changes")  # before reading: nothing that changes meanwhile is missed
        generation, table = read_all(redis, prefix)
        show(redis, prefix, table)
        if once:
            return
        for message in channel.listen():
            if redis.get(f"{prefix}:generation") != generation:
                generation, table = read_all(redis, prefix)  # everything was written anew
                show(redis, prefix, table)
                continue
            for name, fields in json.loads(message["data"])["changed"].items():
                for field, text in zip(fields, redis.hmget(f"{prefix}:readings:{name}", fields), strict=True):
                    take(table, name, field, text)
                    print(f"{name}|{field} -> {told(table.get((name, field)))}")


def read_all(redis: Any, prefix: str) -> tuple[str | None, Table]:
    """Return which writing of everything this is, and all readings."""
    generation = redis.get(f"{prefix}:generation")
    table: Table = {}
    begin = f"{prefix}:readings:"
    for key in redis.scan_iter(f"{begin}*", count=500):
        for field, text in redis.hgetall(key).items():
            take(table, key.removeprefix(begin), field, text)
    return generation, table


def take(table: Table, name: str, field: str, text: str | None) -> None:
    """Bring the table up to date with one field; one that is not there any more is removed."""
    if text is None:
        table.pop((name, field), None)
    else:
        table[name, field] = json.loads(text)


def show(redis: Any, prefix: str, table: Table) -> None:
    """Print up to when the readings are true, how many there are, and every total."""
    progress = json.loads(redis.get(f"{prefix}:progress") or "{}")
    print(f"as of {progress.get('as_of')}: {len(table)} readings")
    for (name, field), reading in sorted(table.items()):
        if not reading["grain"]:
            print(f"{name}|{field} = {told(reading)}")


def told(reading: dict[str, Any] | None) -> str:
    """Return what a reading says, in a few words."""
    if reading is None:
        return "gone"
    value = reading["value"] if reading["value"] is not None else f"no value ({reading['reason']})"
    return f"{value} {reading.get('currency', '')}".rstrip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", metavar="URL", help="such as redis://127.0.0.1:6379")
    parser.add_argument("--prefix", default="salespulse", help="what SALESPULSE_APP_ID is")
    parser.add_argument("--once", action="store_true", help="end when all readings are shown")
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        follow(given.url, given.prefix, once=given.once)
