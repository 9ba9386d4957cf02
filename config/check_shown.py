"""Whether targets, alerts and companions refer to series that are declared."""

import re
from collections.abc import Iterator

from config.check_grains import named_of, spelt
from config.check_plan import CALENDAR, check_plan, missing_in_plans
from config.declarations import Alert, Kpi, Measure, OverviewPart, State, Target
from config.document import Loc
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean

_SPAN = re.compile(r"(\d+(ms|[smhdwy]))+")
"""A duration as Prometheus writes it."""


def check_shown(kpi: Kpi, known: Known) -> Iterator[Found]:
    """Yield the faults of a KPI's targets, alerts and companions."""
    for index, target in enumerate(kpi.targets):
        for loc, wrong in (*check_series(kpi, target), *_plan(kpi, target, known)):
            yield ("targets", index, *loc), f"target: {wrong}"
    for index, alert in enumerate(kpi.alerts):
        for loc, wrong in (*check_series(kpi, alert), *_spans(alert), *_levels(alert)):
            yield ("alerts", index, *loc), f"alert `{alert.name}`: {wrong}"
    named = named_of(kpi, known, ())
    for part in ("targets", "alerts"):
        if named and getattr(kpi, part):
            wrong = f"the values of `{named.dimension}` have a metric each, and `{part}` are about one that all share"
            yield (part,), f"{wrong}; remove them"
    for index, companion in enumerate(kpi.companions):
        if companion not in known.kpis_at:
            wrong = f"companion `{companion}` is not declared{did_you_mean(companion, known.kpis_at)}"
            yield ("companions", index), wrong


def _plan(kpi: Kpi, target: Target, known: Known) -> Iterator[Found]:
    """Yield why there can be no plan to take a target from."""
    plan = target.from_plan
    if plan is None:
        return
    if target.window is not None and target.window not in CALENDAR:
        wrong = f"window `{target.window}`: a plan is made for a calendar period; use one of {', '.join(CALENDAR)}"
        yield ("window",), wrong
    yield from check_plan(kpi, plan, ("from_plan",), known)
    if plan.scope is None:
        for index, dimension in enumerate(target.grain):
            yield from ((("grain", index), reason) for reason in missing_in_plans(dimension, known))
    elif plan.scope not in target.grain:
        wrong = f"the plan is looked up by `{plan.scope}`, which the grain `{spelt(target.grain)}` has not"
        yield ("from_plan", "scope"), f"{wrong}; add it, or remove `scope`"


def _spans(alert: Alert) -> Iterator[Found]:
    for name, span in (("for", alert.for_), ("keep_firing_for", alert.keep_firing_for)):
        if not _SPAN.fullmatch(span):
            yield (name,), f"`{name}: {span}` is not a duration; write a whole number and a unit, such as 30m or 6h"


def _levels(alert: Alert) -> Iterator[Found]:
    """Yield what is wrong with where the alert fires and ends, in general and for single rows."""
    yield from _clear(alert, alert.threshold, alert.clear, ())
    for index, level in enumerate(alert.levels):
        yield from _clear(alert, level.at, level.clear, ("levels", index))
        if not alert.grain:
            wrong = "`where` names nothing, and an alert about the total has one row; remove the level"
            yield ("levels", index, "where"), wrong
        elif set(level.where) != set(alert.grain):
            named, rows = spelt(tuple(level.where)), spelt(alert.grain)
            wrong = f"`where` names `{named}`, and the rows of the alert are those of `{rows}`; give a value for each"
            yield ("levels", index, "where"), wrong
        elif level.where in [other.where for other in alert.levels[:index]]:
            yield ("levels", index, "where"), "this row has a level already; remove one"


def _clear(alert: Alert, fires: float, clear: float | None, loc: Loc) -> Iterator[Found]:
    below = alert.below is not None
    if clear is not None and (clear < fires if below else clear > fires):
        wrong = f"`clear: {clear:g}` would end it before it begins, at {'below' if below else 'above'} {fires:g}"
        yield (*loc, "clear"), f"{wrong}; give {fires:g} or {'more' if below else 'less'}"


def check_series(kpi: Kpi, shown: Target | Alert | OverviewPart, at: Loc = ("grain",)) -> Iterator[Found]:
    """Yield why there is no one series that a target, an alert or a part of the overview is about.

    The grain is written `at` a place of its own.
    """
    if shown.grain not in kpi.grains:
        grains = ", ".join(spelt(grain) for grain in kpi.grains)
        yield at, f"grain `{spelt(shown.grain)}` is not declared; declare it or use one of {grains}"
    windows = kpi.grain_windows(shown.grain)
    listed = ", ".join(windows)
    if shown.window is None and windows != ("now",):
        yield (), f"`window` is missing; give one of {listed}"
    elif shown.window is not None and shown.window not in windows:
        of = f" for the grain `{spelt(shown.grain)}`" if shown.window in kpi.windows else ""
        yield ("window",), f"window `{shown.window}` is not declared{of}; declare it or use one of {listed}"
    aggs = kpi.aggs if isinstance(kpi, Measure | State) else ()
    if shown.agg is not None and shown.agg not in aggs:
        remedy = f"declare it or use one of {', '.join(aggs)}" if aggs else f"a {kpi.type} has none; remove it"
        yield ("agg",), f"agg `{shown.agg}` is not declared; {remedy}"
    elif shown.agg is None and len(aggs) > 1:
        yield (), f"`agg` is missing; give one of {', '.join(aggs)}"
