"""What is wrong with a declaration, and where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass

_BEGINS, _ENDS = 4_000, 1_000


@dataclass(frozen=True, order=True)
class Fault:
    """One fault of a declaration file; lines and columns count from 1.

    A fault of a setting has its name for `file`, and line and column 0.
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        message = one_line(self.message)
        return f"{self.file}:{self.line}:{self.column}: {message}" if self.line else f"`{self.file}`: {message}"


def one_line(text: str) -> str:
    """Return a text as one line that a screen can show; of a very long one the beginning and the end."""
    if len(text) > _BEGINS + _ENDS:
        text = f"{text[:_BEGINS]}…{text[-_ENDS:]}"
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


class DeclarationFaults(Exception):  # noqa: N818 - it holds every fault there is, not one error
    """The declarations cannot be used; `faults` has every reason, in the order of the files."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))
