"""What is wrong with a declaration, and where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass


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
        if not self.line:
            return f"`{self.file}`: {self.message}"
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class DeclarationFaults(Exception):  # noqa: N818 - it holds every fault there is, not one error
    """The declarations cannot be used; `faults` has every reason, in the order of the files."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))
