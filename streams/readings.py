"""Readings by what is asked for, and as JSON: one form for the HTTP interface and for reports."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from metrics.calendar import Window
from metrics.evaluate import Result, Total
from metrics.formatting import decimal_text, quantities
from metrics.plan import Plan, SeriesPlan
from metrics.view import Reading, View
from streams.envelope import format_instant


class QueryError(ValueError):
    """A question about something that is not declared. Reaction: tell whoever asked; the text names what is known."""


@dataclass(frozen=True)
class Query:
    """Which readings are asked for; an empty part does not restrict.

    Attributes:
        kpis: keys of KPIs.
        windows: tokens of windows.
        grains: exact grains, `()` for the total.
    """

    kpis: frozenset[str] = frozenset()
    windows: frozenset[str] = frozenset()
    grains: frozenset[tuple[str, ...]] = frozenset()

    @cached_property
    def _sorted_grains(self) -> frozenset[tuple[str, ...]]:
        return frozenset(tuple(sorted(grain)) for grain in self.grains)

    def wants(self, series: SeriesPlan) -> bool:
        """Return whether readings of `series` are asked for, in whatever order the dimensions were named."""
        if self.kpis and series.kpi.key not in self.kpis:
            return False
        return not self.grains or tuple(sorted(series.grain)) in self._sorted_grains

    def wants_window(self, window: Window) -> bool:
        """Return whether readings over `window` are asked for."""
        return not self.windows or window.token in self.windows


def query(plan: Plan, kpis: Sequence[str] = (), windows: Sequence[str] = (), by: Sequence[str] = ()) -> Query:
    """Return the query for what was named, each part possibly several times or with commas (but `by`).

    Args:
        plan: what is declared.
        kpis: keys of KPIs.
        windows: tokens of windows.
        by: grains as dimensions with commas, such as `team` or `team,product`; the empty text is the total.

    Raises:
        QueryError: something is not declared.
    """
    asked = Query(
        frozenset(part for text in kpis for part in text.split(",") if part),
        frozenset(part for text in windows for part in text.split(",") if part),
        frozenset(tuple(d.strip() for d in text.split(",") if d.strip()) for text in by),
    )
    declared = plan.declarations.kpis
    for kpi in sorted(asked.kpis - declared.keys()):
        raise QueryError(f"kpi `{kpi}` is not declared; use one of {', '.join(declared)}")
    known = dict.fromkeys(w.token for s in plan.series if s.kpi.key in (asked.kpis or declared) for w in s.windows)
    for window in sorted(asked.windows - known.keys()):
        raise QueryError(f"window `{window}` is not declared{_of(asked.kpis)}; use one of {', '.join(known)}")
    grains = dict.fromkeys(s.grain for s in plan.series if s.kpi.key in (asked.kpis or declared))
    kinds = {tuple(sorted(grain)) for grain in grains}
    for grain in sorted(g for g in asked.grains if tuple(sorted(g)) not in kinds):
        names = ", ".join(f"`{','.join(g)}`" for g in grains if g)
        what = f"by `{','.join(grain)}` is not declared{_of(asked.kpis)}"
        raise QueryError(f"{what}; use one of {names}, or the empty text for the total")
    return asked


def _of(kpis: frozenset[str]) -> str:
    return f" for {', '.join(f'`{kpi}`' for kpi in sorted(kpis))}" if kpis else ""


def select(view: View, asked: Query) -> Iterator[Reading]:
    """Yield the readings that are asked for, in the order of the declarations, each series by its dimension values."""
    for i, series in enumerate(view.plan.series):
        if asked.wants(series):
            for window in series.windows:
                if asked.wants_window(window):
                    for dims, result in sorted(view.readings[i, window].items()):
                        yield Reading(series, window, dims, result)


class ReadingEncoder:
    """Turns readings of one tick into JSON-like dictionaries."""

    def __init__(self, view: View) -> None:
        """Remember what all readings of the tick share."""
        self._view = view
        self._plan = view.plan
        self._as_of = format_instant(view.as_of or 0)
        self._ends: dict[Window, tuple[str, str]] = {}

    def encode(self, reading: Reading) -> dict[str, Any]:
        """Return one reading; decimals are strings, instants RFC 3339, and what does not apply is not there."""
        series, window, dims, result = reading
        start, end = self._window(window)
        currency = self._plan.currency
        value = decimal_text(series, result, currency)
        fields = {
            "kpi": series.kpi.key,
            "agg": series.agg,
            "window": window.token,
            "start": start,
            "end": end,
            "as_of": self._as_of,
            "grain": list(series.grain),
            "dimensions": dict(zip(series.grain, dims, strict=True)),
            "value": value,
            "reason": result.reason if value is None else None,
            **self._sides(series, result),
            "unit": series.kpi.unit,
            "currency": currency if series.kpi.unit == "money" else None,
        }
        return {name: field for name, field in fields.items() if field is not None or name == "value"}

    def _window(self, window: Window) -> tuple[str, str]:
        if window not in self._ends:
            start, end = self._view.window_ends(window)
            self._ends[window] = format_instant(start), format_instant(end)
        return self._ends[window]

    def _sides(self, series: SeriesPlan, result: Result) -> dict[str, Any]:
        kinds, currency = quantities(series, self._plan.declarations), self._plan.currency
        sides: dict[str, Any] = {}
        if kinds.numerator is not None and result.numerator is not None:
            sides["numerator"] = kinds.numerator.text(result.numerator, currency)
        if kinds.denominator is not None and result.denominator is not None:
            sides["denominator"] = kinds.denominator.text(result.denominator, currency)
        return sides if isinstance(series.node, Total) else sides | {"samples": result.samples}
