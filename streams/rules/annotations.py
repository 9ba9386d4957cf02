"""What an alert about a KPI says: as templates for Prometheus, and as those come out for one row and value."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import quote_plus

from config.settings import Settings
from metrics.thresholds import Threshold
from streams.dashboards.links import FILTERS, alert_panel_id, dashboard_url, group_uid
from streams.rules.kpi_alert import KpiAlert
from streams.rules.promql import literal, quoted
from streams.rules.spans import span_seconds
from streams.titles import series_title, window_words

URL = re.compile(r"https?://\S+")
"""What makes a declared `runbook` an address, and not a text."""


class Wording(Protocol):
    """How what differs from row to row is written."""

    def literal(self, text: str) -> str:
        """Write a text that is the same for all rows."""
        ...

    def label(self, dimension: str) -> str:
        """Write the row's value of a dimension."""
        ...

    def label_in_url(self, dimension: str) -> str:
        """Write it as a part of an address."""
        ...

    def value(self) -> str:
        """Write the value."""
        ...

    def level(self, level: Callable[[Threshold], str]) -> str:
        """Write what `level` makes of the row's threshold."""
        ...


class Template:
    """Leaves to Prometheus what differs from row to row."""

    def __init__(self, of: KpiAlert) -> None:
        """Write for `of`."""
        self._of = of

    def literal(self, text: str) -> str:
        """Keep `text` from being read as a template."""
        return literal(text)

    def label(self, dimension: str) -> str:
        """Write the template of the row's value of a dimension."""
        return f"{{{{ $labels.{self._of.label(dimension)} }}}}"

    def label_in_url(self, dimension: str) -> str:
        """Write it as a part of an address."""
        return f"{{{{ $labels.{self._of.label(dimension)} | urlquery }}}}"

    def value(self) -> str:
        """Write the template of the value."""
        return self._of.amount.template

    def level(self, level: Callable[[Threshold], str]) -> str:
        """Write what `level` makes of the row's threshold; a choice where rows have their own."""
        *own, general = self._of.thresholds
        if not own:
            return level(general)
        branches = [f"if {self._is_row(threshold.where)} }}}}{level(threshold)}" for threshold in own]
        return f"{{{{ {'{{ else '.join(branches)}{{{{ else }}}}{level(general)}{{{{ end }}}}"

    def _is_row(self, where: Mapping[str, str]) -> str:
        tests = [f"eq $labels.{self._of.label(dimension)} {quoted(value)}" for dimension, value in where.items()]
        return tests[0] if len(tests) == 1 else f"and {' '.join(f'({test})' for test in tests)}"


class Said(NamedTuple):
    """Writes what Prometheus makes of the template for one row and value."""

    of: KpiAlert
    row: Mapping[str, str]
    number: float

    def literal(self, text: str) -> str:
        """Return `text`."""
        return text

    def label(self, dimension: str) -> str:
        """Return the row's value of a dimension."""
        return self.row[dimension]

    def label_in_url(self, dimension: str) -> str:
        """Return it as a part of an address."""
        return quote_plus(self.row[dimension])

    def value(self) -> str:
        """Return the value as Prometheus writes it."""
        return self.of.amount.said(self.number)

    def level(self, level: Callable[[Threshold], str]) -> str:
        """Return what `level` makes of the row's threshold."""
        return level(self.of.threshold(self.row))


def annotations(of: KpiAlert, settings: Settings, wording: Wording) -> dict[str, str]:
    """Return the annotations of an alert about a KPI."""
    own_runbook = of.alert.runbook if URL.fullmatch(of.alert.runbook or "") else None
    variables = {name: wording.label_in_url(name) for name in of.dimensions if name in FILTERS}
    grafana = wording.literal(settings.grafana_url)
    return {
        "summary": f"{wording.literal(series_title(of.series))}{_row(of, wording)}{_window(of)}: {wording.value()}",
        "description": " ".join(_description(of, wording)),
        "runbook_url": wording.literal(own_runbook or f"{settings.public_url}/runbooks/{of.name}"),
        "dashboard_url": dashboard_url(grafana, group_uid(of.kpi.group), alert_panel_id(of.name), variables),
    }


def _row(of: KpiAlert, wording: Wording) -> str:
    parts = [f"{dimension.replace('_', ' ')} {wording.label(dimension)}" for dimension in of.dimensions]
    return f" of {' and '.join(parts)}" if parts else ""


def _window(of: KpiAlert) -> str:
    return "" if of.window is None else f" over {window_words(of.window)}"


def _description(of: KpiAlert, wording: Wording) -> list[str]:
    side, back = ("below", "more") if of.below else ("above", "less")
    fires, clears = (
        wording.level(lambda t: of.amount.exact(t.fires)),
        wording.level(lambda t: of.amount.exact(t.clears)),
    )
    lasted = f" for {of.alert.for_}" if span_seconds(of.alert.for_) else ""
    samples = f", with at least {of.min_samples} samples behind it" if of.samples else ""
    after = f"{of.alert.keep_firing_for} after" if span_seconds(of.alert.keep_firing_for) else "once"
    return [
        f"It was {side} {fires}{lasted}{samples}.",
        f"The alert ends {after} the value is back at {clears} or {back}.",
        *([wording.literal(of.kpi.description)] if of.kpi.description else []),
    ]
