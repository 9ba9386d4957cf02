"""`POST /hooks/alertmanager`: where Alertmanager delivers alerts, to be written to the topic."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, disable_created_metrics

from metrics.plan import Plan
from streams.alerts.delivery import DeliveryError, decode_delivery
from streams.alerts.message import AlertMessages, encode_alert
from streams.alerts.topic import KeyedRecord, NotWrittenError
from streams.api.answers import error_response

PATH = "/hooks/alertmanager"
LARGEST_BODY = 8 * 1024 * 1024
"""Some thousands of alerts."""
BODY_SECONDS = 10.0
"""Alertmanager sends a delivery at once."""
_AT_ONCE = 8
"""Deliveries that are read at the same time: together they bound the memory."""
_log = structlog.get_logger(__name__)


class AlertWriter(Protocol):
    """Where the records go."""

    async def write(self, records: Sequence[KeyedRecord]) -> None:
        """Write records, in their order and after those of earlier calls, and wait until all are confirmed.

        Raises:
            NotWrittenError: not all were confirmed.
        """
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


class AlertHook:
    """The route, and how often alerts passed it."""

    def __init__(self, plan: Plan, writer: AlertWriter, registry: CollectorRegistry) -> None:
        """Register the counters, at 0: a series' first value is no increase to Prometheus."""
        self._messages = AlertMessages(plan)
        self._writer = writer
        self._reading = 0
        disable_created_metrics()  # type: ignore[no-untyped-call] # gauges that repeat when the process began
        self._written = Counter(
            "salespulse_alerts",
            "Records written to the alert topic, by status: firing or resolved.",
            ["status"],
            registry=registry,
        )
        self._failures = Counter(
            "salespulse_alert_failures", "Deliveries of alerts that could not be written.", registry=registry
        )
        for status in ("firing", "resolved"):
            self._written.labels(status)

    def add_to(self, app: web.Application) -> None:
        """Add the route, and the end of the connection to the end of `app`."""
        app.router.add_post(PATH, self._take)
        app.on_cleanup.append(self._close)

    async def _close(self, _: web.Application) -> None:
        await self._writer.close()

    async def _take(self, request: web.Request) -> web.Response:
        """Answer 200 once all alerts are on the topic: with 503 Alertmanager tries again, with 400 it would be vain."""
        if "Origin" in request.headers:  # what browsers say of the page that sends, and Alertmanager never does
            return error_response(403, "alerts are taken from Alertmanager, not from pages in a browser")
        if self._reading >= _AT_ONCE:
            return error_response(503, f"{_AT_ONCE} deliveries are being read already; send it again")
        self._reading += 1
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await request.clone(client_max_size=LARGEST_BODY).read()
        except TimeoutError:
            return error_response(408, f"the delivery was not there within {BODY_SECONDS:.0f} s; send it again")
        finally:
            self._reading -= 1
        try:
            delivery = decode_delivery(body)
        except DeliveryError as error:
            return error_response(400, str(error))
        messages = [self._messages.message(alert) for alert in delivery.alerts]
        try:
            if messages:
                await self._writer.write([(m.fingerprint.encode(), encode_alert(m)) for m in messages])
        except NotWrittenError as error:
            self._failures.inc()
            _log.warning("alerts were not written, Alertmanager tries again", alerts=len(messages), error=str(error))
            return error_response(503, str(error))
        for message in messages:
            self._written.labels(message.status).inc()
        return web.json_response({"written": len(messages)})
