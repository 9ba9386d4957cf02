"""`salespulse check`: say everything that is wrong with the declarations."""

from pathlib import Path

import click

from config.declarations import Declarations, Measure, State
from config.load import DeclarationFaults, load
from config.settings import SettingsError, load_settings


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE or FOLDER]...")
def check(paths: tuple[Path, ...]) -> None:
    """Check the shipped declarations, those of SALESPULSE_CATALOGUE and the given files and folders, in that order.

    A later file may replace sources, KPIs and pipelines of an earlier one. Every fault is printed with its file, line
    and column; the exit code is 1 if there are any.

    \b
    Example:
      salespulse check my-kpis.yaml
    """  # noqa: D301 - \b is click's
    try:
        settings = load_settings()
        declarations = load((*settings.catalogue, *paths), groups_off=settings.groups_off)
    except SettingsError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None
    except DeclarationFaults as found:
        for fault in found.faults:
            click.echo(str(fault))
        count = len(found.faults)
        click.echo(f"{count} fault{'s' if count > 1 else ''}")
        raise SystemExit(1) from None
    click.echo(_summary(declarations))


def _summary(declarations: Declarations) -> str:
    grains = windowed = 0
    for kpi in declarations.kpis.values():
        aggs = len(kpi.aggs) if isinstance(kpi, Measure | State) else 1
        grains += aggs * len(kpi.grains)
        windowed += aggs * sum(len(kpi.grain_windows(grain)) for grain in kpi.grains)
    counts = f"{len(declarations.sources)} sources, {len(declarations.kpis)} KPIs, {grains} series grains"
    return f"ok: {counts} ({windowed} with their windows)"
