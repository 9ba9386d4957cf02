"""Evaluation: the nodes that turn merged sums, rates and plans into the exact value of a series.

A node reads one value for (window, dims); values are exact fractions, money in reporting minor units, and an absent
value says why (KPIS 0.4).
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, NamedTuple, Protocol

from metrics.calendar import BusinessCalendar, Window, bounds
from metrics.currency import Rates
from metrics.histogram import quantile
from metrics.plans import Plans, Scope
from metrics.windows import Accumulators, Dims, RunningWindows

Reason = Literal[
    "denominator_zero", "denominator_negative", "no_samples", "no_source_records", "no_plan", "below_min_samples"
]


class Result(NamedTuple):
    """An exact value, or None with the reason; the sides of a ratio and the number of samples where there are any."""

    value: Fraction | None
    reason: Reason | None = None
    numerator: Fraction | None = None
    denominator: Fraction | None = None
    samples: int | None = None


@dataclass(slots=True)
class Context:
    """All that a reading depends on besides the cells."""

    as_of: int
    calendar: BusinessCalendar
    rates: Rates
    plans: Plans
    tables: Mapping[int, RunningWindows]

    @property
    def today(self) -> int:
        """The local date just before T, at whose rates stocks are valued."""
        return self.calendar.current_day(self.as_of)


@dataclass(slots=True)
class Ref:
    """One accumulator at one grain: its cuboid and column by pane tier, filled in when the plan is closed."""

    columns: dict[str, tuple[int, int]]

    def parts(self, context: Context, window: Window, dims: Dims) -> Iterator[tuple[Any, int]]:
        """Yield (hidden value, sum) of a window."""
        table, column = self.columns[window.tier]
        parts: Mapping[Any, Accumulators] = context.tables[table].sums[window].get(dims, {})
        for hidden, sums in parts.items():
            if sums[column]:
                yield hidden, sums[column]


class Node(Protocol):
    """Something that has a value for each window and row of dimension values."""

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value."""
        ...

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield the (cuboid, window) pairs that the value depends on."""
        ...


@dataclass(slots=True)
class Total:
    """A sum of whole numbers: a count, a quantity, seconds.

    With `convertible`, the records whose money has no rate are left out.
    """

    ref: Ref
    convertible: bool = False

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the sum; 0 without records."""
        total = 0
        for hidden, amount in self.ref.parts(context, window, dims):
            if self.convertible and isinstance(hidden, tuple) and _factor(context, hidden) is None:
                continue
            total += amount
        return Result(Fraction(total), samples=total)

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield the one cuboid."""
        yield self.ref.columns[window.tier][0], window


@dataclass(slots=True)
class MoneyTotal:
    """A sum of money in reporting minor units, each currency and day at its rate; what has no rate is left out."""

    ref: Ref

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the exact sum; 0 without records."""
        own = 0
        by_factor: dict[Fraction, int] = {}
        for hidden, amount in self.ref.parts(context, window, dims):
            if hidden[0] == context.rates.reporting:
                own += amount
                continue
            factor = _factor(context, hidden)
            if factor is not None:
                by_factor[factor] = by_factor.get(factor, 0) + amount
        return Result(sum((f * a for f, a in by_factor.items()), Fraction(own)))

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield the one cuboid."""
        yield self.ref.columns[window.tier][0], window


def _factor(context: Context, hidden: tuple[str, int | None]) -> Fraction | None:
    currency, day = hidden
    return context.rates.factor(currency, context.today if day is None else day)


@dataclass(slots=True)
class Mean:
    """The mean of the values that there are."""

    total: Total
    count: Total

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the mean; absent without samples."""
        samples = self.count.read(context, window, dims).value or Fraction(0)
        if not samples:
            return Result(None, "no_samples", samples=0)
        total = self.total.read(context, window, dims).value or Fraction(0)
        return Result(total / samples, None, total, samples, int(samples))

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield the cuboids of both sums."""
        yield from self.total.reads(window)
        yield from self.count.reads(window)


@dataclass(slots=True)
class Quantile:
    """A quantile of the log-histogram in the hidden dimension."""

    ref: Ref
    q: Fraction

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value at the rank; absent without samples."""
        counts = dict(self.ref.parts(context, window, dims))
        value = quantile(counts, self.q)
        return Result(value, None if value is not None else "no_samples", samples=sum(counts.values()))

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield the one cuboid."""
        yield self.ref.columns[window.tier][0], window


@dataclass(slots=True)
class GreatestAge:
    """The age in whole seconds of the earliest instant in the hidden dimension."""

    ref: Ref

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the age at T; absent without entities."""
        instants = dict(self.ref.parts(context, window, dims))
        if not instants:
            return Result(None, "no_samples", samples=0)
        return Result(Fraction((context.as_of - min(instants)) // 1000), samples=sum(instants.values()))

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield the one cuboid."""
        yield self.ref.columns[window.tier][0], window


@dataclass(slots=True)
class Quotient:
    """(numerator - minus) / denominator; with `positive`, also absent while the denominator is negative."""

    numerator: Node
    minus: Node | None
    denominator: Node
    min_samples: int = 1
    positive: bool = False

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the ratio; absent while the denominator is 0 or has too few samples."""
        above = self.numerator.read(context, window, dims)
        below = self.denominator.read(context, window, dims)
        less = self.minus.read(context, window, dims) if self.minus is not None else Result(Fraction(0))
        for side in (above, less, below):
            if side.value is None:
                return Result(None, side.reason)
        assert above.value is not None and below.value is not None and less.value is not None  # noqa: PT018, S101 (checked just now)
        numerator, denominator = above.value - less.value, below.value
        if denominator == 0 or (self.positive and denominator < 0):
            return Result(
                None,
                "denominator_negative" if denominator < 0 else "denominator_zero",
                numerator,
                denominator,
                below.samples,
            )
        if below.samples is not None and below.samples < self.min_samples:
            return Result(None, "below_min_samples", numerator, denominator, below.samples)
        return Result(numerator / denominator, None, numerator, denominator, below.samples)

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield what the sides depend on."""
        for node in (self.numerator, self.minus, self.denominator):
            if node is not None:
                yield from node.reads(window)


@dataclass(slots=True)
class Shifted:
    """Another KPI over the comparison window, or over a fixed window."""

    inner: Node
    previous: bool
    token: str | None = None

    def _window(self, window: Window) -> Window:
        return Window(self.token or window.token, self.previous or window.previous)

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value of the shifted window."""
        return self.inner.read(context, self._window(window), dims)

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield what the inner node depends on, shifted."""
        yield from self.inner.reads(self._window(window))


@dataclass(slots=True)
class PlanAmount:
    """The plan of the window's calendar period at the scope of the grain, at the rate of the period's first day."""

    kind: str
    metric: str
    grain: tuple[str, ...]

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the planned amount; absent without a plan."""
        found = bounds(window, context.as_of, context.calendar)
        scope: Scope = frozenset(zip(self.grain, dims, strict=True))
        plan = context.plans.find(self.kind, self.metric, found.period, scope, context.as_of) if found.period else None
        if plan is None:
            return Result(None, "no_plan")
        if plan.currency is None:
            return Result(plan.amount)
        factor = context.rates.factor(plan.currency, found.panes.first)
        return Result(None, "no_plan") if factor is None else Result(plan.amount * factor)

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:  # noqa: ARG002 (plans are looked up anew when they change)
        """Yield nothing: no cells are read."""
        yield from ()


@dataclass(slots=True)
class Formula:
    """Arithmetic over named inputs."""

    inputs: Mapping[str, Node]
    require: Mapping[str, str]
    evaluate: Callable[[Mapping[str, Fraction]], Fraction]

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value; absent when an input is, or when one that must be positive (or not 0) is not."""
        values: dict[str, Fraction] = {}
        for alias, node in self.inputs.items():
            result = node.read(context, window, dims)
            if result.value is None:
                return Result(None, result.reason)
            values[alias] = result.value
        for alias, rule in self.require.items():
            if values[alias] == 0:
                return Result(None, "denominator_zero")
            if values[alias] < 0 and rule == "positive":
                return Result(None, "denominator_negative")
        try:
            return Result(self.evaluate(values))
        except ZeroDivisionError:
            return Result(None, "denominator_zero")

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield what the inputs depend on."""
        for node in self.inputs.values():
            yield from node.reads(window)


_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Fraction]] = {"min": min, "max": max, "abs": abs}


def compile_formula(text: str) -> Callable[[Mapping[str, Fraction]], Fraction]:
    """Compile ``+ - * / ( )``, numbers, aliases and min, max, abs into an exact function of the aliases.

    Raises:
        ValueError: the text holds anything else.
    """
    return _formula(ast.parse(text, mode="eval").body, text)


def _formula(node: ast.expr, text: str) -> Callable[[Mapping[str, Fraction]], Fraction]:
    match node:
        case ast.Constant(value=int() | float()):
            number = Fraction(str(node.value))
            return lambda _: number
        case ast.Name(id=alias):
            return lambda values: values[alias]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _formula(operand, text)
            return lambda values: -inner(values)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _formula(operand, text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            first, second, combine = _formula(left, text), _formula(right, text), _BINARY[type(op)]
            return lambda values: combine(first(values), second(values))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
            call, parts = _FUNCTIONS[name], [_formula(a, text) for a in args]
            return lambda values: call(*(p(values) for p in parts))
        case _:
            raise ValueError(
                f"`{ast.unparse(node)}` in `{text}` is not allowed; use + - * / ( ), numbers, aliases, min, max, abs"
            )
