"""Where the links of a runbook lead: beside it in the repository, or on the pages of the view."""

from collections.abc import Container
from typing import Protocol

from config.settings import Settings

README = "README.md"
KPIS = "kpis.md"


class Links(Protocol):
    """The links of a runbook, as Markdown."""

    def runbook(self, alert: str) -> str:
        """Return the link to the runbook of an alert."""
        ...

    def index(self) -> str:
        """Return the link to the list of all runbooks."""
        ...

    def file(self, path: str) -> str:
        """Return the link to a file of the repository, or its name where there is no repository."""
        ...

    def view(self, path: str, text: str) -> str:
        """Return the link to a page of the view."""
        ...


class FileLinks:
    """The links of the files in docs/runbooks."""

    def __init__(self, settings: Settings, kpi_alerts: Container[str]) -> None:
        """Know which alerts are about KPIs: their runbooks share a page."""
        self._public_url = settings.public_url
        self._kpi_alerts = kpi_alerts

    def runbook(self, alert: str) -> str:
        """Return the link to the runbook of an alert."""
        return f"[{alert}]({f'{KPIS}#{alert.lower()}' if alert in self._kpi_alerts else f'{alert}.md'})"

    def index(self) -> str:
        """Return the link to the list of all runbooks."""
        return f"[{README}]({README})"

    def file(self, path: str) -> str:
        """Return the link to a file of the repository."""
        return f"[{path}](../../{path})"

    def view(self, path: str, text: str) -> str:
        """Return the link to a page of the view."""
        return f"[{text}]({self._public_url}{path})"


class ViewLinks:
    """The links of the pages of the view, which is served by itself."""

    def runbook(self, alert: str) -> str:
        """Return the link to the runbook of an alert."""
        return f"[{alert}](/runbooks/{alert})"

    def index(self) -> str:
        """Return the link to the list of all runbooks."""
        return "[all alerts](/runbooks)"

    def file(self, path: str) -> str:
        """Return the name of a file of the repository."""
        return f"`{path}`"

    def view(self, path: str, text: str) -> str:
        """Return the link to another page of the view."""
        return f"[{text}]({path})"
