"""`salespulse serve`: the view of the cells in Kafka, over HTTP."""

import asyncio

import click

from streams.alerts.hook import AlertHook
from streams.alerts.topic import AlertTopic
from streams.clock import clock_from
from streams.commands import plan_or_exit, settings_or_exit
from streams.logs import configure_logging
from streams.publish.publisher import Publisher
from streams.serving import ServingError, serve_board
from streams.view import UnreadableCellsError, ViewService


@click.command()
@click.option("--port", type=click.IntRange(min=0, max=65535), help="Port to listen on; 0 for a free one.")
def serve(port: int | None) -> None:
    """Serve the live KPIs: the wall, the API, /metrics for Prometheus, the topic and Redis for other services.

    Reads what the workers have computed from Kafka. Any number may run; each shows everything, and one of them, by a
    lease in Redis, writes what changed to the topic and to Redis. Alerts that Alertmanager delivers to
    /hooks/alertmanager are written to a topic of their own.

    \b
    Example:
      salespulse serve --port 8080
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    if port is not None:
        settings = settings.model_copy(update={"http_port": port})
    configure_logging(settings)
    plan = plan_or_exit(settings)
    service = ViewService(settings, plan, clock_from(settings))
    publisher = Publisher(settings, service)
    hook = AlertHook(plan, AlertTopic(settings), service.registry)

    def told(address: str) -> None:
        click.echo(f"salespulse serve on {address}", err=True)

    try:
        asyncio.run(serve_board(settings, service, told, publisher.run, hook))
    except (ServingError, UnreadableCellsError) as error:
        raise click.ClickException(str(error)) from None
