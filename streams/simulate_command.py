"""`salespulse simulate`: let a simulated sales organisation write its events to Kafka for ever."""

import asyncio
import signal
import time
from zoneinfo import ZoneInfo

import click

from config.settings import Settings, SettingsError, load_settings
from streams.event_writer import EventWriter, WriteError
from streams.kafka import wait_for_broker
from streams.simulate.organisation import Organisation

_BEAT_SECONDS, _REPORT_SECONDS = 0.2, 30.0


@click.command()
@click.option(
    "--pace",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How much denser than in life.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Chooses the course of things.")
@click.option(
    "--history-days", type=click.IntRange(min=0), default=75, show_default=True, help="Days of history to write first."
)
def simulate(pace: float, seed: int, history_days: int) -> None:
    """Write the events of a simulated sales organisation to Kafka until stopped.

    Every run is an organisation of its own, with its own history; use `--history-days 0` to go on without a second one.

    \b
    Example:
      salespulse simulate --pace 100
    """  # noqa: D301 - \b is click's
    try:
        written = asyncio.run(_simulate(load_settings(), pace, seed, history_days))
    except SettingsError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None
    except WriteError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"stopped: {written:,} events written", err=True)


async def _simulate(settings: Settings, pace: float, seed: int, history_days: int) -> int:
    """Run until SIGTERM or SIGINT; return how many events were written."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    waiting = asyncio.ensure_future(wait_for_broker(settings, lambda text: click.echo(text, err=True)))
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not waiting.done():
        waiting.cancel()
        return 0
    await waiting
    organisation = Organisation(seed, _now_ms(), ZoneInfo(settings.timezone), pace=pace)
    async with EventWriter(settings) as writer:
        await _live(organisation, writer, stopped, history_days)
        await writer.flush()
        return writer.acknowledged


async def _live(organisation: Organisation, writer: EventWriter, stopped: asyncio.Event, history_days: int) -> None:
    if history_days:
        for event in organisation.history(history_days):
            if stopped.is_set():
                return
            await writer.write(event)
        click.echo(f"history of {history_days} days written; going on live", err=True)
    told = time.monotonic()
    while not stopped.is_set():
        for event in organisation.advance(_now_ms()):
            await writer.write(event)
        if time.monotonic() - told >= _REPORT_SECONDS:
            told = time.monotonic()
            click.echo(f"{writer.acknowledged:,} events written", err=True)
        try:
            await asyncio.wait_for(stopped.wait(), _BEAT_SECONDS)
        except TimeoutError:
            continue


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
