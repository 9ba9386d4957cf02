"""`salespulse run`: a worker and a view, as two processes that live and end together."""

import asyncio
import sys
from asyncio.subprocess import Process

import click

from streams.commands import settings_or_exit
from streams.serving import stop_on_signals

PARTS = ("worker", "serve")
_PATIENCE_SECONDS = 8.0


@click.command()
def run() -> None:
    """Run a worker and a view together; when one of them ends, the other is stopped too.

    \b
    Example:
      salespulse run
    """  # noqa: D301 - \b is click's
    settings_or_exit()  # faults are told once, not by both
    raise SystemExit(asyncio.run(_run(PARTS)))


async def _run(parts: tuple[str, ...]) -> int:
    """Run the parts until a signal, or the end of one of them; return the exit code."""
    stopped = asyncio.Event()
    stop_on_signals(stopped)
    # A session of its own each: Ctrl-C reaches this process only, which then stops both in the same way.
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-m", "streams.cli", part, start_new_session=True)
        for part in parts
    ]
    ends = {asyncio.ensure_future(process.wait()): part for part, process in zip(parts, started, strict=True)}
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({stopping, *ends}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    failed = [f"{part} ended with exit code {end.result()}" for end, part in ends.items() if end.done()]
    codes = await asyncio.gather(*(_stop(process) for process in started))
    for text in failed:
        click.echo(f"{text}; stopped the other one", err=True)
    return 1 if failed or any(codes) else 0


async def _stop(process: Process) -> int:
    """Ask a process to end, and make it end when it does not; return its exit code."""
    if process.returncode is None:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS)
        except TimeoutError:
            process.kill()
    return await process.wait()
