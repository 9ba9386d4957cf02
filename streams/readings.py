"""Readings by what is asked for: one way for the HTTP interface, for streams and for reports."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from metrics.plan import Plan
from metrics.view import Reading, View
from streams.messages import ReadingMessage


class QueryError(ValueError):
    """A question about something that is not declared. Reaction: tell whoever asked; the text names what is known."""


@dataclass(frozen=True)
class Query:
    """Which readings are asked for; an empty part does not restrict.

    Attributes:
        kpis: keys of KPIs.
        windows: tokens of windows.
        grains: exact grains, `()` for the total.
        values: (dimension, value) pairs: readings by that dimension, for one of its values that are named.
    """

    kpis: frozenset[str] = frozenset()
    windows: frozenset[str] = frozenset()
    grains: frozenset[tuple[str, ...]] = frozenset()
    values: frozenset[tuple[str, str]] = frozenset()

    @cached_property
    def _sorted_grains(self) -> frozenset[tuple[str, ...]]:
        return frozenset(tuple(sorted(grain)) for grain in self.grains)

    @cached_property
    def _named(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.values)

    def wants(self, kpi: str, grain: tuple[str, ...]) -> bool:
        """Return whether readings of a KPI by `grain` are asked for, in whatever order the dimensions were named."""
        if (self.kpis and kpi not in self.kpis) or not self._named.issubset(grain):
            return False
        return not self.grains or tuple(sorted(grain)) in self._sorted_grains

    def wants_window(self, token: str) -> bool:
        """Return whether readings over a window are asked for."""
        return not self.windows or token in self.windows

    def wants_row(self, dimensions: Iterable[tuple[str, str]]) -> bool:
        """Return whether a row, given as (dimension, value) pairs, is asked for."""
        return all(name not in self._named or (name, value) in self.values for name, value in dimensions)

    def wants_message(self, message: ReadingMessage) -> bool:
        """Return whether a reading is asked for."""
        return (
            self.wants(message.kpi, message.grain)
            and self.wants_window(message.window)
            and self.wants_row(message.dimensions.items())
        )


def query(
    plan: Plan,
    kpis: Sequence[str] = (),
    windows: Sequence[str] = (),
    by: Sequence[str] = (),
    where: Sequence[str] = (),
) -> Query:
    """Return the query for what was named, each part possibly several times, KPIs and windows also with commas.

    Args:
        plan: what is declared.
        kpis: keys of KPIs.
        windows: tokens of windows.
        by: grains as dimensions with commas, such as `team` or `team,product`; the empty text is the total.
        where: `dimension:value`; several values of one dimension are alternatives.

    Raises:
        QueryError: something is not declared.
    """
    asked = Query(
        frozenset(part for text in kpis for part in text.split(",") if part),
        frozenset(part for text in windows for part in text.split(",") if part),
        frozenset(tuple(d.strip() for d in text.split(",") if d.strip()) for text in by),
        frozenset(dimension_value(text) for text in where),
    )
    declared = plan.declarations.kpis
    for kpi in sorted(asked.kpis - declared.keys()):
        raise QueryError(f"kpi `{kpi}` is not declared; use one of {', '.join(declared)}")
    series = [s for s in plan.series if s.kpi.key in (asked.kpis or declared)]
    known = dict.fromkeys(w.token for s in series for w in s.windows)
    for window in sorted(asked.windows - known.keys()):
        raise QueryError(f"window `{window}` is not declared{_of(asked.kpis)}; use one of {', '.join(known)}")
    _check_grains(asked, dict.fromkeys(s.grain for s in series))
    return asked


def dimension_value(text: str) -> tuple[str, str]:
    """Return the parts of ``dimension:value``.

    Raises:
        QueryError: the text has no such parts.
    """
    name, colon, value = text.partition(":")
    if not (name and colon):
        raise QueryError(f"where `{text}` is not a dimension and its value; write it like `where=team:north`")
    return name, value


def _check_grains(asked: Query, grains: Iterable[tuple[str, ...]]) -> None:
    kinds = {tuple(sorted(grain)) for grain in grains}
    for grain in sorted(g for g in asked.grains if tuple(sorted(g)) not in kinds):
        names = ", ".join(f"`{','.join(g)}`" for g in grains if g)
        what = f"by `{','.join(grain)}` is not declared{_of(asked.kpis)}"
        raise QueryError(f"{what}; use one of {names}, or the empty text for the total")
    dimensions = dict.fromkeys(d for grain in grains for d in grain)
    for name in sorted({name for name, _ in asked.values} - dimensions.keys()):
        known = ", ".join(dimensions) or "none: it has a total only"
        raise QueryError(f"dimension `{name}` is not declared{_of(asked.kpis)}; use one of {known}")


def _of(kpis: frozenset[str]) -> str:
    return f" for {', '.join(f'`{kpi}`' for kpi in sorted(kpis))}" if kpis else ""


def select(view: View, asked: Query) -> Iterator[Reading]:
    """Yield the readings that are asked for, in the order of the declarations, each series by its dimension values."""
    for i, series in enumerate(view.plan.series):
        if asked.wants(series.kpi.key, series.grain):
            for window in series.windows:
                if asked.wants_window(window.token):
                    for dims, result in sorted(view.readings[i, window].items()):
                        if asked.wants_row(zip(series.grain, dims, strict=True)):
                            yield Reading(series, window, dims, result)
