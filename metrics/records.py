"""Keys of the records on the entities and cells topics."""

from collections.abc import Iterable
from typing import Any

import msgspec

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_decode_rows = msgspec.msgpack.Decoder(list[list[Any]]).decode

REFERENCE = "reference"
PROGRESS = "progress"
PROGRESS_KEY = _encode((PROGRESS,))
_LEAST, _GREATEST = -(2**63), 2**63 - 1
Cells = dict[tuple[Any, ...], list[int]]
Rows = list[list[Any]]
"""[dimension values..., hidden value, sums...] of each cell of a pane."""


def entity_key(source: str, entity_id: str) -> bytes:
    """Return the key of an entity on the entities topic."""
    return f"{source}/{entity_id}".encode()


def id_in(key: bytes) -> str:
    """Return the id in the key of an entity."""
    return key.decode().partition("/")[2]


def reference_key(source: str, entity_id: str) -> bytes:
    """Return the key of a reference record (a rate, a plan) on the cells topic."""
    return _encode((REFERENCE, source, entity_id))


def pane_key(cuboid: int, pane: int) -> bytes:
    """Return the key of the cells of one cuboid and pane on the cells topic."""
    return _encode((cuboid, pane))


def cells_key(key: bytes) -> list[Any]:
    """Return the parts of a key on the cells topic.

    ``[cuboid id, pane]``, ``["reference", source, entity id]``, or ``["progress"]``.
    """
    parts: list[Any] = _decode(key)
    return parts


def encode_cells(rows: list[list[Any]]) -> bytes:
    """Return the record of a pane: [dimension values..., hidden value, sums...] of each cell.

    Where a sum is too large for msgpack's integers, the rows stand in a list of their own, large sums as their digits.
    """
    try:
        return _encode(rows)
    except OverflowError:
        return _encode([[[_digits(part) for part in row] for row in rows]])


def _digits(part: Any) -> Any:
    return str(part).encode() if isinstance(part, int) and not _LEAST <= part <= _GREATEST else part


def decode_cells(value: bytes, width: int) -> Cells:
    """Return the sums of a pane's cells by their dimension values and hidden value, which are the first `width` parts.

    Raises:
        msgspec.MsgspecError: the record is none of a pane.
    """
    return cells_of(decode_rows(value), width)


def decode_rows(value: bytes) -> Rows:
    """Return the rows of a pane as they were encoded.

    Raises:
        msgspec.MsgspecError: the record is none of a pane.
    """
    rows = _decode_rows(value)
    if isinstance(rows[0][0], list):
        return [[int(part) if isinstance(part, bytes) else part for part in row] for row in rows[0]]
    return rows


def cells_of(rows: Iterable[list[Any]], width: int) -> Cells:
    """Return the sums of rows by the dimension values and the hidden value, which are the first `width` parts."""
    return {tuple(row[:width]): row[width:] for row in rows}


def is_progress(key: bytes) -> bool:
    """Return whether a key on the cells topic is that of the shard's sign of life."""
    return key == PROGRESS_KEY
