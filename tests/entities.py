"""The entities of a shard, such that those of two histories of the same events are equal, byte by byte."""

from collections.abc import Mapping

import msgspec

from metrics.entities import NEVER_PUT, Child
from metrics.records import entity_key
from metrics.shard import Shard

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def entities_in(shard: Shard) -> dict[bytes, bytes]:
    """Return the state of every entity by its key.

    What a parent remembers of children that went away is left out, and with it parents that are nothing else: it tells
    in which order events came.
    """
    found: dict[bytes, bytes] = {}
    for source in shard.plan.sources:
        for entity_id, entity in shard.entities(source):
            children = _present(entity.children or {})
            if entity.key != NEVER_PUT or entity.overrides or children:
                state = entity.key, entity.data, entity.deleted, entity.overrides, children
                found[entity_key(source, entity_id)] = _encode(state)
    return found


def _present(children: Mapping[str, Mapping[str, Child]]) -> dict[str, dict[str, Child]]:
    """Return the children that still tell something, by their relations."""
    found = {relation: {i: c for i, c in theirs.items() if c[1] is not None} for relation, theirs in children.items()}
    return {relation: theirs for relation, theirs in found.items() if theirs}
