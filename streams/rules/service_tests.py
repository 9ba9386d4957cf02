"""The unit tests of the rules about the service: what each alert is about, and what is none of its business."""

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any

from config.settings import Settings
from metrics.plan import Plan
from streams.rules.promql import selector
from streams.rules.promtool import Test, alerts_at, input_series, series_at
from streams.rules.service_alerts import ServiceAlert, service_alerts
from streams.rules.service_incidents import Incident, incidents
from streams.rules.service_rules import service_annotations, service_labels
from streams.rules.service_scenes import STEP_SECONDS, Calm, Series, calm_scenes
from streams.rules.spans import span_seconds


def service_tests(plan: Plan, settings: Settings) -> dict[str, Any]:
    """Return the tests of all alerts about the service."""
    alerts = {of.short: of for of in service_alerts(plan, settings)}
    return {
        "rule_files": ["../rules/service.yml"],
        "evaluation_interval": f"{STEP_SECONDS}s",
        "tests": [
            *map(_silent, calm_scenes(plan, settings)),
            *(_fires(scene, alerts[scene.alert], settings) for scene in incidents(plan, settings)),
        ],
    }


def _test(name: str, series: tuple[Series, ...], **checks: list[Test]) -> Test:
    return {
        "name": name,
        "interval": f"{STEP_SECONDS}s",
        "input_series": [input_series(metric, labels, [(values, 1)]) for metric, labels, values in series],
        **checks,
    }


def _silent(scene: Calm) -> Test:
    checks = [series_at(step * STEP_SECONDS, scene.never, []) for step in scene.steps]
    return _test(scene.name, scene.series, promql_expr_test=checks)


def _fires(scene: Incident, of: ServiceAlert, settings: Settings) -> Test:
    """Return the test that an alert fires when it must and not before, says what it must, and ends when it must."""
    fires = scene.begins + ceil(span_seconds(of.for_) / STEP_SECONDS)
    ended = scene.ends + ceil(span_seconds(of.keep) / STEP_SECONDS)
    annotations = {name: _said(text, scene.said) for name, text in service_annotations(of, settings, str).items()}
    firing = selector("ALERTS", {"alertname": of.name, "alertstate": "firing"})
    return _test(
        f"{of.name} fires and ends",
        scene.series,
        alert_rule_test=list(_turns(of, fires, ended, ({**service_labels(of), **scene.labels}, annotations), scene)),
        promql_expr_test=[series_at((ended - 1 - scene.slack) * STEP_SECONDS, f"count({firing})", [("{}", 1)])],
    )


def _turns(
    of: ServiceAlert, fires: int, ended: int, alert: tuple[Mapping[str, str], Mapping[str, str]], scene: Incident
) -> Iterator[Test]:
    yield alerts_at((fires - 1 - scene.slack) * STEP_SECONDS, of.name)
    yield alerts_at(fires * STEP_SECONDS, of.name, [alert])
    yield alerts_at(ended * STEP_SECONDS, of.name)


def _said(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its templates replaced by what they stand for."""
    for template, value in values.items():
        text = text.replace(template, value)
    return text
