"""Settings: the defaults, what the environment says, and every fault by its name."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from config.settings import SECRETS, Settings, SettingsError, load_settings
from config.tls import client_context, server_context
from tests.authority import Authority

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
        "redis_ssl_cafile": None,
        "redis_ssl_certfile": None,
        "redis_ssl_keyfile": None,
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
        "http_ssl_certfile": None,
        "http_ssl_keyfile": None,
        "http_ssl_cafile": None,
        "http_rate": 100.0,
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


@pytest.mark.parametrize(
    "url",
    [
        f"http://:{_SECRET}@redis",
        f"redis://:{_SECRET}/and-more@redis:6379/0",
        f"redis://:{_SECRET}#and-more@redis:6379/0",
        f"redis://:{_SECRET}?and-more@redis:6379/0",
        f"redis://u:p@redis:{_SECRET}/0",
        f"redis://u:p@redis:6379/{_SECRET}",
        f"rediss://u:{_SECRET}@redis/0?ssl_cert_reqs=none",
        f"redis://u:{_SECRET}@redis/0?socket_timeout=1",
        f"redis://[{_SECRET}/0",
        f"redis://{_SECRET}@/0",
        "redis://",
        "unix://",
    ],
)
def test_a_fault_of_an_address_does_not_show_a_part_of_it(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    (fault,) = _faults(monkeypatch, REDIS_URL=url)
    assert fault.startswith("`SALESPULSE_REDIS_URL`: ")
    assert _SECRET not in fault


@pytest.mark.parametrize(
    "url",
    ["redis://redis", "redis://redis:6379/0", "rediss://u:a%2Fb%40c@redis:6380/3", "unix:///run/redis.sock?db=1",
     "redis://[::1]:6379"],
)  # fmt: skip
def test_addresses_of_redis(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    found = _load(monkeypatch, REDIS_URL=url).redis_url
    assert found is not None
    assert found.get_secret_value() == url


# ------------------------------------------------------------------------------------------------------- secret files


_GIVEN = {"kafka_sasl_password": "p\u00e4ss word\n", "redis_url": "redis://:hunter2@redis\r\n", "http_token": "hunter2"}
_SASL = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "u"}


def test_every_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert set(SECRETS) == {n for n, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation)}
    for name, content in _GIVEN.items():
        file = tmp_path / name
        file.write_text(content, encoding="utf-8", newline="")
        monkeypatch.setenv(f"SALESPULSE_{name.upper()}_FILE", str(file))

    settings = _load(monkeypatch, **_SASL)

    found = {name: getattr(settings, name).get_secret_value() for name in SECRETS}
    assert found == {name: content.rstrip("\r\n") for name, content in _GIVEN.items()}
    assert _SECRET not in repr(settings)


def test_a_secret_is_given_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(_SECRET)
    assert _faults(monkeypatch, HTTP_TOKEN=_SECRET, HTTP_TOKEN_FILE=str(file)) == (
        "`SALESPULSE_HTTP_TOKEN` and `SALESPULSE_HTTP_TOKEN_FILE` are both set; remove one of them",
    )
    assert _load(monkeypatch, HTTP_TOKEN="").http_token is not None  # an empty variable is none


def test_only_secrets_are_read_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    (fault,) = _faults(monkeypatch, CURRENCY_FILE="/etc/hostname")
    assert fault.startswith("`SALESPULSE_CURRENCY_FILE` is not a setting; use `SALESPULSE_CURRENCY`")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (None, "which cannot be read: no such file or directory"),
        (b"", "which is empty; write the secret into it"),
        (b"\n", "which is empty; write the secret into it"),
        (b"\xff" + _SECRET.encode(), "which is not a text in UTF-8"),
        (_SECRET.encode() * 20_000, "which is too large for a secret; name a file with it alone"),
    ],
)
def test_a_file_without_a_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, rule: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    assert _faults(monkeypatch, HTTP_TOKEN_FILE=str(file)) == (f"`SALESPULSE_HTTP_TOKEN_FILE` is `{file}`, {rule}",)


@pytest.mark.parametrize("token", [" hunter2", "hunter2\t", "hun\nter2", "hun\x7fter2"])
def test_a_token_that_no_header_can_hold_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, token: str
) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    (fault,) = _faults(monkeypatch, HTTP_TOKEN_FILE=str(file))
    assert fault == (
        "`SALESPULSE_HTTP_TOKEN`: the value cannot be sent in a header; use printable characters, and no space at"
        " either end"
    )


# ---------------------------------------------------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def test_the_files_of_each_connection_are_read(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    certificate, key = authority.certify("web", "DNS:localhost")
    files = {"SSL_CAFILE": str(authority.cafile), "SSL_CERTFILE": str(certificate), "SSL_KEYFILE": str(key)}
    every = {f"{name}_{file}": path for name in ("KAFKA", "REDIS", "HTTP") for file, path in files.items()}

    settings = _load(monkeypatch, **every, KAFKA_SECURITY_PROTOCOL="SSL", REDIS_URL="rediss://redis")

    assert settings.http_scheme == "https"
    for found in (settings.kafka_tls, settings.redis_tls, settings.http_tls):
        assert tuple(found) == (authority.cafile, certificate, key)
        assert client_context(found).check_hostname
        assert server_context(found) is not None


def test_without_a_certificate_there_is_no_tls() -> None:
    assert Settings().http_scheme == "http"
    assert server_context(Settings().http_tls) is None


def test_a_certificate_and_its_key_may_stand_in_one_file(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.certify("one", "DNS:localhost")
    both = tmp_path / "both.pem"
    both.write_text(certificate.read_text() + key.read_text())
    assert _load(monkeypatch, HTTP_SSL_CERTFILE=str(both)).http_scheme == "https"


def test_files_that_do_not_fit_are_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, authority: Authority, tmp_path: Path
) -> None:
    certificate, key = authority.certify("a", "DNS:a")
    _, other = authority.certify("b", "DNS:b")
    locked, empty = tmp_path / "locked.key", tmp_path / "empty.pem"
    subprocess.run(
        ["openssl", "ec", "-aes256", "-in", key, "-out", locked, "-passout", "pass:hunter2"],
        check=True,
        capture_output=True,
    )
    empty.write_text(_SECRET)
    cases = {
        "HTTP_SSL_CERTFILE": {"HTTP_SSL_CERTFILE": certificate, "HTTP_SSL_KEYFILE": other},
        "KAFKA_SSL_CERTFILE": {"KAFKA_SSL_CERTFILE": certificate, "KAFKA_SSL_KEYFILE": locked},
        "REDIS_SSL_CERTFILE": {"REDIS_SSL_CERTFILE": certificate},
        "HTTP_SSL_CAFILE": {"HTTP_SSL_CAFILE": empty},
        "KAFKA_SSL_CAFILE": {"KAFKA_SSL_CAFILE": key},
    }
    for variable, files in cases.items():
        with monkeypatch.context() as patch:
            patch.setenv("SALESPULSE_KAFKA_SECURITY_PROTOCOL", "SSL")
            patch.setenv("SALESPULSE_REDIS_URL", "rediss://redis")
            (fault,) = _faults(patch, **{name: str(path) for name, path in files.items()})
        assert fault.startswith(f"`SALESPULSE_{variable}`: ")
        assert "PRIVATE" not in fault
        assert _SECRET not in fault
    assert locked.stat().st_mode & stat.S_IRUSR


def test_a_key_needs_its_certificate_and_files_a_use(monkeypatch: pytest.MonkeyPatch, authority: Authority) -> None:
    _, key = authority.certify("c", "DNS:c")
    assert _faults(monkeypatch, HTTP_SSL_KEYFILE=str(key), REDIS_SSL_CAFILE=str(authority.cafile)) == (
        "`SALESPULSE_REDIS_SSL_CAFILE` is set but unused; begin `SALESPULSE_REDIS_URL` with `rediss://`",
        "`SALESPULSE_HTTP_SSL_CERTFILE` is missing; `SALESPULSE_HTTP_SSL_KEYFILE` needs it",
    )


def test_a_certificate_file_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _faults(monkeypatch, KAFKA_SECURITY_PROTOCOL="SSL", KAFKA_SSL_CAFILE="no.pem") == (
        "`SALESPULSE_KAFKA_SSL_CAFILE` is `no.pem`, but the path does not point to a file",
    )
