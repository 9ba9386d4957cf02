"""Documents as YAML for people: long texts and those of several lines as blocks."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, FoldedScalarString, LiteralScalarString

HEADER = """\
# Made by `salespulse render rules` from the declarations. Do not edit it: `make check` fails when it is stale.
"""
_WIDTH = 120
_LONG = 90


def yaml_text(document: Any) -> str:
    """Return a document, below the line that says where it comes from."""
    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(_blocks(document), text)
    return HEADER + text.getvalue()


def _blocks(node: Any) -> Any:
    if isinstance(node, str):
        return _scalar(node)
    if isinstance(node, Mapping):
        return {key: _blocks(value) for key, value in node.items()}
    if isinstance(node, Sequence):
        return [_blocks(item) for item in node]
    return node


def _scalar(text: str) -> Any:
    if "\n" in text:
        return LiteralScalarString(text)
    if len(text) <= _LONG:
        return text
    # What is folded at a single space comes back as it was; where there are others, only quotes are safe.
    foldable = text.isprintable() and "  " not in text and text == text.strip()
    return FoldedScalarString(text) if foldable else DoubleQuotedScalarString(text)
