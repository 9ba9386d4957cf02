"""`salespulse demo`: the live KPIs of a simulated organisation, without Kafka."""

import asyncio

import click

from streams.clock import clock_from
from streams.commands import plan_or_exit, settings_or_exit
from streams.local import Demo
from streams.logs import configure_logging
from streams.serving import ServingError, serve_board


@click.command()
@click.option(
    "--pace",
    type=click.FloatRange(min=0, min_open=True),
    default=300.0,
    show_default=True,
    help="How much denser than in life things happen; at 1 the office closes at night.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Chooses the course of things.")
@click.option("--days", type=click.IntRange(min=0), default=75, show_default=True, help="Days of history.")
@click.option("--port", type=click.IntRange(min=0, max=65535), help="Port to listen on; 0 for a free one.")
def demo(pace: float, seed: int, days: int, port: int | None) -> None:
    """Show the live KPIs of a simulated sales organisation, in one process and without Kafka.

    Nothing is kept: every start is an organisation with a history of its own.

    \b
    Example:
      salespulse demo --port 8080
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    if port is not None:
        settings = settings.model_copy(update={"http_port": port})
    configure_logging(settings)
    board = Demo(plan_or_exit(settings), clock_from(settings), seed=seed, pace=pace, days=days)
    try:
        asyncio.run(serve_board(settings, board, lambda at: click.echo(f"salespulse demo on {at} (Ctrl-C stops it)")))
    except ServingError as error:
        raise click.ClickException(str(error)) from None
