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


def check_muted(server: AlertmanagerServer, number: int, expected: list[Labels]) -> None:
    """Wait until Alertmanager has made up its mind about so many alerts, and these are muted; then look once more.

    What mutes and what is muted reach it by ways of their own: the first look can be too early for either.
    """
    deadline = time.monotonic() + 10
    while _muted(server, number) != sorted(expected, key=str):
        assert time.monotonic() < deadline, server.alerts()
        time.sleep(0.05)
    time.sleep(0.3)
    assert _muted(server, number) == sorted(expected, key=str)


def _muted(server: AlertmanagerServer, number: int) -> list[Labels] | None:
    """Return the labels of the alerts that are muted, None while not all are processed."""
    alerts = server.alerts()
    if len(alerts) != number or any(a["status"]["state"] == "unprocessed" for a in alerts):
        return None
    assert all(bool(a["status"]["inhibitedBy"]) == (a["status"]["state"] == "suppressed") for a in alerts)
    return sorted((a["labels"] for a in alerts if a["status"]["state"] == "suppressed"), key=str)


@pytest.mark.parametrize(
    "name",
    ["SalespulseServeDown", "SalespulseWorkerDown", "SalespulseReadingsStale", "SalespulsePipelineStalled"],
)
def test_while_the_numbers_stand_still_no_alert_is_about_a_number(alertmanager: AlertmanagerServer, name: str) -> None:
    about_numbers = [kpi_alert(team="north"), kpi_alert("CacHigh"), kpi_alert("ChurnHigh", "critical")]
    others = [{"alertname": "OfSomebodyElse", "severity": "warning"}, service_alert("SalespulseEventsRejected")]

    fire(alertmanager, service_alert(name), *others, *about_numbers)

    check_muted(alertmanager, 6, about_numbers)


def test_another_fault_of_the_service_mutes_no_number(alertmanager: AlertmanagerServer) -> None:
    fire(alertmanager, service_alert("SalespulseEventsRejected"), kpi_alert(team="north"))

    check_muted(alertmanager, 2, [])


def test_another_installation_mutes_nothing_here(alertmanager: AlertmanagerServer) -> None:
    fire(alertmanager, service_alert("SalespulseWorkerDown"), kpi_alert(service="salespulse-test"))

    check_muted(alertmanager, 2, [])


def test_what_is_down_mutes_what_follows_from_it(alertmanager: AlertmanagerServer) -> None:
    stale, stalled = service_alert("SalespulseReadingsStale"), service_alert("SalespulsePipelineStalled")

    fire(alertmanager, stale, stalled)
    check_muted(alertmanager, 2, [])
    fire(alertmanager, service_alert("SalespulseWorkerDown"))
    check_muted(alertmanager, 3, [stale, stalled])


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

    check_muted(alertmanager, 9, [same])
