"""Ways in which a person spoils a YAML file: slips of the hand, other values, other shapes, and malice."""

import json
import random
import re
from collections.abc import Callable
from typing import Any

from config.document import read
from tests.fuzz.mutations import changed

WORDS = (
    "", "~", "null", "yes", "no", "1", "-1", "0.5", ".inf", ".nan", "1e999", "0x", "0xFF", "0o9", "1_0", "9" * 5_000,
    "2026-01-01", "'", '"', "[", "]", "{", "}", ":", ": ", "- ", "#", "&a ", "*a", "*b", "<<: *a", "!!binary a", "!x ",
    "%YAML 2.0", "---", "...", "|", ">", "? ", "\t", "\n", "\0", "\x85", "\u2028", "\ufeff", "🦄",
    '"\\ud800"', '"\\UFFFFFFFF"',
    "x" * 2_000, "a.b", "__class__", "lambda", "${x}", "{{x}}", "90d", "1h", "0d", "99999999999999d", "10ms", "-5d",
)  # fmt: skip
_TOKEN = re.compile(r"[A-Za-z0-9_.]+")
BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9))]
)
"""The "billion laughs": nine to the ninth values in nine lines."""


def misspelt(draw: random.Random, text: str) -> str:
    """Return `text` spoilt in one to four ways."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        text = draw.choice(_WAYS)(draw, text)
    return text


def _lines(draw: random.Random, text: str) -> str:
    lines = text.split("\n")
    at, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    match draw.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(other, lines[at])
        case 2:
            lines[at] = " " * draw.randrange(5) + lines[at].lstrip()
        case 3:
            lines[at], lines[other] = lines[other], lines[at]
        case 4:
            lines[at] += draw.choice(WORDS)
        case _:
            lines[at] = lines[at].replace("  ", "\t", 1)
    return "\n".join(lines)


def _words(draw: random.Random, text: str) -> str:
    found = list(_TOKEN.finditer(text))
    if not found:
        return draw.choice(WORDS)
    at, other = draw.choice(found), draw.choice(found)
    return text[: at.start()] + draw.choice((other[0], *[draw.choice(WORDS)] * 3)) + text[at.end() :]


def _cut(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text) + 1)
    return text[:at] + draw.choice(WORDS) + draw.choice(("", text[at:], text[at + 1 :]))


def _shape(draw: random.Random, text: str) -> str:
    """Write the values that the text holds in another shape; JSON is YAML, too."""
    content: Any = read(text, "spoilt").content
    for _ in range(draw.choice((1, 1, 2, 5))):
        content = changed(draw, content)
    return json.dumps(content)


_WAYS: tuple[Callable[[random.Random, str], str], ...] = (_lines, _lines, _words, _words, _words, _cut, _shape)
