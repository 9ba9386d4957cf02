"""`salespulse kpis`: which KPIs there are, and how many time series they make."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import click
from rich.console import Console
from rich.table import Table

from config.declarations import Kpi
from config.parse import did_you_mean
from metrics.plan import Plan
from streams.commands import plan_or_exit, settings_or_exit
from streams.series_count import ASSUMED, BUDGET, count_series, full_dimensions
from streams.wording import group_title

_Format = Literal["table", "json", "csv"]


class _ValuesType(click.ParamType):
    """`DIMENSION=N`: how many values a dimension has."""

    name = "DIM=N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        dimension, _, number = value.partition("=")
        if not dimension or not number.isdigit():
            self.fail(f"`{value}` is not a number of label values; write such as region=8", param, ctx)
        return dimension, int(number)


@click.command()
@click.option("--group", metavar="G", help="Only the KPIs of this group.")
@click.option("--language", type=click.Choice(["en", "nl"]), default="en", show_default=True, help="Of the titles.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), default="table", show_default=True)
@click.option("--series", is_flag=True, help="Show how many time series they make at most.")
@click.option("--teams", type=click.IntRange(min=0), help=f"Number of teams; {ASSUMED['team']} by default.")
@click.option("--reps", type=click.IntRange(min=0), help=f"Number of reps; {ASSUMED['rep']} by default.")
@click.option("--products", type=click.IntRange(min=0), help=f"Number of products; {ASSUMED['product']} by default.")
@click.option("--values", type=_ValuesType(), multiple=True, help="Number of values of another dimension; repeatable.")
@click.option("--full", is_flag=True, help="With --series: every open dimension has all the values that it may have.")
@click.option("--budget", type=click.IntRange(min=1), help="With --series: end with exit code 1 if it is exceeded.")
def kpis(  # noqa: PLR0913, PLR0917 - the options of the command
    group: str | None,
    language: Literal["en", "nl"],
    form: _Format,
    series: bool,  # noqa: FBT001 - a flag
    teams: int | None,
    reps: int | None,
    products: int | None,
    values: tuple[tuple[str, int], ...],
    full: bool,  # noqa: FBT001 - a flag
    budget: int | None,
) -> None:
    """List the KPIs that are declared: key, title, group, type, unit, windows and grains.

    With --series, count the time series of their gauges instead, for an assumed number of teams, reps and so on. That
    is the most there can be: what has no value has no series. With --full, that is the most that a sender can bring
    about who invents names.

    \b
    Example:
      salespulse kpis --group revenue
      salespulse kpis --series --teams 12 --reps 200 --budget 25000
    """  # noqa: D301 - \b is click's
    plan = plan_or_exit(settings_or_exit())
    chosen = _chosen(plan, group)
    if series:
        named = {"team": teams, "rep": reps, "product": products}
        most = full_dimensions(plan) if full else {}
        assumed = {**most, **{d: n for d, n in named.items() if n is not None}, **_known(plan, values)}
        _count(plan, chosen, assumed, form, budget)
    elif budget is not None or full:
        raise click.UsageError(f"{'--full' if full else '--budget'} goes with --series")
    elif form == "table":
        _show(_table(plan, chosen, language))
    else:
        _write([_row(kpi, form) for kpi in chosen], form)


def _chosen(plan: Plan, group: str | None) -> list[Kpi]:
    declared = plan.declarations.kpis.values()
    groups = dict.fromkeys([*plan.declarations.groups, *(kpi.group for kpi in declared)])
    if group is not None and group not in groups:
        raise click.UsageError(f"group `{group}` is not declared{did_you_mean(group, groups)}")
    return [kpi for name in groups if group in {None, name} for kpi in declared if kpi.group == name]


def _known(plan: Plan, values: Sequence[tuple[str, int]]) -> dict[str, int]:
    dimensions = {d for source in plan.declarations.sources.values() for d in source.dimensions}
    for name, _ in values:
        if name not in dimensions:
            raise click.UsageError(f"dimension `{name}` is not declared{did_you_mean(name, dimensions)}")
    return dict(values)


# --------------------------------------------------------------------------------------------------------------- list


def _row(kpi: Kpi, form: _Format) -> dict[str, Any]:
    """Return one KPI as a record: nested as JSON, flat as CSV, where grains are spelt as in `report`."""
    row: dict[str, Any] = {"key": kpi.key, "title_en": kpi.title.en, "title_nl": kpi.title.nl}
    row |= {"group": kpi.group, "type": kpi.type, "unit": kpi.unit}
    if form == "csv":
        grains = " ".join(";".join(grain) or "total" for grain in kpi.grains)
        return row | {"windows": " ".join(kpi.windows), "grains": grains}
    grained = [{"by": list(grain), "windows": list(kpi.grain_windows(grain))} for grain in kpi.grains]
    return row | {"windows": list(kpi.windows), "grains": grained}


def _table(plan: Plan, chosen: Iterable[Kpi], language: Literal["en", "nl"]) -> Table:
    table = Table(show_lines=False)
    for name in ("KPI", "title", "group", "type", "unit", "windows", "by"):
        table.add_column(name, overflow="fold", no_wrap=name == "KPI")
    before = None
    for kpi in chosen:
        if before not in {None, kpi.group}:
            table.add_section()
        before = kpi.group
        title: str = getattr(kpi.title, language)
        heading: str = getattr(group_title(plan.declarations, kpi.group), language)
        grains = ", ".join(" × ".join(grain) for grain in kpi.grains if grain)
        table.add_row(kpi.key, title, heading, kpi.type, kpi.unit, " ".join(kpi.windows), grains)
    return table


def _show(table: Table) -> None:
    Console(file=sys.stdout, markup=False, highlight=False).print(table)


def _write(rows: Sequence[Mapping[str, Any]], form: _Format) -> None:
    if form == "json":
        lines = (json.dumps(row, ensure_ascii=False) for row in rows)
        click.echo("[\n" + ",\n".join(lines) + "\n]")
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    click.echo(text.getvalue().rstrip("\n"))


# ------------------------------------------------------------------------------------------------------------- series


def _count(plan: Plan, chosen: Sequence[Kpi], assumed: Mapping[str, int], form: _Format, budget: int | None) -> None:
    by_key = {count.key: count for count in count_series(plan, assumed)}
    counts = [by_key[kpi.key] for kpi in chosen]
    total = sum(count.series for count in counts)
    if form == "table":
        table = Table()
        table.add_column("KPI")
        table.add_column("metrics", justify="right")
        table.add_column("series", justify="right")
        for count in counts:
            table.add_row(count.key, f"{count.names:,}", f"{count.series:,}")
        _show(table)
    else:
        _write([{"key": c.key, "metrics": c.names, "series": c.series} for c in counts], form)
    said = f"{total:,} series at most; the budget is {BUDGET if budget is None else budget:,}"
    click.echo(said, err=form != "table")
    if budget is not None and total > budget:
        remedy = "declare fewer grains or windows, or switch groups off with `SALESPULSE_GROUPS_OFF`"
        raise click.ClickException(f"{total:,} series are {total - budget:,} over the budget of {budget:,}; {remedy}")
