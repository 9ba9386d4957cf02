"""The view: cells of all shards merged, and every series read as of T.

Shards send the absolute value of each changed cell, so the newest per (cell, shard) counts and repeated delivery has no
effect. A tick re-reads only the series whose sums, period, rates, plans or label values changed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from metrics.admitted import Counted
from metrics.calendar import MINUTE, Window
from metrics.currency import Rate, Rates
from metrics.evaluate import NOW, Context, Result
from metrics.plan import Plan, SeriesPlan
from metrics.plans import PlanRecord, Plans
from metrics.records import NAMES, PROGRESS, REFERENCE, Rows, cells_key, cells_of, decode_rows, decode_versioned
from metrics.windows import Accumulators, Dims, RunningWindows


class Reading(NamedTuple):
    """The value of one series as of T."""

    series: SeriesPlan
    window: Window
    dims: Dims
    result: Result


class Progress(NamedTuple):
    """A shard's last sign of life."""

    as_of: int
    written_ms: int
    watermarks: dict[str, int]
    address: str | None = None
    """Where its worker answers over HTTP."""

    @classmethod
    def decode(cls, value: bytes) -> "Progress":
        """Return what a record says.

        Raises:
            UnreadableRecordError: the record is damaged, or of another release.
        """
        given = decode_versioned(value)
        return cls(**{name: given[name] for name in cls._fields if name in given})


Readings = dict[tuple[int, Window], dict[Dims, Result]]
"""By (position of the series in the plan, window), then by dimension values."""


class View:
    """Merged cells, and the readings as of the last tick."""

    def __init__(self, plan: Plan) -> None:
        """Begin without cells."""
        self.plan = plan
        self.readings: Readings = {(i, w): {} for i, s in enumerate(plan.series) for w in s.windows}
        self.progress: dict[int, Progress] = {}
        self.as_of: int | None = None
        self._tables = {
            i: RunningWindows(
                c, {*plan.windows[i], *([NOW] if c.tier == "stock" else [])}, plan.calendar, plan.currency
            )
            for i, c in plan.cuboids.items()
        }
        self.admitted = {name: plan.limits.begin(name) for name in plan.admitted}
        """The values of each open dimension that readings name: only such as no shard can have counted as `other`."""
        self._counted = {i: self._count_as(plan.limits.of(c.cube, c.grain)) for i, c in plan.cuboids.items()}
        self._lists: dict[str, dict[int, frozenset[Any]]] = {name: {} for name in self.admitted}
        """By dimension, the values that each shard names for which it is full."""
        self._relisted: set[str] = set()
        self._latest: dict[int, dict[bytes, Rows]] = defaultdict(dict)
        self._references: dict[str, dict[tuple[int, str], Mapping[str, Any]]] = {
            k: {} for k, s in plan.declarations.sources.items() if s.broadcast
        }
        self._references_changed = True
        self._rates = Rates(plan.currency, plan.declarations.defaults.fx.max_age)
        self._plans = Plans()
        self._day = -1
        self._readers = self._index()
        self._ageing = {(i, w) for i, series in enumerate(plan.series) if series.node.ages for w in series.windows}
        """The series windows whose values change with T alone."""

    def _count_as(self, dimensions: Sequence[str | None]) -> Counted:
        return Counted([None if name is None else self.admitted[name] for name in dimensions])

    def _index(self) -> dict[tuple[int, Window], list[tuple[int, Window]]]:
        """Return which series windows read each (cuboid, window)."""
        readers: dict[tuple[int, Window], list[tuple[int, Window]]] = defaultdict(list)
        for i, series in enumerate(self.plan.series):
            for window in series.windows:
                for read in set(series.node.reads(window)):
                    readers[read].append((i, window))
        return readers

    def _changed(self) -> dict[tuple[int, Window], set[Dims]]:
        """Return the rows that changed since the last time by (cuboid, window), and forget them there."""
        found: dict[tuple[int, Window], set[Dims]] = {}
        for table, running in self._tables.items():
            for window, dims in running.changed.items():
                if dims and running.cuboid.cube.kind == "membership":
                    for *row, token in dims:
                        found.setdefault((table, Window(token)), set()).add(tuple(row))
                elif dims:
                    found[table, window] = set(dims)
                dims.clear()
        return found

    # ------------------------------------------------------------------------------------------------------- records in

    def apply(self, shard: int, key: bytes, value: bytes | None) -> None:
        """Take one record of a shard's partition of the cells topic; records of unknown cuboids are left.

        Raises:
            UnreadableRecordError: the record is damaged, or of another release.
        """
        parts = cells_key(key)
        kind = parts[0]
        if kind == PROGRESS:
            if value is not None:
                self.progress[shard] = Progress.decode(value)
        elif kind == REFERENCE:
            self._refer(shard, parts[1], parts[2], value)
        elif kind == NAMES:
            self._list(shard, parts[1], value)
        else:
            table = self._tables.get(kind)
            if table is not None:
                self._pane(table, shard, key, parts[1], value)

    def _pane(self, table: RunningWindows, shard: int, key: bytes, pane: int, value: bytes | None) -> None:
        """Take the cells of a pane: what differs from the shard's last ones goes to the windows."""
        latest, width = self._latest[shard], table.cuboid.width
        old_rows = latest.pop(key, [])
        rows = [] if value is None else decode_rows(value)
        if rows:
            latest[key] = rows
        # A pane comes whole, its cells in the order in which they arose: nearly all stand where they stood, unchanged.
        differing = [both for both in zip(old_rows, rows, strict=False) if both[0] != both[1]]
        before = cells_of([*(old for old, _ in differing), *old_rows[len(rows) :]], width)
        after = cells_of([*(new for _, new in differing), *rows[len(old_rows) :]], width)
        for names, sums in after.items():
            old = before.pop(names, None)
            if old is None:
                self._add(table, pane, names, sums)
            elif old != sums:
                self._add(table, pane, names, [a - b for a, b in zip(sums, old, strict=True)])
        for names, old in before.items():
            self._add(table, pane, names, [-b for b in old])

    def _add(self, table: RunningWindows, pane: int, names: tuple[Any, ...], delta: Accumulators) -> None:
        """Add to a cell, or to that of `other` where readings do not name its values."""
        counted = self._counted[table.cuboid.id]
        bounded = len(counted.admitted)
        table.add(pane, (*counted[names[:bounded]], *names[bounded:]), delta)

    def _list(self, shard: int, dimension: str, value: bytes | None) -> None:
        """Take the values that a shard names, which is full: it counts all others as `other`; None when it is not."""
        lists = self._lists.get(dimension)
        if lists is None:
            return
        if value is None:
            lists.pop(shard, None)
        else:
            lists[shard] = frozenset(decode_versioned(value))
        self._relisted.add(dimension)

    def _recount(self) -> None:
        """Count the cells of the dimensions anew of which a shard has told what it names.

        A value that some shard may have counted as `other` would be a part of itself: it is `other` everywhere.
        """
        for name in self._relisted:
            self.admitted[name].restrict(self._lists[name].values())
        anew = [self.admitted[name] for name in self._relisted]
        self._relisted.clear()
        tables = {i: t for i, t in self._tables.items() if any(a in anew for a in self._counted[i].admitted)}
        for i, table in tables.items():
            self._counted[i].clear()
            table.clear()
        for latest in self._latest.values():
            for key, rows in latest.items():
                i, pane, *_ = cells_key(key)
                if i in tables:
                    for names, sums in cells_of(rows, tables[i].cuboid.width).items():
                        self._add(tables[i], pane, names, sums)

    def _refer(self, shard: int, source: str, entity_id: str, value: bytes | None) -> None:
        records = self._references.get(source)
        if records is None:
            return
        if value is None:
            records.pop((shard, entity_id), None)
        else:
            records[shard, entity_id] = decode_versioned(value)
        self._references_changed = True

    # ------------------------------------------------------------------------------------------------------------- tick

    def tick(self, as_of: int) -> list[Reading]:
        """Evaluate as of T; return the readings that changed, without value and reason for a series that is no more."""
        if self._relisted:
            self._recount()
        for table in self._tables.values():
            table.move(as_of)
        day = self.plan.calendar.current_day(as_of)
        everything = self._references_changed or day != self._day
        if self._references_changed:
            self._look_up_references()
        elif self.as_of is not None and self._plans.changes_between(self.as_of, as_of):
            everything = True  # a plan that was submitted ahead of its time
        self._day, self.as_of = day, as_of
        context = self.context(as_of, self._tables)
        changed: list[Reading] = []
        for (i, window), dims in self._to_read(everything=everything).items():
            changed += self._read(i, window, dims, context)
        return changed

    def _to_read(self, *, everything: bool) -> dict[tuple[int, Window], set[Dims] | None]:
        """Return what must be read again, by series window; None for all of its rows."""
        if everything:
            self._changed()
            return dict.fromkeys(self.readings)
        changed = self._changed()
        wanted: dict[tuple[int, Window], set[Dims] | None] = {}
        for (table, at), dims in changed.items():
            grain = self._grain_of(table)
            for reader in self._readers.get((table, at), ()):
                if self.plan.series[reader[0]].grain != grain:
                    wanted[reader] = None  # read at another grain: any of its rows may be another one
                    continue
                rows = wanted.setdefault(reader, set())
                if rows is not None:
                    rows.update(dims)
        for i, series in enumerate(self.plan.series):
            population = changed.get((series.population[0], NOW), ()) if series.population else ()
            for window in series.windows if population else ():
                rows = wanted.setdefault((i, window), set())
                if rows is not None:
                    rows.update(population)
        return {**wanted, **dict.fromkeys(self._ageing)}

    def _grain_of(self, table: int) -> tuple[str, ...]:
        cuboid = self.plan.cuboids[table]
        return cuboid.grain[:-1] if cuboid.cube.kind == "membership" else cuboid.grain

    def _read(self, index: int, window: Window, some: set[Dims] | None, context: Context) -> Iterator[Reading]:
        series = self.plan.series[index]
        results = self.readings[index, window]
        domain = self.rows(series, some)
        for dims, result in series.read(context, window, domain):
            if results.get(dims) != result:
                results[dims] = result
                yield Reading(series, window, dims, result)
        gone = [d for d in (list(results) if some is None else some) if d in results and d not in domain]
        for dims in gone:
            del results[dims]
            yield Reading(series, window, dims, Result(None))

    def rows(self, series: SeriesPlan, some: set[Dims] | None = None) -> set[Dims]:
        """Return the rows that exist, among `some` or all: declared label values and those of live entities."""
        if series.population is None:
            return {()}
        table, column = series.population
        alive = self._tables[table].sums[NOW]
        domain = {
            d
            for d in (alive if some is None else some)
            if d in alive and alive[d][None][column] and self._allows(series, d)
        }
        domain.update(d for d in series.declared if some is None or d in some)
        return domain

    @staticmethod
    def _allows(series: SeriesPlan, dims: Dims) -> bool:
        return all(a is None or d in a for a, d in zip(series.allowed, dims, strict=True))

    # ------------------------------------------------------------------------------------------------------- references

    def _look_up_references(self) -> None:
        fx = self.plan.declarations.defaults.fx
        self._rates = Rates(self.plan.currency, fx.max_age, _rates(self._references.get(fx.source, {})))
        self._plans = Plans(self._plan_records())
        self._references_changed = False

    def _plan_records(self) -> Iterator[PlanRecord]:
        source = self.plan.declarations.sources.get("plan")
        if source is None:
            return
        scope_fields = [(name, d if isinstance(d, str) else d.field) for name, d in source.dimensions.items()]
        for (_, plan_id), data in sorted(self._references["plan"].items()):
            scope = frozenset((name, data[f]) for name, f in scope_fields if data[f] is not None)
            amount = data["amount_minor"] if data["amount_minor"] is not None else data["value"]
            if amount is None:
                continue
            currency = data["currency"] if data["amount_minor"] is not None else None
            yield PlanRecord(
                plan_id,
                data["kind"],
                data["metric"],
                data["period"],
                scope,
                Fraction(str(amount)),
                currency,
                data["submitted_at"],
            )

    # ---------------------------------------------------------------------------------------------------------- reading

    def incomplete(self) -> Iterator[tuple[str, str, int]]:
        """Yield (source, reason, number) of entities, or parts of them, that do not count."""
        for source, cuboid in self.plan.incomplete.items():
            for dims, parts in self._tables[cuboid].sums[NOW].items():
                yield source, dims[0], parts[None][0]

    def unconverted(self) -> dict[str, int]:
        """Return, by currency, how many records wait for a rate: in each stock, and in each event's fullest window.

        A deal that is won counts once, however many KPIs and windows it is in.
        """
        waiting: Counter[str] = Counter()
        counts = {(*at, ref.by_window) for ref in self.plan.money_counts for at in ref.columns.values()}
        for table, column, by_window in counts:
            windows = self._tables[table].sums.values()
            fullest: Counter[str] = Counter()
            for sums in windows if self._tables[table].cuboid.tier != MINUTE else ():
                fullest |= self._without_rate(sums.get((NOW.token,) if by_window else (), {}), column)
            waiting += fullest
        return dict(waiting)

    def _without_rate(self, parts: Mapping[Any, Accumulators], column: int) -> Counter[str]:
        found: Counter[str] = Counter()
        for (currency, day), sums in parts.items():
            if self._rates.factor(currency, self._day if day is None else day) is None:
                found[currency] += sums[column]
        return found

    def watermarks(self) -> dict[str, int]:
        """Return the greatest event time (ms) that was applied of each source, over all shards."""
        merged: dict[str, int] = {}
        for progress in self.progress.values():
            for source, at in progress.watermarks.items():
                merged[source] = max(at, merged.get(source, at))
        return merged

    def all_readings(self) -> Iterator[Reading]:
        """Yield every reading as of the last tick."""
        for (i, window), results in self.readings.items():
            series = self.plan.series[i]
            for dims, result in results.items():
                yield Reading(series, window, dims, result)

    def context(self, as_of: int, tables: Mapping[int, RunningWindows]) -> Context:
        """Return what readings as of T depend on, with today's rates and plans, and sums that were moved there."""
        return Context(as_of, self.plan.calendar, self._rates, self._plans, tables)

    def apart(self, table: int) -> RunningWindows:
        """Return the panes of a cuboid, for sums as of another T."""
        return self._tables[table].apart()


def _rates(records: Mapping[tuple[int, str], Mapping[str, Any]]) -> Iterable[Rate]:
    by_id = sorted(records.items(), key=lambda item: item[0][1])
    return (Rate(d["base"], d["quote"], d["rate_date"], Decimal(str(d["rate"]))) for _, d in by_id)
