"""Whatever a client sends, it gets an answer of its own fault or none, and the next client is served."""

import asyncio
import gzip
import json
import logging
import os
import random
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from config.settings import Settings
from metrics.plan import Plan
from streams.alerts.hook import AlertHook
from streams.alerts.topic import KeyedRecord
from streams.logs import ClientFaults
from streams.web import view_app
from streams.web_parts import bound_port, quiet_runner
from tests.deliveries import delivery as delivered
from tests.deliveries import firing
from tests.fuzz import requests
from tests.unit.streams.boards import golden_board, golden_plan

AT_ONCE = 25
TIMES = int(os.environ.get("FUZZ_EXAMPLES", "300"))
MEANT = {b"503"}
"""What may be answered of those that begin with a 5: it is told when something is meant to be asked for later."""


class _Topic:
    def __init__(self) -> None:
        self.records: list[KeyedRecord] = []

    async def write(self, records: Sequence[KeyedRecord]) -> None:
        self.records += records

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module")
def plan() -> Plan:
    return golden_plan()


@pytest.fixture
async def port(plan: Plan, caplog: pytest.LogCaptureFixture) -> AsyncIterator[int]:
    """Serve a view for the length of a test, and look through what was logged then."""
    caplog.set_level(logging.WARNING)
    board = golden_board(plan)
    app = view_app(Settings(http_rate=0), board, AlertHook(plan, _Topic(), board.registry))
    runner = await quiet_runner(app, "127.0.0.1", 0)
    with capture_logs() as logged:
        yield bound_port(runner)
        await runner.cleanup()
    assert [line for line in logged if line["log_level"] in {"error", "critical"}] == []
    told = [record for record in caplog.get_records("call") if ClientFaults().filter(record)]
    assert [record.getMessage() for record in told if record.exc_info or record.levelno >= logging.ERROR] == []


async def answered(port: int, sent: bytes, patience: float = 0.3) -> bytes:
    """Send bytes, and return what comes back until nothing does: streams do not end, half requests have no answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        writer.write(sent)
        await asyncio.wait_for(writer.drain(), 10)
        while part := await asyncio.wait_for(reader.read(65_536), patience):
            answer += part
            if len(answer) > 10_000_000:
                break
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
    return answer


def statuses(answer: bytes) -> list[bytes]:
    return [line.split(b" ")[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.")]


async def is_alive(port: int) -> bool:
    answer = await answered(port, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", patience=10)
    return statuses(answer) == [b"200"]


async def all_fare(port: int, sent: Sequence[bytes]) -> None:
    """Send all, some at a time, and look at how each one is answered."""
    for begin in range(0, len(sent), AT_ONCE):
        some = sent[begin : begin + AT_ONCE]
        answers = await asyncio.gather(*(answered(port, one) for one in some))
        for one, answer in zip(some, answers, strict=True):
            for status in statuses(answer):
                assert status[:1] != b"5" or status in MEANT, (status, one[:2_000])
    assert await is_alive(port)


def draws(seed: int) -> list[random.Random]:
    first = 0 if "FUZZ_EXAMPLES" not in os.environ else random.randrange(2**40)
    return [random.Random(f"{seed} {first + number}") for number in range(TIMES)]


async def test_odd_requests(port: int) -> None:
    good = json.dumps({"a": ["b"]}).encode()
    bodies = (good, b"\xff\0" * 50, gzip.compress(good), b"x" * 70_000)
    await all_fare(port, [requests.request(draw, draw.choice(bodies)) for draw in draws(1)])


async def test_odd_deliveries(port: int) -> None:
    await all_fare(port, [requests.delivery(draw, delivered(firing())) for draw in draws(2)])


async def test_noise(port: int) -> None:
    await all_fare(port, [requests.noise(draw) for draw in draws(3)[: TIMES // 2]])


async def test_half_requests_keep_nobody_from_being_served(port: int) -> None:
    open_ones: list[Any] = []
    for number in range(200):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /hooks/alertmanager HTTP/1.1\r\nContent-Length: 100\r\n\r\n{"[: 10 + number % 70])
        open_ones.append(writer)
    assert await is_alive(port)
    for writer in open_ones:
        writer.transport.abort()
    assert await is_alive(port)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "identity"])
async def test_a_body_that_is_nothing_but_large_is_refused(port: int, encoding: str) -> None:
    large = b"[" + b" " * 100_000_000
    body = {"identity": large[:9_000_000], "gzip": gzip.compress(large), "deflate": zlib.compress(large)}[encoding]
    head = f"Host: x\r\nContent-Length: {len(body)}\r\nContent-Encoding: {encoding}\r\nConnection: close"
    sent = f"POST /hooks/alertmanager HTTP/1.1\r\n{head}\r\n\r\n".encode() + body
    answer = await answered(port, sent, patience=10)
    assert statuses(answer)[:1] in ([b"400"], [b"413"])
    assert await is_alive(port)


async def test_a_body_in_another_encoding_than_it_says_is_refused(port: int) -> None:
    body = gzip.compress(json.dumps(delivered(firing())).encode())
    head = f"Host: x\r\nContent-Length: {len(body)}\r\nContent-Encoding: deflate\r\nConnection: close"
    answer = await answered(port, f"POST /hooks/alertmanager HTTP/1.1\r\n{head}\r\n\r\n".encode() + body, patience=10)
    assert statuses(answer) == [b"400"]
    assert b"the body cannot be read" in answer


async def test_a_delivery_of_nothing_but_brackets_is_refused(port: int) -> None:
    body = b'{"x":' * 50_000
    head = f"Host: x\r\nContent-Length: {len(body)}\r\nConnection: close"
    answer = await answered(port, f"POST /hooks/alertmanager HTTP/1.1\r\n{head}\r\n\r\n".encode() + body, patience=10)
    assert statuses(answer) == [b"400"]
