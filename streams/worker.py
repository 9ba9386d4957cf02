"""The worker process: waits for the broker, owns shards, and begins anew after a failure of Kafka.

A failed flush leaves the state ahead of Kafka's, so the process replaces itself and reads its state again; nothing is
lost and nobody needs to restart it. A fault that would come back (an unreadable record, wrong topics) ends it with one
clear line.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from config.settings import Settings
from metrics.plan import Plan
from metrics.shard import Shard
from streams.app import Shards, create_app
from streams.clock import clock_from
from streams.contributors import EntitiesRoute
from streams.kafka import wait_for_broker
from streams.logs import configure_logging, logging_config
from streams.telemetry import Telemetry, worker_web
from streams.topics import check_topics, inputs_of
from streams.web_parts import bound_port

_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 (looked for, not listened on)
_log = structlog.get_logger(__name__)


class _Health:
    """What the probes say, and what is owned, before and after there are shards."""

    def __init__(self) -> None:
        self.phase = "starting"
        self.shards: Shards | None = None

    def ready(self) -> tuple[bool, str]:
        return (False, self.phase) if self.shards is None else self.shards.ready()

    def owned(self) -> dict[int, Shard]:
        return {} if self.shards is None else self.shards.owned


class WorkerError(Exception):
    """A fault that a restart would meet again; its text is for people."""


def run_worker(settings: Settings, plan: Plan) -> int:
    """Run until told to stop; return the exit code."""
    configure_logging(settings)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    telemetry, health = Telemetry(plan.sources), _Health()
    try:
        entities = EntitiesRoute(plan, health.owned)
        runner = loop.run_until_complete(worker_web(settings, telemetry, health, entities.answer))
        settings = settings.model_copy(update={"worker_url": reached_at(settings, bound_port(runner))})
        if not _run_until_stopped(loop, _prepare(settings, plan, health)):
            loop.run_until_complete(runner.cleanup())
            return 0
    except WorkerError as error:
        sys.stderr.write(f"salespulse worker: {error}\n")
        return 1
    gc.freeze()
    gc.disable()  # `Shards.collect_garbage_for_ever` does it
    app, shards = create_app(settings, plan, clock_from(settings), telemetry)
    health.shards = shards
    failure = _run_faust(app, shards, settings, loop)
    if failure is None:
        return 0
    if isinstance(failure, KafkaError | OSError | asyncio.TimeoutError):
        _log.warning("kafka failed, beginning anew", error=repr(failure))
        os.execv(sys.executable, [sys.executable, "-m", "streams.cli", *sys.argv[1:]])  # noqa: S606 (our own command again)
    sys.stderr.write(f"salespulse worker: {failure}\n")
    return 1


def reached_at(settings: Settings, port: int) -> str:
    """Return the address at which views reach a worker that listens on `port`."""
    if settings.worker_url is not None:
        return settings.worker_url
    host = socket.gethostname() if settings.http_host in _WILDCARDS else settings.http_host
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _run_until_stopped(loop: asyncio.AbstractEventLoop, work: Any) -> bool:
    """Run `work`; return False when SIGTERM or SIGINT came first."""
    task = loop.create_task(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        loop.run_until_complete(task)
    except asyncio.CancelledError:
        return False
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    return True


async def _prepare(settings: Settings, plan: Plan, health: _Health) -> None:
    def heard(text: str) -> None:
        health.phase = text
        _log.warning(text)

    health.phase = "waiting for the broker"
    await wait_for_broker(settings, heard)
    health.phase = "checking the topics"
    faults = await check_topics(settings, inputs_of(plan))
    if faults:
        raise WorkerError("the topics are not as they must be:\n" + "\n".join(f"  {f}" for f in faults))


def _run_faust(app: Any, shards: Shards, settings: Settings, loop: asyncio.AbstractEventLoop) -> BaseException | None:
    """Run the Faust worker to its end; return why it crashed, None after a clean stop."""
    worker = app.Worker(
        loop=loop, redirect_stdouts=False, loglevel=settings.log_level, logging_config=logging_config(settings)
    )
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        if shards.failure is not None:
            return shards.failure
        if stop.code:
            return worker.crash_reason or RuntimeError(f"faust ended with exit code {stop.code}")
        return None
    return None
