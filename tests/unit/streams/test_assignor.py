"""Every partition has an owner, whatever the client of the worker that assigns knows of the topics."""

from typing import Any

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.app import create_app
from streams.telemetry import Telemetry

TOPICS = {"sales.deals", "sales.leads"}


async def test_partitions_of_topics_that_the_client_knows_nothing_of_are_assigned() -> None:
    settings = Settings(partitions=4)
    plan = compile_plan(load(), settings.timezone, settings.currency)
    app, _ = create_app(settings, plan, lambda: 0, Telemetry())
    assignor: Any = app.assignor
    members = dict.fromkeys(("first", "second"), assignor.metadata(TOPICS))

    assigned = assignor.assign(ClusterMetadata(), members)

    shards = [by_topic(member) for member in assigned.values()]
    assert all(each["sales.deals"] == each["sales.leads"] for each in shards)
    assert sorted(partition for each in shards for partition in each["sales.deals"]) == [0, 1, 2, 3]
    assert [len(each["sales.deals"]) for each in shards] == [2, 2]


def by_topic(member: ConsumerProtocolMemberAssignment) -> dict[str, list[int]]:
    return {topic: sorted(partitions) for topic, partitions in member.assignment}
