"""Requests as bytes: of known paths with odd parameters, headers and bodies; half ones; and no requests at all."""

import json
import random
from urllib.parse import quote

from tests.fuzz.extremes import BAD_INSTANTS, INSTANTS, TEXTS
from tests.fuzz.mutations import RAW, changed, spoil

PATHS = (
    "/", "/kpi/revenue", "/kpi/", "/kpi/..%2f..%2fetc%2fpasswd", "/wall/stream", "/assets/wall.css",
    "/assets/../web.py", "/assets/..%2f..%2f..%2fetc/passwd", "/assets/%00", "/assets/%2e%2e/", "/runbooks",
    "/runbooks/WinRateLow", "/runbooks/..", "/runbooks/%ff", "/api/v1/kpis", "/api/v1/readings",
    "/api/v1/readings/revenue/entities", "/api/v1/readings/x/entities", "/api/v1/readings/%F0%9F%A6%84/entities",
    "/api/v1/stream", "/api/v1/openapi.json", "/metrics", "/healthz", "/readyz", "/hooks/alertmanager", "//", "/%",
    "/%zz", "/\\..\\", "*", "http://elsewhere/api/v1/kpis", "/api/v1/../v1/kpis", "/a" * 3_000,
)  # fmt: skip
NAMES = (
    "kpi", "window", "by", "where", "as_of", "limit", "after", "agg", "team", "lang", "fragment", "shard", "x", "",
    "name[]",
)  # fmt: skip
VALUES = (
    *TEXTS, *INSTANTS, *BAD_INSTANTS, "revenue", "win_rate", "30d", "mtd", "now", "team", "team,product",
    "team=noord", "=", "team=", "=x", "team=a=b", "-1", "0", "1", "1e9", "9" * 400, "9" * 5_000, "nl", "en", "%",
    "\ud800", "true", "[]", "null",
)  # fmt: skip
HEADERS = (
    "Accept: */*", "Accept: text/html;q=x", "Accept: application/openmetrics-text; version=9.9.9",
    "Accept-Encoding: gzip, br", "Accept-Encoding: identity;q=0, *;q=0", "Accept-Encoding: nonsense",
    "Accept-Language: nl-NL,nl;q=1e999,en;q=", "Host:", "Accept-Language: \xff\xfe;q=0.5", "Authorization: Bearer",
    "Authorization: Bearer \xff", "Authorization: Basic !!!!", "Authorization: Basic //8=", "Origin: null",
    "If-None-Match: *", 'If-None-Match: W/"x", "y', "If-None-Match: \x01", "If-Modified-Since: yesterday",
    "Range: bytes=0-,5-1", "Last-Event-ID: " + "9" * 5_000, "Last-Event-ID: -1", "Last-Event-ID: x-1",
    "Last-Event-ID: \xff", "Content-Type: application/json; charset=klingon", "Content-Type: \xff/\xff",
    "Content-Type: multipart/form-data", "Content-Encoding: gzip", "Content-Encoding: deflate",
    "Content-Encoding: br", "Content-Encoding: x", "Expect: 100-continue", "Expect: x", "Upgrade: websocket",
    "Connection: Upgrade", "X: " + "y" * 7_000, "X: " + "y" * 9_000, "Cookie: " + "a=b;" * 500,
    "Transfer-Encoding: chunked", "Transfer-Encoding: x", "Content-Length: -1", "Content-Length: 5",
    "Content-Length: 999999999999", "Content-Length: 1e3", "no colon", ": nothing", " folded: yes",
)  # fmt: skip
METHODS = ("GET",) * 8 + (
    "POST",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PATCH",
    "get",
    "X" * 300,
    "",
    "\xff",
)


def request(draw: random.Random, body: bytes) -> bytes:
    """Return a request, mostly a whole one, that asks for its connection to be closed."""
    pairs = [(draw.choice(NAMES), draw.choice(VALUES)) for _ in range(draw.choice((0, 0, 1, 1, 2, 5)))]
    query = "&".join(
        f"{name}={quote(value, errors='replace') if draw.random() < 0.9 else value}" for name, value in pairs
    )
    target = draw.choice(PATHS) + (f"?{query}" if pairs else "")
    lines = [
        f"{draw.choice(METHODS)} {target} HTTP/{draw.choice(('1.1',) * 9 + ('1.0', '2.0', '9', ''))}",
        "Host: salespulse",
    ]
    lines += [draw.choice(HEADERS) for _ in range(draw.choice((0, 0, 1, 2, 4)))]
    sent = body if draw.random() < 0.3 else b""
    if sent:
        lines.append(f"Content-Length: {len(sent)}")
    lines.append("Connection: close")
    head = (
        "\r\n".join(lines).encode("utf-8", "replace")
        if draw.random() < 0.5
        else "\r\n".join(lines).encode("latin-1", "replace")
    )
    whole = head + b"\r\n\r\n" + sent
    return whole if draw.random() < 0.9 else whole[: draw.randrange(len(whole) + 1)]


def delivery(draw: random.Random, good: object) -> bytes:
    """Return what Alertmanager never sends to the hook, with the request round it."""
    body = json.dumps(good).encode()
    if draw.random() < 0.7:
        content = good
        for _ in range(draw.choice((1, 1, 2, 4))):
            content = changed(draw, json.loads(json.dumps(content)))
        body = json.dumps(content).encode("utf-8", "surrogatepass")
    else:
        body = spoil(draw, body)
    head = f"Host: salespulse\r\nConnection: close\r\nContent-Length: {len(body)}"
    return f"POST /hooks/alertmanager HTTP/1.1\r\n{head}\r\n\r\n".encode() + body


def noise(draw: random.Random) -> bytes:
    """Return bytes that are no request of anybody."""
    return draw.choice(
        (
            b"",
            b"\r\n" * 1_000,
            draw.randbytes(2_000),
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + draw.randbytes(300),
            b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5_000)) + b"\r\n",
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nX: " + b"a" * 1_000_000,
            b"GET / HTTP/1.1\nHost: x\n\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 50,
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            + draw.choice((b"zz\r\n", b"ffffffffffffffff\r\nx", b"5\r\nab")),
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1",
            draw.choice(RAW) * 20,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        )
    )
