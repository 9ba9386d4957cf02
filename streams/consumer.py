"""Faust's consumer without its memory of what it has delivered, and with an eye on its membership of the group.

Faust drops what lies before the last record that it delivered of a partition. It notes that record also when the
partition was sought back while the record was on its way: then it drops, without a word, what is read again. Here the
shard's position decides what is new, so nothing is noted.

What keeps the consumer in its group can end, for one when the brokers went away just as they told that there are none.
aiokafka tells so whoever asks for records; Faust asks for none while it has no partitions, and would wait for ever.
"""

import logging
from typing import Any

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP
from mode import Service

_LOOK_SECONDS = 2.0


class _Nothing(dict[TP, int | None]):
    """Knows no partition, whatever it was told."""

    def __getitem__(self, _: TP) -> None:
        return None


class ShardConsumer(Consumer):
    """A consumer that drops nothing, and ends the app when it cannot stay in its group."""

    logger = logging.getLogger("faust.transport")

    def __init__(self, *args: Any, **options: Any) -> None:
        """Make Faust's consumer."""
        super().__init__(*args, **options)
        self._read_offset = _Nothing()

    @Service.task
    async def _watch_membership(self) -> None:
        """Ask every two seconds whether all is well with the group; what is not ends the app."""
        await self.sleep(_LOOK_SECONDS)
        while not self.should_stop:
            await self._thread.call_thread(self._check_membership)
            await self.sleep(_LOOK_SECONDS)

    async def _check_membership(self) -> None:
        consumer: Any = self._thread._consumer  # noqa: SLF001 (neither Faust nor aiokafka has a way to ask)
        if consumer is not None and consumer._coordinator is not None:  # noqa: SLF001
            consumer._coordinator.check_errors()  # noqa: SLF001
