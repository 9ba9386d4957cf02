"""Many clients of the stream at once: whether the view's memory stays flat, and whether its ticks stay on time."""

import asyncio
import socket
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from aiohttp import ClientSession, ClientTimeout, TCPConnector
from rich.table import Table

from bench.children import Child
from bench.running import under_load
from config.settings import Settings

ASKED = "by=&window=mtd&window=30d&window=24h&window=now"
"""What a page with the totals of every KPI asks for."""
SLOW_CLIENTS = 5
"""They ask for everything and take nothing."""
_SAMPLE_SECONDS = 5.0
_decode = msgspec.json.Decoder().decode


@dataclass
class Clients:
    """What was seen.

    Attributes:
        clients: how many listened.
        rate: events a second of the load.
        events: how many events they were sent in all.
        late: seconds from the instant of an evaluation to its arrival, of every event of some clients.
        resident: the view's memory in bytes, every few seconds.
        cores: how much of a core the view took.
    """

    clients: int
    rate: int
    events: int = 0
    late: list[float] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)
    cores: float = 0.0

    def quantile(self, q: float) -> float:
        """Return the q-quantile of the lateness."""
        found = sorted(self.late)
        return found[min(len(found) - 1, int(q * len(found)))]


def measure_clients(kafka: str, clients: int, rate: int, seconds: int, folder: Path) -> Clients:
    """Let `clients` listen for so many seconds, and some slow ones beside them."""
    seen = Clients(clients, rate)
    with under_load(kafka, rate, seconds, folder) as running:
        before = running.view.cpu_seconds()
        asyncio.run(_listen_all(running.settings, running.view, seen, seconds))
        seen.cores = (running.view.cpu_seconds() - before) / seconds
    return seen


async def _listen_all(settings: Settings, view: Child, seen: Clients, seconds: int) -> None:
    slow = [_slow_client(settings) for _ in range(SLOW_CLIENTS)]
    async with ClientSession(
        connector=TCPConnector(limit=0), timeout=ClientTimeout(total=None), read_bufsize=2**22
    ) as session:
        listening = [
            asyncio.ensure_future(_listen(session, settings, seen, exact=number % 20 == 0))
            for number in range(seen.clients)
        ]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            await asyncio.sleep(_SAMPLE_SECONDS)
            seen.resident.append(view.resident_bytes())
            for task in listening:
                if task.done():
                    task.result()
        for task in listening:
            task.cancel()
        await asyncio.gather(*listening, return_exceptions=True)
    for client in slow:
        client.close()


async def _listen(session: ClientSession, settings: Settings, seen: Clients, *, exact: bool) -> None:
    """Follow the stream; only some of the clients read what is in it, which costs more than to send it."""
    async with session.get(f"http://127.0.0.1:{settings.http_port}/api/v1/stream?{ASKED}") as response:
        name = b""
        async for line in response.content:
            if line.startswith(b"event: "):
                name = line[7:].strip()
                seen.events += 1
            elif exact and name == b"changes" and line.startswith(b"data: "):
                as_of = datetime.fromisoformat(_decode(line[6:])["as_of"])
                seen.late.append(time.time() - as_of.timestamp())


def _slow_client(settings: Settings) -> socket.socket:
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", settings.http_port))
    client.sendall(b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


def table_of(seen: Clients) -> Table:
    """Return what was seen as a table."""
    table = Table(title=f"{seen.clients} clients, {SLOW_CLIENTS} that take nothing, {seen.rate:,} events/s")
    for heading in ("events sent", "late p50 s", "late p99 s", "late max s", "view cores", "memory MiB, every tenth"):
        table.add_column(heading, justify="right")
    memory = " ".join(f"{size / 2**20:.0f}" for size in seen.resident[:: max(1, len(seen.resident) // 10)])
    late = (f"{seen.quantile(q):.2f}" for q in (0.5, 0.99, 1.0))
    table.add_row(f"{seen.events:,}", *late, f"{seen.cores:.2f}", memory)
    return table
