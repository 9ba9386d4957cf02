"""Whether targets, alerts and companions refer to series that are declared."""

import re
from collections.abc import Iterator

from config.check_plan import CALENDAR, check_plan, missing_in_plans
from config.declarations import Alert, Kpi, Measure, State, Target
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean

_SPAN = re.compile(r"(\d+(ms|[smhdwy]))+")
"""A duration as Prometheus writes it."""


def check_shown(kpi: Kpi, known: Known) -> Iterator[Found]:
    """Yield the faults of a KPI's targets, alerts and companions."""
    for index, target in enumerate(kpi.targets):
        for loc, wrong in _target(kpi, target, known):
            yield ("targets", index, *loc), f"target: {wrong}"
    for index, alert in enumerate(kpi.alerts):
        for loc, wrong in _alert(kpi, alert):
            yield ("alerts", index, *loc), f"alert `{alert.name}`: {wrong}"
    for index, companion in enumerate(kpi.companions):
        if companion not in known.kpis_at:
            yield (
                ("companions", index),
                f"companion `{companion}` is not declared{did_you_mean(companion, known.kpis_at)}",
            )


def _target(kpi: Kpi, target: Target, known: Known) -> Iterator[Found]:
    yield from _series(kpi, target)
    if target.from_plan is None:
        return
    if target.window is not None and target.window not in CALENDAR:
        wrong = f"window `{target.window}`: a plan is made for a calendar period; use one of {', '.join(CALENDAR)}"
        yield ("window",), wrong
    yield from check_plan(target.from_plan, ("from_plan",), known)
    for index, dimension in enumerate(target.grain):
        yield from ((("grain", index), reason) for reason in missing_in_plans(dimension, known))


def _alert(kpi: Kpi, alert: Alert) -> Iterator[Found]:
    yield from _series(kpi, alert)
    for name, span in (("for", alert.for_), ("keep_firing_for", alert.keep_firing_for)):
        if not _SPAN.fullmatch(span):
            yield (name,), f"`{name}: {span}` is not a duration; write a whole number and a unit, such as 30m or 6h"


def _series(kpi: Kpi, shown: Target | Alert) -> Iterator[Found]:
    """Yield why there is no one series that a target or an alert is about."""
    listed = ", ".join(kpi.windows)
    if shown.window is None and kpi.windows != ("now",):
        yield (), f"`window` is missing; give one of {listed}"
    elif shown.window is not None and shown.window not in kpi.windows:
        yield ("window",), f"window `{shown.window}` is not declared; declare it or use one of {listed}"
    if shown.grain not in kpi.grains:
        grains = ", ".join(f"[{', '.join(grain)}]" for grain in kpi.grains)
        yield ("grain",), f"grain `[{', '.join(shown.grain)}]` is not declared; declare it or use one of {grains}"
    aggs = kpi.aggs if isinstance(kpi, Measure | State) else ()
    if shown.agg is not None and shown.agg not in aggs:
        remedy = f"declare it or use one of {', '.join(aggs)}" if aggs else f"a {kpi.type} has none; remove it"
        yield ("agg",), f"agg `{shown.agg}` is not declared; {remedy}"
    elif shown.agg is None and len(aggs) > 1:
        yield (), f"`agg` is missing; give one of {', '.join(aggs)}"
