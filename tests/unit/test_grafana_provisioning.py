"""What Grafana is told at its start, as far as that can be checked without Grafana."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from config.settings import Settings
from streams.dashboards import links
from tests.deployment.compose import Compose

ROOT = Path(__file__).parents[2]
PROVISIONING = ROOT / "grafana/provisioning"
DASHBOARDS = ROOT / "grafana/dashboards"
COMPOSE = Compose.read((ROOT / "docker-compose.yml").read_text("utf-8"), {})
GRAFANA = COMPOSE.services["grafana"]
SCHEMA = json.loads((ROOT / "tests/data/grafana-provisioning.schema.json").read_text("utf-8"))

# Of the settings in Grafana's manual, those that are used: `GF_SECTION_KEY`, with `_` for each `.` of a section.
KNOWN = {
    "analytics": {"reporting_enabled", "check_for_updates", "check_for_plugin_updates"},
    "auth.anonymous": {"enabled", "org_role"},
    "dashboards": {"default_home_dashboard_path", "min_refresh_interval"},
    "news": {"news_feed_enabled"},
    "plugins": {"preinstall_disabled", "preinstall_auto_update"},
    "security": {"admin_password"},
    "server": {"root_url"},
}


def read(kind: str) -> Any:
    (file,) = (PROVISIONING / kind).iterdir()
    return YAML(typ="safe").load(file)


@pytest.mark.parametrize("kind", ["datasources", "dashboards"])
def test_grafana_knows_every_key(kind: str) -> None:
    validator = jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{kind}"})
    assert [error.message for error in validator.iter_errors(read(kind))] == []


def test_the_folder_holds_no_other_kind() -> None:
    assert {path.name for path in PROVISIONING.iterdir()} == {"datasources", "dashboards"}


@pytest.mark.parametrize(
    ("kind", "place", "key", "value"),
    [
        ("datasources", "datasources", "isdefault", True),
        ("datasources", "datasources", "url", "prometheus:9090"),
        ("datasources", "datasources", "uid", "a b"),
        ("dashboards", "providers", "folder", "Sales"),
        ("dashboards", "providers", "updateIntervalSeconds", "10s"),
        ("dashboards", "providers", "options", {"path": "dashboards"}),
    ],
)
def test_a_wrong_key_or_value_is_found(kind: str, place: str, key: str, value: object) -> None:
    document = read(kind)
    document[place][0][key] = value
    assert list(jsonschema.Draft202012Validator({**SCHEMA, "$ref": f"#/$defs/{kind}"}).iter_errors(document))


def test_every_variable_is_a_setting_of_grafana() -> None:
    known = {f"GF_{section.replace('.', '_')}_{key}".upper() for section, keys in KNOWN.items() for key in keys}
    assert GRAFANA.environment.keys() - known == set()


def test_sources_are_services_at_the_ports_they_publish() -> None:
    for source in read("datasources")["datasources"]:
        name, port = source["url"].removeprefix("http://").split(":")
        assert name == source["type"], source["name"]
        assert int(port) in {published.target for published in COMPOSE.services[name].ports}, source["name"]
        assert source["uid"] == name, "dashboards and links name it"


def test_prometheus_is_the_source_and_told_how_often_it_scrapes() -> None:
    prometheus, *others = sorted(read("datasources")["datasources"], key=lambda source: not source.get("isDefault"))
    assert prometheus["type"] == "prometheus"
    assert not any(source.get("isDefault") for source in others)
    scrape = YAML(typ="safe").load(ROOT / "config/prometheus/prometheus.yml")["global"]["scrape_interval"]
    assert prometheus["jsonData"]["timeInterval"] == scrape


def test_dashboards_come_from_where_they_are_mounted_in_a_folder_each() -> None:
    (provider,) = read("dashboards")["providers"]
    (mount,) = (mount for mount in GRAFANA.mounts if mount.target == provider["options"]["path"])
    assert ROOT / mount.source == DASHBOARDS
    assert {path.parent.name for path in DASHBOARDS.rglob("*.json")} == {"Sales", "Salespulse"}
    assert {path.parent.parent for path in DASHBOARDS.rglob("*.json")} == {DASHBOARDS}, "one level: a folder's name"


def test_provisioning_is_mounted_where_the_image_looks_for_it() -> None:
    assert "/etc/grafana/provisioning" in {
        mount.target for mount in GRAFANA.mounts if ROOT / mount.source == PROVISIONING
    }


def test_the_home_dashboard_is_the_overview() -> None:
    path = GRAFANA.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    home = json.loads((DASHBOARDS / path.removeprefix("/etc/grafana/dashboards/")).read_text("utf-8"))
    assert home["uid"] == links.OVERVIEW_UID


def test_no_dashboard_refreshes_oftener_than_it_may() -> None:
    least = seconds(GRAFANA.environment["GF_DASHBOARDS_MIN_REFRESH_INTERVAL"])
    for path in DASHBOARDS.rglob("*.json"):
        refresh = json.loads(path.read_text("utf-8")).get("refresh") or "1d"
        assert seconds(refresh) >= least, path.name


def test_who_only_looks_needs_no_password_on_this_machine_and_nowhere_else() -> None:
    assert GRAFANA.environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert {port.address for port in GRAFANA.ports} == {"127.0.0.1"}


@pytest.mark.parametrize("shell", [{}, {"SALESPULSE_GRAFANA_URL": "https://grafana.example.com"}])
def test_links_to_grafana_begin_as_grafana_says(shell: dict[str, str]) -> None:
    services = Compose.read((ROOT / "docker-compose.yml").read_text("utf-8"), shell).services
    default = Settings.model_fields["grafana_url"].default
    told = services["serve"].environment["SALESPULSE_GRAFANA_URL"] or default
    assert services["grafana"].environment["GF_SERVER_ROOT_URL"] == told
    assert shell or told == f"http://127.0.0.1:{GRAFANA.ports[0].published}"


def seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)([smhd])", text)
    assert match is not None, text
    return int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]
