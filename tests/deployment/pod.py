"""A network of its own, as compose makes one: names for its services, and no way out."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.deployment.names import addresses

_FETCH = """
import sys, urllib.request
asked = urllib.request.Request(sys.argv[1], sys.stdin.buffer.read() or None, {"Content-Type": "application/json"})
sys.stdout.write(urllib.request.urlopen(asked, timeout=5).read().decode())
"""
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=5)"
_ROOT = Path(__file__).parents[2]


class Pod:
    """A network namespace that ends with this process; whoever is started in it can listen on any port.

    Unlike between containers, all services share one loopback interface, so two of them cannot have the same port.
    """

    def __init__(self, names: Sequence[str], folder: Path) -> None:
        """Make the network, with its name server; `folder` takes the files that belong below `/etc`."""
        self.addresses = addresses(list(names))
        self.etc = folder
        (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
        (folder / "hosts").write_text("127.0.0.1 localhost\n")
        (folder / "nsswitch.conf").write_text("hosts: files dns\n")
        self._server = subprocess.Popen(
            [
                *("bwrap", "--dev-bind", "/", "/", "--unshare-user", "--uid", "0", "--gid", "0", "--unshare-net"),
                *("--cap-add", "CAP_NET_BIND_SERVICE", "--die-with-parent", "--chdir", str(_ROOT)),
                *("--ro-bind", str(folder / "resolv.conf"), "/etc/resolv.conf"),
                *("sh", "-c", 'echo $$; exec "$@"', "names"),
                *(sys.executable, "-m", "tests.deployment.names", *names),
            ],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._server.stdout is not None
        self._pid = self._server.stdout.readline().strip()
        ready = self._server.stdout.readline().strip()
        if ready != "ready":
            self.close()
            raise RuntimeError(f"no network of its own can be made here: `{ready or self._pid}`")

    @property
    def enter(self) -> tuple[str, ...]:
        """What comes before a command that is to run in this network."""
        return ("nsenter", "--target", self._pid, "--user", "--net", "--preserve-credentials")

    def fetch(self, url: str, body: str = "") -> str:
        """Return the answer of `url`, as this network gets it: with GET, or with POST if there is a body.

        Raises:
            OSError: it is not to be had.
        """
        done = self._python(_FETCH, url, given=body)
        if done.returncode:
            raise OSError(f"`{url}` is not to be had: {done.stderr.strip().splitlines()[-1]}")
        return done.stdout

    def reaches(self, name: str, port: int) -> bool:
        """Tell whether the service listens at its own address: not on `localhost` alone."""
        return self._python(_CONNECT, self.addresses[name], str(port)).returncode == 0

    def _python(self, code: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        command = [*self.enter, sys.executable, "-c", code, *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=False)

    def close(self) -> None:
        """End the network; whatever still runs in it is not reached any more."""
        self._server.kill()
        self._server.wait()
        if self._server.stdout is not None:
            self._server.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
