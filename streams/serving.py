"""Run something that is served until the process is told to stop: signals, the web server, and a clean end."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from config.settings import Settings
from streams.web import Board, view_web
from streams.web_parts import bound_port


class ServingError(Exception):
    """The process cannot do its work. Reaction: stop with exit code 1 and show the text."""


class RunningBoard(Board, Protocol):
    """A board with work of its own."""

    async def run(self, stopped: asyncio.Event) -> None:
        """Keep the view up to date until `stopped` is set."""
        ...


async def serve_board(settings: Settings, board: RunningBoard, told: Callable[[str], None]) -> None:
    """Serve `board` from the first moment on, and let it run until SIGINT or SIGTERM.

    Args:
        settings: where to listen.
        board: what to serve.
        told: told the address once it answers.

    Raises:
        ServingError: the address cannot be listened on.
    """
    stopped = asyncio.Event()
    stop_on_signals(stopped)
    try:
        runner = await view_web(settings, board)
    except OSError as error:
        raise ServingError(
            f"cannot listen on `{settings.http_host}:{settings.http_port}`: {error.strerror};"
            " stop what uses it, or set `SALESPULSE_HTTP_PORT`"
        ) from None
    try:
        told(address(settings.http_host, bound_port(runner)))
        await until_stopped(board.run(stopped), stopped)
    finally:
        await runner.cleanup()


def stop_on_signals(stopped: asyncio.Event) -> None:
    """Set `stopped` on SIGINT and SIGTERM."""
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)


async def until_stopped(work: Awaitable[None], stopped: asyncio.Event, patience: float = 2.0) -> None:
    """Await `work`, which ends soon after `stopped` is set; cancel it after `patience` seconds."""
    task = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not task.done():
        await asyncio.wait({task}, timeout=patience)
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def address(host: str, port: int) -> str:
    """Return the address that a person can open."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"
