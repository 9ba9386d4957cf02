"""What the logs of a run hold that no fault explains."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_EXPLAINED = (
    "aiokafka.errors.",
    "asyncio.exceptions.CancelledError",
    "asyncio.exceptions.IncompleteReadError: ",
    "AssertionError: Did we not perform bootstrap?",
    "ConnectionResetError: ",
    "RuntimeError: Event loop is closed",
    "TimeoutError",
)
"""Exceptions whose tracebacks the faults explain.

Every broker goes away, which ends its connections, and answers that there are no brokers before it is up; who is
stopped, or asks one that is frozen, is out of time; and libraries tell of requests that nobody waits for any more.
"""
_BEGINS = "Traceback (most recent call last)"


def tracebacks(log: Path) -> Iterator[str]:
    """Yield the last line of every traceback: the exception and its text; other threads may log in between."""
    within = False
    for line in log.read_text(errors="replace").splitlines():
        if _BEGINS in line:
            within = True
        elif within and line[:1].strip() and not line[0].isdigit():
            within = False
            yield line


def unexplained(log: Path) -> Iterator[str]:
    """Yield each exception, with how often it came, whose traceback is in a log without a fault that explains it."""
    counts = Counter(line for line in tracebacks(log) if not line.startswith(_EXPLAINED))
    for line, count in counts.items():
        yield f"{log.name}: traceback of `{line[:200]}`, {count} times"
