"""Records of the links topic: what goes in comes out, and nothing else passes for it."""

import msgspec
import pytest

from metrics.records import RECORD_VERSION, UnreadableRecordError
from metrics.shard import Link, Misrouted, Record
from streams.internal import decode_internal, encode_link, encode_misrouted

LINK = Link("lead.wins", "l1", "d1", (2, 3, "e"), (5, (("a", None),)), 17)
EVENT = Misrouted("deal", 3, "d1", Record(b'{"x": 1}', 1_000, offset=42, partition=2))


def test_a_link_comes_out_as_it_went_in() -> None:
    for told in (None, 5, (5, "text", True, (("a", 1), ("b", None)))):
        sent = LINK._replace(told=told)
        assert decode_internal(encode_link(sent)[1]) == sent


def test_a_forwarded_event_keeps_its_bytes_and_its_place() -> None:
    key, value = encode_misrouted(EVENT)
    assert (key, decode_internal(value)) == (b"d1", ("deal", EVENT.record))


@pytest.mark.parametrize("value", [encode_link(LINK)[1], encode_misrouted(EVENT)[1]])
def test_a_record_that_is_cut_short_anywhere_is_refused(value: bytes) -> None:
    for length in range(len(value)):
        with pytest.raises(UnreadableRecordError, match="it is damaged"):
            decode_internal(value[:length])


def test_another_release_and_another_kind_are_refused_by_name() -> None:
    _, _, *parts = msgspec.msgpack.decode(encode_link(LINK)[1])
    for version in (RECORD_VERSION + 1, "link"):
        with pytest.raises(UnreadableRecordError, match=f"it has version `{version}`, this release reads 3"):
            decode_internal(msgspec.msgpack.encode((version, "link", *parts)))
    with pytest.raises(UnreadableRecordError, match="it has the unknown kind `gossip`"):
        decode_internal(msgspec.msgpack.encode((RECORD_VERSION, "gossip", *parts)))
