"""The rules about the service itself."""

from collections.abc import Callable
from typing import Any

from config.settings import Settings
from metrics.plan import Plan
from streams.dashboards.links import SERVICE_UID, dashboard_url
from streams.rules.kpi_alert import SERVICE
from streams.rules.kpi_rules import INTERVAL
from streams.rules.promql import literal, selector
from streams.rules.service_alerts import LAG, ServiceAlert, service_alerts


def service_groups(plan: Plan, settings: Settings) -> list[dict[str, Any]]:
    """Return the one group of rules about the service."""
    alerts = [alert_rule(of, settings) for of in service_alerts(plan, settings)]
    return [{"name": SERVICE, "interval": INTERVAL, "rules": [*_lags(plan, settings), *alerts]}]


def _lags(plan: Plan, settings: Settings) -> list[dict[str, Any]]:
    """Return the records of what waits of each event type: workers tell it by topic, and what they applied by type."""
    rules = []
    for source in plan.declarations.sources.values():
        topic = settings.input_topic(source.topic)
        partitions = selector("salespulse_consumer_lag", {"topic": topic})
        # While a partition changes hands two workers may tell its lag.
        expression = f"sum(max by (partition) ({partitions}))"
        rules.append({"record": LAG, "expr": expression, "labels": {"type": source.key, "topic": topic}})
    return rules


def alert_rule(of: ServiceAlert, settings: Settings) -> dict[str, Any]:
    """Return the rule of an alert."""
    return {
        "alert": of.name,
        "expr": of.expression,
        "for": of.for_,
        "keep_firing_for": of.keep,
        "labels": service_labels(of),
        "annotations": service_annotations(of, settings, literal),
    }


def service_labels(of: ServiceAlert) -> dict[str, str]:
    """Return the labels of an alert, besides those of what it is about."""
    return {"severity": of.severity, "service": SERVICE, "kind": "service"}


def service_annotations(of: ServiceAlert, settings: Settings, written: Callable[[str], str]) -> dict[str, str]:
    """Return the annotations of an alert, with what is no template as `written` has it."""
    return {
        "summary": of.summary,
        "description": of.description,
        "runbook_url": written(f"{settings.public_url}/runbooks/{of.name}"),
        "dashboard_url": written(dashboard_url(settings.grafana_url, SERVICE_UID)),
    }
