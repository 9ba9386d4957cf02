"""One line an event, whoever wrote it, and no noise."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog
from aiokafka.protocol.admin import SaslAuthenticateRequest, SaslAuthenticateRequest_v0

from config.settings import Settings
from streams.logs import configure_logging


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers, root.level = handlers, level
    for name in ("aiokafka", "faust", "mode", "asyncio", "kafka"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def _json_lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_is_one_object_a_line_for_both_kinds_of_logger() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json"), stream)

    structlog.get_logger("streams.worker").info("flushed", records=3)
    logging.getLogger("other").warning("slow %s", "disk")

    ours, theirs = _json_lines(stream)
    assert ours.pop("timestamp")
    assert theirs.pop("timestamp")
    assert ours == {"event": "flushed", "level": "info", "logger": "streams.worker", "records": 3}
    assert theirs == {"event": "slow disk", "level": "warning", "logger": "other"}


def test_json_keeps_an_exception_on_its_line() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json"), stream)

    try:
        int("no number")
    except ValueError:
        structlog.get_logger("streams.worker").exception("crashed")
        logging.getLogger("other").exception("crashed too")

    for line in _json_lines(stream):
        assert "ValueError: invalid literal" in str(line["exception"])


def test_console_is_for_people() -> None:
    stream = io.StringIO()
    configure_logging(Settings(), stream)

    structlog.get_logger("streams.worker").warning("waiting", seconds=2)

    (line,) = stream.getvalue().splitlines()
    assert "waiting" in line
    assert "seconds=2" in line
    assert "\x1b" not in line


def test_the_level_holds() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_level="ERROR"), stream)

    structlog.get_logger("streams.worker").warning("small matter")
    logging.getLogger("faust").warning("small matter")

    assert stream.getvalue() == ""


@pytest.mark.parametrize(("level", "heard"), [("INFO", 0), ("DEBUG", 1)])
def test_libraries_chat_only_when_asked(level: str, heard: int) -> None:
    stream = io.StringIO()
    configure_logging(Settings.model_validate({"log_level": level}), stream)

    logging.getLogger("aiokafka.consumer.group_coordinator").info("Revoking previously assigned partitions")

    assert len(stream.getvalue().splitlines()) == heard


def test_the_expected_retry_is_not_told() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json"), stream)
    log = logging.getLogger("aiokafka.producer.sender")

    text = "Got error produce response on topic-partition %s, retrying. Error: %s"
    log.warning(text, "sales.kpis-0", "<class 'aiokafka.errors.NotEnoughReplicasError'>")
    log.warning(text, "sales.kpis-0", "<class 'aiokafka.errors.KafkaStorageError'>")

    (line,) = _json_lines(stream)
    assert "KafkaStorageError" in str(line["event"])


def test_repeats_of_a_library_are_counted_not_told() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json"), stream)

    for second in (0, 1, 2, 9.9, 10, 15):
        _say("aiokafka", "Unable connect to %s", 1_000_000 + second)
    for second in (0, 1):
        _say("streams.worker", "flushed %s", 1_000_000 + second)

    assert [line["event"] for line in _json_lines(stream)] == [
        "Unable connect to x",
        "Unable connect to x (3 more like it)",
        "flushed x",
        "flushed x",
    ]


def test_what_was_said_long_ago_is_forgotten() -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_format="json"), stream)

    _say("aiokafka", "old %s", 1_000_000)
    _say("aiokafka", "old %s", 1_000_001)
    _say("aiokafka", "new %s", 1_001_000)
    _say("aiokafka", "old %s", 1_001_001)

    assert [line["event"] for line in _json_lines(stream)] == ["old x", "new x", "old x"]


def _say(logger: str, text: str, at: float) -> None:
    record = logging.LogRecord(logger, logging.WARNING, __file__, 1, text, ("x",), None)
    record.created = at
    logging.getLogger(logger).handle(record)


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_how_a_client_proves_who_it_is_is_never_logged(log_format: Literal["console", "json"]) -> None:
    stream = io.StringIO()
    configure_logging(Settings(log_level="DEBUG", log_format=log_format), stream)

    library = logging.getLogger("aiokafka.conn")
    proof = SaslAuthenticateRequest(b"\0user\0hunter2").build(SaslAuthenticateRequest_v0)
    library.debug("Request to %s:%d %d: %s", "broker", 9092, 1, proof)
    library.debug("Request to %s:%d %d: %s", "broker", 9092, 2, "MetadataRequest")

    assert "hunter2" in repr(proof)  # it would be
    assert "hunter2" not in stream.getvalue()
    assert "MetadataRequest" in stream.getvalue()
