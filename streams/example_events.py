"""Events that would give a KPI a value: made up from its declaration, so that they fit whatever is declared."""

from collections.abc import Callable
from functools import partial

from config.aggregated import Part, Spec, parts
from config.declarations import Conversion, Kpi, PlanInput, Population, Share, State, StateSpec
from metrics.calendar import DAY_MS, HOUR_MS, Window, bounds, year_before
from metrics.evaluate import NOW
from metrics.plan import Plan
from streams.draft_fields import DraftFields
from streams.drafts import (
    AMOUNT_MINOR,
    ContradictionError,
    Draft,
    Samples,
    complete,
    dimension_paths,
    event_of,
    field_of,
)
from streams.envelope import Event
from streams.event_fields import PLAN

_OF_PERIODS = ("prev_month", "prev_quarter", "mtd", "qtd", "ytd")
_ROLLING = ("365d", "90d", "30d", "7d", "24h")
"""The longest first: what is before it is before the shorter ones too, and what happened just now is in all."""
_MEMBER = "~member"
"""No field: what becomes of a member of a population, which it can be only one of."""
_Ask = Callable[[Draft], None]


def example_events(plan: Plan, kpi: Kpi, as_of: int) -> list[Event]:
    """Return events, known just before `as_of`, with which `kpi` has a value in one of its windows as of then.

    Nothing is returned for a declaration that contradicts itself, so that no event can meet it.
    """
    maker = _Maker(plan, as_of)
    try:
        maker.kpi(kpi, _window(plan, kpi), kpi.grains[0] if () not in kpi.grains else ())
        return maker.events()
    except ContradictionError:
        return []


def _window(plan: Plan, kpi: Kpi) -> Window:
    """Return a window whose inside is easy to hit: a calendar period where a plan is looked up."""
    order = (*_OF_PERIODS, *_ROLLING) if _has_plan(plan, kpi) else (*_ROLLING, *_OF_PERIODS)
    windows = kpi.grain_windows(kpi.grains[0]) if () not in kpi.grains else kpi.windows
    return Window(next((token for token in order if token in windows), windows[0]))


def _has_plan(plan: Plan, kpi: Kpi) -> bool:
    kpis = plan.declarations.kpis
    return any(p.plan is not None or (p.kpi is not None and _has_plan(plan, kpis[p.kpi])) for p in parts(kpi))


class _Maker:
    """The drafts so far; what is asked for goes into one of them where it fits."""

    def __init__(self, plan: Plan, as_of: int) -> None:
        self._plan = plan
        self._declarations = plan.declarations
        self._as_of = as_of
        self._samples = Samples(plan.declarations, plan.calendar, plan.currency, as_of)
        self._fields = DraftFields(plan.declarations, self._samples, self._inside(NOW), self._told)
        self._drafts: list[Draft] = []

    def events(self) -> list[Event]:
        """Return the finished events, in the order in which their entities were needed."""
        for draft in self._drafts:
            complete(draft, self._samples)
        return [event_of(draft, number, self._as_of) for number, draft in enumerate(self._drafts, 1)]

    # --------------------------------------------------------------------------------------------------------- drafts

    def _ask(self, source: str, ask: _Ask) -> None:
        """Have an entity of `source` that is what `ask` wants: one that is there already, else a new one."""
        count = 0
        for index in range(len(self._drafts)):
            if self._drafts[index].source.key == source:
                count += 1
                before = [(draft, draft.state()) for draft in self._drafts]
                try:
                    ask(self._drafts[index])
                except ContradictionError:
                    self._drafts = [draft for draft, _ in before]
                    for draft, state in before:
                        draft.restore(state)
                else:
                    return
        draft = Draft(self._declarations.sources[source], f"{source}-{count + 1}")
        self._drafts.append(draft)
        ask(draft)

    # ----------------------------------------------------------------------------------------------------------- KPIs

    def kpi(self, kpi: Kpi, window: Window, grain: tuple[str, ...]) -> None:
        """Ask for what gives `kpi` a value over `window` for the total, or for a row of `grain`."""
        match kpi:
            case Conversion():
                self._ask(kpi.base.from_, partial(self._converted, kpi, window, grain))
            case Share():
                for part in parts(kpi):
                    self._part(part, window, (kpi.actual.by,))
            case _:
                for part in parts(kpi):
                    if part.alias != "minus":
                        self._part(part, window, grain, _named(kpi))

    def _part(self, part: Part, window: Window, grain: tuple[str, ...], named: str | None = None) -> None:
        inside = Window(part.window or window.token, previous=window.previous or part.offset == "previous")
        if part.offset == "year":
            spec = part.spec or self._declarations.kpis[part.kpi or ""]
            assert isinstance(spec, State | StateSpec)  # noqa: S101 - as the loader checks
            self._ask(spec.from_, partial(self._latest_before, spec, grain))
        elif part.kpi is not None:
            self.kpi(self._declarations.kpis[part.kpi], inside, grain)
        elif part.spec is not None:
            self._ask(part.spec.from_, partial(self._aggregated, part.spec, inside, grain, named))
        elif part.plan is not None:
            self._ask(PLAN, partial(self._planned, part.plan, inside, grain))
        elif part.population is not None:
            population = self._declarations.populations[part.population]
            self._ask(population.from_, partial(self._member, population, part.output, inside, grain))

    def _inside(self, window: Window) -> int:
        """Return an instant in the window, early enough for an hour more to lie before T."""
        if window == NOW:
            return self._as_of - 2 * HOUR_MS
        found = bounds(window, self._as_of, self._plan.calendar)
        return max(found.start, found.end - 2 * HOUR_MS)

    def _before(self, window: Window) -> int:
        """Return an instant before the window begins."""
        if window == NOW:
            return self._as_of - DAY_MS
        return bounds(window, self._as_of, self._plan.calendar).start - DAY_MS

    # ------------------------------------------------------------------------------------------------ what is wanted

    def _aggregated(self, spec: Spec, window: Window, grain: tuple[str, ...], named: str | None, draft: Draft) -> None:
        at: str | None = getattr(spec, "at", None)
        if at is not None:
            self._fields.happen(draft, at, self._inside(window))
        self._fields.value(draft, getattr(spec, "value", None), self._inside(window))
        self._fields.meet(draft, spec.where)
        per: str | None = getattr(spec, "per", None)
        self._group(draft, (*grain, per) if per else grain, named)

    def _latest_before(self, spec: State | StateSpec, grain: tuple[str, ...], draft: Draft) -> None:
        """Have the record that is dated 12 months before the latest one."""
        calendar = self._plan.calendar
        at = calendar.day_start(year_before(calendar.day_of(self._inside(NOW))))
        self._fields.value(draft, spec.value, at)
        self._fields.meet(draft, spec.where)
        self._group(draft, grain, _named(spec))

    def _converted(self, kpi: Conversion, window: Window, grain: tuple[str, ...], draft: Draft) -> None:
        soon = min(kpi.within or HOUR_MS, HOUR_MS) // 2
        base = self._inside(window) - (kpi.within or 0 if kpi.cohort == "matured" else 0)
        self._fields.happen(draft, kpi.base.at, base)
        self._fields.meet(draft, kpi.base.where)
        if kpi.event.duration is not None:
            self._fields.span(draft, kpi.event.duration, base, soon)
        elif kpi.event.field is not None and kpi.cohort != "exits":
            self._fields.happen(draft, kpi.event.field, base if kpi.cohort == "resolved" else base + soon)
        self._group(draft, grain, None)

    def _planned(self, plan: PlanInput, window: Window, grain: tuple[str, ...], draft: Draft) -> None:
        period = bounds(window, self._as_of, self._plan.calendar).period
        wanted = {"kind": plan.kind, "metric": plan.metric, "period": period, "amount_minor": AMOUNT_MINOR * 3 // 2}
        for name, value in wanted.items():
            draft.put(name, value)
        self._fields.happen(draft, "submitted_at", self._before(window))
        self._group(draft, (plan.scope,) if plan.scope else grain, None)

    def _member(
        self, population: Population, output: str, window: Window, grain: tuple[str, ...], draft: Draft
    ) -> None:
        """Make it a member at both ends of the window; one that leaves, or joins, where that is what counts."""
        course = {"lost_ratio": "leaves", "net_change": "joins"}.get(output, "stays")
        draft.put(_MEMBER, course)
        start = self._inside(window) if course == "joins" else self._before(window)
        end = self._inside(window) if course == "leaves" else None
        self._fields.meet(draft, population.where)
        if population.amounts is not None:
            children, _, amounts = population.amounts.partition(".")
            self._child(draft, children, f"{amounts}.from", start, (f"{amounts}.to", end))
        else:
            interval = population.intervals[0]
            if interval.from_ is not None:
                self._fields.happen(draft, interval.from_, start)
                self._end(draft, interval.to, end)
            else:
                self._child(draft, interval.over[0], None, start, (interval.ends, end))
        if population.contacted is not None:
            self._child(draft, population.contacted, None, self._inside(window))
        self._group(draft, grain, None)

    def _end(self, draft: Draft, path: str | None, end: int | None) -> None:
        if path is not None and end is not None:
            self._fields.happen(draft, path, end)
        elif path is not None and field_of(draft.source, path) is not None:
            draft.exclude(path, None)

    def _child(
        self, parent: Draft, name: str, at: str | None, instant: int, ends: tuple[str | None, int | None] = (None, None)
    ) -> None:
        """Ask for a child that tells its parent `at`, the declared instant by default."""
        told = parent.source.children[name]

        def ask(child: Draft) -> None:
            child.put(told.parent, parent.entity_id)
            self._fields.happen(child, at or told.at, instant)
            self._fields.meet(child, told.where)
            self._end(child, *ends)

        self._ask(told.from_, ask)

    def _told(self, parent: Draft, name: str, at: int) -> None:
        self._child(parent, name, None, at)

    def _group(self, draft: Draft, dimensions: tuple[str, ...], named: str | None) -> None:
        for path in dimension_paths(draft.source, dimensions):
            draft.put(path, draft.values.get(path) or named or self._samples.value(draft, path))


def _named(spec: Kpi | StateSpec) -> str | None:
    """Return a value of the one dimension whose values have a metric each."""
    return next(iter(spec.named.values)) if isinstance(spec, State) and spec.named is not None else None
