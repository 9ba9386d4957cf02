"""The way to the brokers: connection options, and waiting until one answers."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalOperation,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    NodeNotReadyError,
    UnknownTopicOrPartitionError,
)

from config.settings import Settings
from config.tls import client_context
from streams.kafka_remedies import remedy_of

_BATCH_BYTES = 900_000
_REQUEST_BYTES = 8 * 1024 * 1024
_ANSWER_MS = 6_000
"""How long a broker has for an answer. One that is frozen keeps its connections, so nothing else tells that it is gone.

With aiokafka's default of 40 s all would stand still for so long although the other brokers have taken over. What is
sent again because an answer came late does no harm: a producer's records are numbered.
"""
_KEPT_MS = 40_000
_STOP_SECONDS = 2.0
_TOPIC_SECONDS = 40.0
Headers = Sequence[tuple[str, bytes]]
OutputRecord = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record to be written."""

# Set while a task tries to reach a broker: holds what aiokafka logged, and the errors it logged it for.
_complaints: ContextVar[list[tuple[str, BaseException | None]] | None] = ContextVar("complaints", default=None)


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that connect any aiokafka client to the cluster.

    Raises:
        OSError: if a certificate file cannot be read (`ssl.SSLError` if it is no certificate).
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka,
        "security_protocol": settings.kafka_security_protocol,
        "request_timeout_ms": _ANSWER_MS,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = client_context(settings.kafka_tls)
    if settings.kafka_security_protocol.startswith("SASL_"):
        password = settings.kafka_sasl_password
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return options


def transactional_producer(settings: Settings, name: str, timeout_ms: int) -> Any:
    """Return a producer whose transactions only the newest of its name can write: started, it fences the others.

    Args:
        settings: where the brokers are.
        name: what it writes for; the installation's name comes before it.
        timeout_ms: after so long the cluster aborts a transaction that was left open.
    """
    producer = patient_producer(
        settings,
        transactional_id=f"{settings.app_id}.{name}",
        transaction_timeout_ms=timeout_ms,
        max_batch_size=_BATCH_BYTES,
        max_request_size=_REQUEST_BYTES,
        # Kafka 4 answers some first produces of a transaction with a retriable error; the default of 100 ms is felt.
        retry_backoff_ms=20,
    )
    lookup = producer.client.coordinator_lookup

    async def patient_lookup(kind: Any, key: str) -> Any:
        """Look for a coordinator; aiokafka asks again after most errors.

        It gives up when a connection is closed, or when there is no broker that it knows: an assertion of its own.
        """
        try:
            return await lookup(kind, key)
        except (KafkaConnectionError, AssertionError) as error:
            raise NodeNotReadyError(str(error)) from error

    producer.client.coordinator_lookup = patient_lookup
    return producer


def patient_producer(settings: Settings, **options: Any) -> Any:
    """Return a producer that keeps what it is to write for 40 s without a leader, although brokers are to answer soon.

    aiokafka has one option for both.
    """
    producer = AIOKafkaProducer(**client_options(settings) | {"request_timeout_ms": _KEPT_MS} | options)
    producer.client._request_timeout_ms = _ANSWER_MS  # noqa: SLF001
    return producer


async def let_go(producer: Any) -> None:
    """Stop a producer, or give up what it is about to write when no broker answers within two seconds.

    aiokafka waits for ever then. A transaction that is left open is aborted by the next producer of its name, or by its
    time-out.
    """
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait({stopping}, timeout=_STOP_SECONDS)
    if not stopping.done():
        # It waits for its sender, and that for requests: each is cancelled in its turn, as aiokafka has no way to.
        for task in (producer._sender.sender_task, producer._sender.sender_task, stopping):  # noqa: SLF001
            task.cancel()
            await asyncio.sleep(0)
        await producer.client.close()
    await asyncio.gather(stopping, return_exceptions=True)


class RecordTooLargeError(Exception):
    """Kafka does not take a record. Reaction: stop with exit code 1 and show the text: it would not take it again."""


class TransactionLostError(KafkaError):
    """A transaction ended while it was being written: another producer of its name has begun, or it took too long."""


@asynccontextmanager
async def transaction(producer: Any) -> AsyncIterator[None]:
    """Write one transaction; it is aborted when anything goes wrong, or left to its time-out when no broker answers.

    Raises:
        ProducerFenced: another producer of its name has begun.
        TransactionLostError: it ended meanwhile, which aiokafka tells with the one of its errors that is no KafkaError.
    """
    try:
        under_way = producer.transaction()
        await under_way.__aenter__()
        try:
            yield
        except BaseException as error:
            ending = asyncio.ensure_future(under_way.__aexit__(type(error), error, error.__traceback__))
            await asyncio.wait({ending}, timeout=_STOP_SECONDS)
            if ending.done():
                ending.exception()  # is the same, or tells that there is nothing to abort
            raise
        await under_way.__aexit__(None, None, None)
    except IllegalOperation as error:
        raise TransactionLostError(str(error)) from error


async def send_batches(
    producer: Any, topic: str, partition: int, records: Iterable[OutputRecord]
) -> AsyncIterator[tuple[Any, int]]:
    """Send records to one partition in batches, which costs a tenth of sending them one by one.

    Yields:
        For each batch what is to be awaited until it is written, and how many records it holds.
    """
    batch, count = producer.create_batch(), 0
    for key, value, headers in records:
        if batch.append(key=key, value=value, timestamp=None, headers=list(headers)) is None:
            yield await _handed_over(producer, batch, topic, partition), count
            batch, count = producer.create_batch(), 0
            batch.append(
                key=key, value=value, timestamp=None, headers=list(headers)
            )  # the first one is taken at any size
        count += 1
    if count:
        yield await _handed_over(producer, batch, topic, partition), count


async def _handed_over(producer: Any, batch: Any, topic: str, partition: int) -> Any:
    """Hand over a batch, which finds a place when the one before it is on its way: after an outage, if need be.

    Raises:
        UnknownTopicOrPartitionError: nobody has told anything of the topic for a while; it may be gone.
    """
    begun = time.monotonic()
    while True:
        try:
            return await producer.send_batch(batch, topic, partition=partition)
        except KafkaTimeoutError:
            continue
        except UnknownTopicOrPartitionError:
            if time.monotonic() - begun > _TOPIC_SECONDS:
                raise


class NoBrokerAnswersError(KafkaError):
    """No broker answers, or none lets us in; the text says why, and which setting may mend it."""

    def __str__(self) -> str:
        """Return the text alone: aiokafka would put the name of the class before it."""
        return str(self.args[0])


async def require_broker(settings: Settings) -> None:
    """Return when a broker answers now and lets us in: what a command asks for that does not wait.

    Raises:
        NoBrokerAnswersError: none does.
        OSError: a certificate file cannot be read.
    """
    complaint = await _complaint(settings, client_options(settings), answer_within=10.0)
    if complaint is not None:
        raise NoBrokerAnswersError(f"no kafka broker answers at `{settings.kafka}` ({complaint[0]}); {complaint[1]}")


async def wait_for_broker(
    settings: Settings,
    say: Callable[[str], None],
    *,
    longest_pause: float = 10.0,
    say_every: float = 10.0,
    answer_within: float = 5.0,
) -> None:
    """Wait, for ever if need be, until a broker answers and lets us in: users may be made after programs start.

    Args:
        settings: where the brokers are.
        say: told that no broker answers, at once and then once in `say_every` seconds, and when one does at last.
        longest_pause: upper end of the pause between two attempts, in seconds; pauses begin at 0.5 s and double.
        say_every: seconds between two complaints, at least.
        answer_within: seconds that a broker has to answer an attempt.
    """
    now = asyncio.get_running_loop().time
    begun, said_at = now(), None
    options = client_options(settings)
    for pause in _pauses(longest_pause):
        complaint = await _complaint(settings, options, answer_within)
        if complaint is None:
            break
        if said_at is None or now() - said_at >= say_every:
            said_at = now()
            why, remedy = complaint
            say(
                f"no kafka broker answers at `{settings.kafka}` ({why}), waited {said_at - begun:.0f} s so far;"
                f" still trying: {remedy}"
            )
        await asyncio.sleep(pause)
    if said_at is not None:
        say(f"kafka broker at `{settings.kafka}` answers after {now() - begun:.0f} s")


async def may_join(settings: Settings) -> bool:
    """Return whether our user may use the installation's consumer group; Faust would wait for ever, without a word."""
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        await admin.find_coordinator(settings.app_id)
    except GroupAuthorizationFailedError:
        return False
    except KafkaError:
        return True  # something else, which will pass or be told
    finally:
        await admin.close()
    return True


def _pauses(longest: float) -> Iterator[float]:
    pause = min(0.5, longest)
    while True:
        yield pause
        pause = min(2 * pause, longest)


async def _complaint(settings: Settings, options: dict[str, Any], answer_within: float) -> tuple[str, str] | None:
    """Try to reach a broker once; return why that failed and what helps, or None when a broker answered."""
    for name in ("aiokafka", "aiokafka.conn", "aiokafka.cluster"):
        logging.getLogger(name).addFilter(_keep_off_the_log)
    heard: list[tuple[str, BaseException | None]] = []
    token = _complaints.set(heard)
    client = AIOKafkaClient(**options | {"request_timeout_ms": round(answer_within * 1000)})
    try:
        await client.bootstrap()
    except (KafkaError, OSError) as error:
        text, cause = heard[-1] if heard else (str(error), error)
        if isinstance(cause, TimeoutError):  # it has no text of its own
            text = f"{text.removesuffix(': ')} within {answer_within:g} s"
        return text, remedy_of(settings, cause)
    except ValueError as error:  # the broker does not prove that it knows the password, either
        return str(error), remedy_of(settings, error)
    finally:
        await client.close()
        _complaints.reset(token)
    return None


def _keep_off_the_log(record: logging.LogRecord) -> bool:
    """Take the record as a complaint if its task tries to reach a broker; let it pass to the log if not."""
    heard = _complaints.get()
    if heard is None:
        return True
    if record.levelno >= logging.WARNING:
        arguments = record.args if isinstance(record.args, tuple) else ()
        errors = [argument for argument in arguments if isinstance(argument, BaseException)]
        heard.append((record.getMessage(), errors[-1] if errors else None))
    return False
