"""docker-compose.yml is what compose accepts, and what a container needs is there."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from tests.broker import KAFKA_VERSION
from tests.deployment.compose import Compose
from tests.deployment.faults import faults
from tests.deployment.image import PULLED, built_image

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text("utf-8")
IMAGES = {**PULLED, "salespulse": built_image((ROOT / "Dockerfile").read_text("utf-8"))}
VARIABLES = {name: f"set-{name}" for name in re.findall(r"\$\{(\w+)", TEXT)}

schema = jsonschema.Draft202012Validator(json.loads((ROOT / "tests/data/compose-spec.schema.json").read_text("utf-8")))
shells = pytest.mark.parametrize("shell", [{}, VARIABLES], ids=["no variable set", "all variables set"])


def everything_wrong_with(text: str, shell: dict[str, str]) -> list[str]:
    try:
        compose = Compose.read(text, shell)
        refused = [f"{'.'.join(map(str, e.absolute_path))}: {e.message}" for e in schema.iter_errors(compose.document)]
        return refused or list(faults(compose, ROOT, IMAGES))
    except (TypeError, ValueError) as error:
        return [str(error)]


@shells
def test_nothing_is_wrong_with_the_file(shell: dict[str, str]) -> None:
    assert everything_wrong_with(TEXT, shell) == []


@pytest.mark.parametrize(
    ("right", "wrong", "fault"),
    [
        ("  init: true", "  initialise: true", "'initialise' was unexpected"),
        ("retries: 5", "retries: [5]", "services.redis.healthcheck.retries"),
        ("restart: on-failure", "restart: [on-failure]", "services.topics.restart"),
        ("${SALESPULSE_CLOCK:-wall}", "${SALESPULSE_CLOCK}", "`${SALESPULSE_CLOCK}` has no default"),
        ("command: [worker]", "command: worker", "write a list"),
        ("- ./config/prometheus:", "- ./config/prom:", "`./config/prom` does not exist"),
        ("- prometheus-data:/prometheus", "- prometheus_data:/prometheus", "volume `prometheus_data` is not declared"),
        ("- grafana-data:/var/lib/grafana", "- grafana-data:/etc/grafana/dashboards", "is mounted twice"),
        ("  grafana-data:\n", "  grafana-data:\n  cache:\n", "volume `cache` is not used"),
        ("=/etc/prometheus/prometheus.yml", "=/etc/prometheus/prom.yml", "`/etc/prometheus/prom.yml` is not a file"),
        (
            "dashboards/Sales/overview.json",
            "dashboards/Sales/wall.json",
            "`/etc/grafana/dashboards/Sales/wall.json` is not",
        ),
        (", /opt/kafka/logs]", "]", "service `kafka`: writes to `/opt/kafka/logs` on a read-only root"),
        ("- grafana-data:/var/lib/grafana", "- grafana-data:/data", "`grafana`: writes to `/var/lib/grafana` on"),
        ("--storage.path=/alertmanager", "--storage.path=/data", "writes to `/data` on a read-only root"),
        ("  tmpfs: [/tmp]", "  tmpfs: [/run]", "service `worker`: writes to `/tmp` on a read-only root"),
        ('["127.0.0.1:9093:9093"]', '["9093:9093"]', "port 9093 is open to the network"),
        ('["127.0.0.1:9093:9093"]', '["127.0.0.1:9090:9093"]', "port 9090 is published 2 times"),
        (
            "redis: {condition: service_healthy}",
            "reddis: {condition: service_healthy}",
            "`reddis`, which is no service",
        ),
        ("[CMD, redis-cli, ping]", "[CMD, redis-ping]", "has no `redis-ping` for the health check"),
        ("bin/kafka-broker-api-versions.sh", "bin/kafka-alive.sh", "has no `/opt/kafka/bin/kafka-alive.sh`"),
        ("test: [CMD, redis-cli, ping]", "disable: true", "`redis` to be healthy, which has no health check"),
        ("restart: on-failure", "restart: always", "`topics` to complete, which is started again each time"),
        (
            "    command: [topics, create]",
            "    profiles: [x]\n    command: [topics, create]",
            "only profile `x` starts",
        ),
        (
            "    command: [topics, create]",
            "    command: [topics, create]\n    image: other:1",
            "image `other` is not known",
        ),
        (
            "start_period: 15s",
            "start_period: 15s\n    depends_on:\n      serve: {condition: service_healthy}",
            "services wait for each other: ",
        ),
    ],
)
def test_a_fault_is_found(right: str, wrong: str, fault: str) -> None:
    assert right in TEXT
    found = everything_wrong_with(TEXT.replace(right, wrong, 1), {})
    assert any(fault in text for text in found), found


def test_a_variable_of_the_shell_reaches_every_service_that_is_built_here() -> None:
    built = [service for service in Compose.read(TEXT, VARIABLES).services.values() if service.built]
    for name in (name for name in VARIABLES if name.startswith("SALESPULSE_")):
        assert {service.environment[name] for service in built} == {f"set-{name}"}, name


@pytest.mark.parametrize(
    ("shell", "value"), [({}, "d"), ({"X": ""}, "d"), ({"X": "x"}, "x"), ({"X": "$Y ${Y}"}, "$Y ${Y}")]
)
def test_a_default_stands_for_what_is_not_set_or_empty(shell: dict[str, str], value: str) -> None:
    text = "services: {one: {image: i, command: ['${X:-d}', $$X], environment: {$X: 1}}}"
    service = Compose.read(text, shell).services["one"]
    assert service.command == (value, "$X")
    assert service.environment == {"$X": "1"}  # keys are left alone


def test_the_broker_is_the_one_that_is_tested() -> None:
    assert Compose.read(TEXT, {}).services["kafka"].image == f"apache/kafka:{KAFKA_VERSION}"


# --- the same, asked of compose itself where it is installed ----------------------------------------------------------


def composes() -> dict[str, list[str]]:
    """Return the command lines of the composes that are installed here."""
    lines = {"docker": ["docker", "compose"], "docker-compose": ["docker-compose"]}
    found = {name: line for name, line in lines.items() if shutil.which(name)}
    return {
        name: line
        for name, line in found.items()
        if subprocess.run([*line, "version"], capture_output=True, check=False).returncode == 0
    }


@shells
@pytest.mark.parametrize("name", ["docker", "docker-compose"])
def test_compose_reads_the_file_as_it_is_read_here(name: str, shell: dict[str, str]) -> None:
    line = composes().get(name)
    if line is None:
        pytest.skip(f"`{name}` has no compose here")
    # The older program knows all of the file but this key.
    text = TEXT if name == "docker" else re.sub(r"^name: .*\n", "", TEXT, flags=re.MULTILINE)
    command = [*line, "-f", "-", "--project-directory", str(ROOT), "--profile", "demo", "config"]
    path = {"PATH": str(Path(shutil.which(line[0]) or "").parent) + ":/usr/bin:/bin"}
    done = subprocess.run(command, input=text, env={**path, **shell}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = YAML(typ="safe").load(done.stdout)["services"]
    ours = Compose.read(TEXT, shell)
    assert {k: essence(v) for k, v in theirs.items()} == {k: essence(v) for k, v in ours.document["services"].items()}


def essence(spec: dict[str, Any]) -> dict[str, Any]:
    """Keep what both spell alike."""
    health = spec["healthcheck"]
    return {
        "image": spec["image"],
        "command": list(map(str, spec.get("command") or [])),
        "environment": {key: str(value) for key, value in spec.get("environment", {}).items()},
        "health": ["NONE"] if health.get("disable") else health["test"],
        "waits": {key: how["condition"] for key, how in spec.get("depends_on", {}).items()},
        "hardened": [spec.get(key) for key in ("read_only", "tmpfs", "cap_drop", "security_opt", "restart", "init")],
        "mounts": len(spec.get("volumes", [])),
        "ports": len(spec.get("ports", [])),
    }
