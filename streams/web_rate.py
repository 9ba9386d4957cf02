"""How many requests one client may make: a bucket of tokens for each address, filled at the rate of the settings."""

import ipaddress
import math
import time
from collections.abc import Callable
from functools import lru_cache

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

BURST_SECONDS = 5.0
"""A client that was silent may make the requests of so many seconds at once: a page with its assets, a script."""
_MOST_CLIENTS = 10_000
_NETWORK_BITS = 64
"""One household or host is given a whole network of this size in IPv6, so all its addresses are one client."""


class Buckets:
    """What each client has left, told by one instant: when its bucket is full again."""

    def __init__(self, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        """Let each client make `rate` requests a second for long."""
        self._seconds_each = 1 / rate
        self._now = now
        self._full_at: dict[str, float] = {}

    def take(self, client: str) -> float:
        """Take one token; return 0, or the seconds until there is one again."""
        now = self._now()
        full_at = max(now, self._full_at.get(client, now)) + self._seconds_each
        wait = full_at - now - max(BURST_SECONDS, self._seconds_each)
        if wait > 0:
            return wait
        if len(self._full_at) >= _MOST_CLIENTS:
            self._forget(now)
        self._full_at[client] = full_at
        return 0.0

    def _forget(self, now: float) -> None:
        """Drop those whose buckets are full, as if they had never come; all where that is nobody."""
        self._full_at = {client: at for client, at in self._full_at.items() if at > now}
        if len(self._full_at) >= _MOST_CLIENTS:
            self._full_at.clear()


def bounded_rate(rate: float, exempt: tuple[str, ...]) -> Middleware:
    """Return a middleware that answers 429 to a client that asks too often, but not on the paths that are exempt.

    Args:
        rate: requests a second for each client; 0 for no bound.
        exempt: paths that are always answered.
    """
    buckets = Buckets(rate) if rate else None

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if buckets is not None and request.path not in exempt:
            wait = buckets.take(client_of(request.remote or ""))
            if wait:
                return web.json_response(
                    {"error": f"more than {rate:g} requests a second; ask again after the seconds of `Retry-After`"},
                    status=429,
                    headers={"Retry-After": str(math.ceil(wait))},
                )
        return await handler(request)

    return check


@lru_cache(_MOST_CLIENTS)
def client_of(address: str) -> str:
    """Return who counts as one client: an address of IPv4, a network of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4 or found.ipv4_mapped is not None:  # noqa: PLR2004 - of the protocol
        return str(found if found.version == 4 else found.ipv4_mapped)  # noqa: PLR2004 - as above
    return str(ipaddress.ip_network((int(found), _NETWORK_BITS), strict=False))
