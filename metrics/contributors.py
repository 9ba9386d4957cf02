"""Contributors: the entities that make up a reading, newest first.

A reading is made of sums, a sum of cells, a cell of the rows of entities. So the entities of a shard are gone through
once: the rows of each are worked out again, of the cubes that the reading is made of and no others, and those count
that lie in its windows and row. What is found adds up to what the shard's cells held at the last seal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappush, heapreplace
from typing import Any, NamedTuple

from config.declarations import Source
from metrics.admitted import UNKNOWN
from metrics.calendar import MINUTE, MINUTE_MS, STOCK, Window, bounds
from metrics.cells import NUMERIC_HIDDEN
from metrics.contributions import Compiling, Row, SourceCode, compile_labels, compile_source
from metrics.cubes import Cube, CubeKey, Cuboid
from metrics.entities import Entity, newest_key
from metrics.evaluate import Part
from metrics.limits import is_open
from metrics.plan import Plan, SeriesPlan
from metrics.shard import Shard
from metrics.windows import Dims

DEFAULT_LIMIT, MOST = 50, 500
_BREATH = 50
"""Entities between two moments at which the caller can do something else: some tenths of a millisecond."""
_NO_TIME = -1
_Key = tuple[str, str | None]
Amounts = dict[_Key, Fraction]
"""By role and currency, which only money has, in minor units of its own."""


class Place(NamedTuple):
    """Where an entity stands among those of a reading; the greatest comes first."""

    at: int
    entity_id: str
    source: str


@dataclass(frozen=True, slots=True)
class Question:
    """The reading whose entities are asked for, and the page: so many of those that come after a place."""

    series: SeriesPlan
    window: Window
    dims: Dims
    limit: int = DEFAULT_LIMIT
    before: Place | None = None

    def parts(self) -> list[Part]:
        """Return the accumulators that the reading is made of."""
        return list(self.series.node.parts(self.window, self.dims))


def in_order(amounts: Amounts, parts: Sequence[Part]) -> Amounts:
    """Return amounts in the order of the parts, unknown ones last, and of one part by currency."""
    order = {part.role: i for i, part in enumerate(parts)}
    return dict(sorted(amounts.items(), key=lambda item: (order.get(item[0][0], len(order)), item[0][1] or "")))


class Contributor(NamedTuple):
    """One entity of a reading."""

    place: Place
    """Its time is that of the event that counts; the time of the last update where the entity counts as it stands."""
    dated: bool
    """Whether the event has no time but a local date, whose beginning is given."""
    updated: int
    amounts: Amounts
    labels: dict[str, str]
    """The values of its source's dimensions."""


class Contributors:
    """The entities of the readings of a plan; what is compiled for a question serves the next ones too."""

    def __init__(self, plan: Plan) -> None:
        """Begin with nothing compiled."""
        self.plan = plan
        self._around = Compiling(plan.declarations, plan.calendar, plan.relations)
        self._cubes = {cube.key: cube for cube in plan.cubes}
        self._codes: dict[tuple[CubeKey, ...], SourceCode] = {}
        self._labels: dict[str, Callable[[Any, int, str], dict[str, Any]]] = {}

    def scan(self, question: Question, as_of: int) -> "Scan":
        """Begin to look for the entities of a reading as of T."""
        return Scan(self, question, as_of)

    def reader(self, part: Part, as_of: int) -> tuple[CubeKey, "_Reader"]:
        """Return what takes a part from the rows of a cube, and which cube that is."""
        cuboid = self.plan.cuboids[part.ref.place(part.window)[0]]
        return cuboid.cube, _Reader(part, cuboid, self._cubes[cuboid.cube], self.plan, as_of)

    def code(self, cubes: tuple[CubeKey, ...]) -> SourceCode:
        """Return the contributions of a source to some of its cubes."""
        if cubes not in self._codes:
            planned = self.plan.sources[cubes[0].source]
            asked = [self._cubes[key] for key in cubes]
            blank = planned.schema.state_type()
            self._codes[cubes] = compile_source(planned.source, (*asked, planned.cubes[-1]), blank, self._around)
        return self._codes[cubes]

    def labels(self, place: Place, entity: Entity, now: int) -> dict[str, str]:
        """Return what an entity counts as in its source's dimensions as of T; those of its items are left out."""
        source = self.plan.sources[place.source].source
        if place.source not in self._labels:
            blank = self.plan.sources[place.source].schema.state_type()
            self._labels[place.source] = compile_labels(source, blank, self._around)
        found = self._labels[place.source](entity, now, place.entity_id)
        counted = {name: self._counted(source, name, value) for name, value in found.items()}
        return {name: UNKNOWN if value is None else str(value) for name, value in counted.items()}

    def _counted(self, source: Source, dimension: str, value: Any) -> Any:
        admitted = self.plan.admitted.get(dimension)
        return value if admitted is None or not is_open(source, dimension, None) else admitted.find(value)


class _Found(NamedTuple):
    """An entity that may be shown; the number keeps two of the same place apart."""

    place: Place
    number: int
    entity: Entity
    sums: dict[_Key, int]
    dated: bool
    updated: int
    now: int


class Scan:
    """The search for the entities of one reading, shard by shard."""

    def __init__(self, contributors: Contributors, question: Question, as_of: int) -> None:
        """Begin with nothing found."""
        self.count = 0
        """How many entities there are."""
        self.left = 0
        """How many of them come after the place that was asked for."""
        self._contributors = contributors
        self._question = question
        self._parts = question.parts()
        self._scales = {part.role: part.scale for part in self._parts}
        self._sums: dict[_Key, int] = {}
        self._newest: list[_Found] = []
        """The entities to show, as a heap."""
        self._readers: dict[str, dict[CubeKey, list[_Reader]]] = {}
        """By source and cube."""
        for part in self._parts:
            cube, reader = contributors.reader(part, as_of)
            self._readers.setdefault(cube.source, {}).setdefault(cube, []).append(reader)

    def over(self, shard: Shard) -> Iterator[None]:
        """Look through all entities of a shard that can count; yields often, for others to do something."""
        for source, readers in self._readers.items():
            yield from self._over(shard, source, readers)

    def _over(self, shard: Shard, source: str, by_cube: dict[CubeKey, list["_Reader"]]) -> Iterator[None]:
        now = shard.now
        contribute = self._contributors.code(tuple(by_cube)).contribute
        readers = [(i, reader) for i, found in enumerate(by_cube.values()) for reader in found]
        for number, (entity_id, entity) in enumerate(shard.entities(source)):
            if not number % _BREATH:
                yield
            rows, _ = contribute(entity, now, entity_id)
            sums: dict[_Key, int] = {}
            at, dated = _NO_TIME, False
            for i, reader in readers:
                if rows[i]:
                    found = reader.read(rows[i], sums)
                    if found > at:
                        at, dated = found, reader.dated
            if sums:
                updated = _updated(entity)
                place = Place(updated if at == _NO_TIME else at, entity_id, source)
                self._take(_Found(place, self.count, entity, sums, dated, updated, now))

    def _take(self, found: _Found) -> None:
        self.count += 1
        sums = self._sums
        for key, amount in found.sums.items():
            sums[key] = sums.get(key, 0) + amount
        if self._question.before is not None and found.place >= self._question.before:
            return
        self.left += 1
        if len(self._newest) < self._question.limit:
            heappush(self._newest, found)
        elif found > self._newest[0]:
            heapreplace(self._newest, found)

    def entities(self) -> Iterator[Contributor]:
        """Yield the page of what was found so far, newest first."""
        for found in sorted(self._newest, reverse=True):
            labels = self._contributors.labels(found.place, found.entity, found.now)
            yield Contributor(found.place, found.dated, found.updated, self._exact(found.sums), labels)

    def totals(self) -> Amounts:
        """Return the sums over all entities found so far; numbers of which only the latest counts have none."""
        latest = {part.role for part in self._parts if part.reads == "latest"}
        return self._exact({key: amount for key, amount in self._sums.items() if key[0] not in latest})

    def _exact(self, sums: dict[_Key, int]) -> Amounts:
        exact = {key: Fraction(amount, self._scales[key[0]]) for key, amount in sums.items()}
        return in_order(exact, self._parts)


def _updated(entity: Entity) -> int:
    """Return when an entity was last updated; when the newest of its children was, if it is known by those alone."""
    updated_us = newest_key(entity)[1]
    if updated_us < 0:
        told = (child for children in (entity.children or {}).values() for child in children.values())
        updated_us = max((key[1] for key, _ in told), default=0)
    return updated_us // 1000


class _Keys(dict[int, _Key | None]):
    """Under which role and currency the rows of a combination count; None for those that belong to another reading."""

    def __init__(self, part: Part, cuboid: Cuboid, cube: Cube, plan: Plan) -> None:
        self._role, self._money = part.role, part.reads == "money"
        self._coded, self._names = cube.combinations.coded, plan.codes.names
        dims = (*part.dims, part.window.token) if part.ref.by_window else part.dims
        self._wanted = [
            (cube.dimensions.index(name), plan.codes.get(value))
            for name, value in zip(cuboid.grain, dims, strict=True)
            if value is not None
        ]

    def __missing__(self, combination: int) -> _Key | None:
        codes = self._coded[combination]
        found: _Key | None = None
        if all(codes[i] == code for i, code in self._wanted):
            found = self._role, self._names[codes[-1]] if self._money else None
        self[combination] = found
        return found


class _Reader:
    """Takes what a part reads from the rows of its cube."""

    def __init__(self, part: Part, cuboid: Cuboid, cube: Cube, plan: Plan, as_of: int) -> None:
        kind, self._as_of = cube.key.kind, as_of
        timed = kind in {"timed", "dated"}
        self._position = int(timed)
        """Where a row has its combination; a hidden number comes after it, then the measures."""
        first_measure = self._position + 1 + (cube.key.hidden in NUMERIC_HIDDEN)
        self._measure = first_measure + cuboid.measures[part.ref.place(part.window)[1]]
        self._keys = _Keys(part, cuboid, cube, plan)
        self._ages = part.reads == "age"
        self._panes = bounds(part.window, as_of, plan.calendar).panes
        self._calendar, self._today = plan.calendar, plan.calendar.current_day(as_of)
        self._by_minute, self._shift = cuboid.tier == MINUTE, cube.key.shift_ms
        self.dated = kind == "dated" or part.reads == "latest"
        self._time: Callable[[Row], int | None]
        if part.reads == "latest":
            self._time = self._of_latest
        elif cuboid.tier == STOCK:
            self._time = _without_time
        else:
            self._time = self._of_date if kind == "dated" else self._of_instant

    def read(self, rows: Iterable[Row], sums: dict[_Key, int]) -> int:
        """Add what counts of an entity's rows to `sums`; return the newest time of it, -1 when it has none."""
        newest = _NO_TIME
        for row in rows:
            key, amount = self._keys[row[self._position]], row[self._measure]
            if key is None or not amount:
                continue
            at = self._time(row)
            if at is None:
                continue
            sums[key] = sums.get(key, 0) + (self._as_of - amount if self._ages else amount)
            newest = max(newest, at)
        return newest

    # The time of a row, None for one outside the window.

    def _of_instant(self, row: Row) -> int | None:
        at: int = row[0]
        pane = at // MINUTE_MS if self._by_minute else self._calendar.day_of(at)
        return at - self._shift if self._panes.first <= pane < self._panes.last else None

    def _of_date(self, row: Row) -> int | None:
        return self._calendar.day_start(row[0]) if self._panes.first <= row[0] < self._panes.last else None

    def _of_latest(self, row: Row) -> int | None:
        date = row[self._position + 1]
        return self._calendar.day_start(date) if date <= self._today else None


def _without_time(_: Row) -> int | None:
    return _NO_TIME
