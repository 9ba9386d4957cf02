"""Faust's consumer without its memory of what it has delivered.

Faust drops what lies before the last record that it delivered of a partition. It notes that record also when the
partition was sought back while the record was on its way: then it drops, without a word, what is read again. Here the
shard's position decides what is new, so nothing is noted.
"""

from typing import Any

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP


class _Nothing(dict[TP, int | None]):
    """Knows no partition, whatever it was told."""

    def __getitem__(self, _: TP) -> None:
        return None


class DeliversAll(Consumer):
    """A consumer that drops nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Make Faust's consumer."""
        super().__init__(*args, **options)
        self._read_offset = _Nothing()
