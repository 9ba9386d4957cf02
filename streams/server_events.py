"""Server-sent events: each client is served by a task of its own, so one that is slow delays nobody."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

WRITE_SECONDS = 30.0
"""A client that takes nothing for so long is let go."""
MOST_CLIENTS = 1_000
_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Accel-Buffering": "no",  # a proxy that collects the answer first would make a stream pointless
}
_encode = msgspec.json.Encoder().encode


class Clients:
    """Those who listen to one kind of stream."""

    def __init__(self) -> None:
        """Begin without clients."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._tasks)

    async def serve(
        self, request: web.Request, follow: Callable[[web.StreamResponse], Awaitable[None]]
    ) -> web.StreamResponse:
        """Let `follow` write to a client until the client goes, takes nothing any more, or the service ends.

        Raises:
            HTTPServiceUnavailable: there are too many clients.
        """
        if len(self._tasks) >= MOST_CLIENTS:
            raise web.HTTPServiceUnavailable(text=f"{MOST_CLIENTS} clients listen already; try again later")
        response = web.StreamResponse(headers=_HEADERS)
        await response.prepare(request)
        task = asyncio.ensure_future(follow(response))
        self._tasks.add(task)
        try:
            await task
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # the client has gone
        except asyncio.CancelledError:
            if not self._closed:
                task.cancel()
                raise
        finally:
            self._tasks.discard(task)
        return response

    async def close(self, _: web.Application) -> None:
        """End all streams; clients that want to go on come back by themselves."""
        self._closed = True
        for task in self._tasks:
            task.cancel()


async def write(response: web.StreamResponse, frames: bytes) -> None:
    """Send events to a client.

    Raises:
        TimeoutError: it takes nothing.
        ConnectionError: it has gone.
    """
    await asyncio.wait_for(response.write(frames), WRITE_SECONDS)


def frame(name: str, content: object, event_id: str | None = None) -> bytes:
    """Return one event."""
    head = f"event: {name}\n" if event_id is None else f"id: {event_id}\nevent: {name}\n"
    return b"%bdata: %b\n\n" % (head.encode(), _encode(content))
