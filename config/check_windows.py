"""For which windows a KPI, and all that it is made of, has a value."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from config.aggregated import Aggregated, Part, parts
from config.check_plan import CALENDAR
from config.declarations import Kpi
from config.fields import Found
from config.known import Known

_HOURS = ("1h", "24h")


class Refusal(NamedTuple):
    """Why there is no value for a window."""

    kind: Literal["stock", "period", "date", "start", "plan"]
    field: str = ""
    """Of a date: the field."""

    def said(self, what: str, *, own: bool) -> str:
        """Return the reason and the remedy; with its `own` window, `what` is read for another one than the KPI."""
        now = "`window: now`" if own else "`windows: [now]`"
        listed = "use a window such as 30d or mtd" if own else "list windows such as 30d or mtd instead"
        calendar = f"a plan is made for a calendar period; use one of {', '.join(CALENDAR)}"
        return {
            "stock": f"{what} is a stock, known only as of T; write {now}",
            "period": f"{what} is aggregated over a period; {listed}",
            "date": f"`{self.field}` is a date and has no hours; use a window of whole days",
            "start": f"{what} looks at the start of the window, which is a local midnight; use a window of whole days",
            "plan": calendar if own or not what.startswith("input") else f"{calendar}, or leave out {what}",
        }[self.kind]


def check_windows(kpi: Kpi, known: Known) -> Iterator[Found]:
    """Yield the windows that are listed twice, and those for which there is no value."""
    if not kpi.windows:
        yield ("windows",), "`windows` is empty; list at least one"
    for index, window in enumerate(kpi.windows):
        if window in kpi.windows[:index]:
            yield ("windows", index), f"window `{window}` is listed twice; keep one of them"
    for part in parts(kpi):
        if part.window is None:
            yield from _listed(kpi, part, known)
        elif wrong := refusal(part, part.window, known):
            said = wrong.said(f"`{part.kpi}`" if part.kpi else "it", own=True)
            yield (*part.loc, "window"), f"{part.name}: window `{part.window}`: {said}"


def _listed(kpi: Kpi, part: Part, known: Known) -> Iterator[Found]:
    told: set[Refusal] = set()
    for index, window in enumerate(kpi.windows):
        wrong = refusal(part, window, known)
        if wrong and (wrong.kind == "date" or wrong not in told):
            yield ("windows", index), f"window `{window}`: {wrong.said(part.name, own=False)}"
            told.add(wrong)


def refusal(part: Part, window: str, known: Known, above: tuple[str, ...] = ()) -> Refusal | None:
    """Return why a part has no value for a window; `above` are the KPIs that were come through."""
    if part.aggregated:
        return _of_aggregate(part.aggregated, window, known)
    if part.population:
        return _of_members(part.population, part.output, window, known)
    if part.plan:
        return Refusal("plan") if window not in CALENDAR else None
    kpi = known.kpis.get(part.kpi or "")
    if kpi is None or kpi.key in above:
        return None
    inner = (refusal(p, p.window or window, known, (*above, kpi.key)) for p in parts(kpi))
    return next((wrong for wrong in inner if wrong), None)


def _of_members(population: str, output: str, window: str, known: Known) -> Refusal | None:
    declared = known.populations.get(population)
    if declared is not None and declared.contacted is not None and (output == "now" or window in ("now", *_HOURS)):
        return Refusal("start")  # whether somebody was in contact is asked of a window that has a beginning
    if output == "now":
        return None if window == "now" else Refusal("stock")
    return Refusal("start") if output != "end" and window in ("now", *_HOURS) else None


def _of_aggregate(aggregated: Aggregated, window: str, known: Known) -> Refusal | None:
    if aggregated.at is None:
        return None if window == "now" else Refusal("stock")
    if window == "now":
        return Refusal("period")
    source = known.sources.get(aggregated.source)
    use = known.fields(source).find(aggregated.at) if source and window in _HOURS else None
    dated = use and use.type and use.type.type == "date"
    return Refusal("date", aggregated.at) if dated else None
