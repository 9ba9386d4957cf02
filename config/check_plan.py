"""Whether the plans that a KPI is compared with can be there."""

from collections.abc import Iterator

from config.declarations import PlanInput
from config.document import Loc
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean, not_computed

CALENDAR = ("mtd", "qtd", "ytd", "prev_month", "prev_quarter")
"""The windows that are a calendar period for which plans are made."""

PLANS = "plan"
"""The source whose records are the plans."""


def check_plan(plan: PlanInput, loc: Loc, known: Known) -> Iterator[Found]:
    """Yield what is wrong with naming a plan."""
    for part in ("submitted_before", "scope"):
        if getattr(plan, part) is not None:
            yield (*loc, part), not_computed(f"`{part}` of a plan")
    if plan.metric not in known.kpis_at:
        yield (*loc, "metric"), f"kpi `{plan.metric}` is not declared{did_you_mean(plan.metric, known.kpis_at)}"


def missing_in_plans(dimension: str, known: Known) -> Iterator[str]:
    """Yield why there can be no plan by `dimension`."""
    plans = known.sources.get(PLANS)
    if PLANS not in known.sources_at:
        yield f"there is no source `{PLANS}` to look plans up in; declare it"
    elif plans and dimension not in plans.dimensions:
        yield f"plans have no dimension `{dimension}`{did_you_mean(dimension, plans.dimensions)}"
