"""`salespulse worker`: compute the KPIs' cells from the events in Kafka."""

import click

from streams.commands import plan_or_exit, settings_or_exit
from streams.worker import run_worker


@click.command()
def worker() -> None:
    """Compute the cells of the KPIs from the events in Kafka, exactly once.

    Start as many as there are partitions, if one is not enough; they share the work.

    \b
    Example:
      SALESPULSE_KAFKA=broker:9092 salespulse worker
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    raise SystemExit(run_worker(settings, plan_or_exit(settings)))
