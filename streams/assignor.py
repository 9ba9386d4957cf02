"""Faust's assignor of partitions, told how many there are.

The worker that assigns for the whole group looks in what its client knows of the topics. A client whose brokers went
away while it asked for them knows nothing, and does not ask again for five minutes: Faust then leaves out topics as
missing, and nobody gets their partitions. Here the number of partitions is declared, and checked before a worker joins.
"""

from typing import Any

from faust.assignor import PartitionAssignor


class _Declared:
    """Knows every topic."""

    def __init__(self, partitions: int) -> None:
        self._partitions = frozenset(range(partitions))

    def partitions_for_topic(self, _: str) -> frozenset[int]:
        return self._partitions


class DeclaredAssignor(PartitionAssignor):
    """Assigns as many partitions of each topic as the app has, whatever the client knows."""

    def assign(self, _: Any, member_metadata: Any) -> Any:
        """Return the assignment of each member."""
        return super().assign(_Declared(self.app.conf.topic_partitions), member_metadata)
