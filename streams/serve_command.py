"""`salespulse serve`: the view of the cells in Kafka, over HTTP."""

import asyncio

import click

from streams.clock import clock_from
from streams.commands import plan_or_exit, settings_or_exit
from streams.logs import configure_logging
from streams.serving import ServingError, serve_board
from streams.view import ViewService


@click.command()
@click.option("--port", type=click.IntRange(min=0, max=65535), help="Port to listen on; 0 for a free one.")
def serve(port: int | None) -> None:
    """Serve the live KPIs: the page, the readings as JSON, and /metrics for Prometheus.

    Reads what the workers have computed from Kafka. Any number may run; each shows everything.

    \b
    Example:
      salespulse serve --port 8080
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    if port is not None:
        settings = settings.model_copy(update={"http_port": port})
    configure_logging(settings)
    service = ViewService(settings, plan_or_exit(settings), clock_from(settings))
    try:
        asyncio.run(serve_board(settings, service, lambda at: click.echo(f"salespulse serve on {at}", err=True)))
    except ServingError as error:
        raise click.ClickException(str(error)) from None
