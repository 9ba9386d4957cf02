"""The rules about KPIs: how far values are on the way to their targets, where alerts fire and end, and the alerts."""

from collections.abc import Iterator, Mapping
from typing import Any

from config.settings import Settings
from metrics.exposition import exposed_gauges
from metrics.plan import Plan
from metrics.thresholds import Threshold
from streams.rules.annotations import Template, annotations
from streams.rules.kpi_alert import KpiAlert, in_groups
from streams.rules.promql import number, on, once, selector

Rule = dict[str, Any]
Group = dict[str, Any]
INTERVAL = "30s"
"""How often rules are evaluated."""


def kpi_groups(plan: Plan, settings: Settings) -> Iterator[Group]:
    """Yield a group of rules for each group of KPIs that has alerts or targets.

    Rules of a group are evaluated in their order, so an alert sees the levels of the same instant.
    """
    targets = dict(_target_ratios(plan))
    for group, alerts in in_groups(plan):
        rules: list[Rule] = [rule for key, rule in targets.items() if plan.declarations.kpis[key[0]].group == group]
        rules += [record for of in alerts for record in level_records(of)]
        rules += [alert_rule(of, settings) for of in alerts]
        if rules:
            yield {"name": f"sales_{group}", "interval": INTERVAL, "rules": rules}


def _target_ratios(plan: Plan) -> Iterator[tuple[tuple[str, str], Rule]]:
    """Yield, by KPI and gauge, the record of the value as a share of its target, where there is one above 0."""
    for series, gauges in exposed_gauges(plan):
        names = {gauge.role: gauge.name for gauge in gauges}
        if "target" in names:
            expression = f"{once(names['value'])}\n/\n({once(names['target'])} > 0)"
            yield (series.kpi.key, names["value"]), {"record": f"{names['value']}:target_ratio", "expr": expression}


def level_records(of: KpiAlert) -> Iterator[Rule]:
    """Yield the records of what fires an alert and of what ends it: a series for each row that has a value."""
    for name in ("fire", "clear"):
        levels = [_level(of, t, t.fires if name == "fire" else t.clears) for t in of.thresholds]
        # `or` keeps the first level that a row has: those of single rows stand before the one of all others.
        yield {
            "record": f"{of.gauge}:{name}_level",
            "expr": "\nor\n".join(levels),
            "labels": {"alert": of.name},
        }


def _level(of: KpiAlert, threshold: Threshold, level: Any) -> str:
    """Return the level of the rows of a threshold, as far as they have a value."""
    return f"{once(_gauge(of, of.gauge, threshold.where))} * 0 + {number(level)}"


def alert_rule(of: KpiAlert, settings: Settings) -> Rule:
    """Return the rule of an alert."""
    return {
        "alert": of.name,
        "expr": _expression(of),
        "for": of.alert.for_,
        "keep_firing_for": of.alert.keep_firing_for,
        "labels": dict(of.labels),
        "annotations": annotations(of, settings, Template(of)),
    }


def _expression(of: KpiAlert) -> str:
    """Return when an alert is active.

    That is when the value is beyond the level that fires it, or, once it fires, beyond the one that ends it, which lies
    on the good side of the former: a value that hovers round one level cannot make it fire again and again.
    """
    value, beyond, rows = _once(of, of.gauge), "<" if of.below else ">", on(of.dimensions)
    alert = {"alert": of.name}
    lines = [
        value,
        f"  {beyond} {rows} {selector(f'{of.gauge}:fire_level', alert)}",
        "or",
        value,
        f"  {beyond} {rows} {selector(f'{of.gauge}:clear_level', alert)}",
        f"  and {rows} {_firing(of)}",
    ]
    if of.samples is not None:
        lines = ["(", *(f"  {line}" for line in lines), ")"]
        lines.append(f"and {rows} {_once(of, of.samples)} >= {of.min_samples}")
    return _renamed("\n".join(lines), of.renamed)


def _firing(of: KpiAlert) -> str:
    """Return the rows for which the alert fires already, with the labels of the gauge."""
    firing = selector("ALERTS", {"alertname": of.name, "alertstate": "firing"})
    return _renamed(firing, {old: new for new, old in of.renamed.items()})


def _renamed(expression: str, labels: Mapping[str, str]) -> str:
    """Return `expression` with labels copied to new names."""
    for new, old in labels.items():
        expression = f'label_replace({expression}, "{new}", "$1", "{old}", "(.*)")'
    return expression


def _once(of: KpiAlert, gauge: str) -> str:
    return once(_gauge(of, gauge, {}), () if of.window is None else ("window",))


def _gauge(of: KpiAlert, gauge: str, where: Mapping[str, str]) -> str:
    return selector(gauge, where if of.window is None else {"window": of.window, **where})
