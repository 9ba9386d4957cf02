"""An alert about a KPI, with all that its rule, its tests and its runbook are made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from config.declarations import Alert, Kpi
from metrics.evaluate import NOW
from metrics.exposition import Exposed, exposed_gauges
from metrics.plan import Plan, SeriesPlan
from metrics.thresholds import Threshold, thresholds
from streams.rules.amounts import Amount, amount_of

SERVICE = "salespulse"
_TAKEN = frozenset({"alertname", "alertstate", "severity", "service", "kind", "kpi", "group"})
"""Labels that have a meaning of their own on alerts."""


@dataclass(frozen=True, slots=True)
class KpiAlert:
    """A declared alert, and the gauges that it is about.

    Attributes:
        gauge: the name of the gauge of the value.
        sides: the names of those of the numerator and the denominator, where it has them.
        samples: the name of the gauge of the number of samples, where fewer than `min_samples` are no alert.
        thresholds: where it fires and ends: for single rows first, then for all others.
        amount: the kind of number that the value is.
    """

    kpi: Kpi
    alert: Alert
    series: SeriesPlan
    gauge: str
    sides: tuple[str, ...]
    samples: str | None
    thresholds: tuple[Threshold, ...]
    amount: Amount

    @property
    def name(self) -> str:
        """Its name."""
        return self.alert.name

    @property
    def window(self) -> str | None:
        """The token of the window; None for the state as it is now, whose gauge has no such label."""
        token = self.alert.window or NOW.token
        return None if token == NOW.token else token

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What tells its rows apart."""
        return self.alert.grain

    @property
    def below(self) -> bool:
        """Whether small values are what it warns of."""
        return self.alert.below is not None

    @property
    def min_samples(self) -> int:
        """How many samples there must be."""
        return self.alert.min_samples or 1

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the alert, besides those of the row."""
        return {
            "severity": self.alert.severity,
            "service": SERVICE,
            "kind": "threshold",
            "kpi": self.kpi.key,
            "group": self.kpi.group,
        }

    @property
    def renamed(self) -> Mapping[str, str]:
        """The labels of the row that alerts have for something else, by their new names (as Prometheus would)."""
        return {f"exported_{name}": name for name in self.dimensions if name in _TAKEN}

    def label(self, dimension: str) -> str:
        """Return the label of the alert that has the row's value of `dimension`."""
        return f"exported_{dimension}" if dimension in _TAKEN else dimension

    def threshold(self, row: Mapping[str, str]) -> Threshold:
        """Return the threshold of a row."""
        return next(t for t in self.thresholds if not t.where or t.where == row)


def kpi_alerts(plan: Plan) -> tuple[KpiAlert, ...]:
    """Return all alerts about KPIs, in the order of the declarations."""
    exposed = tuple(exposed_gauges(plan))
    return tuple(
        _resolved(plan, kpi, alert, exposed) for kpi in plan.declarations.kpis.values() for alert in kpi.alerts
    )


def _resolved(
    plan: Plan, kpi: Kpi, alert: Alert, exposed: tuple[tuple[SeriesPlan, tuple[Exposed, ...]], ...]
) -> KpiAlert:
    of_grain = [(s, gauges) for s, gauges in exposed if s.kpi.key == kpi.key and s.grain == alert.grain]
    series, own = next((s, gauges) for s, gauges in of_grain if s.agg in {None, alert.agg})
    (value,) = (gauge for gauge in own if gauge.role == "value")
    sides = tuple(gauge.name for gauge in own if gauge.role in {"numerator", "denominator"})
    # The samples of several aggregates of a KPI are on one gauge, listed with the first of them.
    samples = None if (alert.min_samples or 1) == 1 else _samples([gauge for _, gauges in of_grain for gauge in gauges])
    return KpiAlert(kpi, alert, series, value.name, sides, samples, thresholds(kpi, alert), amount_of(plan, series))


def _samples(gauges: list[Exposed]) -> str:
    """Return the gauge with the number of samples, which of a share is its denominator."""
    by_role = {gauge.role: gauge.name for gauge in gauges}
    return by_role.get("samples") or by_role["denominator"]


def in_groups(plan: Plan) -> Iterator[tuple[str, tuple[KpiAlert, ...]]]:
    """Yield each group of KPIs with its alerts, in the order of the declarations."""
    alerts = kpi_alerts(plan)
    for group in plan.declarations.kpis_by_group():
        yield group, tuple(of for of in alerts if of.kpi.group == group)
