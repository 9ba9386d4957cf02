"""Formulas, and absent values with their reason."""

from collections.abc import Iterator
from fractions import Fraction

import pytest

from metrics.calendar import BusinessCalendar, Window
from metrics.combine import Formula, Quotient, Shifted, compile_formula
from metrics.currency import Rates
from metrics.evaluate import Context, Node, Result
from metrics.plans import Plans

WINDOW = Window("7d")
CONTEXT = Context(0, BusinessCalendar("UTC"), Rates("EUR", 0), Plans(), {})


class Given(Node):
    """A node with a fixed result, that notes the windows it was asked for."""

    def __init__(self, value: Fraction | None, reason: str | None = None, samples: int | None = None) -> None:
        self.result = Result(value, reason, samples=samples)  # type: ignore[arg-type]
        self.asked: list[Window] = []

    def read(self, context: Context, window: Window, dims: tuple[str, ...]) -> Result:  # noqa: ARG002
        self.asked.append(window)
        return self.result

    def reads(self, window: Window) -> Iterator[tuple[int, Window]]:
        yield 0, window


def number(value: int, samples: int | None = None) -> Given:
    return Given(Fraction(value), samples=samples)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a + b * 2", 14),
        ("(a + b) * 2", 18),
        ("a / b - 1", Fraction(-3, 5)),
        ("-a", -4),
        ("+a", 4),
        ("0.1 * 3", Fraction(3, 10)),
        ("max(0, 1 - abs(a - b * 10) / b)", 0),
        ("min(a, b, 3)", 3),
        ("2 * 3 - -1", 7),
    ],
)
def test_formulas_are_exact(text: str, value: Fraction | int) -> None:
    assert compile_formula(text)({"a": Fraction(4), "b": Fraction(10 if "/ b - 1" in text else 5)}) == value


@pytest.mark.parametrize("text", ["a ** b", "a if b else c", "f(a)", "a.b", "abs(x=a)", "'a'", "a < b", "a // b", "~a"])
def test_what_is_no_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not allowed; use \+ - \* / \( \), numbers, aliases, min, max, abs$"):
        compile_formula(text)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (number(6), number(3), Result(Fraction(1))),
        (number(0), number(3), Result(Fraction(-1))),
        (number(6), number(0), Result(None, "denominator_zero")),
        (number(6), number(-3), Result(None, "denominator_negative")),
        (number(6), Given(None, "no_plan"), Result(None, "no_plan")),
        (Given(None, "no_samples"), Given(None, "no_plan"), Result(None, "no_samples")),
    ],
)
def test_a_formula_of_what_must_be_positive(a: Given, b: Given, expected: Result) -> None:
    node = Formula({"a": a, "b": b}, [(compile_formula("b"), "positive")], compile_formula("a / b - 1"))
    assert node.read(CONTEXT, WINDOW, ()) == expected
    assert list(node.reads(WINDOW)) == [(0, WINDOW)] * 2


def test_a_formula_of_what_must_not_be_zero() -> None:
    ratio = compile_formula("1 / b")
    assert Formula({"b": number(-2)}, [(compile_formula("b"), "nonzero")], ratio).read(CONTEXT, WINDOW, ()) == Result(
        Fraction(-1, 2)
    )
    assert Formula({"b": number(0)}, [], ratio).read(CONTEXT, WINDOW, ()) == Result(None, "denominator_zero")


@pytest.mark.parametrize(
    ("node", "value", "reason"),
    [
        (Quotient(number(1), None, number(4)), Fraction(1, 4), None),
        (Quotient(number(5), number(3), number(4)), Fraction(1, 2), None),
        (Quotient(number(0), None, number(4)), Fraction(0), None),
        (Quotient(number(1), None, number(0)), None, "denominator_zero"),
        (Quotient(number(1), None, number(-4)), Fraction(-1, 4), None),
        (Quotient(number(1), None, number(-4), positive=True), None, "denominator_negative"),
        (Quotient(number(1), None, number(4, samples=4), min_samples=5), None, "below_min_samples"),
        (Quotient(number(1), None, number(5, samples=5), min_samples=5), Fraction(1, 5), None),
        (Quotient(Given(None, "no_samples"), None, number(1)), None, "no_samples"),
        (Quotient(number(1), Given(None, "no_samples"), number(1)), None, "no_samples"),
        (Quotient(number(1), None, Given(None, "no_samples")), None, "no_samples"),
    ],
)
def test_ratios(node: Quotient, value: Fraction | None, reason: str | None) -> None:
    assert node.read(CONTEXT, WINDOW, ())[:2] == (value, reason)


def test_a_shifted_input_is_asked_for_the_window_before_or_for_a_fixed_one() -> None:
    inner = number(1)
    assert Shifted(inner, previous=True).read(CONTEXT, WINDOW, ()).value == 1
    Shifted(inner, previous=False, token="mtd").read(CONTEXT, WINDOW, ())  # noqa: S106 (the token of a window)
    assert inner.asked == [Window("7d", previous=True), Window("mtd")]
    assert list(Shifted(inner, previous=True).reads(WINDOW)) == [(0, Window("7d", previous=True))]
