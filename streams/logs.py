"""Logging: one line an event, for people or for machines, ours and the libraries' alike."""

import logging
import logging.config
import sys
from typing import Any, TextIO

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

from config.settings import Settings
from metrics.records import UnreadableRecordError
from streams.clock import ClockPutBackError
from streams.kafka import RecordTooLargeError

# Faust, mode and aiokafka report every start of every inner service and every step of a rebalance at INFO.
_CHATTY = ("aiokafka", "faust", "mode", "asyncio", "kafka")
_REPEAT_SECONDS = 10.0


def configure_logging(settings: Settings, stream: TextIO | None = None) -> None:
    """Send the log of the whole process to `stream`, standard error by default, in the settings' shape and level."""
    logging.config.dictConfig(logging_config(settings, stream))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def logging_config(settings: Settings, stream: TextIO | None = None) -> dict[str, Any]:
    """Return the configuration as `logging.config.dictConfig` takes it; Faust needs it, as it sets up the root anew."""
    stream = stream or sys.stderr
    library_level = settings.log_level if settings.log_level == "DEBUG" else _least("WARNING", settings.log_level)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "secrets": {"()": Secrets},
            "expected": {"()": ExpectedRetries},
            "explained": {"()": Explained},
            "clients": {"()": ClientFaults},
            "repeats": {"()": Repeats},
        },
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_renderers(settings.log_format, colours=stream.isatty()),
                ],
            }
        },
        "handlers": {
            "stream": {
                "class": "logging.StreamHandler",
                "stream": stream,
                "formatter": "line",
                "filters": ["secrets", "expected", "explained", "clients", "repeats"],
            }
        },
        "root": {"level": settings.log_level, "handlers": ["stream"]},
        "loggers": {name: {"level": library_level} for name in _CHATTY},
    }


class Secrets(logging.Filter):
    """Drop what aiokafka says, at DEBUG, of how it proves who it is: with the mechanism PLAIN it is the password."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass but those requests and answers."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        return not any(type(argument).__name__.startswith("SaslAuthenticate") for argument in arguments)


class ExpectedRetries(logging.Filter):
    """Drop what aiokafka says of a retry that is part of every start.

    A Kafka 4 broker answers some first produce requests of a transactional client that speaks the older protocol with
    the retriable NotEnoughReplicas; the client tries again after some milliseconds.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass but that warning."""
        return not (record.name == "aiokafka.producer.sender" and "NotEnoughReplicas" in record.getMessage())


_EXPLAINED = (UnreadableRecordError, ClockPutBackError, RecordTooLargeError)


class Explained(logging.Filter):
    """Leave out the traceback of a fault whose text says what is wrong and what helps.

    After such a fault the thread of Faust's consumer has often ended before it is told to, which is no news.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, _EXPLAINED) or (isinstance(error, RuntimeError) and str(error) == "Event loop is closed"):
            record.exc_info = None
        return True


class ClientFaults(logging.Filter):
    """Drop what aiohttp says, with a traceback, of a request that is none: its client was told, with a status of 400.

    Whoever reaches the port could fill the log with it otherwise.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass but those."""
        fault = record.exc_info[1] if record.exc_info else None
        return not isinstance(fault, HttpProcessingError | RequestPayloadError)


class Repeats(logging.Filter):
    """Let a library say the same thing once in ten seconds only, and count what was left out.

    A broker that is away for a minute makes some ten thousand lines otherwise. Our own loggers are not touched.
    """

    def __init__(self) -> None:
        """Begin with nothing said."""
        super().__init__()
        self._said: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide by the record's own time; add the number of those left out to the text."""
        if record.name.partition(".")[0] not in _CHATTY:
            return True
        key = (record.name, record.levelno, str(record.msg))
        said_at, left_out = self._said.get(key, (float("-inf"), 0))
        if record.created - said_at < _REPEAT_SECONDS:
            self._said[key] = (said_at, left_out + 1)
            return False
        self._forget(record.created)
        self._said[key] = (record.created, 0)
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like it)", ()
        return True

    def _forget(self, now: float) -> None:
        """Drop what was said long ago, as texts may be without number."""
        stale = [key for key, (said_at, _) in self._said.items() if now - said_at > 60 * _REPEAT_SECONDS]
        for key in stale:
            del self._said[key]


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


def _renderers(log_format: str, *, colours: bool) -> list[Any]:
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(sort_keys=True, default=str)]
    return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)]


def _least(floor: str, level: str) -> str:
    """Return the higher of two level names."""
    return max(floor, level, key=lambda name: logging.getLevelNamesMapping()[name])
