"""A topic as it must be, and as it is found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Cleanup = Literal["compact", "delete"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it must be.

    Attributes:
        name: full name on the cluster.
        partitions: how many it gets when it is made.
        cleanup: its only clean-up policy.
        copartitioned: whether the partition count must equal that of all other such topics, because partition number p
            of all of them together makes shard p.
        config: further settings that it gets when it is made; an operator may change these.
    """

    name: str
    partitions: int
    cleanup: Cleanup
    copartitioned: bool
    config: Mapping[str, str] = field(default_factory=dict)


class Found(NamedTuple):
    """A topic as the cluster has it.

    Attributes:
        partitions: how many it has.
        cleanup: its clean-up policy.
        replicas: how many brokers hold it; the fewest of its partitions.
        least_replicas: how many must have a record before it counts as written: `min.insync.replicas`.
    """

    partitions: int
    cleanup: str
    replicas: int
    least_replicas: int
