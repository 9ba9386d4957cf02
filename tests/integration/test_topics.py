"""Topics are made as declared, and what deviates is named with its remedy."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from click.testing import CliRunner

from config.settings import Settings
from streams.kafka import client_options
from streams.topics import TopicsError, check_topics, declared_topics, ensure_topics, inputs_of, topics
from tests.broker import free_port
from tests.integration.cluster import plan_of

INPUTS = ("deals", "leads", "visits")
RETURNS = """
sources:
  - key: goods_return
    topic: goods-returns
    fields:
      returned_at: {type: timestamp, required: true}
"""


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**client_options(settings))
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def _make(settings: Settings, name: str, partitions: int, **config: str) -> None:
    dotted = {key.replace("_", "."): value for key, value in config.items()}
    async with _admin(settings) as admin:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=dotted)])


async def _config(settings: Settings, name: str) -> Mapping[str, str]:
    async with _admin(settings) as admin:
        (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    return {entry[0]: entry[1] for entry in response.resources[0][4]}


async def test_missing_topics_are_named_with_the_command_that_makes_them(fresh_settings: Settings) -> None:
    faults = await check_topics(fresh_settings, INPUTS)

    assert len(faults) == len(declared_topics(fresh_settings, INPUTS))
    assert f"topic `{fresh_settings.links_topic}` does not exist; make it: salespulse topics create" in faults


async def test_made_topics_are_as_declared(fresh_settings: Settings) -> None:
    made = await ensure_topics(fresh_settings, INPUTS)

    assert sorted(made) == sorted(topic.name for topic in declared_topics(fresh_settings, INPUTS))
    assert await check_topics(fresh_settings, INPUTS) == []
    for topic in declared_topics(fresh_settings, INPUTS):
        actual = await _config(fresh_settings, topic.name)
        assert {key: actual[key] for key in topic.config} == topic.config
        assert actual["cleanup.policy"] == topic.cleanup


async def test_making_topics_again_changes_nothing(fresh_settings: Settings) -> None:
    await ensure_topics(fresh_settings, INPUTS)

    assert await ensure_topics(fresh_settings, INPUTS) == []


async def test_two_processes_may_make_the_topics_at_once(fresh_settings: Settings) -> None:
    made = await asyncio.gather(*(ensure_topics(fresh_settings, INPUTS) for _ in range(4)))

    every = sorted(name for names in made for name in names)
    assert every == sorted(topic.name for topic in declared_topics(fresh_settings, INPUTS))
    assert await check_topics(fresh_settings, INPUTS) == []


async def test_a_source_that_is_added_later_lacks_its_topic_only(fresh_settings: Settings) -> None:
    await ensure_topics(fresh_settings, INPUTS)

    (fault,) = await check_topics(fresh_settings, (*INPUTS, "returns"))

    name = fresh_settings.input_topic("returns")
    assert fault == f"topic `{name}` does not exist; make it: salespulse topics create"
    assert await ensure_topics(fresh_settings, (*INPUTS, "returns")) == [name]


async def test_too_few_partitions_are_mended_by_raising_them(fresh_settings: Settings) -> None:
    name = fresh_settings.input_topic("deals")
    await _make(fresh_settings, name, 2)
    await ensure_topics(fresh_settings, INPUTS)

    (fault,) = await check_topics(fresh_settings, INPUTS)

    assert fault == (
        f"topic `{name}` has 2 partitions, but all input and internal topics need 4; raise it while the topic is empty,"
        f" for keys change their partition: kafka-topics.sh --bootstrap-server {fresh_settings.kafka} --alter"
        f" --topic {name} --partitions 4"
    )


async def test_too_many_partitions_are_mended_by_the_setting(fresh_settings: Settings) -> None:
    eight = fresh_settings.model_copy(update={"partitions": 8})
    await ensure_topics(eight, INPUTS)

    (fault,) = await check_topics(fresh_settings, INPUTS)

    assert fault.startswith("`SALESPULSE_PARTITIONS` is 4, but 8 is the partition count of topic")
    assert fault.endswith("and cannot be lowered; set it: export SALESPULSE_PARTITIONS=8")


async def test_one_topic_with_too_many_partitions_draws_the_others_up(fresh_settings: Settings) -> None:
    wide = fresh_settings.input_topic("leads")
    await _make(fresh_settings, wide, 6)
    await ensure_topics(fresh_settings, INPUTS)

    faults = await check_topics(fresh_settings, INPUTS)

    assert faults[0].endswith(f"of topic `{wide}` and cannot be lowered; set it: export SALESPULSE_PARTITIONS=6")
    assert len(faults) == 1 + len(INPUTS) - 1 + 3  # the internal topics
    assert all(fault.endswith("--partitions 6") for fault in faults[1:])


async def test_a_count_that_all_topics_share_can_be_kept(fresh_settings: Settings) -> None:
    await ensure_topics(fresh_settings.model_copy(update={"partitions": 2}), INPUTS)

    faults = await check_topics(fresh_settings, INPUTS)

    assert faults[-1] == "all of these topics have 2 partitions; to keep that: export SALESPULSE_PARTITIONS=2"


async def test_output_topics_may_have_any_partition_count(fresh_settings: Settings) -> None:
    await _make(fresh_settings, fresh_settings.kpis_topic, 1, cleanup_policy="compact")
    await ensure_topics(fresh_settings, INPUTS)

    assert await check_topics(fresh_settings, INPUTS) == []


@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
async def test_a_state_topic_that_deletes_is_refused(fresh_settings: Settings, policy: str) -> None:
    name = fresh_settings.cells_topic
    await _make(fresh_settings, name, 4, cleanup_policy=policy)
    await ensure_topics(fresh_settings, INPUTS)

    (fault,) = await check_topics(fresh_settings, INPUTS)

    assert fault == (
        f"topic `{name}` has cleanup.policy `{policy}`, but needs `compact` (old records would be lost with their age);"
        f" change it: kafka-configs.sh --bootstrap-server {fresh_settings.kafka} --alter --entity-type topics"
        f" --entity-name {name} --add-config cleanup.policy=compact"
    )


async def test_an_input_topic_that_compacts_is_refused(fresh_settings: Settings) -> None:
    name = fresh_settings.input_topic("deals")
    await _make(fresh_settings, name, 4, cleanup_policy="compact")
    await ensure_topics(fresh_settings, INPUTS)

    (fault,) = await check_topics(fresh_settings, INPUTS)

    assert "needs `delete` (records that share a key would be lost)" in fault


async def test_a_topic_that_the_cluster_refuses_is_an_error(fresh_settings: Settings) -> None:
    with pytest.raises(TopicsError, match=r"^topic `.*` was refused by the cluster: Topic name is invalid"):
        await ensure_topics(fresh_settings, ("no spaces",))


def test_the_commands_make_and_check(fresh_settings: Settings) -> None:
    run = CliRunner(env=_environment(fresh_settings))

    before = run.invoke(topics, ["check"])
    made = run.invoke(topics, ["create"])
    after = run.invoke(topics, ["check"])

    assert (before.exit_code, made.exit_code, after.exit_code) == (1, 0, 0)
    assert f"topic `{fresh_settings.cells_topic}` does not exist" in before.output
    assert f"made topic {fresh_settings.cells_topic}" in made.output
    assert after.output == "all topics are as they must be\n"


def test_the_commands_follow_the_declarations(fresh_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "returns.yaml").write_text(RETURNS)
    run = CliRunner(env=_environment(fresh_settings) | {"SALESPULSE_CATALOGUE": str(tmp_path)})
    shipped = CliRunner(env=_environment(fresh_settings)).invoke(topics, ["create"])

    check, create = run.invoke(topics, ["check"]), run.invoke(topics, ["create"])

    name = fresh_settings.input_topic("goods-returns")
    assert shipped.exit_code == 0
    assert name not in shipped.output
    assert (check.exit_code, create.exit_code) == (1, 0)
    assert check.output == f"topic `{name}` does not exist; make it: salespulse topics create\n"
    assert create.output == f"made topic {name}\nall topics are as they must be\n"


def test_faulty_declarations_make_no_topics(fresh_settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "faulty.yaml").write_text(RETURNS.replace("timestamp", "stamp"))
    run = CliRunner(env=_environment(fresh_settings) | {"SALESPULSE_CATALOGUE": str(tmp_path)})

    result = run.invoke(topics, ["create"])

    assert result.exit_code == 1
    assert "faulty.yaml:" in result.output
    assert "made topic" not in result.output


def test_create_reports_what_it_cannot_mend(fresh_settings: Settings) -> None:
    asyncio.run(ensure_topics(fresh_settings, inputs_of(plan_of(fresh_settings))))
    run = CliRunner(env=_environment(fresh_settings) | {"SALESPULSE_PARTITIONS": "5"})

    result = run.invoke(topics, ["create"])

    assert result.exit_code == 1
    assert "--partitions 5" in result.output


def test_a_usage_error_and_an_absent_cluster_have_exit_codes_of_their_own() -> None:
    usage = CliRunner(env={"SALESPULSE_PARTITIONS": "many"}).invoke(topics, ["check"])
    absent = CliRunner(env={"SALESPULSE_KAFKA": f"127.0.0.1:{free_port()}"}).invoke(topics, ["check"])

    assert (usage.exit_code, absent.exit_code) == (2, 1)
    assert "`SALESPULSE_PARTITIONS` is `many`, but it must be a valid integer" in usage.output
    assert "no kafka broker answers at" in absent.output


def _environment(settings: Settings) -> dict[str, str | None]:
    return {
        "SALESPULSE_KAFKA": settings.kafka,
        "SALESPULSE_APP_ID": settings.app_id,
        "SALESPULSE_TOPIC_PREFIX": settings.topic_prefix,
    }
