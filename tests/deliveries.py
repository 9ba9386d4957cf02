"""Deliveries as Alertmanager makes them, for tests of what takes them."""

from typing import Any

Json = dict[str, Any]
FINGERPRINT = "3f1c0b5e2a4d6978"
WIN_RATE_LOW = {
    "alertname": "WinRateLow",
    "group": "funnel",
    "kind": "threshold",
    "kpi": "win_rate",
    "service": "salespulse",
    "severity": "warning",
    "team": "noord",
}


def firing(fingerprint: str = FINGERPRINT, **labels: str) -> Json:
    """Return an alert that fires, as it stands in a delivery."""
    return {
        "status": "firing",
        "labels": {**WIN_RATE_LOW, **labels},
        "annotations": {
            "summary": "Win rate of noord is 12%",
            "description": "Below 15% over 30d.",
            "runbook_url": "http://127.0.0.1:8080/runbooks/WinRateLow",
            "dashboard_url": "http://127.0.0.1:3000/d/sales-funnel?viewPanel=panel-1&var-team=noord",
        },
        "startsAt": "2026-11-10T12:00:00.123456789Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        "fingerprint": fingerprint,
    }


def resolved(fingerprint: str = FINGERPRINT, **labels: str) -> Json:
    """Return the same alert once it is over."""
    return {**firing(fingerprint, **labels), "status": "resolved", "endsAt": "2026-11-10T15:00:00.5+01:00"}


def delivery(*alerts: Json) -> Json:
    """Return a delivery of `alerts`, with everything that Alertmanager puts round them."""
    return {
        "receiver": "topic",
        "status": "firing",
        "alerts": list(alerts),
        "groupLabels": {"alertname": "WinRateLow"},
        "commonLabels": {"alertname": "WinRateLow"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "version": "4",
        "groupKey": '{}/{}:{alertname="WinRateLow"}',
        "truncatedAlerts": 0,
    }
