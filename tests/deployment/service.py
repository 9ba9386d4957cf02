"""One service of a compose file, with what the short forms of the file stand for."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

Json = dict[str, Any]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Mount:
    """What is mounted: a path of this repository (`./…`), or a volume that has a name."""

    source: str
    target: str
    read_only: bool

    @property
    def is_volume(self) -> bool:
        """Whether compose keeps it under a name."""
        return not self.source.startswith((".", "/", "~"))


@dataclass(frozen=True)
class Port:
    """A port of the container that is reached at an address of this machine."""

    address: str
    published: int
    target: int


@dataclass(frozen=True)
class HealthCheck:
    """What is run in the container to ask for its health; times are seconds."""

    command: tuple[str, ...]
    timeout: float
    patience: float
    """How long a container may take until it counts as unhealthy."""


@dataclass(frozen=True)
class Service:
    """What compose is told about one service."""

    name: str
    image: str
    built: bool
    command: tuple[str, ...]
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    tmpfs: tuple[str, ...]
    ports: tuple[Port, ...]
    depends_on: Mapping[str, str]
    healthcheck: HealthCheck | None
    read_only: bool
    restart: str
    grace: float
    profiles: tuple[str, ...]

    @property
    def repository(self) -> str:
        """Name the image without its tag."""
        return self.image.partition(":")[0]

    @property
    def writable(self) -> tuple[str, ...]:
        """Name the folders that it may write to although its root is read-only."""
        return (*self.tmpfs, *(mount.target for mount in self.mounts if not mount.read_only))

    @classmethod
    def of(cls, name: str, spec: Json) -> Self:
        """Read the service; forms that this repository does not use are a `ValueError` or `TypeError`."""
        return cls(
            name=name,
            image=spec["image"],
            built="build" in spec,
            command=_words(name, spec.get("command", [])),
            environment={key: _text(value) for key, value in spec.get("environment", {}).items()},
            mounts=tuple(_mount(name, volume) for volume in spec.get("volumes", [])),
            tmpfs=tuple(path.partition(":")[0] for path in spec.get("tmpfs", [])),
            ports=tuple(_port(name, port) for port in spec.get("ports", [])),
            depends_on={other: how["condition"] for other, how in spec.get("depends_on", {}).items()},
            healthcheck=_health(name, spec.get("healthcheck", {})),
            read_only=spec.get("read_only", False),
            restart=spec.get("restart", "no"),
            grace=_seconds(spec.get("stop_grace_period", "10s")),
            profiles=tuple(spec.get("profiles", [])),
        )


def _words(name: str, command: Any) -> tuple[str, ...]:
    if isinstance(command, str):
        raise TypeError(f"service `{name}`: the command is `{command}`; write a list, which nobody has to split")
    return tuple(map(_text, command))


def _text(value: object) -> str:
    """Spell a value of the file as compose hands it to a process."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mount(name: str, text: str) -> Mount:
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not target.startswith("/") or mode not in {"", "ro"}:
        raise ValueError(
            f"service `{name}`: `{text}` is no mount; write `source:/target`, and `:ro` if it is read only"
        )
    return Mount(source, target, mode == "ro")


def _port(name: str, text: str) -> Port:
    match = re.fullmatch(r"(?:(?P<address>[^:]+):)?(?P<published>\d+):(?P<target>\d+)", str(text))
    if match is None:
        raise ValueError(f"service `{name}`: `{text}` is no port; write `address:port:port of the container`")
    return Port(match["address"] or "0.0.0.0", int(match["published"]), int(match["target"]))  # noqa: S104


def _health(name: str, spec: Json) -> HealthCheck | None:
    if "test" not in spec:
        return None
    kind, *words = spec["test"]
    if kind not in {"CMD", "CMD-SHELL"}:
        raise ValueError(f"service `{name}`: a health check of kind `{kind}`; use `CMD` or `CMD-SHELL`")
    return HealthCheck(
        command=("/bin/sh", "-c", *words) if kind == "CMD-SHELL" else tuple(words),
        timeout=_seconds(spec["timeout"]),
        patience=_seconds(spec.get("start_period", "0s")) + _seconds(spec["interval"]) * spec["retries"],
    )


def _seconds(text: str) -> float:
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", text)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)
