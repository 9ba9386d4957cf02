"""A clock that a test puts back and forth under running processes, as an NTP accident does."""

import os
import shutil
from pathlib import Path

import pytest

from streams.clock import wall_clock

_LIBRARY = "libfaketime.so.1"


class SteppedClock:
    """The wall clock of the processes of one host; their monotonic clock goes on as it is."""

    def __init__(self, file: Path) -> None:
        """Begin with the right time, which is told to the processes in `file`."""
        self._file = file
        self.offset_ms = 0
        self.put(0)

    def put(self, offset_seconds: int) -> None:
        """Put the clock so far ahead of the right time, or behind it."""
        self.offset_ms = offset_seconds * 1000
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{offset_seconds:+d}\n")
        beside.replace(self._file)

    def now(self) -> int:
        """Return the time that the processes are told, in ms since the epoch."""
        return wall_clock() + self.offset_ms

    @property
    def environment(self) -> dict[str, str]:
        """What a process that follows this clock is started with."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }


def _library() -> Path:
    """Return where libfaketime is; without it the test is skipped here, and fails in CI."""
    found = next(Path("/usr/lib").glob(f"*/faketime/{_LIBRARY}"), None)
    if found is not None and shutil.which("faketime"):
        return found
    missing = "libfaketime is not installed; install Debian's package `faketime`"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
