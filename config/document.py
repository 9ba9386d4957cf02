"""One YAML text as plain values, with the place of each of them.

The values are built here from the parser's nodes, and not by its constructors, for three reasons: every node knows its
place, all doubled keys can be reported at once, and nothing turns into a date or an object by itself.
"""

import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from config.faults import Fault

Loc = tuple[str | int, ...]
"""The way from a document's top to a value: keys of mappings, positions in lists."""

_TAG = "tag:yaml.org,2002:"
_MOST_VALUES = 100_000
"""The shipped catalogue has some 5,000; aliases of aliases of aliases soon stand for more than any memory holds."""
_DEEPEST = 60
_LONGEST_NUMBER = 100
_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_NO_CHARACTER = re.compile(r"\\U(?!000|0010)[0-9a-fA-F]{8}")
_INTEGER_BASES = {"0x": 16, "0o": 8, "0b": 2}


class _TooMuchError(Exception):
    """A text with more values than can be meant. Reaction: its text is the one fault of the document."""


@dataclass
class Document:
    """A YAML text: its `content`, where each value begins, and the faults of its writing."""

    file: str
    content: Any = None
    values: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Loc, tuple[int, int]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, loc: Loc, message: str, *, at_key: bool = False) -> Fault:
        """Return `message` as a fault at `loc`, or at the nearest part around it that is written down."""
        if at_key and loc in self.keys:
            return Fault(self.file, *self.keys[loc], message)
        while loc and loc not in self.values:
            loc = loc[:-1]
        return Fault(self.file, *self.values.get(loc, (1, 1)), message)


@dataclass(frozen=True)
class Place:
    """One declaration inside a document."""

    document: Document
    base: Loc

    @property
    def content(self) -> Any:
        """What is written there."""
        content = self.document.content
        for part in self.base:
            content = content[part]
        return content

    def fault(self, loc: Loc, message: str, *, at_key: bool = False) -> Fault:
        """Return `message` as a fault at `loc`, counted from this declaration."""
        return self.document.fault(self.base + loc, message, at_key=at_key)


def read(text: str, file: str) -> Document:
    """Return the document that `text` is; what cannot be read is in its `faults`."""
    document = Document(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # YAML 1.2 allows it: the latest one counts
            top = YAML(typ="safe", pure=True).compose(text)
        if top is not None:
            document.content = _build(top, (), document, ())
    except RecursionError:
        document.faults.append(Fault(file, 1, 1, "is nested too deeply to be read; write fewer brackets in each other"))
    except _TooMuchError as error:
        document.faults.append(Fault(file, 1, 1, str(error)))
    except ReaderError as error:
        wrong = f"character `U+{_code(error.character):04X}` is not allowed in YAML; remove it"
        document.faults.append(Fault(file, *_line_and_column(text, error.position), wrong))
    except (ValueError, OverflowError):  # the parser's own, of an escape such as `\\UFFFFFFFF`
        found = _NO_CHARACTER.search(text)
        place = _line_and_column(text, found.start() if found else 0)
        document.faults.append(
            Fault(file, *place, "not YAML: an escape names no character; write the character itself")
        )
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.faults.append(
            Fault(file, *place, f"not YAML: {_reason(error)}; mend the indentation, quotes or brackets here")
        )
    return document


def _line_and_column(text: str, position: int) -> tuple[int, int]:
    before = text[:position]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _code(character: int | str | bytes) -> int:
    return character if isinstance(character, int) else ord(character)


def _reason(error: MarkedYAMLError) -> str:
    return ", ".join(part.strip().replace("\n", " ") for part in (error.context, error.problem) if part)


def _build(node: Node, loc: Loc, document: Document, around: tuple[Node, ...]) -> Any:
    document.values[loc] = _place(node)
    if len(document.values) > _MOST_VALUES:
        raise _TooMuchError(
            f"holds more than {_MOST_VALUES:,} values, each alias counted as what it stands for; split the file, or"
            " write fewer aliases inside of each other"
        )
    if len(loc) > _DEEPEST:
        raise RecursionError
    if any(node is other for other in around):
        document.faults.append(
            document.fault(loc, f"alias `*{node.anchor}` stands inside its own anchor; write the value out")
        )
        return None
    if isinstance(node, MappingNode):
        return {
            key: _build(value, (*loc, key), document, (*around, node)) for key, value in _pairs(node, loc, document)
        }
    if isinstance(node, SequenceNode):
        return [_build(item, (*loc, index), document, (*around, node)) for index, item in enumerate(node.value)]
    return _scalar(node, loc, document) if isinstance(node, ScalarNode) else None


def _pairs(node: MappingNode, loc: Loc, document: Document) -> Iterator[tuple[str, Node]]:
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            document.faults.append(
                Fault(document.file, *_place(key), "a key must be a single word; write it without brackets")
            )
            continue
        here = (*loc, key.value)
        if _HALF_A_CHARACTER.search(key.value):
            message = "an escape stands for half a character; write the character itself"
            document.faults.append(Fault(document.file, *_place(key), message))
        elif key.value == "<<":
            message = "merge key `<<` is not understood; write the keys out, or repeat the whole value with an alias"
            document.faults.append(Fault(document.file, *_place(key), message))
        elif here in document.keys:
            message = f"key `{key.value}` is given twice, first on line {document.keys[here][0]}; keep one of them"
            document.faults.append(Fault(document.file, *_place(key), message))
        else:
            document.keys[here] = _place(key)
            yield key.value, value


def _scalar(node: ScalarNode, loc: Loc, document: Document) -> Any:
    if _HALF_A_CHARACTER.search(node.value):
        document.faults.append(document.fault(loc, "an escape stands for half a character; write the character itself"))
        return None
    tag = str(node.tag).removeprefix(_TAG)
    if tag in {"str", "timestamp"}:
        return node.value
    try:
        return _SCALARS[tag](node.value.replace("_", ""))
    except KeyError:
        document.faults.append(document.fault(loc, f"tag `{tag}` is not understood; write a plain value"))
    except ValueError:
        document.faults.append(
            document.fault(loc, f"`{node.value[:60]}` is not a finite number; write digits, or put it in quotes")
        )
    return None


def _whole(digits: str) -> int:
    return int(_short(digits), _INTEGER_BASES.get(digits.lstrip("+-")[:2], 10))


def _short(number: str) -> str:
    if len(number) > _LONGEST_NUMBER:
        raise ValueError(f"`{number}` is longer than any number is written")
    return number


_SCALARS: dict[str, Callable[[str], object]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() in {"true", "yes", "on"},
    "int": _whole,
    "float": lambda text: float(_short(text)),
}


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1
