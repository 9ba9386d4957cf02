"""Batch delivery: Faust hands an agent one event per list of records, so that no record costs what an event costs.

Only public hooks of Faust are used: the `ConsumerScheduler` setting and a `Schema`. What is relied on without being
documented (the driver copies a record's attributes, so its value may be a list) is pinned by a test.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import faust
from aiokafka import ConsumerRecord
from faust.transport.utils import DefaultSchedulingStrategy

Records = list[ConsumerRecord]


def batches_of(topics: frozenset[str], limit: int) -> type[DefaultSchedulingStrategy]:
    """Return a scheduler that delivers the records of `topics` in lists of at most `limit`, partitions in turn."""

    class Batches(DefaultSchedulingStrategy):
        def iterate(self, records: Mapping[Any, Records]) -> Iterator[tuple[Any, Any]]:
            ours = {tp: batch for tp, batch in records.items() if tp.topic in topics}
            yield from super().iterate({tp: batch for tp, batch in records.items() if tp not in ours})
            start = 0
            while ours:
                for tp, batch in list(ours.items()):
                    part = batch[start : start + limit]
                    if part:
                        yield tp, dataclasses.replace(part[-1], key=None, value=part)
                    if len(batch) <= start + limit:
                        del ours[tp]
                start += limit

    return Batches


class RawBatch(faust.Schema):
    """A schema that leaves the list of records as it is."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        """Return nothing: each record has its own key."""

    def loads_value(self, app: Any, message: Any, **_: Any) -> Records:  # noqa: ARG002 (the signature is Faust's)
        """Return the records."""
        records: Records = message.value
        return records
