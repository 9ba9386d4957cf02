"""One service of docker-compose.yml in namespaces of the kernel: its paths, its variables, its user, its root."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from tests.deployment.image import Image
from tests.deployment.pod import Pod
from tests.deployment.service import HealthCheck, Service

_ROOT = Path(__file__).parents[2]
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/alternatives", "/etc/ld.so.cache", "/etc/ssl")
_USER = "10001"
_LINES = 40


class Container:
    """A process that sees what a container of the service would see, with programs of this machine.

    Mounts, volumes, tmpfs, read-only root, variables, working directory and command are those of the compose file and
    the image; there are no capabilities, and no way to get any.
    """

    def __init__(self, service: Service, image: Image, pod: Pod, folder: Path, binds: Sequence[str] = ()) -> None:
        """Prepare it; `binds` are more options of bwrap, for what the image holds and this machine has elsewhere."""
        self.service = service
        self.log = folder / "log"
        self._image = image
        self._pod = pod
        self._folder = folder
        self._binds = binds
        self._process: subprocess.Popen[bytes] | None = None
        self._child = 0
        for target in self._kept:
            self._place(target).mkdir(parents=True)

    @property
    def _kept(self) -> tuple[str, ...]:
        """Name the targets of volumes: those of the file, and those that the image asks for."""
        named = [mount.target for mount in self.service.mounts if mount.is_volume]
        return tuple(dict.fromkeys([*named, *self._image.volumes]))

    def _place(self, target: str) -> Path:
        return self._folder / target.strip("/").replace("/", "_")

    def _sandbox(self) -> Iterator[str]:
        """Spell the options of bwrap."""
        yield from ("bwrap", "--unshare-user", "--uid", _USER, "--gid", _USER, "--unshare-uts", "--unshare-ipc")
        yield from ("--hostname", self.service.name, "--die-with-parent", "--clearenv")
        for name, value in {"HOME": "/nonexistent", **self._image.environment, **self.service.environment}.items():
            yield from ("--setenv", name, value)
        yield from ("--tmpfs", "/", "--proc", "/proc", "--dev", "/dev")
        for path in (*_SYSTEM, *map(str, Path("/etc").glob("java-*"))):
            yield from ("--ro-bind-try", path, path)
        for name in ("hosts", "resolv.conf", "nsswitch.conf"):
            yield from ("--ro-bind", str(self._pod.etc / name), f"/etc/{name}")
        for target in self.service.tmpfs:
            yield from ("--tmpfs", target)
        yield from self._binds
        for target in self._kept:
            yield from ("--bind", str(self._place(target)), target)
        for mount in (mount for mount in self.service.mounts if not mount.is_volume):
            yield from ("--ro-bind" if mount.read_only else "--bind", str(_ROOT / mount.source), mount.target)
        if self.service.read_only:
            yield from ("--remount-ro", "/")
        yield from ("--chdir", self._image.folder)

    def start(self) -> Self:
        """Start what image and file say together."""
        told, tell = os.pipe()
        command = [*self._pod.enter, *self._sandbox(), "--info-fd", str(tell), "--"]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *self._image.entrypoint, *self.service.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[tell],
                start_new_session=True,
            )
        os.close(tell)
        with os.fdopen(told) as answers:
            text = answers.read()
        if not text:
            raise RuntimeError(f"`{self.service.name}` was not started: {self.tail()}")
        self._child = json.loads(text)["child-pid"]
        return self

    def run(self, *command: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Run another command as in this container, with everything but what `/tmp` holds."""
        line = [*self._pod.enter, *self._sandbox(), "--", *command]
        return subprocess.run(line, capture_output=True, text=True, timeout=timeout, check=False)

    def until_healthy(self) -> None:
        """Ask for its health as the file says, but oftener, until it is well.

        Raises:
            TimeoutError: it would count as unhealthy by now.
            RuntimeError: it has ended.
        """
        check = self.service.healthcheck
        assert check is not None
        deadline = time.monotonic() + check.patience
        while why := self._ill(check):
            if self._running().poll() is not None:
                raise RuntimeError(f"`{self.service.name}` has ended: {self.tail()}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"`{self.service.name}` is unhealthy: {why}; {self.tail()}")
            time.sleep(0.25)

    def _ill(self, check: HealthCheck) -> str:
        """Run the health check; return what speaks against it, nothing if it is well."""
        try:
            asked = self.run(*check.command, timeout=check.timeout)
        except subprocess.TimeoutExpired as error:
            return str(error)
        return f"exit code {asked.returncode}: {asked.stderr}{asked.stdout}" if asked.returncode else ""

    def until_completed(self, within: float = 60) -> int:
        """Wait until it ends by itself; return its exit code."""
        return self._running().wait(within)

    def stop(self) -> int:
        """End it as compose does, with SIGTERM and the time that the file grants; return its exit code.

        Raises:
            subprocess.TimeoutExpired: it has not ended by then, and compose would kill it.
        """
        os.kill(self._child, signal.SIGTERM)
        return self._running().wait(self.service.grace)

    def close(self) -> None:
        """Make sure that it is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()  # what runs inside dies with it
            self._process.wait()

    def tail(self) -> str:
        """Return the end of what it wrote."""
        return "\n".join(self.log.read_text("utf-8", errors="replace").splitlines()[-_LINES:])

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start it first"
        return self._process
