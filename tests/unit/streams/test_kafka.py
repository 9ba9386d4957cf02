"""Connection options follow the settings."""

from pathlib import Path
from ssl import SSLError

import pytest
from pydantic import SecretStr

from config.settings import Settings
from streams.kafka import client_options


def test_plaintext_needs_the_servers_only() -> None:
    assert client_options(Settings(kafka="a:1,b:2")) == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
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
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "hunter2",
    }


def test_a_file_that_is_no_certificate_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("nothing")

    with pytest.raises(SSLError, match="NO_CERTIFICATE_OR_CRL_FOUND"):
        client_options(Settings(kafka_security_protocol="SSL", kafka_ssl_cafile=file))
