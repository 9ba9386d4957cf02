"""Whether the plans that a KPI is compared with can be there."""

from collections.abc import Iterator

from config.check_reference import check_declared
from config.declarations import Kpi, PlanInput
from config.document import Loc
from config.fields import Found
from config.known import Known
from config.parse import did_you_mean

CALENDAR = ("mtd", "qtd", "ytd", "prev_month", "prev_quarter")
"""The windows that are a calendar period for which plans are made."""

PLANS = "plan"
"""The source whose records are the plans."""


def check_plan(kpi: Kpi, plan: PlanInput, loc: Loc, known: Known) -> Iterator[Found]:
    """Yield what is wrong with a plan that `kpi` names."""
    yield from check_declared(kpi, plan.metric, (*loc, "metric"), known)
    if plan.scope is not None:
        yield from (((*loc, "scope"), reason) for reason in missing_in_plans(plan.scope, known))


def missing_in_plans(dimension: str, known: Known) -> Iterator[str]:
    """Yield why there can be no plan by `dimension`."""
    plans = known.sources.get(PLANS)
    if PLANS not in known.sources_at:
        yield f"there is no source `{PLANS}` to look plans up in; declare it"
    elif plans and dimension not in plans.dimensions:
        yield f"plans have no dimension `{dimension}`{did_you_mean(dimension, plans.dimensions)}"
