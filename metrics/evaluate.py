"""Evaluation: the nodes that turn merged sums and rates into the exact value of a series.

A node reads one value for (window, dims); values are exact fractions, money in reporting minor units, and an absent
value says why (KPIS 0.4). `metrics.combine` has the nodes that are made of others.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from metrics.calendar import STOCK, BusinessCalendar, Window, bounds, year_before
from metrics.currency import Rates
from metrics.histogram import quantile
from metrics.plans import Plans
from metrics.windows import Accumulators, Dims, RunningWindows

Reason = Literal[
    "denominator_zero", "denominator_negative", "no_samples", "no_source_records", "no_plan", "below_min_samples"
]
NOW = Window("now")
VALUE = "value"
SomeDims = tuple[str | None, ...]
"""Dimension values of which None stands for any."""


class Result(NamedTuple):
    """An exact value, or None with the reason; the sides of a ratio and the number of samples where there are any.

    The target is what the value should reach, where one is declared and known.
    """

    value: Fraction | None
    reason: Reason | None = None
    numerator: Fraction | None = None
    denominator: Fraction | None = None
    samples: int | None = None
    target: Fraction | None = None


@dataclass(slots=True)
class Context:
    """All that a reading depends on besides the cells."""

    as_of: int
    calendar: BusinessCalendar
    rates: Rates
    plans: Plans
    tables: Mapping[int, RunningWindows]
    _members: dict[tuple[int, int, Window], dict[Dims, list[str]]] = field(default_factory=dict)

    @property
    def today(self) -> int:
        """The local date just before T, at whose rates stocks are valued."""
        return self.calendar.current_day(self.as_of)

    def factor(self, currency: str, day: int | None) -> Fraction | None:
        """Return the worth of a minor unit on a local date, today without one; None without a rate."""
        return self.rates.factor(currency, self.today if day is None else day)

    def members(self, ref: "Ref", window: Window) -> dict[Dims, list[str]]:
        """Return, by the other dimension values, the values of the last dimension for which an accumulator is not 0."""
        table, column = ref.place(window)
        key = table, column, window
        found = self._members.get(key)
        if found is None:
            found = self._members[key] = {}
            for dims, parts in self.tables[table].sums[NOW if ref.by_window else window].items():
                row = dims[:-1] if ref.by_window else dims
                here = not ref.by_window or dims[-1] == window.token
                if here and any(sums[column] for sums in parts.values()):
                    found.setdefault(row[:-1], []).append(row[-1])
        return found


@dataclass(slots=True)
class Ref:
    """One accumulator at one grain: its cuboid and column by pane tier, filled in when the plan is closed.

    A population is counted `by_window`: there the window's token is the last dimension value.
    """

    columns: dict[str, tuple[int, int]]
    by_window: bool = False

    def place(self, window: Window) -> tuple[int, int]:
        """Return the cuboid and column in which a window is read."""
        return self.columns[STOCK if self.by_window else window.tier]

    def parts(self, context: Context, window: Window, dims: Dims) -> list[tuple[Any, int]]:
        """Return (hidden value, sum) of a window."""
        table, column = self.place(window)
        sums_of = context.tables[table].sums
        parts: Mapping[Any, Accumulators] = (
            sums_of[NOW].get((*dims, window.token), {}) if self.by_window else sums_of[window].get(dims, {})
        )
        return [(hidden, sums[column]) for hidden, sums in parts.items() if sums[column]]


class Part(NamedTuple):
    """An accumulator that a reading is made of, what it is there, and in which window and row it is read.

    The role is ``value`` or ``samples``, a side (``numerator``), the alias of an input, or one of these within another
    (``churn.numerator``). An `age` is counted from the sum, an instant, to T; of the `latest` the newest date counts.
    """

    role: str
    ref: Ref
    window: Window
    dims: SomeDims
    reads: Literal["number", "money", "age", "latest"] = "number"
    scale: int = 1
    """How many units make 1."""


def within(role: str, name: str) -> str:
    """Return the role of what is a part of something that has a role itself."""
    return name if role == VALUE else f"{role}.{name}"


class Node(ABC):
    """Something that has a value for each window and row of dimension values."""

    __slots__ = ()

    @abstractmethod
    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value."""

    def refs(self) -> Iterable[Ref]:
        """Return the accumulators that are read directly."""
        return ()

    def inner(self) -> Iterable["Node"]:
        """Return the nodes that this one is made of."""
        return ()

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield the (cuboid, window) pairs that the value depends on."""
        for ref in self.refs():
            yield ref.place(window)[0], window
        for node in self.inner():
            yield from node.reads(window)

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the accumulators of entities that the value in a window and row is made of; of plans there are none."""
        for node in self.inner():
            yield from node.parts(window, dims, role)

    @property
    def ages(self) -> bool:
        """Whether the value changes with T alone."""
        return any(node.ages for node in self.inner())


@dataclass(slots=True)
class Total(Node):
    """A sum of numbers: a count, a quantity, seconds; `scale` units make 1.

    A sum that `counts` adds 1 for each record, and is the number of samples at the same time. With `convertible`, the
    records whose money has no rate are left out.
    """

    ref: Ref
    counts: bool = False
    convertible: bool = False
    scale: int = 1

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the sum; 0 without records."""
        total = 0
        for hidden, amount in self.ref.parts(context, window, dims):
            if self.convertible and isinstance(hidden, tuple) and context.factor(*hidden) is None:
                continue
            total += amount
        value = Fraction(total) if self.scale == 1 else Fraction(total, self.scale)
        return Result(value, samples=total if self.counts else None)

    def refs(self) -> Iterable[Ref]:
        """Return the one accumulator."""
        return (self.ref,)

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the sum."""
        yield Part(role, self.ref, window, dims, scale=self.scale)


@dataclass(slots=True)
class MoneyTotal(Node):
    """A sum of money in reporting minor units, each currency and day at its rate; what has no rate is left out.

    Stocks are valued at today's rate, the members of a population at that of the day before the window (KPIS A22).
    """

    ref: Ref

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the exact sum; 0 without records."""
        own = 0
        by_factor: dict[Fraction, int] = {}
        before = self._day_before(context, window) if self.ref.by_window else None
        for (currency, day), amount in self.ref.parts(context, window, dims):
            if currency == context.rates.reporting:
                own += amount
                continue
            factor = context.factor(currency, before or day)
            if factor is not None:
                by_factor[factor] = by_factor.get(factor, 0) + amount
        return Result(sum((f * a for f, a in by_factor.items()), Fraction(own)))

    @staticmethod
    def _day_before(context: Context, window: Window) -> int:
        return context.calendar.current_day(bounds(window, context.as_of, context.calendar).start)

    def refs(self) -> Iterable[Ref]:
        """Return the one accumulator."""
        return (self.ref,)

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the sum, in each currency."""
        yield Part(role, self.ref, window, dims, "money")


@dataclass(slots=True)
class Required(Node):
    """Another node's value, absent while there are no records in the window."""

    node: Node
    records: Total

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value; absent without records."""
        if not self.records.read(context, window, dims).value:
            return Result(None, "no_source_records")
        return self.node.read(context, window, dims)

    def inner(self) -> Iterable[Node]:
        """Return the node and the number of records."""
        return self.node, self.records

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield those of the node: the records alone add nothing."""
        yield from self.node.parts(window, dims, role)


@dataclass(slots=True)
class Mean(Node):
    """The mean of the values that there are."""

    total: Total | MoneyTotal
    count: Total

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the mean; absent without samples."""
        samples = self.count.read(context, window, dims).value or Fraction(0)
        if not samples:
            return Result(None, "no_samples", samples=0)
        total = self.total.read(context, window, dims).value or Fraction(0)
        return Result(total / samples, None, total, samples, int(samples))

    def inner(self) -> Iterable[Node]:
        """Return both sums."""
        return self.total, self.count

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the sum of the values, and their number."""
        yield from self.total.parts(window, dims, role)
        yield from self.count.parts(window, dims, within(role, "samples"))


@dataclass(slots=True)
class Quantile(Node):
    """A quantile of the log-histogram in the hidden dimension; `scale` units make 1."""

    ref: Ref
    q: Fraction
    scale: int = 1

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value at the rank; absent without samples."""
        counts = dict(self.ref.parts(context, window, dims))
        value = quantile(counts, self.q)
        if value is None:
            return Result(None, "no_samples", samples=0)
        return Result(value / self.scale, samples=sum(counts.values()))

    def refs(self) -> Iterable[Ref]:
        """Return the one accumulator."""
        return (self.ref,)

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the number of samples."""
        yield Part(within(role, "samples"), self.ref, window, dims)


@dataclass(slots=True)
class Extreme(Node):
    """The least or greatest number in the hidden dimension; `scale` units make 1."""

    ref: Ref
    greatest: bool
    scale: int = 1

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the number; absent without samples."""
        counts = dict(self.ref.parts(context, window, dims))
        if not counts:
            return Result(None, "no_samples", samples=0)
        return Result(Fraction((max if self.greatest else min)(counts), self.scale), samples=sum(counts.values()))

    def refs(self) -> Iterable[Ref]:
        """Return the one accumulator."""
        return (self.ref,)

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the number of samples."""
        yield Part(within(role, "samples"), self.ref, window, dims)


@dataclass(slots=True)
class Distinct(Node):
    """The number of different values in the hidden dimension."""

    ref: Ref

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the number; 0 without records."""
        return Result(Fraction(len(self.ref.parts(context, window, dims))))

    def refs(self) -> Iterable[Ref]:
        """Return the one accumulator."""
        return (self.ref,)

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the number of samples, several of which may have the same value."""
        yield Part(within(role, "samples"), self.ref, window, dims)


@dataclass(slots=True)
class GreatestAge(Node):
    """The age in whole seconds of the earliest instant in the hidden dimension."""

    ref: Ref

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the age at T; absent without entities."""
        instants = dict(self.ref.parts(context, window, dims))
        if not instants:
            return Result(None, "no_samples", samples=0)
        return Result(Fraction((context.as_of - min(instants)) // 1000), samples=sum(instants.values()))

    def refs(self) -> Iterable[Ref]:
        """Return the one accumulator."""
        return (self.ref,)

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the number of samples."""
        yield Part(within(role, "samples"), self.ref, window, dims)

    @property
    def ages(self) -> bool:
        """Ages grow."""
        return True


@dataclass(slots=True)
class MeanAge(Node):
    """The mean age in seconds of instants, from their sum in milliseconds and their number."""

    instants: Total
    count: Total

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the mean age at T; absent without entities."""
        samples = self.count.read(context, window, dims).value or Fraction(0)
        if not samples:
            return Result(None, "no_samples", samples=0)
        ages = (context.as_of * samples - (self.instants.read(context, window, dims).value or 0)) / 1000
        return Result(ages / samples, None, ages, samples, int(samples))

    def inner(self) -> Iterable[Node]:
        """Return both sums."""
        return self.instants, self.count

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the ages in seconds, and their number."""
        yield Part(role, self.instants.ref, window, dims, "age", 1000)
        yield from self.count.parts(window, dims, within(role, "samples"))

    @property
    def ages(self) -> bool:
        """Ages grow."""
        return True


@dataclass(slots=True)
class Latest(Node):
    """The number of the newest record that is not after today; `scale` units make 1.

    `max_age_days` says how old it may be, for all rows or by the value of the last dimension. With `year_back` it is
    the number of the record dated exactly 12 months before that one.
    """

    numbers: Ref
    records: Ref
    scale: int
    max_age_days: int | Mapping[str, int | None] | None = None
    year_back: bool = False

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the number; absent without a record that is new enough."""
        dates = dict(self.records.parts(context, window, dims))
        newest = max((date for date in dates if date <= context.today), default=None)
        limit = self.max_age_days.get(dims[-1]) if isinstance(self.max_age_days, Mapping) else self.max_age_days
        if newest is None or (limit is not None and context.today - newest > limit):
            return Result(None, "no_source_records")
        if self.year_back:
            newest = year_before(newest)
            if newest not in dates:
                return Result(None, "no_source_records")
        return Result(Fraction(dict(self.numbers.parts(context, window, dims)).get(newest, 0), self.scale))

    def refs(self) -> Iterable[Ref]:
        """Return both accumulators."""
        return self.numbers, self.records

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the dated numbers, and that they are there."""
        yield Part(role, self.numbers, window, dims, "latest", self.scale)
        yield Part(within(role, "samples"), self.records, window, dims, "latest")
