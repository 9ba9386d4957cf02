"""What the logs of a run hold that no fault explains."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_EXPLAINED = (
    "aiokafka.errors.",
    "asyncio.exceptions.CancelledError",
    "AssertionError: Did we not perform bootstrap?",
    "KeyError: <aiokafka.producer.message_accumulator.MessageBatch object",
    "RuntimeError: Event loop is closed",
    "streams.kafka.TransactionLostError: ",
)
"""Exceptions whose tracebacks the faults explain.

Every broker goes away, and answers that there are no brokers before it is up; libraries tell of requests that nobody
waits for any more; and who was stopped for longer than a transaction may take has lost it, for which aiokafka forgets
a batch twice when it had to send it again.
"""
_EXPLAINED_CAUSES = ("asyncio.exceptions.IncompleteReadError: ", "ConnectionResetError: ", "TimeoutError")
"""Those that the faults explain where another one was raised from them: a connection ended, or time ran out."""
_BEGINS = "Traceback (most recent call last)"
_CAUSES = "The above exception was the direct cause of the following exception:"


def tracebacks(log: Path) -> Iterator[tuple[str, bool]]:
    """Yield the last line of every traceback, the exception and its text, and whether another was raised from it.

    Other threads may log in between.
    """
    within, last = False, ""
    for line in log.read_text(errors="replace").splitlines():
        if _BEGINS in line:
            within = True
        elif within and line[:1].strip() and not line[0].isdigit():
            within = False
            if last:
                yield last, False
            last = line
        elif last and line == _CAUSES:
            yield last, True
            last = ""
    if last:
        yield last, False


def unexplained(log: Path) -> Iterator[str]:
    """Yield each exception, with how often it came, whose traceback is in a log without a fault that explains it."""
    counts = Counter(
        line
        for line, causes in tracebacks(log)
        if not line.startswith(_EXPLAINED) and not (causes and line.startswith(_EXPLAINED_CAUSES))
    )
    for line, count in counts.items():
        yield f"{log.name}: traceback of `{line[:200]}`, {count} times"
