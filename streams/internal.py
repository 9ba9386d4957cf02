"""Records on the internal links topic: what children tell their parents, and events that belong to another shard."""

import msgspec

from metrics.entities import Told
from metrics.events import OrderKey
from metrics.records import RECORD_VERSION, UnreadableRecordError, check_version
from metrics.shard import Link, Misrouted, Record

_LINK, _EVENT = "link", "event"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(
    tuple[int, str, str, str, str, OrderKey | None, Told | None, int, bytes | None],
).decode
"""(version, kind, relation or source, parent or entity id, child, order key, what is told or where the event stood, the
relation's meaning or the event's time of writing, event)"""


def encode_link(sent: Link) -> tuple[bytes, bytes]:
    """Return key and value of a link."""
    parts = (RECORD_VERSION, _LINK, sent.relation, sent.parent, sent.child, sent.key, sent.told, sent.meaning, None)
    return sent.parent.encode(), _encode(parts)


def encode_misrouted(event: Misrouted) -> tuple[bytes, bytes]:
    """Return key and value of an event for its home shard."""
    record = event.record
    place = (record.partition, record.offset)
    return event.entity_id.encode(), _encode(
        (RECORD_VERSION, _EVENT, event.source, event.entity_id, "", None, place, record.timestamp, record.value)
    )


def decode_internal(value: bytes) -> Link | tuple[str, Record]:
    """Return a link, or the source and the record of an event, as it stood on its topic.

    Raises:
        UnreadableRecordError: the record is neither, or of another release.
    """
    try:
        version, kind, name, target, child, key, told, number, event = _decode(value)
    except msgspec.MsgspecError as error:
        check_version(value)
        raise UnreadableRecordError(f"it is damaged ({error})") from error
    if version != RECORD_VERSION:
        check_version(value)
    if kind == _LINK and key is not None:
        return Link(name, target, child, key, told, number)
    match kind, told:
        case "event", (int(partition), int(offset)) if event is not None:
            return name, Record(event, number, offset, partition)
    raise UnreadableRecordError(f"it has the unknown kind `{kind}`")
