"""Records on the internal links topic: what children tell their parents, and events that belong to another shard."""

import msgspec

from metrics.entities import Told
from metrics.events import OrderKey
from metrics.shard import Link, Misrouted

_LINK, _EVENT = "link", "event"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(
    tuple[str, str, str, str, OrderKey | None, Told | None, int, bytes | None],
).decode
"""(kind, relation or source, parent or entity id, child, order key, what is told, time of writing, event)"""


class UnreadableLinkError(Exception):
    """A record of the links topic that this release cannot read."""


def encode_link(sent: Link) -> tuple[bytes, bytes]:
    """Return key and value of a link."""
    return sent.parent.encode(), _encode((_LINK, sent.relation, sent.parent, sent.child, sent.key, sent.told, 0, None))


def encode_misrouted(event: Misrouted) -> tuple[bytes, bytes]:
    """Return key and value of an event for its home shard."""
    record = event.record
    return event.entity_id.encode(), _encode(
        (_EVENT, event.source, event.entity_id, "", None, None, record.timestamp, record.value)
    )


def decode_internal(value: bytes) -> Link | tuple[str, int, bytes]:
    """Return a link, or (source, time of writing, bytes) of an event.

    Raises:
        UnreadableLinkError: the record is neither.
    """
    try:
        kind, name, target, child, key, told, written_ms, event = _decode(value)
    except msgspec.MsgspecError as error:
        raise UnreadableLinkError(
            f"a record of the links topic cannot be read ({error}); was it written by another program?"
        ) from error
    if kind == _LINK and key is not None:
        return Link(name, target, child, key, told)
    if kind == _EVENT and event is not None:
        return name, written_ms, event
    raise UnreadableLinkError(
        f"a record of the links topic has the unknown kind `{kind}`; a newer release wrote it: upgrade this worker"
    )
