"""Panels about KPIs: how each kind of panel shows a figure."""

from collections.abc import Collection, Sequence

from config.declarations import Alert, Derived, Ratio
from metrics.combine import Difference
from metrics.evaluate import NOW
from streams.dashboards import charts, tables
from streams.dashboards.charts import Dashed
from streams.dashboards.colours import FAINT, GOOD, LINES, NEUTRAL, Step, steps
from streams.dashboards.figures import Figure
from streams.dashboards.form import AXES, Form, axis_of
from streams.dashboards.links import alert_panel_id, panel_id
from streams.dashboards.panel import Heading, Scale, link
from streams.dashboards.query import Query, greatest, legend, one_view, values
from streams.dashboards.sdk import model
from streams.dashboards.span import Span, fixed
from streams.titles import window_title

MOST_ROWS, _TABLE_ROWS = 15, 50
_REFERENCE = "KPI reference"
_CHANGE, _CHANGE_MEANS = "change in 24 h", "The change is that over the time shown: 24 hours, unless another is chosen."
_TARGET, _BEFORE = "target", "a week before"
_MOST, _MOST_DOWN = 1.25, 2.0
"""How far bars go whose values may be more than the whole; twice the target where less is better."""
Part = tuple[Figure, Span]


class KpiPanels:
    """Makes panels about KPIs; each says what its KPI is, and leads to the page about it."""

    def __init__(self, public_url: str, filters: Collection[str] = ()) -> None:
        """Have them lead to the view at `public_url`; `filters` are the dimensions that people can choose values of."""
        self._public_url, self._filters = public_url, filters

    # ---------------------------------------------------------------------------------------------------------- totals

    def tile(self, figure: Figure, span: Span, drill: str = "") -> model.Panel:
        """Return a total as a large figure.

        Its window, and what its title has in brackets, stand in the panel, as there is no room above it.
        """
        title, _, bracketed = figure.title.partition(" (")
        name = f"{title}: {figure.detail.lower()}" if figure.detail else title
        notes = ", ".join(note for note in (bracketed.removesuffix(")"), span.words) if note)
        legend_parts = [notes or "now"]
        heading = self._heading(figure, "tile", name)
        # The sign of a link would take the room that the title needs.
        about = f"{heading.about}\n\n[{_REFERENCE}]({self._page(figure)})"
        good: charts.Good | None = None
        if not _change_misleads(figure, span):
            good = "down" if figure.good_is_down else "up"
            legend_parts.append(_CHANGE)
            about = f"{about}\n\n{_CHANGE_MEANS}"
        query = Query(self._values(figure, span), " · ".join(legend_parts))
        return charts.tile(heading._replace(about=about, links=()), query, _scale(figure, span), good, drill)

    def dial(self, figure: Figure, span: Span) -> model.Panel:
        """Return a total as a gauge."""
        heading = self._heading(figure, "dial", span.after(figure.name))
        return charts.dial(heading, Query(self._values(figure, span), figure.title), _up_to_whole(figure, span))

    def course(self, figures: Sequence[Figure], span: Span, windows: Collection[str] = ()) -> model.Panel:
        """Return figures of a KPI over the time, and the targets of those that have one for each of `windows`."""
        first = figures[0]
        queries = [Query(self._values(figure, span), legend(figure)) for figure in figures]
        queries += [_target(figure, span) for figure in figures if windows and set(windows) <= set(figure.goals)]
        title = span.after(first.kpi.title.en if len(figures) > 1 else first.name)
        scale = _scale(first, span) if len(figures) == 1 else _neutral(first)
        return _course(first, self._heading(first, "course", title), queries, scale, [Dashed(_TARGET, "text")])

    def compared(self, figure: Figure, span: Span) -> model.Panel:
        """Return a total over the time, with its target if it has one, and with itself a week before."""
        before = Query(self._values(figure, span, offset="1w"), _BEFORE)
        targets = [_target(figure, span)] if (span.token or "") in figure.goals else []
        heading = self._heading(figure, "compared", span.after(figure.name))
        queries = [Query(self._values(figure, span), legend(figure)), *targets, before]
        dashed = [Dashed(_TARGET, "text"), Dashed(_BEFORE, FAINT)]
        return _course(figure, heading, queries, _neutral(figure), dashed)

    def funnel(self, parts: Sequence[Part]) -> model.Panel:
        """Return totals as bars, one below the other."""
        about = "\n\n".join(f"{figure.title}: {figure.about}" for figure, _ in parts)
        queries = [Query(self._values(figure, span), figure.title, instant=True) for figure, span in parts]
        heading = Heading(panel_id("funnel"), parts[0][1].after("What gets through"), about)
        return charts.bars(heading, queries, _neutral(parts[0][0])._replace(least=0), names_above=True)

    # ------------------------------------------------------------------------------------------------------------ rows

    def ranking(self, figure: Figure, span: Span, most: int = MOST_ROWS) -> model.Panel:
        """Return the greatest rows of a figure as bars; as a table where bars could not begin at 0."""
        if _may_be_negative(figure):
            return self.pairs(figure, span, most)
        query = Query(greatest(self._values(figure, span), most), legend(figure), instant=True)
        return charts.bars(self._heading(figure, "ranking", span.after(figure.name)), [query], _from_zero(figure, span))

    def mix(self, figure: Figure, span: Span) -> model.Panel:
        """Return what a total is made of."""
        query = Query(self._values(figure, span), legend(figure), instant=True)
        return charts.donut(self._heading(figure, "mix", span.after(figure.name)), query, _neutral(figure))

    def pairs(self, figure: Figure, span: Span, most: int = _TABLE_ROWS) -> model.Panel:
        """Return the greatest rows as a table, with a column for each dimension."""
        labels = [(label, dimension_title(label)) for label in figure.labels]
        column = tables.Column(figure.heading, f"topk({most}, {self._values(figure, span)})", _scale(figure, span))
        return tables.rows(self._heading(figure, "pairs", span.after(figure.name)), labels, [column])

    def leaderboard(self, parts: Sequence[Part], title: str, most: int | None = None) -> model.Panel:
        """Return figures by the same dimension as the columns of a table, the `most` greatest of the first or all.

        Columns over another window than the first have it in their headings, the first one has it in `title`.
        """
        label, common = parts[0][0].labels[0], parts[0][1].token
        about = "\n\n".join(f"{figure.title}: {figure.about}" for figure, _ in parts)
        columns = [
            tables.Column(_column_title(figure, span, common), self._values(figure, span), _bar_in_cell(figure, span))
            for figure, span in parts
        ]
        heading = Heading(panel_id("leaderboard", label), title, about)
        return tables.rows(heading, [(label, dimension_title(label))], columns, most)

    # --------------------------------------------------------------------------------------------- targets and alerts

    def with_target(self, figure: Figure, token: str) -> model.Panel:
        """Return a total over the time, and its target."""
        span = fixed(token)
        queries = [Query(self._values(figure, span), legend(figure)), _target(figure, span)]
        heading = self._heading(figure, f"with_target/{token}", f"{span.after(figure.name)}, and its target")
        return _course(figure, heading, queries, _neutral(figure), [Dashed(_TARGET, "text")])

    def shares(self, figure: Figure, tokens: Sequence[str]) -> model.Panel:
        """Return values as shares of their targets: a bar for each window, or each row over the first one.

        A single one is a gauge.
        """
        spans = [fixed(token) for token in tokens]
        metric, matchers = f"{figure.gauge}:target_ratio", self._chosen(figure)
        if figure.labels:
            title = spans[0].after(f"{figure.name}, share of the target")
            shares = one_view(metric, spans[0].matcher, *matchers)
            queries = [Query(greatest(shares, MOST_ROWS), legend(figure), instant=True)]
        else:
            title = f"{figure.name}, share of the target"
            queries = [
                Query(one_view(metric, span.matcher), span.words or figure.title, instant=True) for span in spans
            ]
        least_good, most_good = (Step(None, GOOD), Step(1, "orange")), (Step(None, NEUTRAL), Step(1, GOOD))
        colours, most = (least_good, _MOST_DOWN) if figure.good_is_down else (most_good, _MOST)
        heading = self._heading(figure, f"share/{tokens[0]}", title)
        scale = Scale(Form("percentunit", 0), colours, 0, most)
        if len(queries) == 1 and not figure.labels:
            return charts.dial(heading._replace(title=spans[0].after(title)), queries[0], scale)
        return charts.bars(heading, queries, scale, names_above=True)

    def threshold(self, figure: Figure, alert: Alert) -> model.Panel:
        """Return what an alert watches, and its thresholds: where it fires, and where it ends."""
        span = fixed(alert.window or NOW.token)
        side = "above" if alert.below is None else "below"
        own = " / ".join(f"{{{{{label}}}}}" for label in figure.labels) if alert.levels else ""
        queries = [Query(self._values(figure, span), legend(figure))]
        for record, name in (("fire_level", f"fires {side}"), ("clear_level", "ends at")):
            levels = one_view(f"{figure.gauge}:{record}", f'alert="{alert.name}"', *self._chosen(figure))
            queries.append(Query(levels, f"{name}, {own}") if own else Query(f"max({levels})", name))
        runbook = link("Runbook", f"{self._public_url}/runbooks/{alert.name}")
        about = f"Fires {side} the one dashed line for {alert.for_}, and ends back at the other.\n\n{figure.about}"
        heading = self._heading(figure, "", f"{alert.name}: {span.after(figure.name)}")
        dashed = [Dashed(f"fires {side}", LINES[alert.severity], 2), Dashed("ends at", FAINT)]
        return _course(
            figure,
            heading._replace(id=alert_panel_id(alert.name), about=about, links=(*heading.links, runbook)),
            queries,
            _neutral(figure),
            dashed,
        )

    def _values(self, figure: Figure, span: Span, offset: str = "") -> str:
        return values(figure, span, *self._chosen(figure), offset=offset)

    def _chosen(self, figure: Figure) -> list[str]:
        """Return the matchers of the rows that people chose."""
        return [f'{name}=~"${name}"' for name in self._filters if name in figure.labels]

    def _page(self, figure: Figure) -> str:
        return f"{self._public_url}/kpi/{figure.kpi.key}"

    def _heading(self, figure: Figure, kind: str, title: str) -> Heading:
        reference = link(_REFERENCE, self._page(figure))
        return Heading(panel_id(kind, figure.gauge), title, figure.about, (reference,))


def moves_within_a_day(figure: Figure, span: Span) -> bool:
    """Return whether the values of a figure move within a day: not those of complete periods, and no indicators."""
    return span.moves and figure.series.names is None


def dimension_title(name: str) -> str:
    """Return how the values of a dimension are headed."""
    return name.replace("_", " ").capitalize()


def _course(
    figure: Figure,
    heading: Heading,
    queries: Sequence[Query],
    scale: Scale,
    dashed: Sequence[Dashed],
) -> model.Panel:
    """Return lines over the time, durations in whole days or hours."""
    levels = [float(alert.threshold) for alert in figure.kpi.alerts]
    form = axis_of(figure.form, min(levels, default=None))
    if form == figure.form:
        return charts.course(heading, queries, scale, dashed)
    unit = AXES[form]
    colours = tuple(Step(None if at is None else at / unit, colour) for at, colour in scale.colours)
    divided = [query._replace(expr=f"{query.expr} / {unit}") for query in queries]
    return charts.course(heading, divided, Scale(form, colours), dashed)


def _target(figure: Figure, span: Span) -> Query:
    return Query(
        one_view(figure.target, span.matcher),
        _TARGET if figure.series.agg is None else f"{_TARGET} ({figure.series.agg})",
    )


def _column_title(figure: Figure, span: Span, common: str | None) -> str:
    """Return the heading of a column, with the window where it is another one than that of the whole table."""
    return (
        f"{figure.heading}, {window_title(span.token)}"
        if span.words and span.token not in {None, common}
        else figure.heading
    )


# --------------------------------------------------------------------------------------------------------------- scales


def _neutral(figure: Figure) -> Scale:
    return Scale(figure.form, (Step(None, NEUTRAL),))


def _scale(figure: Figure, span: Span) -> Scale:
    return Scale(figure.form, steps(figure, span.token))


def _from_zero(figure: Figure, span: Span) -> Scale:
    """Return the scale of bars: they begin at 0, and what is compared with a plan may be more than the whole."""
    scale = _scale(figure, span)
    if _may_be_negative(figure):
        return scale
    attained = isinstance(figure.kpi, Derived) and figure.form.unit == "percentunit"
    return scale._replace(least=0, most=_MOST if attained else None)


def _up_to_whole(figure: Figure, span: Span) -> Scale:
    """Return the scale of a single bar, which shares end at the whole of."""
    scale = _from_zero(figure, span)
    is_share = figure.form.unit == "percentunit" and scale.least is not None
    return scale._replace(most=1) if is_share and scale.most is None else scale


def _bar_in_cell(figure: Figure, span: Span) -> Scale:
    """Return the scale of a cell, with a bar for shares only."""
    scale = _up_to_whole(figure, span)
    return scale if scale.most is not None else scale._replace(least=None)


def _may_be_negative(figure: Figure) -> bool:
    kpi = figure.kpi
    if isinstance(kpi, Derived):
        return "-" in kpi.expr and not kpi.expr.startswith("max(0,")
    return isinstance(figure.series.node, Difference) or (isinstance(kpi, Ratio) and kpi.minus is not None)


def _change_misleads(figure: Figure, span: Span) -> bool:
    """Return whether a change in percent would mislead: of shares, of what may be below zero, of what hardly moves."""
    return figure.kpi.unit == "ratio" or _may_be_negative(figure) or not moves_within_a_day(figure, span)
