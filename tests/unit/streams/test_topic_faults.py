"""How many brokers hold a topic, and how many must write a record: what cannot work, and what is risky."""

from collections.abc import Mapping

import pytest

from config.settings import Settings
from streams.topic import Found, Topic
from streams.topic_faults import faults_of, risks_of
from streams.topics import NoLeaderError

CELLS = "pulse.cells"


def found(replicas: int, least: int) -> Mapping[str, Found]:
    return {CELLS: Found(partitions=4, cleanup="compact", replicas=replicas, least_replicas=least)}


def faults(replicas: int, least: int) -> list[str]:
    topics = (Topic(CELLS, 4, "compact", copartitioned=True),)
    return faults_of(Settings(kafka="b:1", partitions=4), topics, found(replicas, least))


def test_fewer_brokers_than_must_write_is_a_fault() -> None:
    (fault,) = faults(1, 2)
    assert fault == (
        "topic `pulse.cells` is held by 1 broker, but its min.insync.replicas is 2, so nothing can be written to it;"
        " give it three with kafka-reassign-partitions.sh, or lower what it needs: kafka-configs.sh --bootstrap-server"
        " b:1 --alter --entity-type topics --entity-name pulse.cells --add-config min.insync.replicas=1"
    )


@pytest.mark.parametrize(("replicas", "least"), [(1, 1), (2, 1), (2, 2), (3, 2)])
def test_what_can_be_written_is_no_fault(replicas: int, least: int) -> None:
    assert faults(replicas, least) == []


@pytest.mark.parametrize(
    ("replicas", "least", "risk"),
    [
        (1, 1, "is held by 1 broker of 3, and lost with its disk"),
        (2, 2, "is held by 2 brokers and all of them must write each record, so everything waits while one is away"),
        (3, 3, "is held by 3 brokers and all of them must write each record, so everything waits while one is away"),
        (3, 1, "is held by 3 brokers, but one of them may take a record alone, and lose it with its disk"),
    ],
)
def test_what_one_broker_alone_can_lose_or_stop_is_a_risk(replicas: int, least: int, risk: str) -> None:
    (told,) = risks_of(found(replicas, least), brokers=3)
    assert told.startswith(f"topic `{CELLS}` {risk}; ")


@pytest.mark.parametrize(("replicas", "least", "brokers"), [(3, 2, 3), (1, 1, 1), (1, 2, 3)])
def test_three_of_which_two_must_write_is_none_nor_is_a_single_broker_nor_a_fault(
    replicas: int, least: int, brokers: int
) -> None:
    assert list(risks_of(found(replicas, least), brokers)) == []


def test_a_topic_without_a_leader_is_not_one_that_is_missing() -> None:
    assert str(NoLeaderError(CELLS, [1, 3])) == (
        "topic `pulse.cells` has no leader for partition 1, 3; start the brokers that hold it"
    )
