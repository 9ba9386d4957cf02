"""Connection options follow the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import SSLError
from typing import Any

import pytest
from aiokafka.errors import IllegalOperation, KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from pydantic import SecretStr

from config.settings import Settings
from streams.kafka import TransactionLostError, client_options, send_batches, transaction
from streams.kafka_remedies import remedy_of


def test_plaintext_needs_the_servers_only() -> None:
    assert client_options(Settings(kafka="a:1,b:2")) == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
        "request_timeout_ms": 6_000,
    }


def test_sasl_carries_the_password() -> None:
    settings = Settings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_sasl_username="u",
        kafka_sasl_password=SecretStr("hunter2"),
    )

    options = client_options(settings)

    assert options.pop("ssl_context").check_hostname
    assert options == {
        "bootstrap_servers": "127.0.0.1:9092",
        "security_protocol": "SASL_SSL",
        "request_timeout_ms": 6_000,
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "hunter2",
    }


def test_a_file_that_is_no_certificate_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing")

    settings = Settings().model_copy(update={"kafka_security_protocol": "SSL", "kafka_ssl_cafile": file})
    with pytest.raises(SSLError, match="NO_CERTIFICATE_OR_CRL_FOUND"):
        client_options(settings)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (UnsupportedSaslMechanismError("PLAIN"), "set `SALESPULSE_KAFKA_SASL_MECHANISM` to one that the broker has"),
        (SaslAuthenticationFailed("no"), "`SALESPULSE_KAFKA_SASL_PASSWORD`"),
        (ValueError("Server sent wrong signature!"), "`SALESPULSE_KAFKA_SASL_PASSWORD`"),
        (SSLError("tlsv13 alert certificate required"), "(`SALESPULSE_KAFKA_SSL_CERTFILE`)"),
        (ConnectionRefusedError(), "start the broker, or set `SALESPULSE_KAFKA` to where it is"),
        (None, "`SALESPULSE_KAFKA_SECURITY_PROTOCOL`"),
    ],
)
def test_a_remedy_names_the_setting(error: BaseException | None, remedy: str) -> None:
    assert remedy in remedy_of(Settings(), error)


class EndedBatch:
    def append(self, **_: Any) -> bool:
        return True


class EndedProducer:
    """As aiokafka's is once it has learnt, in the middle of a transaction, that another one has begun."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        yield

    def create_batch(self) -> EndedBatch:
        return EndedBatch()

    async def send_batch(self, *_: Any, **__: Any) -> None:
        raise IllegalOperation("Can't send messages while not in transaction")


async def test_what_ends_a_transaction_early_is_told_as_an_error_of_kafka() -> None:
    """Told so, a worker begins anew, and a publisher opens the topic again; anything else would end them."""
    producer = EndedProducer()

    async def write() -> None:
        async with transaction(producer):
            async for _ in send_batches(producer, "topic", 0, [(b"k", b"v", ())]):
                pass

    with pytest.raises(TransactionLostError, match="not in transaction") as caught:
        await write()
    assert isinstance(caught.value, KafkaError)
    assert not isinstance(caught.value.__cause__, KafkaError)  # as aiokafka tells it, nobody would go on
