"""What is known of an image without pulling it: what it starts, where, with which variables, and its programs."""

import json
import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """What docker-compose.yml leaves to the image."""

    entrypoint: tuple[str, ...]
    folder: str
    programs: frozenset[str]
    """Those that a health check may call."""
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": _PATH})
    volumes: tuple[str, ...] = ()
    """Where the image itself asks for a volume: writable, whatever the root is."""
    writes: tuple[str, ...] = ()
    """Where its programs write, if that is not the folder that they are started in."""

    @property
    def written(self) -> tuple[str, ...]:
        """The folders that must be writable."""
        return self.writes or (self.folder,)


_BUSYBOX = frozenset({"wget"})

PULLED = {
    "apache/kafka": Image(
        ("/etc/kafka/docker/run",),
        "/",
        frozenset({"/bin/sh", "/opt/kafka/bin/kafka-broker-api-versions.sh"}),
        volumes=("/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"),
        writes=("/opt/kafka/config", "/opt/kafka/logs", "/tmp", "/var/lib/kafka/data"),  # noqa: S108 - its tmpfs
    ),
    "redis": Image((), "/data", frozenset({"redis-cli"}), volumes=("/data",)),
    "prom/prometheus": Image(("prometheus",), "/prometheus", _BUSYBOX, volumes=("/prometheus",)),
    "prom/alertmanager": Image(("alertmanager",), "/alertmanager", _BUSYBOX, volumes=("/alertmanager",)),
    "grafana/grafana": Image(("/run.sh",), "/usr/share/grafana", _BUSYBOX, writes=("/var/lib/grafana", "/tmp")),  # noqa: S108
}
"""The images of others, by the name without the tag; from their own build files."""


def built_image(dockerfile: str) -> Image:
    """Return the image that the last stage of a Dockerfile makes; it has what its virtual environment has."""
    _, _, stage = dockerfile.rpartition("\nFROM ")
    environment = {"PATH": _PATH}
    for block in re.findall(r"^ENV ((?:.*\\\n)*.*)", stage, re.MULTILINE):
        for name, value in re.findall(r"(\w+)=(\S+)", block):
            environment[name] = string.Template(value).substitute(environment)
    return Image(
        entrypoint=tuple(json.loads(_only(stage, "ENTRYPOINT"))),
        folder=_only(stage, "WORKDIR"),
        programs=frozenset({"python", "salespulse"}),
        environment=environment,
    )


def _only(stage: str, instruction: str) -> str:
    (value,) = re.findall(rf"^{instruction} (.*)", stage, re.MULTILINE)
    return str(value)
