"""`salespulse report`: the KPIs of files, without Kafka."""

import sys
from pathlib import Path
from typing import Any, Literal

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from config.settings import Settings
from metrics.plan import Plan
from streams.clock import clock_from, wall_clock
from streams.commands import plan_or_exit, settings_or_exit
from streams.envelope import format_instant, parse_instant
from streams.readings import Query, QueryError, query
from streams.replay import JSON_LINES, MappingError, ReplayError
from streams.replay_mapping import load_mapping
from streams.report import TABLE_WINDOWS, Report, read_report, report_csv, report_json, report_tables

_SHOWN_REASONS = 5
_File = click.Path(exists=True, dir_okay=False, path_type=Path)


class _InstantType(click.ParamType):
    """An RFC 3339 instant, in milliseconds since the epoch."""

    name = "T"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_instant(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("files", nargs=-1, required=True, type=_File, metavar="FILE...")
@click.option("--as-of", type=_InstantType(), help="The instant to compute as of; the settings' clock by default.")
@click.option("--mapping", type=_File, metavar="M.yaml", help="How the rows of CSV files become events.")
@click.option("--kpi", "kpis", multiple=True, metavar="KPI", help="Only this KPI; several with commas or repeated.")
@click.option("--window", "windows", multiple=True, metavar="W", help="Only this window; several as above.")
@click.option("--by", metavar="DIM", default="", help="Group by a dimension, several with commas; else totals.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option(
    "--catalogue", "catalogues", multiple=True, metavar="PATH", type=click.Path(exists=True, path_type=Path),
    help="Extra declarations: a file or a folder.",
)  # fmt: skip
def report(  # noqa: PLR0913, PLR0917 - the options of the command
    files: tuple[Path, ...],
    as_of: int | None,
    mapping: Path | None,
    kpis: tuple[str, ...],
    windows: tuple[str, ...],
    by: str,
    form: Literal["table", "json", "csv"],
    catalogues: tuple[Path, ...],
) -> None:
    """Compute the KPIs of event files as of an instant.

    FILE is JSONL (one event a line) or, with a mapping, CSV. Events whose `updated_at` is not before the instant are
    left out: they were not known then. A table shows the usual windows; ask for others with --window.

    \b
    Example:
      salespulse report events.jsonl --as-of 2026-11-01T00:00:00Z --kpi revenue,win_rate --by team
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    settings = settings.model_copy(update={"catalogue": (*settings.catalogue, *catalogues)})
    plan = plan_or_exit(settings)
    asked = _query(plan, kpis, windows, by)
    found = _read(plan, files, mapping, clock_from(settings)() if as_of is None else as_of)
    _warn(found)
    if not windows and form == "table":
        asked = Query(asked.kpis, frozenset(TABLE_WINDOWS), asked.grains)
    _print(found, asked, form, settings)


def _query(plan: Plan, kpis: tuple[str, ...], windows: tuple[str, ...], by: str) -> Query:
    try:
        return query(plan, kpis, windows, (by,))
    except QueryError as error:
        raise click.UsageError(str(error)) from None


def _read(plan: Plan, files: tuple[Path, ...], mapping: Path | None, as_of: int) -> Report:
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    )  # fmt: skip
    try:
        rows = None if mapping is None or all(f.suffix.lower() in JSON_LINES for f in files) else load_mapping(mapping)
        with bar:
            task = bar.add_task("reading", total=sum(path.stat().st_size for path in files))
            return read_report(
                plan, files, rows, as_of, now_ms=wall_clock(), progress=lambda size: bar.advance(task, size)
            )
    except (MappingError, ReplayError) as error:
        raise click.ClickException(str(error)) from None


def _warn(found: Report) -> None:
    """Say on standard error what did not take part."""
    if found.later:
        as_of = format_instant(found.view.as_of or 0)
        click.echo(f"note: {found.later:,} events are dated {as_of} or later and were left out", err=True)
    for currency in found.view.unconverted():
        remedy = f"add fx_rate events, or set `SALESPULSE_CURRENCY` to {currency}"
        click.echo(f"warning: amounts in {currency} without a usable exchange rate were left out; {remedy}", err=True)
    if found.rejected:
        click.echo(f"warning: {len(found.rejected):,} events were refused:", err=True)
        for reason in list(dict.fromkeys(found.rejected))[:_SHOWN_REASONS]:
            click.echo(f"  {reason}", err=True)


def _print(found: Report, asked: Query, form: Literal["table", "json", "csv"], settings: Settings) -> None:
    if form == "json":
        click.echo(report_json(found.view, asked))
    elif form == "csv":
        click.echo(report_csv(found.view, asked))
    else:
        console = Console(file=sys.stdout, markup=False, highlight=False)
        as_of = format_instant(found.view.as_of or 0)
        console.print(
            f"{found.applied:,} events as of {as_of}; days in {settings.timezone}, money in {settings.currency}"
        )
        for table in report_tables(found.view, asked):
            console.print(table)
