"""Keys of the records on the entities and cells topics."""

from typing import Any

import msgspec

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

REFERENCE = "reference"
PROGRESS = "progress"
PROGRESS_KEY = _encode((PROGRESS,))


def entity_key(source: str, entity_id: str) -> bytes:
    """Return the key of an entity on the entities topic."""
    return f"{source}/{entity_id}".encode()


def id_in(key: bytes) -> str:
    """Return the id in the key of an entity."""
    return key.decode().partition("/")[2]


def reference_key(source: str, entity_id: str) -> bytes:
    """Return the key of a reference record (a rate, a plan) on the cells topic."""
    return _encode((REFERENCE, source, entity_id))


def cells_key(key: bytes) -> list[Any]:
    """Return the parts of a key on the cells topic.

    ``[cuboid id, pane, dimension values..., hidden value]`` for a cell, ``["reference", source, entity id]``, or
    ``["progress"]``.
    """
    parts: list[Any] = _decode(key)
    return parts


def is_progress(key: bytes) -> bool:
    """Return whether a key on the cells topic is that of the shard's sign of life."""
    return key == PROGRESS_KEY
