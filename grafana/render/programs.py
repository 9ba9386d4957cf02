"""The programs that the pictures need and that are not Python's: found, or said to be missing."""

import shutil


class MissingProgramError(RuntimeError):
    """A program that is needed is not installed; the text says which package brings it."""


def program(*names: str, package: str) -> str:
    """Return the path of the first of these programs that is installed.

    Raises:
        MissingProgramError: none of them is.
    """
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    raise MissingProgramError(f"`{names[0]}` is not installed; install Debian's package `{package}`")
