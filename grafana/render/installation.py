"""A whole installation that does real work while it is looked at: Redis, two workers, a view, and visitors."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import NoReturn

from aiohttp import ClientError, ClientSession, ClientTimeout
from pydantic import SecretStr

from config.settings import Settings
from grafana.render.life import Life
from grafana.render.programs import program
from streams.clock import wall_clock
from streams.envelope import Event
from streams.event_writer import EventWriter
from tests.integration.cluster import RedisServer, ServeProcess, WorkerProcess, make_topics, wait_until_applied

SERVE, WORKER = "salespulse-serve", "salespulse-worker"
"""The names under which Prometheus scrapes the two."""
VIEW = "serve:8080"

_PATHS = ("/", "/api/v1/kpis", "/api/v1/readings?kpi=revenue", "/kpi/win_rate", "/api/v1/readings?kpi=no_such")
_VISIT_SECONDS = 0.4
_BEAT_SECONDS = 0.5


class Installation:
    """The processes of one installation; made by `installed`."""

    def __init__(self, settings: Settings, folder: Path, processes: AsyncExitStack) -> None:
        """Start a view, and no worker yet."""
        self._settings, self._folder, self._processes = settings, folder, processes
        self._workers: list[WorkerProcess] = []
        self._view = ServeProcess(settings, folder / "view.log")
        processes.callback(self._view.close)

    @property
    def targets(self) -> Mapping[str, Mapping[str, str]]:
        """What Prometheus scrapes: job -> instance -> the address where it is reached."""
        workers = {f"worker-{i}:8081": f"127.0.0.1:{w.port}" for i, w in enumerate(self._workers, 1)}
        return {SERVE: {VIEW: f"127.0.0.1:{self._view.port}"}, WORKER: workers}

    async def add_worker(self) -> None:
        """Start one more worker, and wait until it and the view can do their work."""
        worker = WorkerProcess(self._settings, self._folder / f"worker-{len(self._workers) + 1}.log")
        self._processes.callback(worker.close)
        self._workers.append(worker)
        await worker.until_ready()
        await self._view.until_ready()

    async def load(self, events: list[Event], a_second: int, told: Callable[[int], None]) -> None:
        """Write the events at a steady rate, and wait until they are applied.

        Args:
            events: in the order of their arrival.
            a_second: how many.
            told: told how many are written.
        """
        begun = time.monotonic()
        async with EventWriter(self._settings) as writer:
            for written, event in enumerate(events, 1):
                await writer.write(event)
                ahead = written / a_second - (time.monotonic() - begun)
                if ahead > 0:
                    told(written)
                    await asyncio.sleep(ahead)
            await writer.flush()
        await wait_until_applied(self._settings)

    async def live(self, life: Life) -> NoReturn:
        """Let the organisation of `life` live on for ever."""
        async with EventWriter(self._settings) as writer:
            while True:
                for event in life.go_on(wall_clock()):
                    await writer.write(event)
                await asyncio.sleep(_BEAT_SECONDS)

    async def visit(self) -> NoReturn:
        """Look at the view's pages for ever, as people and programs do, with a stream held open."""
        async with (
            ClientSession(self._view.address, timeout=ClientTimeout(total=None)) as session,
            session.get("/api/v1/stream?kpi=revenue") as stream,
        ):
            while True:
                for path in _PATHS:
                    with suppress(ClientError):
                        await (await session.get(path)).read()
                    await asyncio.sleep(_VISIT_SECONDS)
                await stream.content.readany()


@asynccontextmanager
async def installed(kafka: str, folder: Path) -> AsyncIterator[Installation]:
    """Set an installation up on an empty broker at `kafka`, with its logs in `folder`, and end it afterwards.

    Raises:
        MissingProgramError: there is no Redis.
        TimeoutError: something is not ready in time; its log says why.
    """
    program("redis-server", package="redis-server")
    async with AsyncExitStack() as processes:
        redis = RedisServer(folder)
        processes.callback(redis.close)
        settings = Settings(kafka=kafka, redis_url=SecretStr(redis.url))
        await make_topics(settings)
        installation = Installation(settings, folder, processes)
        await installation.add_worker()
        yield installation
