"""Whatever stands in a declaration file: declarations, or faults that name file and line; in time, and in memory."""

import random
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.declarations import Declarations
from config.expression import aliases
from config.load import DeclarationFaults, load
from metrics.combine import compile_formula
from metrics.plan import compile_plan
from tests.fuzz.effort import effort
from tests.fuzz.writing import BOMB, WORDS, misspelt

SHIPPED = sorted((Path(__file__).parents[2] / "config" / "catalogue").glob("*.yaml"))
LONGEST_FAULT = 6_000
GIBIBYTE = 2**30


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "given.yaml"


@pytest.fixture
def _little_memory() -> Iterator[None]:
    """Give the test four gibibytes of address space, so that a text that grows without end fails at once."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (4 * GIBIBYTE, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def loaded(path: Path, text: str | bytes) -> Declarations | None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        return load([path])
    except DeclarationFaults as error:
        faults = error.faults
    assert faults
    for fault in faults:
        line = str(fault)
        assert fault.file  # that of the catalogue, where something in it no longer fits what is given
        assert line.isprintable()
        assert len(line) <= LONGEST_FAULT
        assert fault.line >= 1
        assert fault.column >= 1
    return None


@effort(0.1)
@given(st.randoms(use_true_random=True))
def test_a_misspelt_file_of_the_catalogue(path: Path, draw: random.Random) -> None:
    declared = loaded(path, misspelt(draw, draw.choice(SHIPPED).read_text(encoding="utf-8")))
    if declared is not None:
        compile_plan(declared, "Europe/Amsterdam", "EUR")


@effort(0.2)
@given(st.text(max_size=300) | st.binary(max_size=300) | st.lists(st.sampled_from(WORDS)).map("".join))
def test_anything(path: Path, text: str | bytes) -> None:
    loaded(path, text)


@pytest.mark.usefixtures("_little_memory")
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (BOMB, "holds more than 100,000 values"),
        ("[" * 1_500, "is nested too deeply"),
        ("{a: " * 3_000, "is nested too deeply"),
        ("defaults: " + "[" * 100 + "]" * 100, "is nested too deeply"),
        ("version: " + "9" * 5_000, "is not a finite number"),
        ("version: 0x" + "f" * 5_000, "is not a finite number"),
        ('version: "\\UFFFFFFFF"', "1:11: not YAML: an escape names no character"),
        ('version: "\\ud800"', "1:10: an escape stands for half a character"),
        ('"\\ud800": 1', "1:1: an escape stands for half a character"),
        ("a\\nb: 1", "unknown key `a\\nb`"),
        ('"a\\nb": 1', "unknown key `a\\nb`"),
        (f"{'x' * 100_000}: 1", "not YAML"),
        (f'"{"x" * 900}": 1', "unknown key `xxx"),
    ],
    ids=range(13),
)
def test_malice(path: Path, text: str, fault: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DeclarationFaults) as raised:
        load([path])
    assert fault in str(raised.value.faults[0])
    assert loaded(path, text) is None


# ------------------------------------------------------------------------------------------------------------- formulas

PARTS = st.sampled_from(
    (
        *(
            "a",
            "b",
            "min",
            "max",
            "abs",
            "1",
            "0",
            "0.5",
            "1e999",
            "9" * 400,
            "9" * 5_000,
            "0x1",
            "1j",
            "True",
            "None",
            "...",
        ),
        *(
            "+",
            "-",
            "*",
            "/",
            "**",
            "//",
            "%",
            "@",
            "(",
            ")",
            "[",
            "]",
            ",",
            ".",
            " ",
            "\n",
            "#",
            ";",
            ":=",
            "=",
            "<",
            "'",
            '"',
        ),
        *(
            "lambda: 0",
            "__import__('os')",
            "f'{a}'",
            "x for x in a",
            "\0",
            "\\",
            "é",
            "\uff41",
            "-" * 3_000,
            "(" * 300,
            "abs(" * 300,
        ),
    )
)


@effort()
@given(st.lists(PARTS, max_size=12).map("".join) | st.text(max_size=60))
def test_an_expression_is_arithmetic_or_a_fault(expr: str) -> None:
    with suppress(ValueError):
        assert all(name.isidentifier() for name in aliases(expr))
        compile_formula(expr.strip())


@pytest.mark.parametrize(
    "expr",
    [
        *(
            "9**9**9",
            "9" * 5_000,
            "(" * 5_000 + "a" + ")" * 5_000,
            "-" * 5_000 + "a",
            "-" * 150 + "a",
            "a+" * 150 + "a",
            "a+" * 50_000 + "a",
            "abs(" * 90 + "a",
        ),
        *(
            "a if b else c",
            "a.b",
            "a[0]",
            "f(a)",
            "min(*a)",
            "min(a, b, key=a)",
            "a or b",
            "a\0b",
            "(a := 1)",
            "1e999",
            "a * 1e19",
        ),
    ],
)
def test_an_expression_that_is_none(expr: str) -> None:
    with pytest.raises(ValueError, match=r"arithmetic|not allowed|greater|takes"):
        aliases(expr)
