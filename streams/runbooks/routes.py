"""The routes of the runbooks: the list of all, and one for each alert, where its `runbook_url` leads."""

from functools import cached_property

from aiohttp import web

from config.settings import Settings
from metrics.plan import Plan
from streams.html_response import html_response
from streams.runbooks.links import ViewLinks
from streams.runbooks.pages import runbook_page
from streams.runbooks.runbooks import Runbooks

_MISSING = "# There is no such alert\n\nSee [all alerts](/runbooks).\n"


class RunbookRoutes:
    """The runbooks of what is declared here."""

    def __init__(self, plan: Plan, settings: Settings) -> None:
        """Look up nothing yet: few processes are ever asked."""
        self._plan = plan
        self._settings = settings

    @cached_property
    def _runbooks(self) -> Runbooks:
        return Runbooks(self._plan, self._settings, ViewLinks())

    def add_to(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_get("/runbooks", self._get_index)
        app.router.add_get("/runbooks/{alert}", self._get_runbook)

    async def _get_index(self, _: web.Request) -> web.Response:
        return html_response(runbook_page("Runbooks", self._runbooks.index()))

    async def _get_runbook(self, request: web.Request) -> web.Response:
        alert = request.match_info["alert"]
        text = self._runbooks.page(alert)
        if text is None:
            return html_response(runbook_page("No such alert", _MISSING), status=404)
        return html_response(runbook_page(alert, text))
