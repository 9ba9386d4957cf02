"""Child processes of a run: the worker, the producer, and the programs it is compared with."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import urlopen

import msgspec

from bench.worker import PROFILE_SIGNAL
from config.settings import Settings
from tests.integration.cluster import environment_of

ROOT = Path(__file__).parents[1]
_READY_SECONDS = 180.0
_STOP_SECONDS = 30.0
_RESULT_SECONDS = 300.0
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_OK = 200


class ChildError(RuntimeError):
    """A child process that did not do its part; the text has the end of its log."""


class Child:
    """One process, with its log in a file."""

    def __init__(self, module: str, arguments: list[str], settings: Settings, log: Path) -> None:
        """Start ``python -m MODULE ARGUMENTS``."""
        self.module = module
        self._log = log
        self._begun = time.monotonic()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env={
                    **environment_of(settings),
                    "SALESPULSE_HTTP_PORT": str(settings.http_port),
                    "SALESPULSE_WORKER_HTTP_PORT": str(settings.worker_http_port),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def age_seconds(self) -> float:
        """Return how long ago it was started."""
        return time.monotonic() - self._begun

    def cpu_seconds(self) -> float:
        """Return its CPU time so far, user and system, of all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND

    def resident_bytes(self) -> int:
        """Return the memory it occupies."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def until_ready(self, port: int) -> None:
        """Wait until its `/readyz` says that it is ready."""
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self.running:
            try:
                with urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as response:
                    if response.status == _OK:
                        return
            except (URLError, OSError):
                pass
            time.sleep(0.1)
        raise self.error("was not ready in time")

    def read_line(self, expected: str) -> None:
        """Wait for a line on its standard output."""
        assert self.process.stdout is not None  # noqa: S101 (a pipe, as asked for above)
        line = self.process.stdout.readline().decode().strip()
        if line != expected:
            raise self.error(f"said `{line}`, expected `{expected}`")

    def write_line(self) -> None:
        """Let it go on."""
        assert self.process.stdin is not None  # noqa: S101 (a pipe, as asked for above)
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, Any]:
        """Wait for its end; return the JSON that it wrote."""
        try:
            output, _ = self.process.communicate(timeout=_RESULT_SECONDS)
        except subprocess.TimeoutExpired:
            raise self.error(f"gave no result within {_RESULT_SECONDS:.0f} s") from None
        if self.process.returncode or not output:
            raise self.error(f"ended with exit code {self.process.returncode}")
        result: dict[str, Any] = msgspec.json.decode(output.splitlines()[-1])  # Faust greets first
        return result

    def toggle_profile(self) -> None:
        """Begin its profile, or end it."""
        self.process.send_signal(PROFILE_SIGNAL)

    def terminate(self) -> None:
        """End it in good order."""
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(_STOP_SECONDS):
            raise self.error(f"ended with exit code {self.process.returncode} after SIGTERM")

    def error(self, what: str) -> ChildError:
        """Return an error with the end of its log."""
        tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
        return ChildError(f"`python -m {self.module}` {what}; the end of its log `{self._log}`:\n{tail}")
