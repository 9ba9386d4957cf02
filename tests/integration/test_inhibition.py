"""What mutes what, asked of a real Alertmanager with the configuration that is shipped."""

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cluster import ROOT
from tests.integration.watching import AlertmanagerServer

CONFIGURATION = ROOT / "config/alertmanager/alertmanager.yml"
Labels = dict[str, str]


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[AlertmanagerServer]:
    with AlertmanagerServer(tmp_path / "alertmanager", CONFIGURATION) as server:
        yield server


def kpi_alert(name: str = "WinRateLow", severity: str = "warning", **labels: str) -> Labels:
    about = {"alertname": name, "severity": severity, "kind": "threshold", "kpi": "win_rate", "group": "funnel"}
    return {**about, "service": "salespulse", **labels}


def service_alert(name: str, severity: str = "critical") -> Labels:
    return {"alertname": name, "severity": severity, "kind": "service", "service": "salespulse"}


def fire(server: AlertmanagerServer, *alerts: Labels) -> None:
    body = json.dumps([{"labels": labels} for labels in alerts]).encode()
    request = urllib.request.Request(  # noqa: S310 - our own, on loopback
        f"{server.url}/api/v2/alerts", body, {"Content-Type": "application/json"}
    )
    urllib.request.urlopen(request, timeout=5).close()  # noqa: S310 - as above


def muted(server: AlertmanagerServer, number: int) -> list[Labels]:
    """Return the labels of the alerts that are muted, once Alertmanager has made up its mind about so many alerts."""
    deadline = time.monotonic() + 10
    while True:
        alerts = server.alerts()
        if len(alerts) == number and all(a["status"]["state"] != "unprocessed" for a in alerts):
            break
        assert time.monotonic() < deadline, alerts
        time.sleep(0.05)
    assert all(bool(a["status"]["inhibitedBy"]) == (a["status"]["state"] == "suppressed") for a in alerts)
    return [a["labels"] for a in alerts if a["status"]["state"] == "suppressed"]


@pytest.mark.parametrize(
    "name",
    ["SalespulseServeDown", "SalespulseWorkerDown", "SalespulseReadingsStale", "SalespulsePipelineStalled"],
)
def test_while_the_numbers_stand_still_no_alert_is_about_a_number(alertmanager: AlertmanagerServer, name: str) -> None:
    about_numbers = [kpi_alert(team="north"), kpi_alert("CacHigh"), kpi_alert("ChurnHigh", "critical")]
    others = [{"alertname": "OfSomebodyElse", "severity": "warning"}, service_alert("SalespulseEventsRejected")]

    fire(alertmanager, service_alert(name), *others, *about_numbers)

    assert sorted(muted(alertmanager, 6), key=str) == sorted(about_numbers, key=str)


def test_another_fault_of_the_service_mutes_no_number(alertmanager: AlertmanagerServer) -> None:
    fire(alertmanager, service_alert("SalespulseEventsRejected"), kpi_alert(team="north"))

    assert muted(alertmanager, 2) == []


def test_another_installation_mutes_nothing_here(alertmanager: AlertmanagerServer) -> None:
    fire(alertmanager, service_alert("SalespulseWorkerDown"), kpi_alert(service="salespulse-test"))

    assert muted(alertmanager, 2) == []


def test_what_is_down_mutes_what_follows_from_it(alertmanager: AlertmanagerServer) -> None:
    stale, stalled = service_alert("SalespulseReadingsStale"), service_alert("SalespulsePipelineStalled")

    fire(alertmanager, stale, stalled)
    assert muted(alertmanager, 2) == []
    fire(alertmanager, service_alert("SalespulseWorkerDown"))
    assert sorted(muted(alertmanager, 3), key=str) == sorted([stale, stalled], key=str)


def test_a_critical_alert_mutes_the_warning_about_the_same_row_only(alertmanager: AlertmanagerServer) -> None:
    same = kpi_alert(team="north")
    others = [
        kpi_alert(),  # the total
        kpi_alert(team="south"),
        kpi_alert(team="north", kpi="lead_response_time"),
        kpi_alert(team="north", segment="smb"),
        kpi_alert("WinRateSeen", "info", team="north"),
        service_alert("SalespulseEventsRejected", "warning"),
        service_alert("SalespulseFlushFailing"),
    ]

    fire(alertmanager, kpi_alert("WinRateCritical", "critical", team="north"), same, *others)

    assert muted(alertmanager, 9) == [same]
