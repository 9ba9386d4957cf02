"""Texts of declarations as Markdown."""

import re

_SPECIAL = re.compile(r"([\\*_\[\]<>|#])")


def markdown(text: str) -> str:
    """Return a text that reads the same in Markdown; what is between backticks is code and stays as it is."""
    parts = " ".join(text.split()).split("`")
    if len(parts) % 2 == 0:
        return _SPECIAL.sub(r"\\\1", " ".join(text.split())).replace("`", "\\`")
    return "`".join(part if i % 2 else _SPECIAL.sub(r"\\\1", part) for i, part in enumerate(parts))
