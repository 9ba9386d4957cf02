"""Check what a real deployment would show first: compose file, scrape targets, rules, image and locks fit together."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from config.settings import Settings
from streams.cli import main

ROOT = Path(__file__).parents[2]
ONE_SHOT = {"topics"}
NO_HTTP = {"simulate"}
PREFIX = "SALESPULSE_"
Json = dict[str, Any]


def read_yaml(path: str) -> Json:
    document: Json = YAML(typ="safe").load(ROOT / path)
    return document


COMPOSE = read_yaml("docker-compose.yml")
SERVICES: dict[str, Json] = COMPOSE["services"]
PROMETHEUS = read_yaml("config/prometheus/prometheus.yml")
GUIDE = (ROOT / "docs/deploy.md").read_text("utf-8")
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def run_tool(program: str, *arguments: str) -> None:
    """Run a checker of Prometheus; where it is not installed: skip on a person's machine, fail in CI."""
    if shutil.which(program) is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"`{program}` is not installed")
    done = subprocess.run([program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> tuple[str, Json]:
    return request.param, SERVICES[request.param]


# --- docker-compose.yml -----------------------------------------------------------------------------------------------


def test_every_image_is_pinned(service: tuple[str, Json]) -> None:
    name, spec = service
    assert re.fullmatch(r"[\w/-]+:v?\d+\.\d+\.\d+(-[\w.]+)?", spec["image"]), name


def test_every_service_tells_its_health(service: tuple[str, Json]) -> None:
    name, spec = service
    if name in ONE_SHOT | NO_HTTP:
        assert spec["healthcheck"] == {"disable": True}
    else:
        assert spec["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_every_service_comes_back_without_privileges(service: tuple[str, Json]) -> None:
    name, spec = service
    assert spec["restart"] == ("on-failure" if name in ONE_SHOT else "unless-stopped")
    assert spec["cap_drop"] == ["ALL"]
    assert spec["security_opt"] == ["no-new-privileges:true"]


def test_every_service_runs_on_a_read_only_root_and_not_as_root(service: tuple[str, Json]) -> None:
    """Those built here are the user of the Dockerfile; the others are named, whatever their image says."""
    name, spec = service
    assert spec["read_only"] is True
    assert any(path.partition(":")[0] == "/tmp" for path in spec["tmpfs"])  # noqa: S108 - what is mounted there
    assert not spec.get("privileged")
    assert {"cap_add", "pid", "network_mode", "devices"} & spec.keys() == set()
    assert name in OURS or str(spec["user"]) not in {"root", "0", ""}


def test_a_dependency_is_waited_for_as_far_as_it_goes(service: tuple[str, Json]) -> None:
    for name, dependency in service[1].get("depends_on", {}).items():
        expected = "service_completed_successfully" if name in ONE_SHOT else "service_healthy"
        assert dependency["condition"] == expected, name


@pytest.mark.parametrize("name", OURS)
def test_the_command_is_one_of_ours(name: str) -> None:
    name_of_command, *rest = OURS[name]["command"]
    command = main.get_command(click.Context(main), name_of_command)
    assert command is not None, name_of_command
    assert not rest or rest[0] in getattr(command, "commands", rest)


@pytest.mark.parametrize("name", OURS)
def test_the_environment_is_made_of_settings(name: str) -> None:
    unknown = {
        key for key in OURS[name]["environment"] if key.removeprefix(PREFIX).lower() not in Settings.model_fields
    }
    assert unknown == set()


def test_the_simulation_is_a_profile_of_its_own() -> None:
    assert {name for name, spec in SERVICES.items() if spec.get("profiles")} == {"simulate"}


def test_topics_are_never_made_by_accident() -> None:
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


# --- Prometheus and Alertmanager --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "setting"), [("serve", "HTTP_PORT"), ("worker", "WORKER_HTTP_PORT")])
def test_what_is_scraped_is_what_listens(name: str, setting: str) -> None:
    jobs = {job["job_name"]: job for job in PROMETHEUS["scrape_configs"]}
    (target,) = jobs[f"salespulse-{name}"]["dns_sd_configs"]
    assert target["names"] == [name]
    assert target["port"] == SERVICES[name]["environment"][f"{PREFIX}{setting}"]
    assert target["port"] == Settings.model_fields[setting.lower()].default
    assert SERVICES[name]["environment"][f"{PREFIX}HTTP_HOST"] == "0.0.0.0"  # noqa: S104 - inside a container


@pytest.mark.parametrize("name", ["prometheus", "alertmanager"])
def test_links_lead_to_where_the_port_is_published(name: str) -> None:
    address, published, _ = SERVICES[name]["ports"][0].split(":")
    assert f"--web.external-url=http://{address}:{published}" in SERVICES[name]["command"]


def test_who_is_not_scraped_by_name_is_scraped_at_a_port_that_is_published() -> None:
    jobs = [job for job in PROMETHEUS["scrape_configs"] if "static_configs" in job]
    assert {job["job_name"] for job in jobs} == {"prometheus", "alertmanager"}
    for job in jobs:
        ((target,),) = (config["targets"] for config in job["static_configs"])
        host, port = target.split(":")
        assert host in {job["job_name"], "localhost"}
        assert f"127.0.0.1:{port}:{port}" in SERVICES[job["job_name"]]["ports"]


@pytest.mark.parametrize("job", ["salespulse-serve", "salespulse-worker"])
def test_prometheus_accepts_what_the_guide_says_about_a_token(job: str, tmp_path: Path) -> None:
    (line,) = re.findall(r"^authorization: .*", GUIDE, re.MULTILINE)
    shutil.copytree(ROOT / "config/prometheus", tmp_path / "prometheus")
    config = tmp_path / "prometheus/prometheus.yml"
    text = config.read_text("utf-8").replace(f"- job_name: {job}\n", f"- job_name: {job}\n    {line}\n")
    assert line in text
    config.write_text(text, "utf-8")
    (tmp_path / "prometheus/secrets").mkdir()
    (tmp_path / "prometheus/secrets/salespulse-token").write_text("not a secret")
    run_tool("promtool", "check", "config", str(config))


def test_alertmanager_accepts_what_the_guide_says_about_a_token(tmp_path: Path) -> None:
    (line,) = re.findall(r"^http_config: .*", GUIDE, re.MULTILINE)
    shutil.copytree(ROOT / "config/alertmanager", tmp_path / "alertmanager")
    config = tmp_path / "alertmanager/alertmanager.yml"
    text = re.sub(
        r"^( +)- url: (http://serve:.*)", rf"\1- url: \2\n\1  {line}", config.read_text("utf-8"), flags=re.MULTILINE
    )
    assert line in text
    config.write_text(text, "utf-8")
    (tmp_path / "alertmanager/secrets").mkdir()
    (tmp_path / "alertmanager/secrets/salespulse-token").write_text("not a secret")
    run_tool("amtool", "check-config", str(config))


def test_the_guide_names_every_service_that_stays() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE))
    assert named == SERVICES.keys() - {"simulate"}


def test_a_token_does_not_get_into_the_image() -> None:
    left_out = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert {"config/prometheus/", "config/alertmanager/"} <= set(left_out[left_out.index("!config/") :])


def test_alerts_go_to_the_alertmanager() -> None:
    (manager,) = PROMETHEUS["alerting"]["alertmanagers"]
    assert manager["static_configs"] == [{"targets": ["alertmanager:9093"]}]
    assert "127.0.0.1:9093:9093" in SERVICES["alertmanager"]["ports"]


def test_alertmanager_accepts_its_configuration() -> None:
    run_tool("amtool", "check-config", "config/alertmanager/alertmanager.yml")


# --- image and locks --------------------------------------------------------------------------------------------------


def test_the_image_is_pinned_and_not_root() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) == {"python:3.11.14-slim-bookworm"}
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["10001:10001"]
    variables = {name.lower() for name in re.findall(rf"\b{PREFIX}(\w+)=", text)}
    assert variables <= Settings.model_fields.keys()


@pytest.mark.parametrize("lock", ["runtime", "build", "dev"])
def test_a_lock_holds_versions_and_hashes_only(lock: str) -> None:
    text = (ROOT / f"requirements/{lock}.txt").read_text("utf-8")
    logical = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")]
    assert [line for line in logical if not re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line)] == []
    assert "://" not in text


def test_what_is_declared_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    declared = {re.split(r"[=<>~!\[; ]", spec, maxsplit=1)[0].replace(".", "-") for spec in project["dependencies"]}
    locked = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/runtime.txt").read_text("utf-8"), re.MULTILINE)
    assert declared - set(locked) == set()
