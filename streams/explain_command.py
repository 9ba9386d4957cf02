"""`salespulse explain`: all there is to say about one KPI."""

import json
import sys
from collections.abc import Iterable, Iterator

import click
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from config.parse import did_you_mean
from metrics.plan import Plan
from streams.absence import REASON_WORDS
from streams.clock import clock_from
from streams.commands import plan_or_exit, settings_or_exit
from streams.example_events import example_events
from streams.reference import Input, KpiReference, reference
from streams.titles import window_words
from streams.wording import alert_words, by_words, group_title, listed, target_words

_UNITS = {"money": "money", "seconds": "in seconds", "ratio": "1 is 100 %", "none": "a number"}


@click.command()
@click.argument("kpi", metavar="KPI")
def explain(kpi: str) -> None:
    """Say how a KPI is computed, from which events, where it is shown, and why it may be absent.

    The events at the end give it a value as of the settings' clock; they are valid, one JSON object a line, and
    `salespulse report` reads them from a file.

    \b
    Example:
      salespulse explain win_rate
    """  # noqa: D301 - \b is click's
    settings = settings_or_exit()
    plan = plan_or_exit(settings)
    if kpi not in plan.declarations.kpis:
        raise click.UsageError(f"kpi `{kpi}` is not declared{did_you_mean(kpi, plan.declarations.kpis)}")
    found = reference(plan, kpi)
    console = Console(file=sys.stdout, markup=False, highlight=False)
    for title, content in _sections(plan, found):
        if title:
            console.print(Text(title, style="bold"))
        for part in content:
            console.print(Padding(part, (0, 0, 0, 2 if title else 0), expand=False))
        console.print()
    console.print(Text("Events that give it a value", style="bold"))
    events = example_events(plan, found.kpi, clock_from(settings)())
    if not events:
        click.echo("  none could be made up from the declaration")
    for event in events:
        click.echo(json.dumps(event, ensure_ascii=False))  # one a line, so that they can be kept in a file


def _sections(plan: Plan, found: KpiReference) -> Iterator[tuple[str, Iterable[RenderableType]]]:
    kpi = found.kpi
    group = group_title(plan.declarations, kpi.group)
    yield (
        "",
        [
            Text(f"{kpi.title.en} · {kpi.title.nl}", style="bold"),
            f"{kpi.key}: {kpi.type} of the group {kpi.group} ({group.en} · {group.nl}); {_UNITS[kpi.unit]}",
            kpi.description,
        ],
    )
    formula = [kpi.formula] if kpi.formula else []
    yield "Formula", [*formula, Text(f"as declared: {found.words}", style="" if not formula else "dim")]
    if found.inputs or found.populations:
        yield "Inputs", [*(_tree(found) if found.inputs else ()), *found.populations]
    yield "Events", [_events(found)]
    yield "Windows", [_windows(found)]
    yield "Metrics", [_metrics(found)]
    yield "Absent", absence_lines(found)
    if kpi.targets or kpi.alerts:
        lines = [f"target {target_words(t)}" for t in kpi.targets]
        yield "Targets and alerts", [*lines, *(f"alert {alert_words(kpi, a)}" for a in kpi.alerts)]
    if kpi.companions:
        yield "Read it beside", [", ".join(kpi.companions)]


def _tree(found: KpiReference) -> Iterator[Tree]:
    tree = Tree(found.kpi.key)
    _grow(tree, found.inputs)
    yield tree


def _grow(tree: Tree, inputs: Iterable[Input]) -> None:
    for given in inputs:
        _grow(tree.add(f"{given.name}: {given.words}" if given.name else given.words), given.inputs)


def _events(found: KpiReference) -> Table:
    table = Table.grid(padding=(0, 2))
    for source, fields in found.fields.items():
        table.add_row(source, ", ".join(fields))
    return table


def _windows(found: KpiReference) -> Table:
    table = Table.grid(padding=(0, 2))
    for token in dict.fromkeys(token for shown in found.shown for token in shown.windows):
        table.add_row(token, window_words(token))
    return table


def _metrics(found: KpiReference) -> Table:
    """Return the metrics with their labels by grain, with the windows of a grain that has its own."""
    table = Table.grid(padding=(0, 2))
    for name in ("by", "metric", "windows"):
        table.add_column(name, no_wrap=name != "windows")
    for shown in found.shown:
        own = "" if shown.windows == found.kpi.windows else f"over {listed(shown.windows)} only"
        first = [by_words(shown.grain).strip() or "total", own]
        for gauge in shown.gauges:
            labels = [*(["window"] if shown.windows != ("now",) else []), *gauge.labels]
            table.add_row(first[0], gauge.name + (f"{{{', '.join(labels)}}}" if labels else ""), first[1])
            first = ["", ""]
    return table


def absence_lines(found: KpiReference) -> list[str]:
    """Return when the KPI has no value, or that it always has one."""
    if not found.reasons:
        return ["never: 0 where there is nothing to count"]
    return [f"while {REASON_WORDS[reason]} ({reason})" for reason in found.reasons]
