"""The Grafana dashboards as files below grafana/dashboards, in a folder for each folder of Grafana."""

from collections.abc import Iterator

import click

from config.settings import Settings
from metrics.plan import Plan

FOLDER = "grafana/dashboards"


def dashboard_files(plan: Plan, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield (path below the root, content) of each file; the same declarations give the same text.

    Raises:
        click.ClickException: the SDK is not installed, or two dashboards would have the same address.
    """
    try:
        from streams.dashboards.files import dashboards  # noqa: PLC0415 - the SDK is an extra
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "grafana_foundation_sdk":
            raise
        raise click.ClickException(
            "`grafana-foundation-sdk`, which makes the dashboards, is not installed; install `salespulse[dashboards]`"
        ) from None
    written: set[str] = set()
    for name, text in dashboards(plan, settings):
        if name in written:
            raise click.ClickException(f"two dashboards would be `{FOLDER}/{name}`; give the group another key")
        written.add(name)
        yield f"{FOLDER}/{name}", text
