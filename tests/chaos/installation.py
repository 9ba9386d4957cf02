"""A whole installation: a broker, a Redis, places for workers and views, and the process that feeds them."""

import asyncio
import json
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pydantic import SecretStr

from config.settings import Settings
from streams.kafka import client_options
from streams.topics import declared_topics, inputs_of
from tests.broker import Broker, free_port
from tests.chaos.faults import WORKER_SLOTS
from tests.chaos.program import Program
from tests.chaos.scenario import CLOCK, DECLARED, PARTITIONS, Declared, Scenario
from tests.integration.cluster import environment_of, make_topics, plan_of

_OPENED = "shard opened"
_FIVE_SECONDS, _A_DAY = "5000", "86400000"
_SMALL_SEGMENTS = str(4 * 1024 * 1024)


class Installation:
    """What a run consists of; `opened` starts the broker and Redis, the rest is started by the run."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        """Choose ports, and say how every program is started."""
        self.scenario = scenario
        self.folder = folder
        self.broker = Broker(private=True)
        redis_port = free_port()
        self.settings = Settings(
            kafka=self.broker.address,
            app_id="chaos",
            partitions=PARTITIONS,
            clock=CLOCK,
            tick_interval=2.0,  # two views cost more than three workers otherwise
            redis_url=SecretStr(f"redis://127.0.0.1:{redis_port}/0"),
        )
        ours = [sys.executable, "-m", "streams.cli"]
        places = [f"worker-{n + 1}" for n in range(WORKER_SLOTS)]
        self.workers = {name: self._program(name, [*ours, "worker"]) for name in places}
        self.views = {name: self._program(name, [*ours, "serve"]) for name in map("view-{}".format, _upto(scenario))}
        server = shutil.which("redis-server") or "redis-server"
        options = ["--port", str(redis_port), "--save", "", "--appendonly", "no", "--dir", str(folder)]
        self.redis = self._program("redis", [server, *options])
        feeding = {**asdict(scenario.feed), "rate": scenario.rate}
        self.feeder = self._program("feeder", [sys.executable, "-m", "tests.chaos.feeder", json.dumps(feeding)])
        self._begun = time.monotonic()

    def _program(self, name: str, command: list[str]) -> Program:
        return Program(name, command, self.folder / f"{name}.log")

    @property
    def programs(self) -> dict[str, Program]:
        """The workers and the views."""
        return self.workers | self.views

    def declare(self, declared: Declared) -> None:
        """Have what is started from here on use these declarations."""
        self.settings = self.settings.model_copy(update={"catalogue": (), "groups_off": (), **DECLARED[declared]})
        ports = {"SALESPULSE_HTTP_PORT": "0", "SALESPULSE_WORKER_HTTP_PORT": "0"}
        for program in (*self.programs.values(), self.feeder):
            program.environment = environment_of(self.settings) | ports

    def tell(self, text: str) -> None:
        """Write a line to the run's own log."""
        with (self.folder / "run.log").open("a") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {time.monotonic() - self._begun:7.2f} {text}\n")

    def faults(self) -> Iterator[str]:
        """Yield what programs did that they must not do."""
        for program in (*self.programs.values(), self.redis):
            program.look()
            yield from program.faults

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have a broker with the topics, and a Redis, and nothing that is left at the end."""
        try:
            await asyncio.to_thread(self.broker.start)
            self.redis.start()
            await self._make_topics()
            self.tell(f"broker at {self.broker.address}")
            yield
        finally:
            for program in (*self.programs.values(), self.feeder, self.redis):
                program.close()
            await asyncio.to_thread(self._close_broker)

    def _close_broker(self) -> None:
        """End the broker and forget its data, but not its log; a run has a folder for temporary files of its own."""
        for log in Path(tempfile.gettempdir()).glob("salespulse-broker-*/broker.log"):
            shutil.copy(log, self.folder)
        self.broker.close()

    async def until_opened(self, patience: float) -> None:
        """Wait until a worker has opened a shard since it was last looked at.

        Raises:
            TimeoutError: none has.
        """
        deadline = time.monotonic() + patience
        while not any(_OPENED in worker.news() for worker in self.workers.values()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no worker has opened a shard within {patience:.0f} s")
            await asyncio.sleep(0.1)

    async def _make_topics(self) -> None:
        """Make the topics such that every revision stays, and that state is compacted while it is written and read."""
        settings = self.settings
        changed = {
            settings.kpis_topic: {"min.compaction.lag.ms": _A_DAY},
            settings.cells_topic: {"min.compaction.lag.ms": _FIVE_SECONDS, "segment.bytes": _SMALL_SEGMENTS},
            settings.entities_topic: {"min.compaction.lag.ms": _FIVE_SECONDS, "segment.bytes": _SMALL_SEGMENTS},
        }
        declared = {t.name: t for t in declared_topics(settings, inputs_of(plan_of(settings)))}
        topics = [replace(declared[name], config={**declared[name].config, **new}) for name, new in changed.items()]
        admin: Any = AIOKafkaAdminClient(**client_options(settings))
        await admin.start()
        try:
            await admin.create_topics(
                [
                    NewTopic(t.name, t.partitions, 1, topic_configs={"cleanup.policy": t.cleanup, **t.config})
                    for t in topics
                ]
            )
        finally:
            await admin.close()
        await make_topics(settings)


def _upto(scenario: Scenario) -> range:
    return range(1, scenario.views + 1)
