"""The addresses of dashboards and panels: what links to them need not know how they are made."""

import zlib
from collections.abc import Mapping

FILTERS = ("team", "rep", "region")
"""The dimensions that people can choose values of, on dashboards whose panels have them as labels."""
OVERVIEW_UID, PEOPLE_UID, SERVICE_UID = "sales-overview", "sales-rep-team", "salespulse-service"


def group_uid(group: str) -> str:
    """Return the uid of the dashboard of a group."""
    return f"sales-{group.replace('_', '-')}"


def panel_id(*parts: str) -> int:
    """Return the id of the panel about `parts`: the same wherever it stands, so that links to it stay true."""
    return zlib.crc32("/".join(parts).encode()) & 0x7FFF_FFFF or 1


def alert_panel_id(name: str) -> int:
    """Return the id of the panel that shows the value of an alert and its thresholds."""
    return panel_id("alert", name)


def dashboard_url(
    grafana_url: str, uid: str, panel: int | None = None, variables: Mapping[str, str] | None = None
) -> str:
    """Return the address of a dashboard, or of one of its panels alone, with values for its variables.

    A value may be a template of Prometheus, such as `{{ $labels.team }}`, which is left as it is.
    """
    query = [] if panel is None else [f"viewPanel=panel-{panel}"]
    query += [f"var-{name}={value}" for name, value in (variables or {}).items()]
    return f"{grafana_url}/d/{uid}{'?' if query else ''}{'&'.join(query)}"
