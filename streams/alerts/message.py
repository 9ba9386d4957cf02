"""An alert as it is told on the topic."""

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from metrics.calendar import Window
from metrics.evaluate import NOW, Result
from metrics.plan import Plan
from metrics.view import Reading
from streams.alerts.delivery import DeliveredAlert
from streams.messages import Messages
from streams.rules.kpi_alert import kpi_alerts

_encode = msgspec.json.Encoder().encode


class AlertMessage(Struct, omit_defaults=True, kw_only=True):
    """The newest state of an alert; what does not apply is not there, except that `ends_at` is null while it fires.

    Attributes:
        status: `firing` or `resolved`.
        alert: name of the alert.
        severity: `critical` (somebody must act now), `warning` (in office hours) or `info`; rules of your own may say
            something else.
        kind: `threshold` of an alert about a KPI, `service` of one about salespulse itself.
        kpi: key of the KPI, of an alert about one.
        group: the group of the KPI.
        dimensions: which row of the KPI it is about, as in the reading; nothing for the total.
        reading: key on the metric topic of the reading that it is about.
        summary: what is the matter, in a sentence.
        description: how bad it is, and what it is measured by.
        runbook_url: where it says what to look at and what to do.
        dashboard_url: the panel with the value and its threshold.
        starts_at: since when it fires, or fired.
        ends_at: when it ended; null while it fires.
        labels: all labels, which together tell this alert from others.
        fingerprint: the key of the record; the same labels always have the same one.
    """

    status: str
    alert: str
    severity: str | None = None
    kind: str | None = None
    kpi: str | None = None
    group: str | None = None
    dimensions: dict[str, str]
    reading: str | None = None
    summary: str | None = None
    description: str | None = None
    runbook_url: str | None = None
    dashboard_url: str | None = None
    starts_at: str
    ends_at: str | None
    labels: dict[str, str]
    fingerprint: str


class AlertMessages:
    """Turns delivered alerts into messages; what the alerts of a KPI are about is looked up in its declaration."""

    def __init__(self, plan: Plan) -> None:
        """Look up the declared alerts."""
        self._messages = Messages(plan)
        self._declared = {of.name: of for of in kpi_alerts(plan)}

    def message(self, alert: DeliveredAlert) -> AlertMessage:
        """Return a delivered alert as a message."""
        labels, texts = alert.labels, alert.annotations
        dimensions, reading = self._row(labels)
        return AlertMessage(
            status=alert.status,
            alert=labels["alertname"],
            severity=labels.get("severity"),
            kind=labels.get("kind"),
            kpi=labels.get("kpi"),
            group=labels.get("group"),
            dimensions=dimensions,
            reading=reading,
            summary=texts.get("summary"),
            description=texts.get("description"),
            runbook_url=texts.get("runbook_url"),
            dashboard_url=texts.get("dashboard_url"),
            starts_at=_spelt(alert.starts_at),
            ends_at=None if alert.status == "firing" else _spelt(alert.ends_at),
            labels=labels,
            fingerprint=alert.fingerprint,
        )

    def _row(self, labels: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
        """Return the dimensions of the reading that an alert is about, and its key; nothing for other alerts."""
        of = self._declared.get(labels["alertname"])
        if of is None or of.kpi.key != labels.get("kpi"):
            return {}, None
        row = {name: labels.get(of.label(name), "") for name in of.dimensions}  # to Prometheus an empty label is none
        window = NOW if of.window is None else Window(of.window)
        return row, self._messages.key(Reading(of.series, window, tuple(row.values()), Result(None)))


def encode_alert(message: AlertMessage) -> bytes:
    """Return a message as JSON."""
    return _encode(message)


def _spelt(at: datetime) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
