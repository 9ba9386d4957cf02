"""W1 as Faust's manual shows it: an agent, three Tables, one update of each an event.

As a program, ``python -m bench.idiomatic EVENTS``, it stops after so many events and tells its CPU time from the first
event until their changelog is written. Its results are held against a plain loop over the events that it was given.
"""

import logging
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faust
import msgspec

from bench.feed import PARTITIONS
from config.settings import Settings

_MINUTE = 16
_DIMENSIONS = ("team", "rep", "product")


class SaleContent(faust.Record):
    """The content of a sale."""

    sold_at: str
    team_id: str
    rep_id: str
    product_id: str
    amount_minor: int


class Sale(faust.Record):
    """A sale in its envelope."""

    data: SaleContent


def app_id(settings: Settings) -> str:
    """Return the name of the app, which its changelog topics begin with."""
    return f"{settings.app_id}-idiomatic"


def changelogs(settings: Settings) -> tuple[str, ...]:
    """Return the names of the tables' changelog topics."""
    return tuple(f"{app_id(settings)}-by_{dimension}-changelog" for dimension in _DIMENSIONS)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _plain(sales: list[SaleContent]) -> list[dict[str, list[int]]]:
    sums: list[dict[str, list[int]]] = [{}, {}, {}]
    for sale in sales:
        for into, name in zip(sums, (sale.team_id, sale.rep_id, sale.product_id), strict=True):
            cell = into.setdefault(f"{name}/{sale.sold_at[:_MINUTE]}", [0, 0])
            cell[0] += sale.amount_minor
            cell[1] += 1
    return sums


def main() -> None:
    """Run until the events are counted."""
    settings, wanted = Settings(), int(sys.argv[1])
    logging.disable(logging.WARNING)  # spares it nine debug records an event, made to be thrown away
    app = faust.App(
        app_id(settings),
        broker=f"kafka://{settings.kafka}",
        consumer_auto_offset_reset="earliest",
        topic_partitions=PARTITIONS,
        web_enabled=False,
        store="memory://",
        datadir=str(Path(tempfile.gettempdir()) / settings.app_id),
    )
    topic = app.topic(settings.input_topic("sales"), value_type=Sale, value_serializer="json")
    tables = [app.Table(f"by_{d}", default=lambda: [0, 0]) for d in _DIMENSIONS]

    @app.agent(topic)
    async def count(stream: Any) -> None:
        seen: list[SaleContent] = []
        cpu, begun = 0.0, 0.0
        async for sale in stream:
            if not seen:
                cpu, begun = _cpu_seconds(), time.perf_counter()
            content = sale.data
            minute = content.sold_at[:_MINUTE]
            for table, name in zip(tables, (content.team_id, content.rep_id, content.product_id), strict=True):
                key = f"{name}/{minute}"
                amount, number = table[key]
                table[key] = [amount + content.amount_minor, number + 1]
            seen.append(content)
            if len(seen) == wanted:
                await app.producer.flush()
                cpu, begun = _cpu_seconds() - cpu, time.perf_counter() - begun
                right = [dict(t.items()) for t in tables] == _plain(seen)
                result = {"events": wanted, "cpu_seconds": cpu, "seconds": begun, "right": right}
                sys.stdout.buffer.write(b"\n" + msgspec.json.encode(result))
                sys.stdout.flush()
                os._exit(0)  # its group and its changelogs go with the broker: nothing to leave in good order

    app.Worker(loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
