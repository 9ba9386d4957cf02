"""The records on the entities and cells topics: their keys, and their version."""

from collections.abc import Iterable
from typing import Any

import msgspec

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode
_decode_list = msgspec.msgpack.Decoder(list[Any]).decode
_decode_pane = msgspec.msgpack.Decoder(tuple[int, list[list[Any]]]).decode

RECORD_VERSION = 3
"""Stands in every record of the internal topics; another one when what a record holds means something else."""
LAYOUT_PREFIX = b"/"
"""Keys of entities begin with their source, so none begins like this."""
REFERENCE = "reference"
PROGRESS = "progress"
NAMES = "names"
PROGRESS_KEY = _encode((PROGRESS,))
_PARTS_OF_KEYS = {PROGRESS: (1,), REFERENCE: (3,), NAMES: (2,)}
_LEAST, _GREATEST = -(2**63), 2**63 - 1
Cells = dict[tuple[Any, ...], list[int]]
Rows = list[list[Any]]
"""[dimension values..., hidden value, sums...] of each cell of a pane."""


class UnreadableRecordError(Exception):
    """A stored record that this release cannot read. Reaction: stop with exit code 1 and show the text."""


def entity_key(source: str, entity_id: str) -> bytes:
    """Return the key of an entity on the entities topic."""
    return f"{source}/{entity_id}".encode()


def layout_key(source: str) -> bytes:
    """Return the key of a source's layouts on the entities topic."""
    return LAYOUT_PREFIX + source.encode()


def id_in(key: bytes) -> str:
    """Return the id in the key of an entity."""
    return key.decode().partition("/")[2]


def reference_key(source: str, entity_id: str) -> bytes:
    """Return the key of a reference record (a rate, a plan) on the cells topic."""
    return _encode((REFERENCE, source, entity_id))


def names_key(dimension: str) -> bytes:
    """Return the key of the values of a dimension that is full, on the cells topic."""
    return _encode((NAMES, dimension))


def pane_key(cuboid: int, pane: int, part: int = 0) -> bytes:
    """Return the key of the cells of one cuboid and pane on the cells topic, or of a further part of them."""
    return _encode((cuboid, pane, part) if part else (cuboid, pane))


def cells_key(key: bytes) -> list[Any]:
    """Return the parts of a key on the cells topic.

    ``[cuboid id, pane]`` and perhaps a part, ``["reference", source, entity id]``, ``["names", dimension]``, or
    ``["progress"]``.

    Raises:
        UnreadableRecordError: it is none of these.
    """
    try:
        parts = _decode_list(key)
    except msgspec.MsgspecError as error:
        raise UnreadableRecordError(f"its key is damaged ({error})") from error
    if not parts or len(parts) not in _PARTS_OF_KEYS.get(parts[0], (2, 3)):
        raise UnreadableRecordError(f"its key has {len(parts)} parts")
    return parts


def encode_cells(rows: list[list[Any]]) -> bytes:
    """Return the record of a pane: (version, [dimension values..., hidden value, sums...] of each cell).

    Where a sum is too large for msgpack's integers, the rows stand in a list of their own, large sums as their digits.
    """
    try:
        return _encode((RECORD_VERSION, rows))
    except OverflowError:
        return _encode((RECORD_VERSION, [[[_digits(part) for part in row] for row in rows]]))


def _digits(part: Any) -> Any:
    return str(part).encode() if isinstance(part, int) and not _LEAST <= part <= _GREATEST else part


def decode_cells(value: bytes, width: int) -> Cells:
    """Return the sums of a pane's cells by their dimension values and hidden value, which are the first `width` parts.

    Raises:
        UnreadableRecordError: the record is none of a pane, or of another release.
    """
    return cells_of(decode_rows(value), width)


def decode_rows(value: bytes) -> Rows:
    """Return the rows of a pane as they were encoded.

    Raises:
        UnreadableRecordError: the record is none of a pane, or of another release.
    """
    try:
        version, rows = _decode_pane(value)
    except msgspec.MsgspecError as error:
        check_version(value)
        raise UnreadableRecordError(f"it is damaged ({error})") from error
    if version != RECORD_VERSION:
        check_version(value)
    if rows and rows[0] and isinstance(rows[0][0], list):
        return [[int(part) if isinstance(part, bytes) else part for part in row] for row in rows[0]]
    return rows


def encode_versioned(content: Any) -> bytes:
    """Return the record of anything that is no entity and no pane: (version, content)."""
    return _encode((RECORD_VERSION, content))


def decode_versioned(value: bytes) -> Any:
    """Return the content of such a record.

    Raises:
        UnreadableRecordError: the record is damaged, or of another release.
    """
    check_version(value)
    _, content = _decode(value)
    return content


def check_version(value: bytes) -> None:
    """Look at the version of a record, which stands first in all of them.

    Raises:
        UnreadableRecordError: the record is damaged, or of another release.
    """
    try:
        version, *_ = _decode_list(value)
    except (msgspec.MsgspecError, ValueError) as error:
        raise UnreadableRecordError(f"it is damaged ({error})") from error
    if version != RECORD_VERSION:
        raise UnreadableRecordError(f"it has version `{version!s:.20}`, this release reads {RECORD_VERSION}")


def cells_of(rows: Iterable[list[Any]], width: int) -> Cells:
    """Return the sums of rows by the dimension values and the hidden value, which are the first `width` parts."""
    return {tuple(row[:width]): row[width:] for row in rows}


def is_progress(key: bytes) -> bool:
    """Return whether a key on the cells topic is that of the shard's sign of life."""
    return key == PROGRESS_KEY
