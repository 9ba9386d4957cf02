"""The readings as Prometheus gauges, made at the scrape: what has no value has no sample, and nothing stale is left."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from config.declarations import Kpi
from metrics.admitted import Admitted
from metrics.calendar import Window
from metrics.evaluate import NOW, Mean, MeanAge, Quantile, Result
from metrics.formatting import Quantities, Quantity, quantities
from metrics.names import Role, metric_name
from metrics.plan import Plan, SeriesPlan
from metrics.view import View
from metrics.windows import Dims

_COUNT = Quantity("none", is_sum=True)
_ROLE_WORDS = {
    "value": "",
    "numerator": "Numerator of: ",
    "denominator": "Denominator of: ",
    "samples": "Number of samples of: ",
    "target": "Target of: ",
}


class _Gauge(NamedTuple):
    """One role of a series: the gauge it appears on."""

    role: Role
    name: str
    documentation: str
    quantity: Quantity


@dataclass(slots=True)
class _Shown:
    """The samples of one series window, kept from one scrape to the next for the rows that did not change."""

    gauges: tuple[_Gauge, ...]
    named: Mapping[str, _Gauge] | None
    """By the value of the one dimension, which is then part of the name and no label."""
    window: Window
    dimensions: tuple[str, ...]
    samples: dict[Dims, tuple[Result, tuple[Sample, ...]]] = field(default_factory=dict)

    def update(self, results: dict[Dims, Result], currency: str) -> Iterator[Sample]:
        """Yield the samples of `results`, remaking those of changed rows only."""
        kept = self.samples
        if len(kept) > len(results) or not kept.keys() <= results.keys():
            for dims in kept.keys() - results.keys():
                del kept[dims]
        for dims, result in results.items():
            before = kept.get(dims)
            if before is None or before[0] is not result:
                kept[dims] = before = (result, tuple(self._samples(dims, result, currency)))
            yield from before[1]

    def _samples(self, dims: Dims, result: Result, currency: str) -> Iterator[Sample]:
        labels = {} if self.named is not None else dict(zip(self.dimensions, dims, strict=True))
        if self.window != NOW:
            labels = {"window": self.window.token, **labels}
        for gauge in self.gauges if self.named is None else (self.named[dims[0]],):
            value = _role_value(result, gauge.role)
            if value is not None:
                yield Sample(gauge.name, labels, gauge.quantity.number(value, currency))


class ReadingsCollector(Collector):
    """The readings of a view as of its last tick, and what there is to know about them."""

    def __init__(self, view: View) -> None:
        """Compile the names of every series of `view`."""
        self._view = view
        self._help: dict[str, str] = {}
        self._shown = {
            (i, window): _Shown(gauges, _named(series, view.plan.currency), window, series.grain)
            for i, (series, gauges) in enumerate(_all_gauges(view.plan))
            for window in series.windows
        }
        for shown in self._shown.values():
            gauges = shown.gauges if shown.named is None else shown.named.values()
            self._help |= {gauge.name: gauge.documentation for gauge in gauges}

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the names are free, and a registry need not collect to find out."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges as of the last tick; none of the KPIs before the first one."""
        if self._view.as_of is not None:
            yield from self._readings()
            yield from self._state(self._view.as_of)
        yield _kpi_info(self._view.plan)

    def _readings(self) -> Iterator[Metric]:
        families: dict[str, list[Sample]] = {}
        for key, results in self._view.readings.items():
            for sample in self._shown[key].update(results, self._view.plan.currency):
                found = families.get(sample.name)
                if found is None:
                    families[sample.name] = [sample]
                else:
                    found.append(sample)
        for name, samples in families.items():
            family = GaugeMetricFamily(name, self._help[name])
            family.samples = samples
            yield family
        yield GaugeMetricFamily(
            "salespulse_exposed_series",
            "Series of KPIs that are exposed.",
            value=sum(len(samples) for samples in families.values()),
        )

    def _state(self, as_of: int) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "salespulse_last_evaluation_timestamp_seconds",
            "The instant as of which the KPIs are exposed.",
            value=as_of / 1000,
        )
        events = GaugeMetricFamily(
            "salespulse_source_last_event_timestamp_seconds",
            "The greatest `updated_at` that was applied of each event type.",
            labels=["type"],
        )
        for source, at in sorted(self._view.watermarks().items()):
            events.add_metric([source], at / 1000)
        yield events
        incomplete = GaugeMetricFamily(
            "salespulse_incomplete_entities",
            "Entities, or parts of them, that count nowhere, by type and reason.",
            labels=["type", "reason"],
        )
        for source, reason, count in sorted(self._view.incomplete()):
            incomplete.add_metric([source, reason], count)
        yield incomplete
        unconverted = GaugeMetricFamily(
            "salespulse_unconverted_records",
            "Sums of a currency that are left out until a usable exchange rate is known.",
            labels=["currency"],
        )
        for currency, count in sorted(self._view.unconverted().items()):
            unconverted.add_metric([currency], count)
        yield unconverted
        yield from dimension_metrics(self._view.admitted)


def dimension_metrics(dimensions: Mapping[str, Admitted]) -> Iterator[Metric]:
    """Yield how many values the open dimensions have, and may have, as the process that has `dimensions` sees it."""
    values = GaugeMetricFamily(
        "salespulse_dimension_values", "Values of a dimension that are counted by name.", labels=["dimension"]
    )
    limits = GaugeMetricFamily(
        "salespulse_dimension_limit", "How many values of a dimension are counted by name.", labels=["dimension"]
    )
    folded = CounterMetricFamily(
        "salespulse_dimension_folded",
        "How often what an entity adds to a table was counted as `other`, because its dimension was full.",
        labels=["dimension"],
    )
    for name, admitted in dimensions.items():
        values.add_metric([name], len(admitted.values))
        limits.add_metric([name], admitted.limit)
        folded.add_metric([name], admitted.folded)
    yield from (values, limits, folded)


class Exposed(NamedTuple):
    """A gauge on which a series is exposed: one sample for each of its windows and each row of `labels`."""

    role: Role
    name: str
    labels: tuple[str, ...]
    """The dimensions; the label `window` comes before them where the window is not `now`."""
    windows: tuple[Window, ...]


def exposed_gauges(plan: Plan) -> Iterator[tuple[SeriesPlan, tuple[Exposed, ...]]]:
    """Yield each series with its gauges; where values have a metric each there is one without dimensions for each."""
    for series, gauges in _all_gauges(plan):
        named = _named(series, plan.currency)
        if named is None:
            yield series, tuple(Exposed(g.role, g.name, series.grain, _windows(series, g.role)) for g in gauges)
        else:
            yield series, tuple(Exposed(g.role, g.name, (), series.windows) for g in named.values())


def _windows(series: SeriesPlan, role: Role) -> tuple[Window, ...]:
    """Return the windows for which a gauge of `series` can have samples."""
    return series.windows if role != "target" else tuple(w for w in series.windows if w in series.targets)


def definition_version(kpi: Kpi) -> str:
    """Return a short text that changes when, and only when, the declaration of `kpi` does."""
    return hashlib.sha256(kpi.model_dump_json().encode()).hexdigest()[:12]


def _all_gauges(plan: Plan) -> Iterator[tuple[SeriesPlan, tuple[_Gauge, ...]]]:
    """Yield each series with its gauges; the samples of several aggregates of one KPI are the same, so told once."""
    taken: set[str] = set()
    for series in plan.series:
        gauges = tuple(
            g for g in _gauges(series, quantities(series, plan.declarations), plan.currency) if g.name not in taken
        )
        taken |= {g.name for g in gauges}
        yield series, gauges


def _gauges(series: SeriesPlan, kinds: Quantities, currency: str) -> Iterator[_Gauge]:
    def gauge(role: Role, quantity: Quantity) -> _Gauge:
        agg = None if role == "samples" else series.agg
        name = metric_name(series.kpi.key, agg, series.grain, quantity.unit, currency, role)
        return _Gauge(role, name, _documentation(series, role), quantity)

    yield gauge("value", kinds.value)
    if kinds.numerator is not None:
        yield gauge("numerator", kinds.numerator)
    if kinds.denominator is not None:
        yield gauge("denominator", kinds.denominator)
    if isinstance(series.node, Mean | MeanAge | Quantile):
        yield gauge("samples", _COUNT)
    if series.targets:
        yield gauge("target", kinds.value)


def _named(series: SeriesPlan, currency: str) -> dict[str, _Gauge] | None:
    """Return the gauges of a series whose values have a metric each, by value."""
    if series.names is None:
        return None
    return {
        value: _Gauge("value", metric_name(key, None, (), unit, currency), documentation, Quantity(unit, is_sum=False))
        for value, (key, unit) in series.names.items()
        for documentation in [f"{series.kpi.title.en}: {value}. {series.kpi.description}".strip()]
    }


def _documentation(series: SeriesPlan, role: Role) -> str:
    kpi = series.kpi
    agg = f" ({series.agg})" if series.agg is not None and role != "samples" else ""
    by = f", by {', '.join(series.grain)}" if series.grain else ""
    return f"{_ROLE_WORDS[role]}{kpi.title.en}{agg}{by}. {kpi.description}".strip()


def _role_value(result: Result, role: Role) -> Fraction | None:
    match role:
        case "value":
            return result.value
        case "numerator":
            return result.numerator
        case "denominator":
            return result.denominator
        case "samples":
            return None if result.samples is None else Fraction(result.samples)
        case "target":
            return result.target


def _kpi_info(plan: Plan) -> Metric:
    info = GaugeMetricFamily(
        "salespulse_kpi_info",
        "The KPIs that are computed: the version of their declaration, unit and titles.",
        labels=["kpi", "version", "unit", "title_en", "title_nl"],
    )
    for kpi in plan.declarations.kpis.values():
        info.add_metric([kpi.key, definition_version(kpi), kpi.unit, kpi.title.en, kpi.title.nl], 1)
    return info
