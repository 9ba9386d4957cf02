"""The Kafka topics of salespulse: what they must be like, making them, and checking them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, NoError, TopicAlreadyExistsError, for_code

from config.settings import Settings
from metrics.plan import Plan
from streams.commands import plan_or_exit, settings_or_exit
from streams.kafka import NoBrokerAnswersError, client_options, require_broker
from streams.topic import Found, Topic
from streams.topic_faults import faults_of, risks_of

Result = TypeVar("Result")

_MINUTE = 60_000
_DAY = 24 * 60 * _MINUTE
_MEBIBYTE = 1024 * 1024

# Brokers delete and compact by record time. A producer that replays history may well write the time of the event there,
# and its records would be gone before they are read; one whose clock is a year ahead would keep the cleaner away for a
# year. So the broker puts the time of arrival in their place.
_ARRIVAL_TIME = {"message.timestamp.type": "LogAppendTime"}

# An entity with many children, or a record of the full size with something round it (a dead letter, an event on its way
# to another shard), exceeds Kafka's default of 1 MiB.
_LARGE = {"max.message.bytes": str(8 * _MEBIBYTE)}

# A flush writes the same cells again and again: let the cleaner leave the newest minute alone, and give it something to
# do within the hour, as the segment being written is never compacted and every start reads it whole.
_COMPACT = {
    "min.compaction.lag.ms": str(_MINUTE),
    "min.cleanable.dirty.ratio": "0.2",
    "segment.ms": str(60 * _MINUTE),
    "segment.bytes": str(64 * _MEBIBYTE),
    "delete.retention.ms": str(_DAY),
}


class NoLeaderError(KafkaError):
    """A topic cannot be read or written now, for the brokers that hold it are away. Reaction: wait."""

    def __init__(self, name: str, partitions: Iterable[int]) -> None:
        """Name the topic and its partitions."""
        numbers = ", ".join(map(str, partitions))
        super().__init__(f"topic `{name}` has no leader for partition {numbers}; start the brokers that hold it")

    def __str__(self) -> str:
        """Return the text alone: aiokafka would put the name of the class before it."""
        return str(self.args[0])


class TopicsError(RuntimeError):
    """The cluster refused to make a topic, or did not make it in time.

    Reaction: stop the process and show the text.
    """


def inputs_of(plan: Plan) -> tuple[str, ...]:
    """Return the suffixes of the topics of all declared sources."""
    return tuple(dict.fromkeys(source.source.topic for source in plan.sources.values()))


def declared_topics(settings: Settings, inputs: Iterable[str]) -> tuple[Topic, ...]:
    """Declare every topic of an installation whose input topics have the suffixes `inputs`."""
    count = settings.partitions

    def compacted(name: str, *, copartitioned: bool = True) -> Topic:
        return Topic(name, count, "compact", copartitioned, _COMPACT | _LARGE | _ARRIVAL_TIME)

    def kept(name: str, days: int, *, copartitioned: bool = True, **more: Mapping[str, str]) -> Topic:
        config = {"retention.ms": str(days * _DAY), **_ARRIVAL_TIME}
        for extra in more.values():
            config |= extra
        return Topic(name, count, "delete", copartitioned, config)

    return (
        *(kept(settings.input_topic(name), days=7) for name in inputs),
        compacted(settings.entities_topic),
        compacted(settings.cells_topic),
        kept(settings.links_topic, days=7, size=_LARGE),
        compacted(settings.kpis_topic, copartitioned=False),
        compacted(settings.alerts_topic, copartitioned=False),
        kept(settings.dead_letters_topic, days=30, copartitioned=False, size=_LARGE),
    )


async def ensure_topics(settings: Settings, inputs: Iterable[str]) -> list[str]:
    """Make the topics that are missing, and wait until the cluster shows them; existing ones are left as they are.

    Returns:
        The names of the topics that were made by this call: another process may be making some at the same time.

    Raises:
        TopicsError: if the cluster refuses a topic, or does not show it within 30 s.
        KafkaError: if the cluster cannot be reached.
    """
    topics = declared_topics(settings, inputs)
    async with _admin(settings) as admin:
        present = await _partition_counts(admin)
        missing = [topic for topic in topics if topic.name not in present]
        made = await _make(admin, missing) if missing else []
        await _wait_until_shown(admin, topics)
    return made


async def check_topics(settings: Settings, inputs: Iterable[str]) -> list[str]:
    """Compare the topics of the cluster with the declared ones.

    Returns:
        One line for each fault, with the command that mends it; nothing when all is well.

    Raises:
        NoLeaderError: a topic is there, but not the brokers that hold it.
        KafkaError: if the cluster cannot be reached.
    """
    topics = declared_topics(settings, inputs)
    return faults_of(settings, topics, (await _look(settings, topics))[0])


async def _look(settings: Settings, topics: Iterable[Topic]) -> tuple[dict[str, Found], int]:
    """Return what the cluster has of `topics`, and how many brokers answer."""
    async with _admin(settings) as admin:
        described = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
        present = {topic.name: described[topic.name] for topic in topics if described.get(topic.name)}
        for name, partitions in present.items():
            lacking = sorted(p["partition"] for p in partitions if p["leader"] < 0)
            if lacking:
                raise NoLeaderError(name, lacking)
        configs = await _configs(admin, list(present))
        brokers = len((await admin.describe_cluster())["brokers"])
    found = {
        name: Found(
            partitions=len(partitions),
            cleanup=configs[name]["cleanup.policy"],
            replicas=min(len(p["replicas"]) for p in partitions),
            least_replicas=int(configs[name]["min.insync.replicas"]),
        )
        for name, partitions in present.items()
    }
    return found, brokers


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    await require_broker(settings)
    admin = AIOKafkaAdminClient(**client_options(settings) | {"request_timeout_ms": 15_000})
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def partition_counts(settings: Settings) -> dict[str, int]:
    """Count the partitions of every topic of the cluster that has a leader for each.

    Raises:
        KafkaError: if the cluster cannot be reached.
    """
    async with _admin(settings) as admin:
        return await _partition_counts(admin)


async def _partition_counts(admin: Any) -> dict[str, int]:
    """Count the partitions of every topic of the cluster that has a leader for each.

    Asks for all topics, because a question about one by name would make it on a cluster that creates topics by itself.
    """
    described = await admin.describe_topics()
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in described
        if topic["error_code"] == 0 and all(partition["leader"] >= 0 for partition in topic["partitions"])
    }


async def _configs(admin: Any, names: list[str]) -> dict[str, dict[str, str]]:
    """Return the settings of topics that matter, as they hold: the broker's where the topic has none of its own."""
    if not names:
        return {}
    wanted = {"cleanup.policy": "", "min.insync.replicas": ""}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, wanted) for name in names]
    configs = {}
    for response in await admin.describe_configs(resources):
        for code, message, _type, name, entries in response.resources:
            if code:
                raise for_code(code)(f"cannot read the settings of topic `{name}`: {message}")
            configs[name] = {key: value for key, value, *_ in entries}
    return configs


async def _make(admin: Any, topics: list[Topic]) -> list[str]:
    brokers = len((await admin.describe_cluster())["brokers"])
    response = await admin.create_topics([_request(topic, brokers) for topic in topics], timeout_ms=15_000)
    made, refused = [], []
    for name, code, message in response.topic_errors:
        error = for_code(code)
        if error is NoError:
            made.append(name)
        elif error is not TopicAlreadyExistsError:  # another process was quicker: as good
            refused.append(f"topic `{name}` was refused by the cluster: {message or error.__name__}")
    if refused:
        raise TopicsError("\n".join(refused))
    return made


def _request(topic: Topic, brokers: int) -> Any:
    replicas = min(3, brokers)
    config = {"cleanup.policy": topic.cleanup, **topic.config}
    if replicas == 3:  # noqa: PLR2004 - a record is safe when two of three brokers have it, and one of them may be away
        config["min.insync.replicas"] = "2"
    return NewTopic(topic.name, topic.partitions, replicas, topic_configs=config)


async def _wait_until_shown(admin: Any, topics: tuple[Topic, ...], limit_seconds: float = 30.0) -> None:
    """Wait for the metadata, which follows a creation after some milliseconds, on each broker in its own time."""
    names = {topic.name for topic in topics}
    now = asyncio.get_running_loop().time
    deadline = now() + limit_seconds
    while absent := names - (await _partition_counts(admin)).keys():
        if now() > deadline:
            text = ", ".join(f"`{name}`" for name in sorted(absent))
            raise TopicsError(f"topic {text} has no leader after {limit_seconds:.0f} s; look at the brokers' logs")
        await asyncio.sleep(0.05)


@click.group()
def topics() -> None:
    """Make and check the Kafka topics.

    Example: salespulse topics create
    """


@topics.command()
def create() -> None:
    """Make the topics that are missing, then check them all.

    Every declared source has one, also those of SALESPULSE_CATALOGUE. Existing topics are left as they are.

    Example: SALESPULSE_PARTITIONS=8 salespulse topics create
    """
    settings, inputs = _declared()
    for name in _run(settings, ensure_topics(settings, inputs)):
        click.echo(f"made topic {name}")
    _report(settings, inputs)


@topics.command()
def check() -> None:
    """Compare the topics with what salespulse needs.

    Prints each fault with the command that mends it; the exit code is then 1. What is allowed and risky, such as a
    topic that one broker alone holds, is only noted.

    Example: salespulse topics check
    """
    _report(*_declared())


def _declared() -> tuple[Settings, tuple[str, ...]]:
    """Return the settings, and the inputs of the shipped sources and of those that the settings add."""
    settings = settings_or_exit()
    return settings, inputs_of(plan_or_exit(settings))


def _run(settings: Settings, work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except NoBrokerAnswersError as error:
        raise click.ClickException(str(error)) from error
    except (KafkaError, TopicsError, OSError) as error:
        raise click.ClickException(f"topics at `{settings.kafka}`: {error}") from error


def _report(settings: Settings, inputs: tuple[str, ...]) -> None:
    topics = declared_topics(settings, inputs)
    found, brokers = _run(settings, _look(settings, topics))
    for risk in risks_of(found, brokers):
        click.echo(f"note: {risk}", err=True)
    faults = faults_of(settings, topics, found)
    for fault in faults:
        click.echo(fault, err=True)
    if faults:
        raise SystemExit(1)
    click.echo("all topics are as they must be")
