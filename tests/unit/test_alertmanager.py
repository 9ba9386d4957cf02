"""The configurations of Alertmanager: who is told of what, what mutes what, and no secret in a file."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from config.load import load
from streams.alerts.hook import PATH
from streams.alerts.topic import CONFIRM_SECONDS
from streams.rules.spans import span_seconds

ROOT = Path(__file__).parents[2]
SHIPPED, EXAMPLE = "config/alertmanager/alertmanager.yml", "config/alertmanager/example.yml"
SECRETS = "/etc/alertmanager/secrets/"
Json = dict[str, Any]


def read(path: str) -> Json:
    document: Json = YAML(typ="safe").load(ROOT / path)
    return document


@pytest.fixture(params=[SHIPPED, EXAMPLE])
def path(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def amtool(*arguments: str) -> str:
    """Run amtool; where it is not installed: skip on a person's machine, fail in CI."""
    if shutil.which("amtool") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("`amtool` is not installed")
    done = subprocess.run(["amtool", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def without_receivers(route: Json) -> Json:
    """Return a route, and those below it, without who is told and when."""
    kept = {key: value for key, value in route.items() if key not in {"receiver", "active_time_intervals"}}
    return {**kept, "routes": [without_receivers(inner) for inner in route.get("routes", [])]}


def scalars(node: Any, *at: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (keys on the way, value) of everything in a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from scalars(value, *at, str(key))
    if not isinstance(node, dict | list):
        yield at, node


# --------------------------------------------------------------------------------------------------------------- both


def test_alertmanager_accepts_it(path: str) -> None:
    assert "SUCCESS" in amtool("check-config", path)


def test_there_is_no_secret_in_it(path: str) -> None:
    for at, value in scalars(read(path)):
        if at[-1].endswith("_file"):
            assert str(value).startswith(SECRETS), at
        else:
            assert not re.search(r"url$|key$|token|password|secret|credentials", at[-1]) or value == hook_url(), at
            assert SECRETS not in str(value), at


def hook_url() -> str:
    port = read("docker-compose.yml")["services"]["serve"]["environment"]["SALESPULSE_HTTP_PORT"]
    return f"http://serve:{port}{PATH}"


def test_the_topic_is_told_of_beginnings_and_ends(path: str) -> None:
    (topic,) = (receiver for receiver in read(path)["receivers"] if receiver["name"] == "topic")
    (webhook,) = topic["webhook_configs"]

    assert (webhook["url"], webhook["send_resolved"]) == (hook_url(), True)
    assert "max_alerts" not in webhook  # all of them


def test_the_example_routes_and_mutes_as_what_is_shipped() -> None:
    shipped, example = read(SHIPPED), read(EXAMPLE)

    assert without_receivers(shipped["route"]) == without_receivers(example["route"])
    assert shipped["inhibit_rules"] == example["inhibit_rules"]
    assert [r["name"] for r in shipped["receivers"]] == [r["name"] for r in example["receivers"]]


def test_as_shipped_only_the_topic_is_told_and_in_the_example_everybody() -> None:
    told = {path: [r["name"] for r in read(path)["receivers"] if len(r) > 1] for path in (SHIPPED, EXAMPLE)}

    assert told == {SHIPPED: ["topic"], EXAMPLE: ["topic", "page", "chat", "chat-north"]}


def test_warnings_of_the_example_wait_for_the_office_hours() -> None:
    _, critical, warning = read(EXAMPLE)["route"]["routes"]

    assert "active_time_intervals" not in critical
    assert [route["active_time_intervals"] for route in (warning, *warning["routes"])] == [["office-hours"]] * 2


# ------------------------------------------------------------------------------------------------------------- routes


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"severity": "critical", "kind": "service", "alertname": "SalespulseWorkerDown"}, "topic,page"),
        ({"severity": "critical", "kpi": "win_rate"}, "topic,page"),
        ({"severity": "critical", "kpi": "win_rate", "team": "north"}, "topic,page"),
        ({"severity": "warning", "kpi": "win_rate"}, "topic,chat"),
        ({"severity": "warning", "kpi": "win_rate", "team": "south"}, "topic,chat"),
        ({"severity": "warning", "kpi": "win_rate", "team": "north"}, "topic,chat-north"),
        ({"severity": "info", "kpi": "win_rate", "team": "north"}, "topic"),
        ({"alertname": "OfSomebodyElse"}, "topic"),
    ],
)
def test_an_alert_goes_where_its_labels_say(path: str, labels: Json, receivers: str) -> None:
    given = [f"{name}={value}" for name, value in labels.items()]

    assert amtool("config", "routes", "test", f"--config.file={path}", *given).strip() == receivers


def test_the_topic_is_told_again_before_its_readers_stop_believing(path: str) -> None:
    route = read(path)["route"]["routes"][0]
    promised = re.search(r"^TOLD_AGAIN_SECONDS = (\d+) \* 60$", example_client(), re.MULTILINE)
    manual = (ROOT / "docs/subscribe.md").read_text("utf-8")
    repeat, interval = span_seconds(route["repeat_interval"]), span_seconds(route["group_interval"])

    assert promised is not None
    # Alertmanager looks whether it is time at the group's own pace, and a delivery may have to wait for Kafka.
    assert repeat + 4 * interval < int(promised[1]) * 60
    assert f"older than {promised[1]} minutes" in manual
    assert f"told again every {repeat / 60:f} minutes" in manual


def example_client() -> str:
    return (ROOT / "docs/examples/subscribe_alerts.py").read_text("utf-8")


def test_alertmanager_waits_for_the_answer_of_the_hook(path: str) -> None:
    # A delivery is given up when the next one of its group is due.
    assert span_seconds(read(path)["route"]["routes"][0]["group_interval"]) > CONFIRM_SECONDS


def test_the_commands_of_the_manual_work() -> None:
    commands = re.findall(r"^amtool (.*)", (ROOT / "docs/alerting.md").read_text("utf-8"), re.MULTILINE)

    assert [amtool(*command.split()).split()[-1] for command in commands] == ["templates", "topic,chat-north"]


# --------------------------------------------------------------------------------------------------------- inhibition


def test_what_mutes_and_is_muted_by_name_is_an_alert_that_there_is(path: str) -> None:
    groups = read("config/prometheus/rules/service.yml")["groups"]
    there = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    matchers = [m for rule in read(path)["inhibit_rules"] for m in rule["source_matchers"] + rule["target_matchers"]]
    named = {name for matcher in matchers for name in re.findall(r"Salespulse\w+", matcher)}

    assert named - there == set()
    assert len(named) == 4


def test_one_row_does_not_mute_another(path: str) -> None:
    dimensions = {name for kpi in load().kpis.values() for alert in kpi.alerts for name in alert.grain}
    *_, critical = read(path)["inhibit_rules"]

    assert set(critical["equal"]) == {"kpi", *dimensions}
