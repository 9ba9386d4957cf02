"""The way to the brokers: connection options, and waiting until one answers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from ssl import SSLContext, create_default_context
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IllegalOperation, KafkaError

from config.settings import Settings

_BATCH_BYTES = 900_000
_REQUEST_BYTES = 8 * 1024 * 1024
Headers = Sequence[tuple[str, bytes]]
OutputRecord = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record to be written."""

# Set while a task waits for a broker: holds what aiokafka logged last, which is kept off the log meanwhile.
_last_complaint: ContextVar[list[str] | None] = ContextVar("last_complaint", default=None)


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments that connect any aiokafka client to the cluster.

    Raises:
        OSError: if a certificate file cannot be read (`ssl.SSLError` if it is no certificate).
    """
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka,
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl_context(settings)
    if settings.kafka_security_protocol.startswith("SASL_"):
        password = settings.kafka_sasl_password
        options |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": password.get_secret_value() if password else None,
        }
    return options


def ssl_context(settings: Settings) -> SSLContext:
    """Return the TLS context of the settings' files; the system's authorities when no CA file is named.

    Raises:
        OSError: if a file cannot be read (`ssl.SSLError` if it is no certificate).
    """
    context = create_default_context(cafile=settings.kafka_ssl_cafile)
    if settings.kafka_ssl_certfile is not None:
        context.load_cert_chain(settings.kafka_ssl_certfile, settings.kafka_ssl_keyfile)
    return context


def transactional_producer(settings: Settings, name: str, timeout_ms: int) -> Any:
    """Return a producer whose transactions only the newest of its name can write: started, it fences the others.

    Args:
        settings: where the brokers are.
        name: what it writes for; the installation's name comes before it.
        timeout_ms: after so long the cluster aborts a transaction that was left open.
    """
    return AIOKafkaProducer(
        **client_options(settings),
        transactional_id=f"{settings.app_id}.{name}",
        transaction_timeout_ms=timeout_ms,
        max_batch_size=_BATCH_BYTES,
        max_request_size=_REQUEST_BYTES,
        # Kafka 4 answers some first produces of a transaction with a retriable error; the default of 100 ms is felt.
        retry_backoff_ms=20,
    )


class TransactionLostError(KafkaError):
    """A transaction ended while it was being written: another producer of its name has begun, or it took too long."""


@asynccontextmanager
async def transaction(producer: Any) -> AsyncIterator[None]:
    """Write one transaction; it is aborted when anything goes wrong.

    Raises:
        ProducerFenced: another producer of its name has begun.
        TransactionLostError: it ended meanwhile, which aiokafka tells with the one of its errors that is no KafkaError.
    """
    try:
        async with producer.transaction():
            yield
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
            yield await producer.send_batch(batch, topic, partition=partition), count
            batch, count = producer.create_batch(), 0
            batch.append(
                key=key, value=value, timestamp=None, headers=list(headers)
            )  # the first one is taken at any size
        count += 1
    if count:
        yield await producer.send_batch(batch, topic, partition=partition), count


async def wait_for_broker(
    settings: Settings,
    say: Callable[[str], None],
    *,
    longest_pause: float = 10.0,
    say_every: float = 10.0,
    answer_within: float = 5.0,
) -> None:
    """Wait, for ever if need be, until a broker answers.

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
        complaint = await _complaint(options, answer_within)
        if complaint is None:
            break
        if said_at is None or now() - said_at >= say_every:
            said_at = now()
            say(
                f"no kafka broker answers at `{settings.kafka}` ({complaint}), waited {said_at - begun:.0f} s so far;"
                " still trying: start the broker, or set `SALESPULSE_KAFKA` to where it is"
            )
        await asyncio.sleep(pause)
    if said_at is not None:
        say(f"kafka broker at `{settings.kafka}` answers after {now() - begun:.0f} s")


def _pauses(longest: float) -> Iterator[float]:
    pause = min(0.5, longest)
    while True:
        yield pause
        pause = min(2 * pause, longest)


async def _complaint(options: dict[str, Any], answer_within: float) -> str | None:
    """Try to reach a broker once; return why that failed, or None when a broker answered."""
    for name in ("aiokafka", "aiokafka.conn", "aiokafka.cluster"):
        logging.getLogger(name).addFilter(_keep_off_the_log)
    heard: list[str] = []
    token = _last_complaint.set(heard)
    client = AIOKafkaClient(**options, request_timeout_ms=round(answer_within * 1000))
    try:
        await client.bootstrap()
    except (KafkaError, OSError) as error:
        return heard[-1] if heard else str(error)
    finally:
        await client.close()
        _last_complaint.reset(token)
    return None


def _keep_off_the_log(record: logging.LogRecord) -> bool:
    """Take the record as a complaint if its task waits for a broker; let it pass to the log if not."""
    heard = _last_complaint.get()
    if heard is None:
        return True
    if record.levelno >= logging.WARNING:
        heard.append(record.getMessage())
    return False
