"""What is wrong, or risky, about the topics of a cluster, in words that say what mends it."""

from collections.abc import Iterator, Mapping

from config.settings import Settings
from streams.topic import Found, Topic

_MORE_BROKERS = "give it three with kafka-reassign-partitions.sh"


def faults_of(settings: Settings, topics: tuple[Topic, ...], found: Mapping[str, Found]) -> list[str]:
    """Return one line for each fault, with the command that mends it.

    Args:
        settings: where the brokers are, and how many partitions there are to be.
        topics: the topics as they must be.
        found: those of them that the cluster has, by their names.
    """
    counts = {t.name: found[t.name].partitions for t in topics if t.copartitioned and t.name in found}
    return [
        *_missing_faults(settings, topics, found),
        *_count_faults(settings, counts),
        *_policy_faults(settings, topics, found),
        *_replica_faults(settings, found),
    ]


def _missing_faults(settings: Settings, topics: tuple[Topic, ...], found: Mapping[str, Found]) -> Iterator[str]:
    user = settings.kafka_sasl_username
    unseen = "" if user is None else f", or user `{user}` may not see it"
    for topic in topics:
        if topic.name not in found:
            yield f"topic `{topic.name}` does not exist{unseen}; make it: salespulse topics create"


def _count_faults(settings: Settings, counts: Mapping[str, int]) -> Iterator[str]:
    """Name what brings all counts together: counts can be raised only, so the greatest of them is where to meet."""
    target = max([settings.partitions, *counts.values()])
    if target > settings.partitions:
        largest = ", ".join(f"`{name}`" for name, count in counts.items() if count == target)
        yield (
            f"`SALESPULSE_PARTITIONS` is {settings.partitions}, but {target} is the partition count of topic {largest}"
            f" and cannot be lowered; set it: export SALESPULSE_PARTITIONS={target}"
        )
    for name, count in counts.items():
        if count < target:
            alter = _command(settings, "kafka-topics.sh", f"--alter --topic {name} --partitions {target}")
            yield (
                f"topic `{name}` has {count} partitions, but all input and internal topics need {target};"
                f" raise it while the topic is empty, for keys change their partition: {alter}"
            )
    if set(counts.values()) not in (set(), {target}) and len(set(counts.values())) == 1:
        count = next(iter(counts.values()))
        yield f"all of these topics have {count} partitions; to keep that: export SALESPULSE_PARTITIONS={count}"


def _policy_faults(settings: Settings, topics: tuple[Topic, ...], found: Mapping[str, Found]) -> Iterator[str]:
    why = {"compact": "old records would be lost with their age", "delete": "records that share a key would be lost"}
    for topic in topics:
        policy = found[topic.name].cleanup if topic.name in found else topic.cleanup
        if policy != topic.cleanup:
            change = f"--alter --entity-type topics --entity-name {topic.name}"
            alter = _command(settings, "kafka-configs.sh", f"{change} --add-config cleanup.policy={topic.cleanup}")
            yield (
                f"topic `{topic.name}` has cleanup.policy `{policy}`, but needs `{topic.cleanup}`"
                f" ({why[topic.cleanup]}); change it: {alter}"
            )


def _replica_faults(settings: Settings, found: Mapping[str, Found]) -> Iterator[str]:
    for name, topic in found.items():
        if topic.replicas < topic.least_replicas:
            change = f"--alter --entity-type topics --entity-name {name}"
            alter = _command(
                settings, "kafka-configs.sh", f"{change} --add-config min.insync.replicas={topic.replicas}"
            )
            yield (
                f"topic `{name}` is held by {_brokers(topic.replicas)}, but its min.insync.replicas is"
                f" {topic.least_replicas}, so nothing can be written to it; {_MORE_BROKERS},"
                f" or lower what it needs: {alter}"
            )


def risks_of(found: Mapping[str, Found], brokers: int) -> Iterator[str]:
    """Yield what is allowed and risky about topics of a cluster of so many brokers, a line each.

    With a single broker there is nothing to choose.
    """
    for name, topic in found.items():
        if brokers == 1 or topic.replicas < topic.least_replicas:
            continue
        if topic.replicas == 1:
            yield f"topic `{name}` is held by 1 broker of {brokers}, and lost with its disk; {_MORE_BROKERS}"
        elif topic.replicas == topic.least_replicas:
            yield (
                f"topic `{name}` is held by {_brokers(topic.replicas)} and all of them must write each record, so"
                f" everything waits while one is away; {_MORE_BROKERS}"
            )
        elif topic.least_replicas == 1:
            yield (
                f"topic `{name}` is held by {_brokers(topic.replicas)}, but one of them may take a record alone, and"
                " lose it with its disk; set its min.insync.replicas to 2"
            )


def _brokers(count: int) -> str:
    return f"{count} broker{'' if count == 1 else 's'}"


def _command(settings: Settings, program: str, arguments: str) -> str:
    secured = "" if settings.kafka_security_protocol == "PLAINTEXT" else " --command-config client.properties"
    return f"{program} --bootstrap-server {settings.kafka}{secured} {arguments}"
