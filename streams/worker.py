"""The worker process: waits for the broker, owns shards, and begins anew after a failure of Kafka.

A failed flush leaves the state ahead of Kafka's, so the process replaces itself and reads its state again; nothing is
lost and nobody needs to restart it. So it does when the clock was put back, which leaves the state ahead of T. A fault
that would come back (an unreadable record, wrong topics) ends it with one clear line.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from config.settings import Settings
from metrics.plan import Plan
from metrics.shard import Shard
from streams.app import Shards, create_app
from streams.clock import ClockPutBackError, clock_from
from streams.contributors import EntitiesRoute
from streams.dimension_metrics import DimensionMetrics
from streams.kafka import may_join, wait_for_broker
from streams.logs import configure_logging, logging_config
from streams.telemetry import Telemetry, worker_web
from streams.topics import check_topics, inputs_of
from streams.web_parts import bound_port

_CLOCK_STEPS = "_SALESPULSE_CLOCK_STEPS"
"""How a process tells the one that replaces it how often the clock was put back."""
_PAUSE_SECONDS = 1.0
_CANCEL_SECONDS, _LOOK_SECONDS, _STOP_SECONDS = 0.5, 0.1, 4.0
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
    telemetry, health = Telemetry(plan.sources, int(os.environ.get(_CLOCK_STEPS, "0"))), _Health()
    telemetry.registry.register(DimensionMetrics(plan))
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
    return _end(_run_faust(app, shards, settings, loop, lambda reason: _give_up(reason, telemetry)), telemetry)


def _end(failure: BaseException | None, telemetry: Telemetry) -> int:
    """Begin anew where that helps against `failure`; else say what it is, and return the exit code."""
    if failure is None:
        return 0
    if isinstance(failure, ClockPutBackError):
        _log.warning(f"{failure}; beginning anew")
        os.environ[_CLOCK_STEPS] = str(telemetry.clock_steps + 1)
        _begin_anew()
    if isinstance(failure, KafkaError | OSError | asyncio.TimeoutError):
        _log.warning("kafka failed, beginning anew", error=repr(failure))
        _begin_anew()
    sys.stderr.write(f"salespulse worker: {failure}\n")
    return 1


def _begin_anew() -> None:
    """Replace this process by our own command again."""
    os.execv(sys.executable, [sys.executable, "-m", "streams.cli", *sys.argv[1:]])  # noqa: S606 (no shell)


def reached_at(settings: Settings, port: int) -> str:
    """Return the address at which views reach a worker that listens on `port`."""
    if settings.worker_url is not None:
        return settings.worker_url
    host = socket.gethostname() if settings.http_host in _WILDCARDS else settings.http_host
    return f"{settings.http_scheme}://[{host}]:{port}" if ":" in host else f"{settings.http_scheme}://{host}:{port}"


def _run_until_stopped(loop: asyncio.AbstractEventLoop, work: Any) -> bool:
    """Run `work`; return False when SIGTERM or SIGINT came first."""
    task, told = loop.create_task(work), asyncio.Event()

    def stop() -> None:
        told.set()
        if not task.done():
            task.cancel()
            loop.call_later(_CANCEL_SECONDS, stop)  # once more: clients can lose a cancellation

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    return not told.is_set()


async def _prepare(settings: Settings, plan: Plan, health: _Health) -> None:
    def heard(text: str) -> None:
        health.phase = text
        _log.warning(text)

    faults: list[str] | None = None
    while faults is None:
        health.phase = "waiting for the broker"
        await wait_for_broker(settings, heard)
        health.phase = "checking the topics"
        try:
            faults = await check_topics(settings, inputs_of(plan))
        except (KafkaError, OSError) as error:  # it went again, or others that are needed are away
            heard(f"the topics cannot be checked, trying again: {error}")
            await asyncio.sleep(_PAUSE_SECONDS)
    if faults:
        raise WorkerError("the topics are not as they must be:\n" + "\n".join(f"  {f}" for f in faults))
    if not await may_join(settings):
        raise WorkerError(
            f"user `{settings.kafka_sasl_username}` may not read as group `{settings.app_id}`; allow it what"
            " docs/deploy.md lists for a worker"
        )


def _give_up(reason: BaseException | None, telemetry: Telemetry) -> None:
    """End this process as it is: nothing that Kafka has confirmed is lost by that, and all else is read again."""
    _log.warning("kafka lets nothing end in good order; what was not saved yet will be read again")
    sys.stderr.flush()
    os._exit(_end(reason, telemetry))


def _run_faust(
    app: Any,
    shards: Shards,
    settings: Settings,
    loop: asyncio.AbstractEventLoop,
    give_up: Callable[[BaseException | None], None],
) -> BaseException | None:
    """Run the Faust worker to its end; return why it crashed, None when it was told to stop.

    Clients wait for ever for brokers that are away, also to save and to leave the group: so `give_up` is called some
    seconds after the end has begun, in a thread of its own, with the reason if the end was a crash.
    """
    worker = app.Worker(
        loop=loop, redirect_stdouts=False, loglevel=settings.log_level, logging_config=logging_config(settings)
    )

    def was_told() -> bool:
        return worker._signal_stop_time is not None  # noqa: SLF001

    def why() -> BaseException | None:
        return None if was_told() else shards.failure or worker.crash_reason  # what failed since it was is read again

    def limit_the_end() -> None:
        while not (worker.should_stop or app.should_stop):
            time.sleep(_LOOK_SECONDS)
        time.sleep(_STOP_SECONDS)
        give_up(why())

    threading.Thread(target=limit_the_end, daemon=True).start()
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:
        if was_told() or why() is not None or not stop.code:
            return why()
        # What failed its start, such as a broker that went again since it answered, is only the error's context.
        return stop.__context__ or RuntimeError(f"faust ended with exit code {stop.code}")
    return None
