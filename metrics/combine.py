"""The nodes that are made of other nodes: quotients, formulas, plans, and comparisons member by member."""

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from metrics.calendar import Window, bounds
from metrics.evaluate import VALUE, Context, Node, Part, Ref, Result, SomeDims, within
from metrics.windows import Dims

Evaluate = Callable[[Mapping[str, Fraction]], Fraction]
"""An expression as a function of its aliases."""


@dataclass(slots=True)
class Quotient(Node):
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

    def inner(self) -> Iterable[Node]:
        """Return the sides."""
        return [node for node in (self.numerator, self.minus, self.denominator) if node is not None]

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield those of the sides."""
        sides = {"numerator": self.numerator, "minus": self.minus, "denominator": self.denominator}
        for name, node in sides.items():
            if node is not None:
                yield from node.parts(window, dims, within(role, name))


@dataclass(slots=True)
class Difference(Node):
    """One sum less another."""

    whole: Node
    less: Node

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the difference; absent when a side is."""
        whole, less = self.whole.read(context, window, dims), self.less.read(context, window, dims)
        if whole.value is None or less.value is None:
            return Result(None, whole.reason or less.reason)
        return Result(whole.value - less.value)

    def inner(self) -> Iterable[Node]:
        """Return both sums."""
        return self.whole, self.less

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield those of both sums."""
        yield from self.whole.parts(window, dims, role)
        yield from self.less.parts(window, dims, within(role, "minus"))


@dataclass(slots=True)
class Broadcast(Node):
    """A value that is the same for all values of some dimensions: `positions` are those that it has itself."""

    node: Node
    positions: tuple[int, ...]

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value of the row without the other dimensions."""
        return self.node.read(context, window, tuple(dims[i] for i in self.positions))

    def inner(self) -> Iterable[Node]:
        """Return the node."""
        return (self.node,)

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield those of the row without the other dimensions."""
        yield from self.node.parts(window, tuple(dims[i] for i in self.positions), role)


@dataclass(slots=True)
class SumOverMembers(Node):
    """The sum of another node's values over the members of each row: its grain has one dimension more, at the end."""

    node: Node
    members: Ref

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the sum of the values that there are; absent without any."""
        found = [
            result
            for member in context.members(self.members, window).get(dims, ())
            if (result := self.node.read(context, window, (*dims, member))).value is not None
        ]
        if not found:
            return Result(None, "no_samples", samples=0)
        return Result(sum((r.value for r in found if r.value is not None), Fraction(0)))

    def refs(self) -> Iterable[Ref]:
        """Return the accumulator that says which members there are."""
        return (self.members,)

    def inner(self) -> Iterable[Node]:
        """Return the node."""
        return (self.node,)

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield those of all members together."""
        yield from self.node.parts(window, (*dims, None), role)


@dataclass(slots=True)
class Attained(Node):
    """The share of members whose value reaches their plan, in whole minor units; those without a plan are left out."""

    members: Ref
    actual: Node
    plan: Node
    strictly: bool
    min_samples: int = 1

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the share; absent while nobody has a plan above 0."""
        planned, reached = 0, 0
        for member in context.members(self.members, window).get(dims, ()):
            bar = self.plan.read(context, window, (member,)).value
            if bar is None or bar <= 0:
                continue
            planned += 1
            actual = round(self.actual.read(context, window, (member,)).value or 0)
            reached += actual > round(bar) if self.strictly else actual >= round(bar)
        if not planned:
            return Result(None, "denominator_zero", Fraction(0), Fraction(0), 0)
        if planned < self.min_samples:
            return Result(None, "below_min_samples", Fraction(reached), Fraction(planned), planned)
        return Result(Fraction(reached, planned), None, Fraction(reached), Fraction(planned), planned)

    def refs(self) -> Iterable[Ref]:
        """Return the accumulator that says who is a member."""
        return (self.members,)

    def inner(self) -> Iterable[Node]:
        """Return the two that are compared."""
        return self.actual, self.plan

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield the members; what each of them reaches is a reading of its own."""
        yield Part(within(role, "members"), self.members, window, (*dims, None))


@dataclass(slots=True)
class Shifted(Node):
    """Another KPI over the comparison window, or over a fixed window."""

    node: Node
    previous: bool
    token: str | None = None

    def _window(self, window: Window) -> Window:
        return Window(self.token or window.token, self.previous or window.previous)

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value of the shifted window."""
        return self.node.read(context, self._window(window), dims)

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        """Yield what the node depends on, shifted."""
        yield from self.node.reads(self._window(window))

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield those of the shifted window."""
        yield from self.node.parts(self._window(window), dims, role)

    def inner(self) -> Iterable[Node]:
        """Return the node."""
        return (self.node,)


@dataclass(slots=True)
class PlanAmount(Node):
    """The plan of the window's calendar period at the scope of the grain, at the rate of the period's first day.

    With `scope` only that dimension must agree; with `before_period` only what was submitted before the period counts.
    """

    kind: str
    metric: str
    grain: tuple[str, ...]
    scope: str | None = None
    before_period: bool = False

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the planned amount; absent without a plan."""
        found = bounds(window, context.as_of, context.calendar)
        if found.period is None:
            return Result(None, "no_plan")
        values = dict(zip(self.grain, dims, strict=True))
        before = min(found.start, context.as_of) if self.before_period else context.as_of
        plan = context.plans.find(self.kind, self.metric, found.period, values, before, self.scope)
        if plan is None:
            return Result(None, "no_plan")
        if plan.currency is None:
            return Result(plan.amount)
        factor = context.factor(plan.currency, found.panes.first)
        return Result(None, "no_plan") if factor is None else Result(plan.amount * factor)


@dataclass(slots=True)
class Formula(Node):
    """Arithmetic over named inputs."""

    inputs: Mapping[str, Node]
    require: Sequence[tuple[Evaluate, str]]
    """What an expression must be: `positive` or `nonzero`."""
    evaluate: Evaluate

    def read(self, context: Context, window: Window, dims: Dims) -> Result:
        """Return the value; absent when an input is, or when what must be positive (or not 0) is not."""
        values: dict[str, Fraction] = {}
        for alias, node in self.inputs.items():
            result = node.read(context, window, dims)
            if result.value is None:
                return Result(None, result.reason)
            values[alias] = result.value
        for evaluate, rule in self.require:
            required = evaluate(values)
            if required == 0:
                return Result(None, "denominator_zero")
            if required < 0 and rule == "positive":
                return Result(None, "denominator_negative")
        try:
            return Result(self.evaluate(values))
        except ZeroDivisionError:
            return Result(None, "denominator_zero")

    def inner(self) -> Iterable[Node]:
        """Return the inputs."""
        return self.inputs.values()

    def parts(self, window: Window, dims: SomeDims, role: str = VALUE) -> Iterator[Part]:
        """Yield those of the inputs, by their aliases."""
        for alias, node in self.inputs.items():
            yield from node.parts(window, dims, within(role, alias))


_BINARY: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Fraction]] = {"min": min, "max": max, "abs": abs}


def compile_formula(text: str) -> Evaluate:
    """Compile ``+ - * / ( )``, numbers, aliases and min, max, abs into an exact function of the aliases.

    Raises:
        ValueError: the text holds anything else.
    """
    return _formula(ast.parse(text, mode="eval").body, text)


def _formula(node: ast.expr, text: str) -> Evaluate:
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
