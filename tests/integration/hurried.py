"""Prometheus and Alertmanager with the rules that are rendered and the configuration that is shipped, but in a hurry.

- Rules: groups have no interval of their own, so all are evaluated every second.
- Rules about the service: `for` and `keep_firing_for` are a sixtieth, and readings are stale after 6 s, not 120 s.
- Alertmanager: the address of the view is the test's, and every `group_interval` is 1 s.
"""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from config.settings import Settings
from streams.rules.promql import selector
from streams.rules.rule_files import rule_files
from streams.rules.spans import span_seconds
from tests.integration.cluster import ROOT, plan_of
from tests.integration.watching import AlertmanagerServer, PrometheusServer

Json = dict[str, Any]


class HurriedWatch:
    """Prometheus with the hurried rules, and the Alertmanager that it tells."""

    def __init__(self, folder: Path, settings: Settings, view: str, worker: str) -> None:
        """Start both, for the view and the worker at these addresses; no rule is loaded yet."""
        rendered = [(Path(path), text) for path, text in rule_files(plan_of(settings), settings)]
        self._rules = {folder / p.name: hurried_rules(text) for p, text in rendered if p.parent.name == "rules"}
        for path in self._rules:
            path.write_text('{"groups": []}', "utf-8")
        configuration = folder / "alertmanager.json"  # JSON is YAML
        shipped = (ROOT / "config/alertmanager/alertmanager.yml").read_text("utf-8")
        configuration.write_text(json.dumps(hurried_routes(shipped, view)), "utf-8")
        self.alertmanager = AlertmanagerServer(folder / "alertmanager", configuration)
        addresses = {"salespulse-serve": view, "salespulse-worker": worker}
        targets = {job: [address.removeprefix("http://")] for job, address in addresses.items()}
        try:
            self.prometheus = PrometheusServer(
                folder / "prometheus", targets, list(self._rules), self.alertmanager.address
            )
        except BaseException:
            self.alertmanager.close()
            raise

    def close(self) -> None:
        """End both."""
        self.prometheus.close()
        self.alertmanager.close()

    def begin(self) -> None:
        """Load the rules: before the first scrape everything would be down, and their short `for` does not wait."""
        for path, rules in self._rules.items():
            path.write_text(json.dumps(rules), "utf-8")
        urllib.request.urlopen(f"{self.prometheus.url}/-/reload", data=b"", timeout=10).close()  # noqa: S310 - our own

    def stays(self, series: str, value: float, seconds: int) -> bool:
        """Return whether `series` has had this value for so long."""
        over = f"{series}[{seconds}s]"
        steady = f"min_over_time({over}) == {value} and max_over_time({over}) == {value}"
        return bool(self.prometheus.query(f"{steady} and count_over_time({over}) >= {seconds}"))

    def was(self, state: str, **labels: str) -> bool:
        """Return whether an alert with these labels was pending, or firing, within the last minutes."""
        alerts = selector("ALERTS", {**labels, "alertstate": state})
        return bool(self.prometheus.query(f"count_over_time({alerts}[5m]) > 0"))

    def fires(self, name: str) -> bool:
        """Return whether an alert of this name fires now."""
        return any(a["labels"]["alertname"] == name and a["state"] == "firing" for a in self.prometheus.alerts())

    def mutes(self, **labels: str) -> bool:
        """Return whether Alertmanager knows an alert with these labels, and tells nobody because of another one."""
        known = [a["status"] for a in self.alertmanager.alerts() if a["labels"].items() >= labels.items()]
        return [status["state"] for status in known] == ["suppressed"] and known[0]["inhibitedBy"] != []


def hurried_rules(text: str) -> Json:
    """Return rules with shorter times; those about KPIs are declared short."""
    rules: Json = YAML(typ="safe").load(text)
    for group in rules["groups"]:
        group.pop("interval")
        for rule in group["rules"]:
            if rule.get("labels", {}).get("kind") == "service":
                for span in ("for", "keep_firing_for"):
                    rule[span] = f"{span_seconds(rule[span]) * 1000 / 60:.0f}ms"
            if rule.get("alert") == "SalespulseReadingsStale":
                assert rule["expr"].endswith(" > 120")
                rule["expr"] = rule["expr"].removesuffix("120") + "6"
    return rules


def hurried_routes(text: str, address: str) -> Json:
    """Return the configuration of Alertmanager with the view at `address` and without waits between deliveries."""
    configuration: Json = YAML(typ="safe").load(text)
    (webhook,) = configuration["receivers"][0]["webhook_configs"]
    webhook["url"] = webhook["url"].replace("http://serve:8080", address)
    for route in _routes(configuration["route"]):
        if "group_interval" in route:
            route["group_interval"] = "1s"
    return configuration


def _routes(route: Json) -> Iterator[Json]:
    yield route
    for inner in route.get("routes", []):
        yield from _routes(inner)
