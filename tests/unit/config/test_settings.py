"""Settings: the defaults, what the environment says, and every fault by its name."""

import os
from pathlib import Path

import pytest

from config.settings import Settings, SettingsError, load_settings

_SECRET = "hunter2"  # noqa: S105 - an example


def _load(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(f"SALESPULSE_{name}", value)
    return load_settings()


def _faults(monkeypatch: pytest.MonkeyPatch, **environment: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        _load(monkeypatch, **environment)
    assert str(caught.value) == "\n".join(caught.value.faults)
    return caught.value.faults


def test_defaults_are_a_local_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch)

    assert settings.model_dump() == {
        "kafka": "127.0.0.1:9092",
        "kafka_security_protocol": "PLAINTEXT",
        "kafka_sasl_mechanism": None,
        "kafka_sasl_username": None,
        "kafka_sasl_password": None,
        "kafka_ssl_cafile": None,
        "kafka_ssl_certfile": None,
        "kafka_ssl_keyfile": None,
        "redis_url": None,
        "app_id": "salespulse",
        "topic_prefix": "sales",
        "partitions": 4,
        "timezone": "Europe/Amsterdam",
        "currency": "EUR",
        "catalogue": (),
        "groups_off": (),
        "http_origins": (),
        "tick_interval": 1.0,
        "http_host": "127.0.0.1",
        "http_port": 8080,
        "worker_http_port": 8081,
        "http_token": None,
        "worker_url": None,
        "public_url": "http://127.0.0.1:8080",
        "grafana_url": "http://127.0.0.1:3000",
        "flush_interval": 0.2,
        "log_format": "console",
        "log_level": "INFO",
        "clock": "wall",
    }


def test_an_empty_variable_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load(monkeypatch, HTTP_TOKEN="", PARTITIONS="", CATALOGUE="") == Settings()


def test_topics_carry_their_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(monkeypatch, TOPIC_PREFIX="acme", APP_ID="pulse-2")

    assert settings.input_topic("fx-rates") == "acme.fx-rates"
    assert (settings.kpis_topic, settings.dead_letters_topic) == ("acme.kpis", "acme.dead-letters")
    assert (settings.entities_topic, settings.cells_topic, settings.links_topic) == (
        "pulse-2.entities",
        "pulse-2.cells",
        "pulse-2.links",
    )


def test_catalogue_is_a_list_of_existing_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "more.yaml"
    file.touch()

    settings = _load(monkeypatch, CATALOGUE=os.pathsep.join([str(tmp_path), "", str(file)]))

    assert settings.catalogue == (tmp_path, file)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("saas", ("saas",)),
        ("saas,hospitality", ("saas", "hospitality")),
        (" saas , ,hospitality,", ("saas", "hospitality")),
    ],
)
def test_groups_are_switched_off_by_their_names(
    monkeypatch: pytest.MonkeyPatch, text: str, expected: tuple[str, ...]
) -> None:
    assert _load(monkeypatch, GROUPS_OFF=text).groups_off == expected


def test_origins_are_named_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load(monkeypatch, HTTP_ORIGINS="https://a.example, http://localhost:3000").http_origins == (
        "https://a.example",
        "http://localhost:3000",
    )
    with pytest.raises(SettingsError, match=r"`https://a\.example/page` is not an origin; write scheme and host only"):
        _load(monkeypatch, HTTP_ORIGINS="https://a.example/page")


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().partitions = 8  # type: ignore[misc]


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("wall", None),
        ("1970-01-01T00:00:00Z", 0),
        ("2021-11-10T23:00:00Z", 1_636_585_200_000),
        ("2021-11-11t00:00:00+01:00", 1_636_585_200_000),
        ("2021-11-10T23:00:00.0019999Z", 1_636_585_200_001),
        ("1969-12-31T23:59:59.9995Z", -1),
    ],
)
def test_a_fixed_clock_is_milliseconds_rounded_down(
    monkeypatch: pytest.MonkeyPatch, clock: str, expected: int | None
) -> None:
    settings = _load(monkeypatch, CLOCK=clock)

    assert settings.clock == clock
    assert settings.fixed_clock_ms() == expected


@pytest.mark.parametrize(
    "clock", ["now", "2021-11-10", "2021-11-10T23:00:00", "2021-13-10T23:00:00Z", "20211110T230000Z"]
)
def test_a_clock_that_is_no_instant_is_refused(monkeypatch: pytest.MonkeyPatch, clock: str) -> None:
    (fault,) = _faults(monkeypatch, CLOCK=clock)

    assert fault == (
        f"`SALESPULSE_CLOCK`: `{clock}` is neither `wall` nor an RFC 3339 instant; write it like `2026-01-31T12:00:00Z`"
    )


@pytest.mark.parametrize("zone", ["Mars/Base", "Europe", "../etc/passwd", "/etc/localtime"])
def test_a_zone_that_is_unknown_is_refused(monkeypatch: pytest.MonkeyPatch, zone: str) -> None:
    assert _faults(monkeypatch, TIMEZONE=zone) == (
        f"`SALESPULSE_TIMEZONE`: `{zone}` is not an IANA time zone; use a name such as `Europe/Amsterdam` or `UTC`",
    )


@pytest.mark.parametrize("code", ["eur", "EURO", "€"])
def test_a_currency_is_three_capitals(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    assert _faults(monkeypatch, CURRENCY=code) == (
        f"`SALESPULSE_CURRENCY`: `{code}` is not an ISO 4217 code; write three capital letters, such as `EUR`",
    )


@pytest.mark.parametrize("servers", ["a:1", "a", "a:9092,b:9092", "[::1]:9092", "a:1, b:2"])
def test_servers_are_hosts_and_ports(monkeypatch: pytest.MonkeyPatch, servers: str) -> None:
    assert _load(monkeypatch, KAFKA=servers).kafka == servers


@pytest.mark.parametrize(
    ("servers", "bad"), [("a:0", "a:0"), ("a:99999", "a:99999"), ("a:1,,b", ""), ("x://a:1", "x://a:1")]
)
def test_a_server_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, servers: str, bad: str) -> None:
    assert _faults(monkeypatch, KAFKA=servers) == (
        f"`SALESPULSE_KAFKA`: `{bad}` is not a server; write `host:port`, and a comma between two of them",
    )


def test_names_must_suit_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = "cannot begin a topic name; use letters, digits, `_`, `-` and inner dots only"

    assert _faults(monkeypatch, APP_ID="sales pulse", TOPIC_PREFIX=".x") == (
        f"`SALESPULSE_APP_ID`: `sales pulse` {rule}",
        f"`SALESPULSE_TOPIC_PREFIX`: `.x` {rule}",
    )


def test_every_missing_file_of_the_catalogue_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _faults(monkeypatch, CATALOGUE=os.pathsep.join(["no.yaml", "nor/this"])) == (
        "`SALESPULSE_CATALOGUE`: `no.yaml` does not exist; name a file or folder that does",
        "`SALESPULSE_CATALOGUE`: `nor/this` does not exist; name a file or folder that does",
    )


def test_every_fault_is_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = _faults(
        monkeypatch,
        PARTITIONS="0",
        HTTP_PORT="http",
        FLUSH_INTERVAL="-1",
        LOG_FORMAT="xml",
        TIMEZON="UTC",
        WHATEVER="1",
    )

    assert faults == (
        "`SALESPULSE_TIMEZON` is not a setting; use `SALESPULSE_TIMEZONE`, or remove it",
        "`SALESPULSE_WHATEVER` is not a setting; remove it",
        "`SALESPULSE_PARTITIONS` is `0`, but it must be greater than or equal to 1",
        "`SALESPULSE_HTTP_PORT` is `http`, but it must be a valid integer, unable to parse string as an integer",
        "`SALESPULSE_FLUSH_INTERVAL` is `-1`, but it must be greater than 0",
        "`SALESPULSE_LOG_FORMAT` is `xml`, but it must be `console` or `json`",
    )


def test_log_level_may_be_written_small(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _load(monkeypatch, LOG_LEVEL="debug").log_level == "DEBUG"


def test_sasl_needs_all_of_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _faults(monkeypatch, KAFKA_SECURITY_PROTOCOL="SASL_SSL", KAFKA_SASL_USERNAME="u") == (
        "`SALESPULSE_KAFKA_SASL_MECHANISM` is missing; `SALESPULSE_KAFKA_SECURITY_PROTOCOL` = `SASL_SSL` needs it",
        "`SALESPULSE_KAFKA_SASL_PASSWORD` is missing; `SALESPULSE_KAFKA_SECURITY_PROTOCOL` = `SASL_SSL` needs it",
    )


def test_security_that_would_not_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.touch()

    assert _faults(monkeypatch, KAFKA_SASL_PASSWORD=_SECRET, KAFKA_SSL_KEYFILE=str(key)) == (
        "`SALESPULSE_KAFKA_SASL_PASSWORD` is set but unused; set `SALESPULSE_KAFKA_SECURITY_PROTOCOL` to `SASL_SSL`",
        "`SALESPULSE_KAFKA_SSL_KEYFILE` is set but unused; set `SALESPULSE_KAFKA_SECURITY_PROTOCOL` to `SSL`",
        "`SALESPULSE_KAFKA_SSL_CERTFILE` is missing; `SALESPULSE_KAFKA_SSL_KEYFILE` needs it",
    )


def test_a_mechanism_that_is_not_supported_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _faults(monkeypatch, KAFKA_SASL_MECHANISM="GSSAPI") == (
        "`SALESPULSE_KAFKA_SASL_MECHANISM`: `GSSAPI` is not supported; use one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512",
    )


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _load(
        monkeypatch,
        KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
        KAFKA_SASL_MECHANISM="PLAIN",
        KAFKA_SASL_USERNAME="u",
        KAFKA_SASL_PASSWORD=_SECRET,
        REDIS_URL=f"redis://:{_SECRET}@redis:6379/0",
        HTTP_TOKEN=_SECRET,
    )

    for shown in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert _SECRET not in shown
    assert settings.redis_url is not None
    assert settings.redis_url.get_secret_value() == f"redis://:{_SECRET}@redis:6379/0"


def test_a_fault_does_not_show_the_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _faults(monkeypatch, REDIS_URL=f"http://:{_SECRET}@redis") == (
        "`SALESPULSE_REDIS_URL`: the value is not a Redis address; begin it with `redis://`, `rediss://` or `unix://`",
    )


def test_a_certificate_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _faults(monkeypatch, KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CAFILE="no.pem") == (
        "`SALESPULSE_KAFKA_SSL_CAFILE` is `no.pem`, but the path does not point to a file",
    )
