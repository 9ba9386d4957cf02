"""docker-compose.yml really runs: the commands, variables, mounts and health checks of every image that exists here.

Docker is replaced by namespaces of the kernel (tests/deployment), the images by programs of this machine: Kafka by the
version that the file names, our own image by the wheel that the Dockerfile would build, Redis, Prometheus and
Alertmanager by Debian's, which are older than the images. Not one line of the file, or of the configuration that it
mounts, is changed for it: names are resolved, ports are those of the file, roots are read-only. Grafana is not here.
"""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.broker import NoBrokerError
from tests.deployment.compose import Compose
from tests.deployment.container import Container
from tests.deployment.here import PROGRAMS, binds_of, unpacked_wheel
from tests.deployment.image import PULLED, built_image
from tests.deployment.pod import Pod

ROOT = Path(__file__).parents[2]
ABSENT = {"grafana"}
ENDS_BY_ITSELF = {"topics"}
SIGTERM_OF_JAVA = 143
PATIENCE_SECONDS = 30.0

pytestmark = pytest.mark.slow


@dataclass
class Stack:
    compose: Compose
    pod: Pod
    containers: dict[str, Container]

    def ask(self, name: str, path: str, body: str = "") -> Any:
        """Return the JSON that a service answers at the port that the file publishes."""
        (port,) = self.compose.services[name].ports
        return json.loads(self.pod.fetch(f"http://{self.pod.addresses[name]}:{port.target}{path}", body))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start everything as `docker compose --profile demo up --build` does, with no variable set; end it in any case."""
    need(PROGRAMS)
    folder = tmp_path_factory.mktemp("compose")
    compose = Compose.read((ROOT / "docker-compose.yml").read_text("utf-8"), {})
    images = {**PULLED, "salespulse": built_image((ROOT / "Dockerfile").read_text("utf-8"))}
    site = unpacked_wheel(folder)
    (folder / "etc").mkdir()
    containers: dict[str, Container] = {}
    with Pod(list(compose.services), folder / "etc") as pod:
        try:
            for name in (name for name in compose.order() if name not in ABSENT):
                service = compose.services[name]
                own = folder / name
                own.mkdir()
                binds = binds_of(service.repository, site)
                containers[name] = Container(service, images[service.repository], pod, own, binds)
                bring_up(containers[name])
            yield Stack(compose, pod, containers)
        except NoBrokerError as error:
            do_without(str(error))
        finally:
            for container in containers.values():
                container.close()


def need(programs: tuple[str, ...]) -> None:
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        do_without(f"not installed: {', '.join(missing)}")


def do_without(reason: str) -> None:
    """Skip on a person's machine; fail in CI, where a skip would pass for a success."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def bring_up(container: Container) -> None:
    """Start a service and wait for what those that depend on it wait for."""
    container.start()
    if container.service.healthcheck is not None:
        container.until_healthy()
    elif container.service.name in ENDS_BY_ITSELF:
        assert container.until_completed() == 0, container.tail()


def becomes(expected: object, ask: Callable[[], object]) -> None:
    """Ask until the answer is as expected; fail with the last answer."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := ask()) != expected and time.monotonic() < deadline:
        time.sleep(0.5)
    assert answer == expected


def test_all_that_exists_here_is_well(stack: Stack) -> None:
    assert stack.containers.keys() == stack.compose.services.keys() - ABSENT
    for name, container in stack.containers.items():
        check = container.service.healthcheck
        if check is not None:
            assert container.run(*check.command, timeout=check.timeout).returncode == 0, name


def test_what_is_published_does_not_listen_on_localhost_only(stack: Stack) -> None:
    ports = [(name, port.target) for name in stack.containers for port in stack.compose.services[name].ports]
    assert [(name, port) for name, port in ports if not stack.pod.reaches(name, port)] == []
    assert not stack.pod.reaches("kafka", 1)


def test_prometheus_scrapes_every_job(stack: Stack) -> None:
    jobs = [job["job_name"] for job in read_yaml("config/prometheus/prometheus.yml")["scrape_configs"]]

    def health() -> dict[str, str]:
        targets = stack.ask("prometheus", "/api/v1/targets")["data"]["activeTargets"]
        return {target["labels"]["job"]: f"{target['health']}{target['lastError']}" for target in targets}

    becomes(dict.fromkeys(jobs, "up"), health)


def test_prometheus_tells_the_alertmanager(stack: Stack) -> None:
    def managers() -> Any:
        return stack.ask("prometheus", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]

    becomes([{"url": "http://alertmanager:9093/api/v2/alerts"}], managers)
    assert stack.ask("alertmanager", "/api/v2/status")["cluster"]["status"] == "disabled"


def test_an_alert_gets_from_the_alertmanager_to_where_it_is_sent(stack: Stack) -> None:
    labels = {"alertname": "Test", "severity": "info", "service": "salespulse", "kind": "service"}
    url = f"http://{stack.pod.addresses['alertmanager']}:9093"
    stack.pod.fetch(f"{url}/api/v2/alerts", json.dumps([{"labels": labels, "annotations": {"summary": "A test."}}]))

    def counted() -> set[str]:
        lines = [line.rpartition(" ") for line in stack.pod.fetch(f"{url}/metrics").splitlines()]
        webhook = {name.partition("{")[0]: value for name, _, value in lines if 'integration="webhook"' in name}
        return {name for name, value in webhook.items() if name.endswith("_total") and float(value)}

    becomes({"alertmanager_notifications_total", "alertmanager_notification_requests_total"}, counted)


def test_alerts_lead_to_runbooks_that_are_there(stack: Stack) -> None:
    groups = stack.ask("prometheus", "/api/v1/rules?type=alert")["data"]["groups"]
    links = {rule["labels"]["kind"]: rule["annotations"]["runbook_url"] for g in groups for rule in g["rules"]}
    assert links.keys() == {"service", "threshold"}
    for link in links.values():
        path = link.removeprefix("http://127.0.0.1:8080")
        assert path in stack.pod.fetch(f"http://{stack.pod.addresses['serve']}:8080/runbooks"), link
        assert stack.pod.fetch(f"http://{stack.pod.addresses['serve']}:8080{path}")


def test_simulated_events_become_readings_everywhere(stack: Stack) -> None:
    query = "/api/v1/query?query=count(%7Bjob%3D%22salespulse-serve%22,__name__%3D~%22sales_.*%22%7D)"
    becomes(True, lambda: bool(stack.ask("serve", "/api/v1/readings?kpi=revenue&window=mtd")))
    becomes(True, lambda: bool(stack.ask("prometheus", query)["data"]["result"]))
    becomes(True, lambda: int(stack.containers["redis"].run("redis-cli", "dbsize").stdout.split()[-1]) > 1)


def test_every_rule_is_evaluated(stack: Stack) -> None:
    files = [path.name for path in (ROOT / "config/prometheus/rules").glob("*.yml")]

    def not_well() -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for group in stack.ask("prometheus", "/api/v1/rules")["data"]["groups"]:
            ill = [rule for rule in group["rules"] if rule["health"] != "ok"]
            texts = [f"{rule['name']} is {rule['health']}: {rule.get('lastError')}" for rule in ill]
            found.setdefault(Path(group["file"]).name, []).extend(texts)
        return found

    becomes({file: [] for file in files}, not_well)


def test_a_read_only_root_is_that(stack: Stack) -> None:
    for name, container in stack.containers.items():
        done = container.run("sh", "-c", "touch /x")
        assert ("Read-only" in done.stderr) == container.service.read_only, name


def test_every_service_ends_in_good_order_and_its_health_check_tells(stack: Stack) -> None:
    codes = {}
    for name in reversed(list(stack.containers)):
        container = stack.containers[name]
        if name not in ENDS_BY_ITSELF:
            codes[name] = container.stop()
        check = container.service.healthcheck
        if check is not None and name != "kafka":  # whose check takes its whole timeout to fail
            assert container.run(*check.command).returncode != 0, name
    assert codes == {name: SIGTERM_OF_JAVA if name == "kafka" else 0 for name in codes}


def read_yaml(path: str) -> Any:
    return YAML(typ="safe").load(ROOT / path)
