"""A real Prometheus, and a real Alertmanager, that watch the processes of a test."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from tests.broker import free_port

START_SECONDS = 20.0
PATIENCE_SECONDS = 30.0


def program(*names: str) -> str:
    """Return the path of the first of these programs that is installed; skip the test, or fail it in CI, without."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    missing = f"`{names[0]}` is not installed; install Debian's packages `prometheus` and `prometheus-alertmanager`"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


class _Server:
    """One of the two programs, with its log in a file."""

    def __init__(self, command: Sequence[str], url: str, log: Path) -> None:
        """Start it and wait until it is ready.

        Raises:
            RuntimeError: it ended, or is not ready in time; the text is its log.
        """
        self.url = url
        with log.open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + START_SECONDS
        while not _ready(f"{url}/-/ready"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError(f"`{command[0]}` is not ready:\n{log.read_text('utf-8')}")
            time.sleep(0.05)

    def get(self, path: str, **parameters: str | Sequence[str]) -> Any:
        """Return the decoded answer of its API; that of a refused question too."""
        address = f"{self.url}{path}?{urllib.parse.urlencode(parameters, doseq=True)}"
        try:
            with urllib.request.urlopen(address, timeout=20) as response:  # noqa: S310 - our own, on loopback
                return json.load(response)
        except urllib.error.HTTPError as refused:
            with refused:
                return json.load(refused)

    def close(self) -> None:
        """End it and wait until it is gone."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PrometheusServer(_Server):
    """A Prometheus that scrapes and evaluates every second, or every few."""

    def __init__(
        self,
        folder: Path,
        targets: Mapping[str, Sequence[str]],
        rules: Iterable[Path] = (),
        alertmanager: str | None = None,
        data: Path | None = None,
        *,
        seconds: int = 1,
    ) -> None:
        """Start it on a free port.

        Args:
            folder: where its configuration, log and data go.
            targets: by the name of the job, the `host:port` of what is scraped.
            rules: files of rules; their groups must not name an interval of their own if the test is in a hurry.
            alertmanager: `host:port` of the Alertmanager that hears of alerts.
            data: a folder with blocks of `promtool tsdb create-blocks-from`, for a past; empty by default.
            seconds: between two scrapes; also how long one may take.
        """
        folder.mkdir(parents=True, exist_ok=True)
        intervals = dict.fromkeys(("scrape_interval", "scrape_timeout", "evaluation_interval"), f"{seconds}s")
        configuration = {
            "global": intervals,
            "rule_files": [str(path.resolve()) for path in rules],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}] if alertmanager else []},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": list(addresses)}]}
                for job, addresses in targets.items()
            ],
        }
        (folder / "prometheus.json").write_text(json.dumps(configuration), "utf-8")  # JSON is YAML
        port = free_port()
        command = [
            program("prometheus"),
            f"--config.file={folder / 'prometheus.json'}",
            f"--storage.tsdb.path={data or folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
            "--storage.tsdb.retention.time=30d",
            "--log.level=warn",
        ]
        super().__init__(command, f"http://127.0.0.1:{port}", folder / "prometheus.log")

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples of an instant query: `{"metric": labels, "value": [time, text]}`.

        Raises:
            ValueError: Prometheus refuses the expression; the text says why.
        """
        answer = self.get("/api/v1/query", query=expression)
        if answer["status"] != "success":
            raise ValueError(f"`{expression}`: {answer['error']}")
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def until(self, expression: str, within: float = PATIENCE_SECONDS) -> list[dict[str, Any]]:
        """Wait until `expression` has samples, and return them.

        Raises:
            TimeoutError: it has none within so many seconds.
        """
        deadline = time.monotonic() + within
        while not (found := self.query(expression)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"`{expression}` has no value within {within:.0f} s")
            time.sleep(0.1)
        return found

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that are pending or firing: `{"labels", "annotations", "state", …}`."""
        found: list[dict[str, Any]] = self.get("/api/v1/alerts")["data"]["alerts"]
        return found


class AlertmanagerServer(_Server):
    """An Alertmanager with the configuration of a file."""

    def __init__(self, folder: Path, configuration: Path) -> None:
        """Start it on a free port, with its data and its log in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        command = [
            program("prometheus-alertmanager", "alertmanager"),
            f"--config.file={configuration}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",  # no gossip, so no second port
            "--log.level=warn",
        ]
        super().__init__(command, f"http://{self.address}", folder / "alertmanager.log")

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it knows: `{"labels", "status": {"state", "inhibitedBy", …}, …}`."""
        found: list[dict[str, Any]] = self.get("/api/v2/alerts")
        return found


def _ready(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=1).close()  # noqa: S310 - our own, on loopback
    except OSError:
        return False
    return True
