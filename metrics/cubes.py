"""Cubes: which accumulators an entity feeds, at which time, and at which grains.

A *cube* holds the measures that share source, event time and fan-out, and is filled by the rows of one contribution. A
*cuboid* is one cube at one grain and one pane tier: the table whose rows are cells. A cuboid may have a *hidden
dimension* that readings merge away: the currency of money, the log-bucket of a quantile, the instant of an age, the
date of a latest value, the number of a least or greatest one, the value of a distinct count. Members of a population
are counted for each window, so there the window is a dimension like the others.
"""

import zlib
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from config.declarations import ConversionEvent, Value, Where
from metrics.admitted import UNKNOWN, Admitted, count

WINDOW = "window"
"""The dimension that holds the window's token in the cuboids of populations."""
Hidden = Literal["none", "currency", "bucket", "instant", "date", "number", "member"]
Kind = Literal["timed", "dated", "stock", "membership", "population", "incomplete"]
"""What gives a row its pane: an instant, a local date, or nothing: the last four are as of T."""


class MeasureDef(NamedTuple):
    """What one accumulator sums, over the entities (or list items) that meet `where`.

    `sum` adds up `value`; `count` adds 1 for each that has a `value` (or for each, without one) and reaches `event`.
    In a population `start` and `end` add up the members at that end of the window, `kept` those at both, and `count`
    the contracts behind what they weigh.
    """

    where: Where
    agg: Literal["sum", "count", "start", "end", "kept"] = "count"
    value: Value | None = None
    event: ConversionEvent | None = None
    within_ms: int | None = None
    """In a matured cohort: how soon after its base time it must reach the event."""


class CubeKey(NamedTuple):
    """The identity of a cube; `spread` spells the value that the hidden dimension has, or names the population."""

    source: str
    kind: Kind
    at: str | None
    shift_ms: int
    fan_out: str | None
    hidden: Hidden
    spread: str = ""


@dataclass(frozen=True, slots=True)
class Cuboid:
    """One cube at one grain and tier; its cells hold the accumulators of `measures`, in that order."""

    id: int
    cube: CubeKey
    tier: str
    grain: tuple[str, ...]
    measures: tuple[int, ...]
    """Positions in the cube's measures."""

    @property
    def width(self) -> int:
        """The number of values that name a cell within its pane: the grain's, and the hidden one."""
        return len(self.grain) + (self.cube.hidden != "none")


class Codes(dict[Any, int]):
    """Small integers for dimension values; None is the value `unknown`."""

    def __init__(self) -> None:
        """Begin without values."""
        self.names: list[Any] = []
        """The values by their codes."""
        self[None] = self[UNKNOWN]

    def __missing__(self, name: Any) -> int:
        code = self[name] = len(self.names)
        self.names.append(name)
        return code


class Combinations(dict[tuple[Any, ...], int]):
    """Numbers for the combinations of dimension values that a cube's rows have.

    A row carries the number instead of the values: it is looked up once where the row is made, and then compared, kept
    and grouped as one integer. There are at most as many as entities. Values that are not admitted have the number of
    `other`, and are not kept.
    """

    def __init__(self, codes: Codes) -> None:
        """Begin without combinations."""
        self.admitted: tuple[Admitted | None, ...] = ()
        """The admitted values of each dimension; None for one that is not bounded."""
        self.coded: list[tuple[int, ...]] = []
        """The codes of the values, by the number of the combination."""
        self._codes = codes
        self._table = np.zeros((0, 0), np.int64)

    def __missing__(self, values: tuple[Any, ...]) -> int:
        if self.admitted:
            counted = count(values, self.admitted)
            if counted != values:
                return self[counted]
        number = self[values] = len(self.coded)
        self.coded.append(tuple([self._codes[v] for v in values]))
        return number

    def columns(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the codes of many rows, a column for each dimension."""
        known = len(self._table)
        if known < len(self.coded):
            more = np.array(self.coded[known:], dtype=np.int64).reshape(len(self.coded) - known, -1)
            self._table = np.concatenate([self._table, more]) if known else more
        columns: NDArray[np.int64] = self._table[numbers].T
        return columns


@dataclass(slots=True)
class Cube:
    """A cube under construction by `plan.compile_plan`, and after it the table of its parts."""

    key: CubeKey
    combinations: Combinations
    measures: list[MeasureDef] = field(default_factory=list)
    spells: list[str] = field(default_factory=list)
    asked: dict[tuple[str, tuple[str, ...]], set[int]] = field(default_factory=dict)
    """Measures by (tier, grain)."""
    tokens: dict[str, None] = field(default_factory=dict)
    """The windows for which a population is counted."""
    dimensions: tuple[str, ...] = ()
    cuboids: tuple[Cuboid, ...] = ()

    def ask(self, measure: MeasureDef, tier: str, grain: tuple[str, ...]) -> int:
        """Return the position of `measure`, which from now on is kept at `tier` and `grain`."""
        text = spell(measure)
        if text not in self.spells:
            self.spells.append(text)
            self.measures.append(measure)
        position = self.spells.index(text)
        self.asked.setdefault((tier, grain), set()).add(position)
        return position

    def close(self) -> None:
        """Fix the dimensions and cuboids."""
        grains = [grain for _, grain in self.asked]
        self.dimensions = tuple(dict.fromkeys(dimension for grain in grains for dimension in grain))
        self.cuboids = tuple(
            Cuboid(self._id(tier, grain, chosen), self.key, tier, grain, chosen)
            for (tier, grain), positions in sorted(self.asked.items())
            for chosen in [tuple(sorted(positions))]
        )

    def _id(self, tier: str, grain: tuple[str, ...], positions: tuple[int, ...]) -> int:
        """Return a number that changes whenever the meaning of the cuboid's cells does."""
        return zlib.crc32(spell([self.key, tier, grain, [self.spells[i] for i in positions]]).encode())


def spell(thing: object) -> str:
    """Return the canonical text of a declaration part: equal texts mean the same thing."""

    def plain(value: object) -> object:
        if isinstance(value, BaseModel):
            return value.model_dump(mode="json", exclude_none=True)
        raise TypeError(f"cannot spell {value!r}")

    return msgspec.json.encode(thing, enc_hook=plain, order="sorted").decode()


def spread_of(value: Value, where: Where) -> str:
    """Return the spelling that sets apart cubes with a hidden dimension of the value's own."""
    return spell([value, where])
