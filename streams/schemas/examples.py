"""Examples in the contracts: made by the code that makes the real thing, from what is declared."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec

from metrics.calendar import parse_instant
from metrics.evaluate import Result
from metrics.plan import Plan, SeriesPlan
from metrics.view import Reading
from streams.alerts.delivery import DeliveredAlert
from streams.alerts.message import AlertMessages
from streams.entity_messages import ContributionMessage, EntitiesPage, EntityMessage, EntityTotals
from streams.envelope import format_instant
from streams.messages import Messages, ReadingMessage, split_key

AS_OF = parse_instant("2026-11-10T12:00:00Z")
_AMOUNT = Fraction(1_250_000)


class Examples:
    """Examples of one plan."""

    def __init__(self, plan: Plan) -> None:
        """Take the first sum of money that is grouped by one dimension, else the first series."""
        amounts = (series for series in plan.series if series.rounds_to_minor and len(series.grain) == 1)
        self.series: SeriesPlan = next(amounts, plan.series[0])
        self._plan = plan
        self._messages = Messages(plan)
        self.as_of = format_instant(AS_OF)
        self.dimensions = {name: f"{name}-1" for name in self.series.grain}

    def reading(self, revision: int | None = None) -> dict[str, Any]:
        """Return a reading with a value; with a revision as on the topic."""
        return plain(msgspec.structs.replace(self._reading(), revision=revision))

    def absent(self) -> dict[str, Any]:
        """Return a reading without a value."""
        return plain(self._message(Result(None, "no_samples")))

    def key(self) -> str:
        """Return the key of the reading on the topic."""
        return self._messages.key(self._of(Result(_AMOUNT)))

    def progress(self) -> dict[str, Any]:
        """Return a sign of life."""
        sources = list(self._plan.sources)[:2]
        return {"as_of": self.as_of, "watermarks": {s: format_instant(AS_OF - 2_000) for s in sources}}

    def changes(self) -> dict[str, Any]:
        """Return what is told over Redis."""
        name, field = split_key(self.key())
        return {"as_of": self.as_of, "changed": {name: [field]}}

    def alert(self, *, resolved: bool = False) -> dict[str, Any]:
        """Return an alert that fires, or one that is over: of a KPI where one is declared, else of the service."""
        declared = [(kpi, alert) for kpi in self._plan.declarations.kpis.values() for alert in kpi.alerts]
        labels = {"alertname": "SalespulseReadingsStale", "severity": "critical", "kind": "service"}
        title = "The readings"
        for kpi, alert in sorted(declared, key=lambda both: len(both[1].grain) != 1)[:1]:
            labels = {"alertname": alert.name, "severity": alert.severity, "kind": "threshold", "kpi": kpi.key}
            labels |= {"group": kpi.group, **{name: f"{name}-1" for name in alert.grain}}
            title = kpi.title.en
        begun = datetime.fromtimestamp(AS_OF / 1000, UTC)
        delivered = DeliveredAlert(
            status="resolved" if resolved else "firing",
            labels={**labels, "service": "salespulse"},
            starts_at=begun,
            ends_at=begun + timedelta(hours=2),
            fingerprint="0b5e3f1c2a4d6978",
            annotations={
                "summary": f"{title}: not as it should be",
                "runbook_url": f"http://127.0.0.1:8080/runbooks/{labels['alertname']}",
            },
        )
        return plain(AlertMessages(self._plan).message(delivered))

    def entities(self) -> dict[str, Any]:
        """Return a page of the entities of the reading."""
        reading = self._reading()
        source = getattr(self.series.kpi, "from_", next(iter(self._plan.sources)))
        money = self._plan.currency if reading.unit == "money" else None
        added = [ContributionMessage(role="value", value=reading.value or "0", currency=money)]
        at = format_instant(AS_OF - 3_600_000)
        page = EntitiesPage(
            kpi=reading.kpi,
            agg=reading.agg,
            window=reading.window,
            start=reading.start,
            end=reading.end,
            as_of=reading.as_of,
            grain=reading.grain,
            dimensions=reading.dimensions,
            value=reading.value,
            unit=reading.unit,
            currency=reading.currency,
            entities=[
                EntityMessage(
                    type=source,
                    entity_id=f"{source}-1",
                    at=at,
                    updated_at=at,
                    contributions=added,
                    dimensions=self.dimensions,
                )
            ],
            totals=EntityTotals(entities=1, contributions=added),
        )
        return plain(page)

    def _reading(self) -> ReadingMessage:
        return self._message(Result(_AMOUNT))

    def _message(self, result: Result) -> ReadingMessage:
        return self._messages.message(self._of(result), AS_OF)

    def _of(self, result: Result) -> Reading:
        return Reading(self.series, self.series.windows[0], tuple(self.dimensions.values()), result)


def plain(message: msgspec.Struct) -> dict[str, Any]:
    """Return a message as a client gets it."""
    told: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(message))
    return told
