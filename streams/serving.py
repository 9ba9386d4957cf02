"""Run something that is served until the process is told to stop: signals, the web server, and a clean end."""

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

from config.settings import Settings
from config.tls import server_context
from streams.alerts.hook import AlertHook
from streams.board import Board
from streams.web import view_app
from streams.web_parts import bound_port, quiet_runner

_COLLECT_AFTER = (100_000, 20, 100)
"""Objects more than before, and how many collections of a generation go before one of the next."""


class ServingError(Exception):
    """The process cannot do its work. Reaction: stop with exit code 1 and show the text."""


class RunningBoard(Board, Protocol):
    """A board with work of its own."""

    async def run(self, stopped: asyncio.Event) -> None:
        """Keep the view up to date until `stopped` is set."""
        ...


async def serve_board(
    settings: Settings,
    board: RunningBoard,
    told: Callable[[str], None],
    beside: Callable[[], Awaitable[None]] | None = None,
    hook: AlertHook | None = None,
) -> None:
    """Serve `board` from the first moment on, and let it run until SIGINT or SIGTERM.

    Args:
        settings: where to listen.
        board: what to serve.
        told: told the address once it answers.
        beside: what else is to be done for ever; cancelled at the end.
        hook: what takes the alerts that Alertmanager delivers; without it they are refused.

    Raises:
        ServingError: the address cannot be listened on.
    """
    # A view makes and drops tens of thousands of lists each second and hardly a cycle: with the collector's usual pace
    # more than half of the time went into looking at what lives.
    gc.set_threshold(*_COLLECT_AFTER)
    gc.freeze()  # the compiled declarations stay: leave them out of every collection
    stopped = asyncio.Event()
    stop_on_signals(stopped)
    app = view_app(settings, board, hook)
    try:
        runner = await quiet_runner(app, settings.http_host, settings.http_port, server_context(settings.http_tls))
    except OSError as error:
        raise ServingError(
            f"cannot listen on `{settings.http_host}:{settings.http_port}`: {error.strerror};"
            " stop what uses it, or set `SALESPULSE_HTTP_PORT`"
        ) from None
    try:
        told(address(settings.http_scheme, settings.http_host, bound_port(runner)))
        work = board.run(stopped) if beside is None else _with(beside(), board.run(stopped))
        await until_stopped(work, stopped)
    finally:
        await runner.cleanup()


async def _with(beside: Awaitable[None], work: Awaitable[None]) -> None:
    """Await `work`, and cancel what is done beside it then; a failure of either ends both."""
    tasks = [asyncio.ensure_future(work), asyncio.ensure_future(beside)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()  # raises what ended it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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


def address(scheme: str, host: str, port: int) -> str:
    """Return the address that a person can open."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"{scheme}://{shown}:{port}"
