"""Settings of every salespulse process, read from `SALESPULSE_…` environment variables."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, FilePath, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from config.redis_address import fault_of as redis_fault_of
from config.redis_address import is_encrypted
from config.secret_files import SUFFIX, SecretFileError, read_secret_files
from config.tls import TlsFiles, faults_of

PREFIX = "SALESPULSE_"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})")
_SERVER = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>\d{1,5}))?")
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")
_SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_MAX_PORT = 65535
SECRETS = ("kafka_sasl_password", "redis_url", "http_token")
"""The settings whose value may stand in a file, which `SALESPULSE_…_FILE` names."""

# Kafka allows 249 characters in a topic name; the longest suffix of ours takes less than 49 of them.
_KafkaName = Annotated[str, Field(max_length=200)]
_Port = Annotated[int, Field(ge=0, le=_MAX_PORT)]


class SettingsError(ValueError):
    """Settings that cannot be used; `faults` holds one line for each fault.

    Reaction: stop the process with exit code 2 and show every line.
    """

    def __init__(self, faults: tuple[str, ...]) -> None:
        """Keep the faults and join them to the text of the error."""
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseSettings):
    """Everything that differs between two installations; frozen, with secrets hidden in `repr`.

    Read them with `load_settings`, which reports every fault at once in the house's words.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    kafka: str = Field("127.0.0.1:9092", description="Bootstrap servers: `host:port`, several with commas.")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    kafka_sasl_mechanism: str | None = Field(None, description=f"One of {', '.join(_SASL_MECHANISMS)}.")
    kafka_sasl_username: str | None = Field(None, description="SASL user.")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password.")
    kafka_ssl_cafile: FilePath | None = Field(None, description="PEM file of the authorities to trust.")
    kafka_ssl_certfile: FilePath | None = Field(None, description="PEM file of the client's certificate.")
    kafka_ssl_keyfile: FilePath | None = Field(None, description="PEM file of the client's private key.")
    redis_url: SecretStr | None = Field(
        None, description="`redis://…`, or `rediss://…` for TLS; without it nothing is written to Redis."
    )
    redis_ssl_cafile: FilePath | None = Field(None, description="PEM file of the authorities to trust.")
    redis_ssl_certfile: FilePath | None = Field(None, description="PEM file of the client's certificate.")
    redis_ssl_keyfile: FilePath | None = Field(None, description="PEM file of the client's private key.")
    app_id: _KafkaName = Field("salespulse", description="Consumer group, and prefix of the internal topics.")
    topic_prefix: _KafkaName = Field("sales", description="Prefix of the input and output topics.")
    partitions: int = Field(4, ge=1, le=1024, description="Partitions of each input and internal topic.")
    timezone: str = Field("Europe/Amsterdam", description="IANA zone whose days and weeks the KPIs follow.")
    currency: str = Field("EUR", description="ISO 4217 code of the reporting currency.")
    catalogue: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description=f"Extra declaration files or folders, separated by `{os.pathsep}`."
    )
    groups_off: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Groups of KPIs that are left out, with commas."
    )
    http_host: str = Field("127.0.0.1", description="Address that the web servers listen on.")
    http_port: _Port = Field(8080, description="Port of the view; 0 takes a free one.")
    worker_http_port: _Port = Field(8081, description="Port of the worker; 0 takes a free one.")
    worker_url: str | None = Field(
        None,
        description="Address at which views reach this worker; by default `http_host` and the port it listens on, the"
        " machine's host name where `http_host` is a wildcard.",
    )
    http_token: SecretStr | None = Field(None, description="Bearer token that HTTP clients must send.")
    http_ssl_certfile: FilePath | None = Field(
        None, description="PEM file of the web servers' certificate; with it they answer by HTTPS only."
    )
    http_ssl_keyfile: FilePath | None = Field(None, description="PEM file of its private key.")
    http_ssl_cafile: FilePath | None = Field(
        None, description="PEM file of the authorities that a view trusts when it asks workers by HTTPS."
    )
    http_rate: float = Field(
        100.0, ge=0, le=1_000_000, description="Requests a second that one client may make for long; 0 for no bound."
    )
    http_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Origins whose pages may read the API, with commas; none by default."
    )
    public_url: str = Field("http://127.0.0.1:8080", description="Where people reach the view; alerts link there.")
    grafana_url: str = Field("http://127.0.0.1:3000", description="Where people reach Grafana; alerts link there.")
    flush_interval: float = Field(0.2, gt=0, le=10, description="Seconds between two flushes.")
    tick_interval: float = Field(1.0, ge=0.2, le=10, description="Seconds between two evaluations.")
    log_format: Literal["console", "json"] = Field("console", description="Shape of the log lines.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Lowest level that is logged."
    )
    clock: str = Field("wall", description="`wall`, or the RFC 3339 instant to read every KPI as of.")

    @property
    def kpis_topic(self) -> str:
        """Name the output topic of the readings."""
        return f"{self.topic_prefix}.kpis"

    @property
    def alerts_topic(self) -> str:
        """Name the output topic of the alerts."""
        return f"{self.topic_prefix}.alerts"

    @property
    def dead_letters_topic(self) -> str:
        """Name the output topic of the events that were refused."""
        return f"{self.topic_prefix}.dead-letters"

    @property
    def entities_topic(self) -> str:
        """Name the internal topic of the merged entities."""
        return f"{self.app_id}.entities"

    @property
    def cells_topic(self) -> str:
        """Name the internal topic of the cells."""
        return f"{self.app_id}.cells"

    @property
    def links_topic(self) -> str:
        """Name the internal topic of the links from child to parent entities."""
        return f"{self.app_id}.links"

    @property
    def kafka_tls(self) -> TlsFiles:
        """Return the files for TLS with the brokers."""
        return TlsFiles(self.kafka_ssl_cafile, self.kafka_ssl_certfile, self.kafka_ssl_keyfile)

    @property
    def redis_tls(self) -> TlsFiles:
        """Return the files for TLS with Redis."""
        return TlsFiles(self.redis_ssl_cafile, self.redis_ssl_certfile, self.redis_ssl_keyfile)

    @property
    def http_tls(self) -> TlsFiles:
        """Return the files for TLS of the web servers, and of a view that asks workers."""
        return TlsFiles(self.http_ssl_cafile, self.http_ssl_certfile, self.http_ssl_keyfile)

    @property
    def http_scheme(self) -> str:
        """Name what the addresses of the web servers begin with."""
        return "http" if self.http_ssl_certfile is None else "https"

    def input_topic(self, name: str) -> str:
        """Name the input topic with the suffix `name`, such as `deals`."""
        return f"{self.topic_prefix}.{name}"

    def fixed_clock_ms(self) -> int | None:
        """Return the fixed instant in milliseconds since the epoch, rounded down; None for the wall clock."""
        return None if self.clock == "wall" else _instant_ms(self.clock)

    @field_validator("kafka")
    @classmethod
    def _check_servers(cls, text: str) -> str:
        for server in text.split(","):
            match = _SERVER.fullmatch(server.strip())
            if match is None or not 0 < int(match["port"] or 9092) <= _MAX_PORT:
                message = f"`{server}` is not a server; write `host:port`, and a comma between two of them"
                raise ValueError(message)
        return text

    @field_validator("kafka_sasl_mechanism")
    @classmethod
    def _check_mechanism(cls, text: str | None) -> str | None:
        if text is not None and text not in _SASL_MECHANISMS:
            message = f"`{text}` is not supported; use one of {', '.join(_SASL_MECHANISMS)}"
            raise ValueError(message)
        return text

    @field_validator("redis_url")
    @classmethod
    def _check_redis(cls, url: SecretStr | None) -> SecretStr | None:
        fault = None if url is None else redis_fault_of(url.get_secret_value())
        if fault is not None:
            raise ValueError(fault)
        return url

    @field_validator("http_token")
    @classmethod
    def _check_token(cls, token: SecretStr | None) -> SecretStr | None:
        text = "" if token is None else token.get_secret_value()
        if text != text.strip() or not text.isprintable():
            message = "the value cannot be sent in a header; use printable characters, and no space at either end"
            raise ValueError(message)
        return token

    @field_validator("worker_url", "public_url", "grafana_url")
    @classmethod
    def _check_url(cls, url: str | None) -> str | None:
        if url is not None and not re.fullmatch(r"https?://[^/\s?#]+(/[^\s?#]*)?", url):
            message = f"`{url}` is not an HTTP address; write it like `http://worker-1:8081`"
            raise ValueError(message)
        return None if url is None else url.rstrip("/")

    @field_validator("app_id", "topic_prefix")
    @classmethod
    def _check_kafka_name(cls, text: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9._-]*", text):
            message = f"`{text}` cannot begin a topic name; use letters, digits, `_`, `-` and inner dots only"
            raise ValueError(message)
        return text

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, text: str) -> str:
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            message = f"`{text}` is not an IANA time zone; use a name such as `Europe/Amsterdam` or `UTC`"
            raise ValueError(message) from None
        return text

    @field_validator("currency")
    @classmethod
    def _check_currency(cls, text: str) -> str:
        if not re.fullmatch(r"[A-Z]{3}", text):
            message = f"`{text}` is not an ISO 4217 code; write three capital letters, such as `EUR`"
            raise ValueError(message)
        return text

    @field_validator("catalogue", mode="before")
    @classmethod
    def _split_catalogue(cls, value: object) -> object:
        return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value

    @field_validator("catalogue")
    @classmethod
    def _check_catalogue(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        missing = [f"`{path}` does not exist; name a file or folder that does" for path in paths if not path.exists()]
        if missing:
            raise ValueError("\n".join(missing))
        return paths

    @field_validator("http_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                message = f"`{origin}` is not an origin; write scheme and host only, such as `https://wall.example.com`"
                raise ValueError(message)
        return origins

    @field_validator("groups_off", "http_origins", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _raise_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("clock")
    @classmethod
    def _check_clock(cls, text: str) -> str:
        if text != "wall":
            _instant_ms(text)
        return text

    @model_validator(mode="after")
    def _check_security(self) -> Self:
        faults = [*self._sasl_faults(), *self._unused_tls()]
        for name, files in (("kafka", self.kafka_tls), ("redis", self.redis_tls), ("http", self.http_tls)):
            faults += faults_of(files, _variable(f"{name}_ssl_"))
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _sasl_faults(self) -> Iterator[str]:
        protocol = self.kafka_security_protocol
        fields = ("kafka_sasl_mechanism", "kafka_sasl_username", "kafka_sasl_password")
        for variable, value in ((_variable(field), getattr(self, field)) for field in fields):
            if protocol.startswith("SASL_") and value is None:
                yield f"`{variable}` is missing; `{_variable('kafka_security_protocol')}` = `{protocol}` needs it"
            if not protocol.startswith("SASL_") and value is not None:
                yield f"`{variable}` is set but unused; set `{_variable('kafka_security_protocol')}` to `SASL_SSL`"

    def _unused_tls(self) -> Iterator[str]:
        kafka = self.kafka_security_protocol.endswith("SSL")
        redis = self.redis_url is not None and is_encrypted(self.redis_url.get_secret_value())
        for name, files, used, remedy in (
            ("kafka", self.kafka_tls, kafka, f"set `{_variable('kafka_security_protocol')}` to `SSL`"),
            ("redis", self.redis_tls, redis, f"begin `{_variable('redis_url')}` with `rediss://`"),
        ):
            for field, path in files._asdict().items():
                if not used and path is not None:
                    yield f"`{_variable(f'{name}_ssl_{field}')}` is set but unused; {remedy}"


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment, and secrets from the files it names; refuse misspelt ones.

    Args:
        environment: where unknown `SALESPULSE_…` names and those of files are looked for; the process's own by default.

    Raises:
        SettingsError: with one line for each fault, unknown names included.
    """
    environment = os.environ if environment is None else environment
    faults = list(_unknown(environment))
    secrets: dict[str, Any] = {}
    try:
        secrets = dict(read_secret_files(environment, PREFIX, SECRETS))
    except SecretFileError as error:
        faults.append(str(error))
    try:
        settings = Settings(**secrets)
    except ValidationError as error:
        raise SettingsError((*faults, *_worded(error))) from None
    if faults:
        raise SettingsError(tuple(faults))
    return settings


def _unknown(environment: Mapping[str, str]) -> Iterator[str]:
    """Word the variables that carry our prefix but name no setting: a typo must not pass as a default."""
    known = [*Settings.model_fields, *(secret + SUFFIX for secret in SECRETS)]
    for name in sorted(environment):
        field = name.lower().removeprefix(PREFIX.lower())
        if name.upper().startswith(PREFIX) and field not in known:
            close = difflib.get_close_matches(field, known, n=1)
            remedy = f"use `{_variable(close[0])}`, or remove it" if close else "remove it"
            yield f"`{name}` is not a setting; {remedy}"


def _worded(error: ValidationError) -> Iterator[str]:
    """Turn pydantic's report into the house's words; our own validators name the value where it is no secret."""
    for fault in error.errors(include_url=False):
        field = "".join(str(part) for part in fault["loc"][:1])
        if fault["type"] == "value_error":
            for line in fault["msg"].removeprefix("Value error, ").split("\n"):
                yield f"`{_variable(field)}`: {line}" if field else line
        else:
            rule = fault["msg"].replace("Input should", "it must").replace("Path does", "the path does")
            yield f"`{_variable(field)}` is `{fault['input']}`, but {rule.replace(chr(39), '`')}"


def _variable(field: str) -> str:
    return PREFIX + field.upper()


def _instant_ms(text: str) -> int:
    """Convert an RFC 3339 instant to milliseconds since the epoch, rounded down.

    Raises:
        ValueError: if the text is no instant, or has no offset from UTC.
    """
    if _INSTANT.fullmatch(text):
        try:
            return (datetime.fromisoformat(text.upper()) - _EPOCH) // timedelta(milliseconds=1)
        except ValueError:
            pass
    message = f"`{text}` is neither `wall` nor an RFC 3339 instant; write it like `2026-01-31T12:00:00Z`"
    raise ValueError(message)
