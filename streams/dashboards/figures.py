"""The readings as panels show them: each gauge with its title, its form, and what is said of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from config.declarations import Declarations, Derived, Kpi, State
from metrics.exposition import Exposed, exposed_gauges
from metrics.plan import Plan, SeriesPlan
from streams.dashboards.form import Form, form_of
from streams.titles import series_title
from streams.wording import by_words, kpi_words

Grain = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A gauge of a KPI.

    Attributes:
        series: the series that it shows.
        title: what it is called, without window and dimensions.
        about: what it means and how it is computed, as Markdown.
        gauge: the name of the metric.
        labels: its dimensions.
        windows: the tokens of its windows; `now` alone for a stock.
        form: unit and decimals.
        target: the name of the metric of its targets; empty without any.
        goals: the windows that have a target.
        detail: what the title leaves open, where several KPIs show values of the same name.
    """

    series: SeriesPlan
    title: str
    about: str
    gauge: str
    labels: Grain
    windows: tuple[str, ...]
    form: Form
    target: str = ""
    goals: tuple[str, ...] = ()
    detail: str = ""

    @property
    def kpi(self) -> Kpi:
        """The KPI that it is one of."""
        return self.series.kpi

    @property
    def good_is_down(self) -> bool:
        """Whether less is better."""
        return self.kpi.display is not None and self.kpi.display.good == "down"

    @property
    def name(self) -> str:
        """The title in full, with the dimensions."""
        title = f"{self.title}: {self.detail.lower()}" if self.detail else self.title
        return f"{_short(title, self.labels)}{by_words([label.replace('_', ' ') for label in self.labels])}"

    @property
    def heading(self) -> str:
        """The title above a column of its rows."""
        return _short(self.title, self.labels)


class Figures:
    """All figures of a plan."""

    def __init__(self, plan: Plan) -> None:
        """Make them."""
        self.all = tuple(_figures(plan))

    def of_kpi(self, key: str) -> tuple[Figure, ...]:
        """Return the figures of a KPI, in the order of its declaration."""
        return tuple(figure for figure in self.all if figure.kpi.key == key)

    def main(self, key: str) -> tuple[Figure, ...]:
        """Return the totals of a KPI, one for each aggregate or named value, else what its first grain has."""
        of_kpi = self.of_kpi(key)
        return tuple(figure for figure in of_kpi if not figure.labels) or tuple(
            figure for figure in of_kpi if figure.labels == of_kpi[0].labels
        )

    def find(self, key: str, agg: str | None, grain: Grain) -> Figure:
        """Return the figure of a KPI, aggregate and grain; the first aggregate where none is named."""
        return next(
            figure
            for figure in self.of_kpi(key)
            if figure.labels == grain and (agg is None or figure.series.agg in {None, agg})
        )


def is_headline(kpi: Kpi) -> bool:
    """Return whether a KPI is one of the first to be looked at."""
    return kpi.display is not None and kpi.display.headline


def _short(title: str, labels: Grain) -> str:
    """Return a title without `per rep` at its end, where it is told by rep anyway."""
    return title.removesuffix(f" per {labels[0]}") if labels else title


def _figures(plan: Plan) -> Iterator[Figure]:
    for series, gauges in exposed_gauges(plan):
        values = [gauge for gauge in gauges if gauge.role == "value"]
        if series.names is not None:
            yield from _named(plan, series, values)
            continue
        target = next((gauge for gauge in gauges if gauge.role == "target"), None)
        yield Figure(
            series,
            series_title(series),
            _about(series.kpi, plan.declarations),
            values[0].name,
            values[0].labels,
            _tokens(values[0]),
            form_of(series.kpi, series.kpi.unit, plan.currency),
            "" if target is None else target.name,
            () if target is None else _tokens(target),
        )


def _named(plan: Plan, series: SeriesPlan, gauges: list[Exposed]) -> Iterator[Figure]:
    """Yield the figures of a series whose values have a metric each."""
    titles = _titles(series.kpi, plan.declarations)
    for (value, (_, unit)), gauge in zip((series.names or {}).items(), gauges, strict=True):
        yield Figure(
            series,
            titles[value],
            _about(series.kpi, plan.declarations),
            gauge.name,
            gauge.labels,
            _tokens(gauge),
            form_of(series.kpi, unit, plan.currency),
            detail="" if isinstance(series.kpi, State) else series.kpi.title.en,
        )


def _titles(kpi: Kpi, declarations: Declarations) -> dict[str, str]:
    """Return the titles of the values that have a metric each, those of the KPI that `kpi` is derived from included."""
    if isinstance(kpi, State) and kpi.named is not None:
        return {value: named.title.en for value, named in kpi.named.values.items()}
    given = kpi.inputs.values() if isinstance(kpi, Derived) else ()
    return {
        value: title
        for each in given
        if each.kpi is not None
        for value, title in _titles(declarations.kpis[each.kpi], declarations).items()
    }


def _tokens(gauge: Exposed) -> tuple[str, ...]:
    return tuple(window.token for window in gauge.windows)


def _about(kpi: Kpi, declarations: Declarations) -> str:
    return "\n\n".join(text for text in (kpi.description, kpi.formula or kpi_words(kpi, declarations)) if text)
