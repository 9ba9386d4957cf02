"""A whole installation under a steady load: one worker, one view, Redis, and the producer of the load."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from pydantic import SecretStr

from bench.children import Child
from bench.feed import PARTITIONS
from config.load import load
from config.settings import Settings
from streams.topics import ensure_topics
from tests.broker import free_port
from tests.integration.cluster import RedisServer


@dataclass(frozen=True)
class Running:
    """What runs."""

    settings: Settings
    worker: Child
    view: Child


@contextmanager
def under_load(kafka: str, rate: int, seconds: int, folder: Path, tick: float = 1.0) -> Iterator[Running]:
    """Start a fresh installation, and the load of `rate` events a second for so many seconds."""
    token = uuid4().hex[:8]
    redis = RedisServer(folder)
    settings = Settings(
        kafka=kafka,
        app_id=f"bench-{token}",
        topic_prefix=f"bench-{token}",
        partitions=PARTITIONS,
        worker_http_port=free_port(),
        http_port=free_port(),
        redis_url=SecretStr(redis.url),
        tick_interval=tick,
    )
    try:
        asyncio.run(ensure_topics(settings, tuple(s.topic for s in load().sources.values())))
        with (
            Child("streams.cli", ["worker"], settings, folder / f"worker-{token}.log") as worker,
            Child("streams.cli", ["serve"], settings, folder / f"view-{token}.log") as view,
            Child("bench.load", [str(rate), str(seconds)], settings, folder / f"load-{token}.log") as producer,
        ):
            worker.until_ready(settings.worker_http_port)
            view.until_ready(settings.http_port)
            producer.read_line("loaded")
            producer.write_line()
            yield Running(settings, worker, view)
    finally:
        redis.close()
