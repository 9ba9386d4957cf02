"""What the images hold, as far as this machine has it."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.broker import KAFKA_VERSION, NoBrokerError, kafka_jars

_ROOT = Path(__file__).parents[2]
_KAFKA = Path(__file__).parent / "kafka"
_TOOLS = Path.home() / ".cache" / "salespulse" / f"kafka-tools-{KAFKA_VERSION}"

_ABSENT = """
import sys

class Absent:
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"`{{name}}` is not in the image", name=name)

sys.meta_path.insert(0, Absent)
"""

PROGRAMS = ("bwrap", "nsenter", "java", "mvn", "redis-server", "prometheus", "prometheus-alertmanager", "wget")
"""What has to be installed."""


def binds_of(repository: str, site: Path) -> tuple[str, ...]:
    """Return the options of bwrap that put in place what the image has and this machine has elsewhere.

    Args:
        repository: the image's name without its tag.
        site: where our own wheel is unpacked.
    """
    if repository == "apache/kafka":
        return tuple(_kafka_binds())
    if repository == "salespulse":
        return tuple(_own_binds(site))
    if repository == "prom/alertmanager":  # Debian gave it another name
        debian = str(shutil.which("prometheus-alertmanager"))
        return ("--symlink", debian, "/opt/bin/alertmanager", "--setenv", "PATH", f"/opt/bin:{os.environ['PATH']}")
    return ()


def _kafka_binds() -> Iterator[str]:
    """Place the jars that Maven fetched, and scripts that do what the image's do."""
    home = os.environ.get("JAVA_HOME", "/usr")
    yield from ("--ro-bind-try", home, home)
    yield from ("--ro-bind", str(kafka_jars()), "/opt/kafka/libs", "--ro-bind", str(_tools()), "/opt/kafka/tools")
    yield from ("--ro-bind", str(_KAFKA / "run"), "/etc/kafka/docker/run")
    check = "kafka-broker-api-versions.sh"
    yield from ("--ro-bind", str(_KAFKA / check), f"/opt/kafka/bin/{check}", "--dir", "/opt/kafka/config")


def _own_binds(site: Path) -> Iterator[str]:
    """Place the interpreter and its libraries, and our own wheel; this repository itself is not seen."""
    for path in dict.fromkeys([sys.base_prefix, sys.prefix]):
        yield from ("--ro-bind", path, path)
    yield from ("--symlink", sys.prefix, "/opt/salespulse")
    yield from ("--ro-bind", str(site), "/opt/site", "--setenv", "PYTHONPATH", "/opt/site")


def _tools() -> Path:
    """Return the folder of the jar that holds Kafka's tools, fetched with Maven when it is not there."""
    if not _TOOLS.exists():
        with tempfile.TemporaryDirectory(dir=_TOOLS.parent, prefix="fetching-") as aside:
            artifact = f"-Dartifact=org.apache.kafka:kafka-tools:{KAFKA_VERSION}"
            command = ["mvn", "-q", "-B", "dependency:copy", artifact, f"-DoutputDirectory={aside}/tools"]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
            if done.returncode:
                raise NoBrokerError(f"maven cannot fetch kafka's tools: {done.stdout}{done.stderr}")
            (Path(aside) / "tools").rename(_TOOLS)
    return _TOOLS


def unpacked_wheel(folder: Path) -> Path:
    """Build our wheel as the Dockerfile does, from what .dockerignore lets through; return where it is unpacked.

    Beside it lies what keeps Python from finding packages that are not locked for the image.
    """
    context, wheels, site = folder / "context", folder / "wheels", folder / "site"
    _copy_context(context)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command = [*build, "--no-build-isolation", "--wheel-dir", str(wheels), str(context)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "sitecustomize.py").write_text(_ABSENT.format(names=sorted(_not_in_the_image())))
    return site


def _not_in_the_image() -> set[str]:
    """Name the modules that are installed here, but not by the lock that the image is made from."""
    lock = (_ROOT / "requirements/runtime.txt").read_text("utf-8")
    there = {"salespulse", *re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)}
    owners = packages_distributions()
    return {name for name, of in owners.items() if there.isdisjoint(re.sub(r"[-_.]+", "-", o.lower()) for o in of)}


def _copy_context(target: Path) -> None:
    """Copy what Docker would send: a pattern with `!` lets through, and a later one without takes away again."""
    text = (_ROOT / ".dockerignore").read_text("utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*", "everything is left out first"
    left_out = [line.removeprefix("**/").rstrip("/") for line in lines[1:] if not line.startswith("!")]

    def ignored(folder: str, names: list[str]) -> set[str]:
        paths = {name: (Path(folder) / name).relative_to(_ROOT).as_posix() for name in names}
        return {n for n, path in paths.items() if any(fnmatch.fnmatch(p, rule) for rule in left_out for p in (n, path))}

    target.mkdir()
    for name in (line[1:].rstrip("/") for line in lines if line.startswith("!")):
        source = _ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy2(source, target / name)
