"""What declarations ask of the fields of a draft, plain or derived: values, conditions and instants."""

from collections.abc import Callable

from config.declarations import Condition, Declarations, DerivedField, DurationValue, Scalar, Value, Where
from metrics.calendar import DAY_MS, HOUR_MS
from metrics.relations import ENTITY_ID
from streams.drafts import Draft, Samples, field_of
from streams.envelope import format_instant


class DraftFields:
    """Puts into drafts what is asked of them; every method may raise `ContradictionError`."""

    def __init__(
        self, declarations: Declarations, samples: Samples, now: int, child: Callable[[Draft, str, int], None]
    ) -> None:
        """Remember where samples come from.

        Args:
            declarations: for their pipelines.
            samples: what fields are when nothing is asked.
            now: an instant shortly before T.
            child: asks for a child of a draft, by the name of its children, that tells an instant.
        """
        self._declarations = declarations
        self._samples = samples
        self._now = now
        self._child = child

    # --------------------------------------------------------------------------------------------------------- values

    def value(self, draft: Draft, value: Value | None, at: int) -> None:
        """Have what is aggregated; a span, or the date of a latest record, lies at `at`."""
        if value is None:
            return
        for path in (value.money, value.weight, value.number, value.times, value.distinct, value.latest):
            if path is not None:
                self.sample(draft, path)
        if value.duration is not None:
            self.span(draft, value.duration, at, HOUR_MS)
        if value.age_of is not None:
            self._exist(draft, value.age_of)
        if value.dated is not None:
            self.happen(draft, value.dated, at)

    def span(self, draft: Draft, duration: DurationValue, at: int, length: int) -> None:
        """Have a span that begins at `at`, or ends there where the end is already known."""
        ended = draft.values.get(duration.to) is not None
        if draft.values.get(duration.starts[0]) is None:
            self.happen(draft, duration.starts[0], at - length if ended else at)
        if not ended:
            self.happen(draft, duration.to, at + length)

    def sample(self, draft: Draft, path: str) -> None:
        """Have some value, that which is there already if there is one."""
        derived = draft.source.derived.get(path.partition(".")[0])
        if derived is None:
            draft.put(path, draft.values.get(path) or self._samples.value(draft, path))
        elif derived.stage_probability is not None:
            way = derived.stage_probability
            for needed in (way.pipeline, way.stage):
                self.sample(draft, needed)
        elif derived.first is not None and derived.first.own is not None:
            draft.put(derived.first.own, self._samples.value(draft, derived.first.own))

    # ----------------------------------------------------------------------------------------------------- conditions

    def meet(self, draft: Draft, where: Where) -> None:
        """Meet all conditions."""
        for path, condition in where.items():
            if isinstance(condition, Condition):
                self._meet_condition(draft, path, condition)
            else:
                self._equal(draft, path, condition)

    def _meet_condition(self, draft: Draft, path: str, condition: Condition) -> None:
        bound = next((b for b in (condition.gte, condition.lte) if b is not None), None)
        bound = bound if condition.gt is None else condition.gt + 1
        bound = bound if condition.lt is None else condition.lt - 1
        if condition.in_ is not None:
            now = draft.values.get(path)
            self._equal(draft, path, now if now in condition.in_ else condition.in_[0])
        elif bound is not None:
            self._equal(draft, path, bound)
        elif condition.not_ is not None:
            draft.exclude(path, condition.not_)
        elif condition.exists is False:
            if path not in draft.source.derived:
                draft.exclude(path, None)
        elif condition.passed is not False:
            self._exist(draft, path)

    def _exist(self, draft: Draft, path: str) -> None:
        if self._is_there(draft, path):
            return
        declared = field_of(draft.source, path)
        if declared is not None and declared.type not in {"timestamp", "date"}:
            self.sample(draft, path)
        else:
            self.happen(draft, path, self._now if draft.earliest is None else draft.earliest)

    def _is_there(self, draft: Draft, path: str) -> bool:
        """Return whether a field, plain or derived, has a value already."""
        derived = draft.source.derived.get(path)
        local_date = None if derived is None else derived.local_date
        return path in draft.happened or draft.has(path if local_date is None else local_date)

    def _equal(self, draft: Draft, path: str, value: Scalar) -> None:
        """Make a field, plain or derived, a value."""
        derived = draft.source.derived.get(path)
        if derived is None:
            if path.partition(".")[0] not in draft.source.derived:
                draft.put(path, value)
        elif derived.compare is not None and value is True:
            self._compare(draft, derived.compare.left, derived.compare.right)
        elif derived.first is not None and derived.first.own is not None:
            draft.put(derived.first.own, value)

    def _compare(self, draft: Draft, left: str, right: str) -> None:
        """Make two fields the same, which every comparison that is declared allows."""
        plain = [field_of(draft.source, path) for path in (left, right)]
        if all(declared is None or declared.type in {"timestamp", "date"} for declared in plain):
            for path in (left, right):
                self._exist(draft, path)
            return
        for path in (left, right):
            draft.put(path, draft.values.get(path, "5" if plain[0] and plain[0].type == "decimal" else 5))

    # ------------------------------------------------------------------------------------------------------- instants

    def happen(self, draft: Draft, path: str, at: int, within: str | None = None) -> None:
        """Make an instant, plain or derived, be `at`; `within` is the derived field that may have a field's name."""
        head, _, tail = path.partition(".")
        draft.happened.add(path)
        if head in draft.source.derived and head != within:
            derived = draft.source.derived[head]
            if derived.per_month is not None:
                self.happen(draft, f"{derived.per_month.phases}.{tail}", at)
            else:
                self._happen_derived(draft, head, derived, at)
            return
        declared = field_of(draft.source, path)
        if path == ENTITY_ID or declared is None:
            return
        draft.put(path, self._samples.instant(declared, at))
        draft.earliest = at if draft.earliest is None else min(at, draft.earliest)

    def _happen_derived(self, draft: Draft, name: str, derived: DerivedField, at: int) -> None:
        if derived.least is not None and not derived.least.own:
            self._child(draft, derived.least.over[0], at)
            return
        if derived.stage_exits is not None:
            self._leave_a_stage(draft, derived, at)
            return
        if derived.entry is not None:
            self.sample(draft, derived.entry.key)
            draft.put(f"{derived.entry.times}.{draft.values[derived.entry.key]}", format_instant(at))
            return
        own = [*(derived.least.own if derived.least else ()), *(derived.coalesce or ())]
        date = derived.instant_of.date if derived.instant_of else None
        for path in (*own[:1], derived.earliest, derived.local_date, date):
            if path is not None:
                self.happen(draft, path, at, name)

    def _leave_a_stage(self, draft: Draft, derived: DerivedField, at: int) -> None:
        """Have a deal that was won from the first stage of its pipeline."""
        exits = derived.stage_exits
        assert exits is not None  # noqa: S101 - asked by the caller
        self.sample(draft, exits.pipeline)
        stage = next(iter(self._declarations.pipelines[draft.values[exits.pipeline]]))
        draft.put(f"{exits.entered}.{stage}", format_instant(at - DAY_MS))
        draft.put(exits.status, "won")
        self.happen(draft, exits.closed_at, at)
