"""What compose, or a container once it is started, would find wrong with the file."""

import graphlib
import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from tests.deployment.compose import Compose
from tests.deployment.image import Image
from tests.deployment.service import HealthCheck, Service

_LOOPBACK = "127.0.0.1"
_WRITES = re.compile(r"--storage\.(?:tsdb\.)?path=(/\S*)")


def faults(compose: Compose, folder: Path, images: Mapping[str, Image]) -> Iterator[str]:
    """Word each fault of the file that lies in `folder`; none is the aim."""
    for service in compose.services.values():
        image = images.get(service.repository)
        yield from _mount_faults(compose, service, folder)
        yield from _path_faults(service, folder)
        yield from _write_faults(service, image)
        yield from _health_faults(service, image)
        yield from _dependency_faults(compose, service)
    yield from _volume_faults(compose)
    yield from _port_faults(compose)
    yield from _cycle_faults(compose)


def _mount_faults(compose: Compose, service: Service, folder: Path) -> Iterator[str]:
    for mount in service.mounts:
        if mount.is_volume and mount.source not in compose.volumes:
            yield f"service `{service.name}`: volume `{mount.source}` is not declared; add it to `volumes`"
        elif not mount.is_volume and not (folder / mount.source).exists():
            yield f"service `{service.name}`: `{mount.source}` does not exist; Docker would make an empty folder of it"
    for target, count in Counter(mount.target for mount in service.mounts).items():
        if count > 1:
            yield f"service `{service.name}`: `{target}` is mounted twice; one hides the other"


def _path_faults(service: Service, folder: Path) -> Iterator[str]:
    """Look up what command and variables name below a mounted path: a folder where a file is meant is a fault too."""
    for text in (*service.command, *service.environment.values()):
        for mount in (mount for mount in service.mounts if not mount.is_volume):
            for path in re.findall(rf"(?<![\w.-]){re.escape(mount.target)}(?:/[\w./-]+)?", text):
                here = folder / mount.source / PurePosixPath(path).relative_to(mount.target)
                if not (here.is_file() if here.suffix else here.is_dir()):
                    kind = "file" if here.suffix else "folder"
                    yield f"service `{service.name}`: `{path}` is not a {kind} in `{mount.source}`; `{text}` names it"


def _write_faults(service: Service, image: Image | None) -> Iterator[str]:
    """Ask for a volume or tmpfs below each path that a service with a read-only root writes to."""
    if not service.read_only:
        return
    writable = {*service.writable, *(image.volumes if image else ())}
    written = [match[1] for text in service.command if (match := _WRITES.match(text))]
    for path in [*written, *(image.written if image else ())]:
        if not any(PurePosixPath(path).is_relative_to(target) for target in writable):
            yield f"service `{service.name}`: writes to `{path}` on a read-only root; mount a volume or tmpfs there"


def _health_faults(service: Service, image: Image | None) -> Iterator[str]:
    if image is None:
        yield f"service `{service.name}`: image `{service.repository}` is not known; describe it for this test"
    elif service.healthcheck is not None:
        for program in sorted(_programs(service.healthcheck) - image.programs):
            yield f"service `{service.name}`: image `{service.repository}` has no `{program}` for the health check"


def _programs(check: HealthCheck) -> set[str]:
    """Name the programs that a health check starts; in a shell, the first word that sets no variable."""
    if check.command[:2] != ("/bin/sh", "-c"):
        return {check.command[0]}
    return {"/bin/sh", next(word for word in shlex.split(check.command[2]) if not re.match(r"\w+=", word))}


def _dependency_faults(compose: Compose, service: Service) -> Iterator[str]:
    for name, condition in service.depends_on.items():
        other = compose.services.get(name)
        where = f"service `{service.name}` waits for `{name}`"
        if other is None:
            yield f"{where}, which is no service"
        elif condition == "service_healthy" and other.healthcheck is None:
            yield f"{where} to be healthy, which has no health check"
        elif condition == "service_completed_successfully" and other.restart in {"always", "unless-stopped"}:
            yield f"{where} to complete, which is started again each time"
        elif not set(other.profiles) <= set(service.profiles):
            yield f"{where}, which only profile `{', '.join(other.profiles)}` starts"


def _volume_faults(compose: Compose) -> Iterator[str]:
    used = {mount.source for service in compose.services.values() for mount in service.mounts}
    for name in sorted(compose.volumes - used):
        yield f"volume `{name}` is not used; remove it"


def _port_faults(compose: Compose) -> Iterator[str]:
    ports = [(service.name, port) for service in compose.services.values() for port in service.ports]
    for name, port in ports:
        if port.address != _LOOPBACK:
            yield f"service `{name}`: port {port.published} is open to the network; write `{_LOOPBACK}:` before it"
    for published, count in Counter(port.published for _, port in ports).items():
        if count > 1:
            yield f"port {published} is published {count} times; give each its own"


def _cycle_faults(compose: Compose) -> Iterator[str]:
    try:
        compose.order()
    except graphlib.CycleError as error:
        yield f"services wait for each other: {' -> '.join(error.args[1])}"
