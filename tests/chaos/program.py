"""A program of a run that can be killed, stopped and started; it dies with us, and its end is looked at."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.broker import dies_with
from tests.integration.cluster import ROOT

GRACE_SECONDS = 30.0
"""How long a program may take to end after SIGTERM: what Kubernetes grants."""


class Program:
    """One command, started any number of times, with one log."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        """Begin without a process, and with an empty log."""
        log.touch()
        self.name = name
        self.log = log
        self.environment: Mapping[str, str] = dict(os.environ)
        self.faults: list[str] = []
        """What it did that it must not do."""
        self._command = command
        self._read_to = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether it was started and not ended by us; whether it really lives is what `look` says."""
        return self._process is not None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=dies_with(os.getpid()),  # noqa: PLW1509 - the child only makes one system call
            )

    def news(self) -> str:
        """Return what it has logged since this was last asked for."""
        with self.log.open("rb") as log:
            log.seek(self._read_to)
            text = log.read()
        self._read_to += len(text)
        return text.decode(errors="replace")

    def look(self) -> None:
        """Take note of an end that nobody asked for, and start it again, so that the run can go on."""
        if self._process is not None and (code := self._process.poll()) is not None:
            self.faults.append(f"{self.name} ended by itself with exit code {code}")
            self.start()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.look()
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    async def terminate(self) -> None:
        """End it with SIGTERM; it must end soon, and with exit code 0 if it has come to take the signal itself."""
        self.look()
        process, self._process = self._process, None
        if process is None:
            return
        right = (0,) if _takes(process.pid, signal.SIGTERM) else (0, -signal.SIGTERM)
        process.terminate()
        try:
            code = await asyncio.to_thread(process.wait, GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self.faults.append(f"{self.name} still ran {GRACE_SECONDS:.0f} s after SIGTERM")
            process.kill()
            process.wait()
        else:
            if code not in right:
                self.faults.append(f"{self.name} ended with exit code {code} after SIGTERM")

    def pause(self) -> None:
        """Stop it in its tracks."""
        self.look()
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def close(self) -> None:
        """Make sure that it is gone."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    async def ended(self, within: float) -> int:
        """Wait until it ends by itself, as it should; return the exit code.

        Raises:
            TimeoutError: it still runs.
        """
        process, deadline = self._process, time.monotonic() + within
        assert process is not None
        while (code := process.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} still runs after {within:.0f} s")
            await asyncio.sleep(0.2)
        self._process = None
        return code


def _takes(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler of its own for a signal by now; Linux only."""
    status = Path(f"/proc/{pid}/status").read_text()
    (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)
