"""What a client may send, how often and how slowly; and what a browser is told to do with an answer."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from ssl import SSLContext
from typing import Any

import aiohttp
import pytest
from aiohttp import ClientSession
from pydantic import SecretStr

import streams.alerts.hook
import streams.web_parts
from config.settings import Settings
from config.tls import TlsFiles, client_context, server_context
from streams.alerts.hook import LARGEST_BODY, AlertHook
from streams.alerts.topic import KeyedRecord
from streams.web import view_app
from streams.web_parts import bound_port, quiet_runner
from streams.web_rate import BURST_SECONDS, Buckets, client_of
from tests.authority import Authority
from tests.unit.streams.boards import Board, serving

HOOK = "/hooks/alertmanager"


class NothingWritten:
    async def write(self, records: Sequence[KeyedRecord]) -> None:
        raise AssertionError(records)

    async def close(self) -> None:
        pass


@asynccontextmanager
async def served(board: Board, tls: SSLContext | None = None, **settings: Any) -> AsyncIterator[str]:
    """Serve as `serve` does, and give the port's address."""
    hook = AlertHook(board.view.plan, NothingWritten(), board.registry)
    runner = await quiet_runner(view_app(Settings(**settings), board, hook), "127.0.0.1", 0, tls)
    try:
        yield f"127.0.0.1:{bound_port(runner)}"
    finally:
        await runner.cleanup()


async def said(address: str, request: bytes, within: float = 3.0) -> bytes:
    """Send bytes and return all that comes back until the server hangs up."""
    host, _, port = address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), within)
    finally:
        writer.close()


# ----------------------------------------------------------------------------------------------------------- the token


@pytest.mark.parametrize("given", ["s3cret", "s3cre", "s3cret-and-more", "x" * 5_000, "ü", ""])
async def test_nothing_but_compare_digest_decides_over_a_token(
    board: Board, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    compared: list[tuple[int, int]] = []

    def say(answer: bool) -> Any:  # noqa: FBT001 - what it is for
        def compare(a: bytes, b: bytes) -> bool:
            compared.append((len(a), len(b)))
            return answer

        return compare

    headers = {"Authorization": f"Bearer {given}"}
    async with serving(board, http_token=SecretStr("s3cret")) as client:
        for answer, status in ((True, 200), (False, 401)):
            monkeypatch.setattr(hmac, "compare_digest", say(answer))
            async with client.get("/metrics", headers=headers) as response:
                assert response.status == status
    assert compared == [(32, 32), (32, 32)]  # not even the lengths differ


async def test_a_token_that_is_sent_twice_is_refused(board: Board) -> None:
    async with served(board, http_token=SecretStr("s3cret")) as address:
        for lines, status in (
            (("s3cret",), b"200"),
            (("s3cret", "s3cret"), b"401"),
            (("wrong", "s3cret"), b"401"),
            (("s3cret", "wrong"), b"401"),
        ):
            headers = "".join(f"Authorization: Bearer {token}\r\n" for token in lines)
            answer = await said(
                address, f"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode()
            )
            assert answer.split(b" ", 2)[1] in {status, b"400"}
            assert answer.startswith(b"HTTP/1.1 200") == (status == b"200")


# -------------------------------------------------------------------------------------------------------------- bounds


async def test_a_body_that_nobody_asked_for_is_bounded(board: Board) -> None:
    async with served(board, http_rate=0) as address, ClientSession() as client:
        async with client.post(f"http://{address}{HOOK}", data=BytesIO(b"[" * (LARGEST_BODY + 1))) as response:
            assert response.status == 413
        bomb = BytesIO(b"x" * (LARGEST_BODY + 1))  # a few kilobytes on the wire
        async with client.post(f"http://{address}{HOOK}", data=bomb, compress="deflate") as response:
            assert response.status in {400, 413}


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: y\r\n" % n for n in range(1_000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"\x16\x03\x01 this is not HTTP\r\n\r\n",
    ],
    ids=["long address", "long header", "many headers", "two lengths", "not HTTP"],
)
async def test_what_is_too_long_or_no_request_is_refused(board: Board, request_: bytes) -> None:
    async with served(board) as address:
        assert (await said(address, request_)).startswith((b"HTTP/1.1 400", b"HTTP/1.0 400", b"HTTP/1.1 431"))


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_who_sends_no_whole_request_is_hung_up_on(
    board: Board, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(streams.web_parts, "IDLE_SECONDS", 0.3)
    async with served(board) as address:
        assert await said(address, begun) == b""


async def test_a_delivery_that_does_not_come_is_not_waited_for(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.alerts.hook, "BODY_SECONDS", 0.2)
    head = f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100\r\n\r\n{{".encode()
    async with served(board) as address:
        assert (await said(address, head, 15)).startswith(b"HTTP/1.1 408")


async def test_so_many_deliveries_at_once_and_no_more(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.alerts.hook, "_AT_ONCE", 1)
    head = f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode()
    async with served(board) as address:
        host, _, port = address.partition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head)
        await asyncio.sleep(0.1)
        async with ClientSession() as client, client.post(f"http://{address}{HOOK}", data=b"{}") as response:
            assert response.status == 503
        writer.close()
        await asyncio.sleep(0.1)
        async with ClientSession() as client, client.post(f"http://{address}{HOOK}", data=b"{}") as response:
            assert response.status == 400


async def test_so_many_connections_and_no_more(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.web_parts, "MOST_CONNECTIONS", 3)
    async with served(board) as address:
        host, _, port = address.partition(":")
        idle = [await asyncio.open_connection(host, int(port)) for _ in range(3)]
        await asyncio.sleep(0.05)
        assert await said(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n") == b""
        idle[0][1].close()
        await asyncio.sleep(0.05)
        answer = await said(address, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        for _, writer in idle[1:]:
            writer.close()


# ---------------------------------------------------------------------------------------------------------------- rate


def test_a_bucket_holds_some_seconds_and_is_filled_at_the_rate() -> None:
    now = [100.0]
    buckets = Buckets(10, lambda: now[0])
    assert [buckets.take("a") for _ in range(round(10 * BURST_SECONDS))] == [0.0] * 50
    assert buckets.take("a") == pytest.approx(0.1)
    assert buckets.take("b") == 0  # everybody has one
    now[0] += 0.1
    assert buckets.take("a") == 0
    assert buckets.take("a") > 0
    now[0] += 3_600
    assert [buckets.take("a") == 0 for _ in range(51)] == [True] * 50 + [False]  # it holds no more than it did


def test_a_rate_below_one_lets_one_pass_now_and_then() -> None:
    now = [0.0]
    buckets = Buckets(0.01, lambda: now[0])
    assert buckets.take("a") == 0
    assert buckets.take("a") == pytest.approx(100)
    now[0] += 100
    assert buckets.take("a") == 0


def test_clients_without_number_do_not_fill_the_memory() -> None:
    now = [0.0]
    buckets = Buckets(1, lambda: now[0])
    for number in range(25_000):
        buckets.take(str(number))
    assert len(buckets._full_at) <= 10_000  # noqa: SLF001 - what it is about


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_an_address_is_a_client_and_so_is_a_network_of_ipv6(address: str, client: str) -> None:
    assert client_of(address) == client


async def test_who_asks_too_often_is_told_when_to_come_back_and_health_is_always_told(board: Board) -> None:
    async with serving(board, http_rate=1, http_token=SecretStr("s3cret")) as client:
        statuses = [(await client.get("/metrics", headers={"Authorization": "Bearer no"})).status for _ in range(7)]
        assert statuses[:5] == [401] * 5  # guessing is bounded, too
        assert statuses[-1] == 429
        async with client.get("/metrics") as response:
            assert response.status == 429
            assert response.headers["Retry-After"] == "1"
            assert "more than 1 requests a second" in (await response.json())["error"]
        for _ in range(20):
            assert (await client.get("/healthz")).status == 200
            assert (await client.get("/readyz")).status == 200


async def test_without_a_rate_nothing_is_bounded(board: Board) -> None:
    async with serving(board, http_rate=0) as client:
        assert [(await client.get("/metrics")).status for _ in range(20)] == [200] * 20


# ------------------------------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/healthz", "/api/v1/kpis", "/nothing", "/assets/wall.js", "/api/v1/stream"]
)
async def test_every_answer_tells_browsers_to_trust_nothing_more_than_it_needs(board: Board, path: str) -> None:
    async with serving(board) as client, client.get(path) as response:
        headers = response.headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'self'" if path == "/" else "default-src 'none'"
        )
        assert "aiohttp" not in headers["Server"]
        assert "unsafe" not in headers["Content-Security-Policy"]


# ----------------------------------------------------------------------------------------------------------------- TLS


async def test_by_https_a_view_shows_its_certificate_and_answers_nothing_else(board: Board, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = TlsFiles(authority.cafile, *authority.certify("view", "IP:127.0.0.1"))
    trust = client_context(TlsFiles(authority.cafile, None, None))
    async with served(board, server_context(files)) as address, ClientSession() as client:
        async with client.get(f"https://{address}/healthz", ssl=trust) as response:
            assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(f"https://{address}/healthz")
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(f"https://{address.replace('127.0.0.1', 'localhost')}/healthz", ssl=trust)
        with pytest.raises(aiohttp.ClientError):
            await client.get(f"http://{address}/healthz")
