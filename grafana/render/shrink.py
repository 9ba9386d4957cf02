"""Smaller pictures: 256 colours instead of millions, which nobody sees in a dashboard."""

import asyncio
from asyncio.subprocess import PIPE
from pathlib import Path

from grafana.render.programs import program

_SCRIPT = Path(__file__).with_suffix(".mjs")


async def shrunk(png: bytes) -> bytes:
    """Return a PNG with a palette.

    Raises:
        MissingProgramError: there is no Node.
        RuntimeError: the script failed; the text is what it said.
    """
    node = program("node", package="nodejs")
    process = await asyncio.create_subprocess_exec(
        node, str(_SCRIPT), cwd=_SCRIPT.parent, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    small, said = await process.communicate(png)
    if process.returncode:
        raise RuntimeError(f"`{_SCRIPT.name}` failed: {said.decode()}")
    return small
