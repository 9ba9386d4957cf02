"""A Prometheus with the shipped configuration, on a past of its own, that scrapes what it is told to."""

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, Self

from ruamel.yaml import YAML

from grafana.render.programs import program
from tests.broker import free_port

CONFIG = Path(__file__).parents[2] / "config" / "prometheus"
_HURRIED_FOR = "10s"
_ABOUT_KPIS = "threshold"
"""The `kind` of the alerts that are hurried; those about the service wait, or its start would fire them."""
_START_SECONDS = 30.0
_OK = 200
_yaml = YAML(typ="safe", pure=True)

Targets = Mapping[str, Mapping[str, str]]
"""By the name of the job: instance -> `host:port` where it is really reached."""


class Series(NamedTuple):
    """A series with its samples."""

    labels: Mapping[str, str]
    """With `__name__`."""
    samples: Sequence[tuple[float, str]]
    """Instants in seconds, and values as Prometheus writes them."""


class Monitor:
    """One Prometheus; as a context manager it is started on entry and ended on exit."""

    def __init__(self, folder: Path, lookback_seconds: int) -> None:
        """Write its configuration into `folder`; its blocks are in `folder/data`, and it scrapes nothing yet.

        Args:
            folder: made if it is not there.
            lookback_seconds: for how long a sample holds when no other follows.
        """
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        self.rules = [_hurried(path, folder) for path in sorted((CONFIG / "rules").glob("*.yml"))]
        self.url = f"http://127.0.0.1:{free_port()}"
        self._config = folder / "prometheus.yml"
        self._log = folder / "prometheus.log"
        self._lookback_seconds = lookback_seconds
        self._write({}, readings=False)

    def __enter__(self) -> Self:
        command = [
            program("prometheus", package="prometheus"),
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self.data}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            f"--query.lookback-delta={self._lookback_seconds}s",
            "--storage.tsdb.retention.time=30d",
            "--web.enable-lifecycle",
            "--log.level=warn",
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"prometheus is not ready:\n{self._log.read_text()}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(20)

    def adopt(self, blocks: Path) -> None:
        """Take the blocks of another one that has ended: they are moved, and this one is started again."""
        self.__exit__()
        for block in blocks.glob("*/meta.json"):
            shutil.move(block.parent, self.data)
        self.__enter__()

    def scrape(self, targets: Targets, *, readings: bool) -> None:
        """Scrape these from now on, with the readings of the KPIs or without."""
        self._write(targets, readings=readings)
        request = urllib.request.Request(f"{self.url}/-/reload", method="POST")  # noqa: S310 - our own, on loopback
        urllib.request.urlopen(request, timeout=10).close()  # noqa: S310

    def recorded(self, begin: int, end: int, step_seconds: int) -> Iterator[Series]:
        """Yield what each recording rule says of the past, from `begin` to `end` (seconds, both included)."""
        span = {"start": begin, "end": end, "step": step_seconds}
        for rule in chain.from_iterable(group["rules"] for path in self.rules for group in _groups(path)):
            if "record" in rule:
                question = urllib.parse.urlencode({"query": rule["expr"], **span})
                with urllib.request.urlopen(f"{self.url}/api/v1/query_range?{question}", timeout=60) as answer:  # noqa: S310
                    found = json.load(answer)["data"]["result"]
                more = {"__name__": rule["record"], **rule.get("labels", {})}
                yield from (Series({**series["metric"], **more}, series["values"]) for series in found)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=1) as response:  # noqa: S310
                return bool(response.status == _OK)
        except OSError:
            return False

    def _write(self, targets: Targets, *, readings: bool) -> None:
        config = _yaml.load(CONFIG / "prometheus.yml")
        del config["alerting"]
        config["rule_files"] = [str(path) for path in self.rules]
        left_out = [] if readings else [{"source_labels": ["__name__"], "regex": "sales_.+", "action": "drop"}]
        config["scrape_configs"] = [
            {"job_name": job, "static_configs": _static(addresses), "metric_relabel_configs": left_out}
            for job, addresses in targets.items()
        ]
        self._config.write_text(json.dumps(config))


def _static(addresses: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    return [{"targets": [address], "labels": {"instance": name}} for name, address in addresses.items()]


def _hurried(rules: Path, folder: Path) -> Path:
    """Write a copy of a file of rules whose alerts about KPIs fire after seconds, as nobody waits for a picture."""
    groups = _groups(rules)
    for group in groups:
        group.pop("interval", None)
        for rule in group["rules"]:
            if rule.get("labels", {}).get("kind") == _ABOUT_KPIS:
                rule["for"] = _HURRIED_FOR
    copy = folder / rules.name
    copy.write_text(json.dumps({"groups": groups}))  # JSON is YAML
    return copy


def _groups(rules: Path) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = _yaml.load(rules)["groups"]
    return groups
