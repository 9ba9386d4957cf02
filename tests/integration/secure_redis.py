"""A Redis that speaks TLS only, to users of its own that may do what the guide has them allowed."""

import re
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from config.settings import Settings
from tests.authority import Authority
from tests.broker import free_port

_GUIDE = Path(__file__).parents[2] / "docs/deploy.md"
PASSWORD = "planted-redis/?#@:%"  # noqa: S105 - each of these has to be spelt otherwise in an address
_SPELT = "planted-redis%2F%3F%23%40%3A%25"


class SecureRedis:
    """One Redis; `administer` speaks to it as one who may do everything."""

    def __init__(self, folder: Path, app_id: str) -> None:
        """Start it with the user of the guide, for the keys of `app_id`."""
        self.authority = Authority(folder, "redis-authority")
        self._certificate = self.authority.certify("redis", "DNS:localhost")
        self.port = free_port()
        (line,) = re.findall(r"^user salespulse .*$", _GUIDE.read_text("utf-8"), re.MULTILINE)
        rule = line.replace(">the-password", f">{PASSWORD}").replace("salespulse:", f"{app_id}:")
        users = folder / "users.acl"
        users.write_text(f"user default off\nuser admin on >{PASSWORD} ~* &* +@all\n{rule}\n")
        options = {
            "port": "0",
            "tls-port": str(self.port),
            "tls-cert-file": str(self._certificate[0]),
            "tls-key-file": str(self._certificate[1]),
            "tls-ca-cert-file": str(self.authority.cafile),
            "tls-auth-clients": "no",
            "aclfile": str(users),
            "save": "",
            "dir": str(folder),
        }
        program = shutil.which("redis-server")
        assert program is not None, "redis-server is not installed; install Debian's package `redis-server`"
        arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
        self._process = subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            assert time.monotonic() < deadline, "redis does not answer"
            time.sleep(0.05)

    def settings(self, settings: Settings, password: str = _SPELT, host: str = "localhost") -> Settings:
        """Return `settings` for a view that comes as the guide's user."""
        url = SecretStr(f"rediss://salespulse:{password}@{host}:{self.port}/0")
        return settings.model_copy(update={"redis_url": url, "redis_ssl_cafile": self.authority.cafile})

    def administer(self, *command: str) -> str:
        """Send one command; return what is answered."""
        line = ["redis-cli", "--tls", "--cacert", str(self.authority.cafile), "-h", "localhost", "-p", str(self.port)]
        environment = {"REDISCLI_AUTH": PASSWORD, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [*line, "--user", "admin", *command], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
