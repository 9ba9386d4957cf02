"""The KPIs of files as of any T: read, computed and laid out."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

from metrics.embedded import Embedded
from metrics.formatting import display_text
from metrics.plan import Plan, SeriesPlan
from metrics.view import Reading, View
from metrics.windows import Dims
from streams.envelope import Event, parse_instant
from streams.messages import Messages, encode
from streams.readings import Query, select
from streams.replay import read_events
from streams.replay_mapping import RowMapping
from streams.titles import WINDOW_ORDER, series_title, window_title

TABLE_WINDOWS = ("now", "24h", "7d", "30d", "90d", "mtd", "qtd")
"""The columns of a table when none are asked for; the other formats have all windows."""
_SLICE = 2_000
SeriesKey = tuple[str, str | None, tuple[str, ...]]
_FIELDS = (
    "kpi", "agg", "window", "start", "end", "as_of", "grain", "dimensions",
    "value", "reason", "numerator", "denominator", "samples", "target", "unit", "currency", "definition_version",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """The computed KPIs of some files, and what did not take part.

    Attributes:
        view: the readings as of T.
        applied: how many events took part.
        later: how many were left out because `updated_at` is not before T: they were not known then.
        rejected: the reasons why events were refused, each with its type.
    """

    view: View
    applied: int
    later: int
    rejected: tuple[str, ...]


def read_report(
    plan: Plan,
    files: Sequence[Path],
    mapping: RowMapping | None,
    as_of: int,
    *,
    now_ms: int,
    progress: Callable[[int], None] | None = None,
) -> Report:
    """Compute the KPIs of `files` as of `as_of`.

    Args:
        plan: the compiled declarations.
        files: JSONL files of events, and CSV files if there is a mapping.
        mapping: how the rows of CSV files become events.
        as_of: T in milliseconds since the epoch; events with an `updated_at` at or after it are left out.
        now_ms: the present; events may be dated up to it, or up to T if that is later.
        progress: told how many more bytes were read.

    Raises:
        MappingError, ReplayError: a file or a row cannot be used.
    """
    embedded = Embedded(plan, as_of)
    applied = later = 0
    events = read_events(files, mapping, progress=progress)
    while piece := list(islice(events, _SLICE)):
        known = [event for event in piece if _is_before(event, as_of)]
        embedded.apply(known, max(now_ms, as_of))
        applied += len(known)
        later += len(piece) - len(known)
    embedded.tick(as_of)
    reasons = tuple(f"{r.source}: {r.reason}" for r in embedded.rejected)
    return Report(embedded.view, applied - len(reasons), later, reasons)


def _is_before(event: Event, as_of: int) -> bool:
    return parse_instant(event["updated_at"]) < as_of


# -------------------------------------------------------------------------------------------------------------- formats


def report_json(view: View, asked: Query) -> str:
    """Return the readings as a JSON list, one reading a line."""
    messages = Messages(view.plan)
    lines = (encode(messages.message(r, view.as_of or 0)).decode() for r in select(view, asked))
    return "[\n" + ",\n".join(lines) + "\n]"


def report_csv(view: View, asked: Query) -> str:
    """Return the readings as CSV; grain and dimensions as `team;product` and `team=noord;product=p1`."""
    messages = Messages(view.plan)
    text = io.StringIO()
    writer = csv.DictWriter(text, _FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for reading in select(view, asked):
        writer.writerow(_flat(msgspec.to_builtins(messages.message(reading, view.as_of or 0))))
    return text.getvalue().rstrip("\n")


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    dimensions = ";".join(f"{name}={value}" for name, value in fields["dimensions"].items())
    return fields | {"grain": ";".join(fields["grain"]), "dimensions": dimensions}


def report_tables(view: View, asked: Query) -> Iterator[Table]:
    """Yield a table for each group of KPIs: a row for each series, a column for each window."""
    rows: dict[str, dict[tuple[SeriesKey, Dims], dict[str, Reading]]] = {}
    for reading in select(view, asked):
        group = rows.setdefault(reading.series.kpi.group, {})
        group.setdefault((_key(reading.series), reading.dims), {})[reading.window.token] = reading
    for name, series in rows.items():
        present = {token for by_window in series.values() for token in by_window}
        yield _table(view.plan, name, series, [t for t in ("now", *WINDOW_ORDER) if t in present])


def _key(series: SeriesPlan) -> SeriesKey:
    return series.kpi.key, series.agg, series.grain


def _table(
    plan: Plan,
    group: str,
    rows: dict[tuple[SeriesKey, Dims], dict[str, Reading]],
    tokens: list[str],
) -> Table:
    dimensions = list(dict.fromkeys(d for (_, _, grain), _ in rows for d in grain))
    table = Table(title=group.replace("_", " ").capitalize(), title_justify="left", title_style="bold")
    table.add_column("KPI", overflow="fold")
    for dimension in dimensions:
        table.add_column(dimension)
    for token in tokens:
        table.add_column(window_title(token), justify="right", no_wrap=True)
    for ((_, _, grain), dims), by_window in rows.items():
        series = next(iter(by_window.values())).series
        named = dict(zip(grain, dims, strict=True))
        cells = [_cell(plan, by_window.get(token)) for token in tokens]
        table.add_row(series_title(series), *(named.get(d, "") for d in dimensions), *cells)
    return table


def _cell(plan: Plan, reading: Reading | None) -> str:
    if reading is None:
        return ""
    return display_text(reading.series, reading.result, plan.currency)
