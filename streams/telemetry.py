"""What the worker tells of itself: one typed catalogue of metrics, and the small web application that shows them."""

import time
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from config.settings import Settings
from config.tls import server_context
from streams.contributors import PATH as ENTITIES_PATH
from streams.web_metrics import measured
from streams.web_parts import (
    LARGEST_BODY,
    OPEN_PATHS,
    Health,
    harden,
    health_routes,
    metrics_response,
    quiet_runner,
    require_token,
)
from streams.web_rate import bounded_rate

OUTCOMES = ("applied", "duplicate", "stale", "rejected", "misrouted", "null")
"""What becomes of a record."""
_FLUSH_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


def clock_steps_counter(registry: CollectorRegistry) -> Counter:
    """Return where a process counts the steps back of its host's clock."""
    return Counter(
        "salespulse_clock_steps",
        "How often the clock was put back by more than is waited out, so that T had to follow it.",
        registry=registry,
    )


class Telemetry(Collector):
    """The worker's own metrics, in a registry of their own: several workers can live in one process."""

    def __init__(self, sources: Iterable[str] = (), clock_steps: int = 0) -> None:
        """Register everything, the counters of `sources` at 0: a series' first value is no increase to Prometheus.

        Args:
            sources: the keys of the sources.
            clock_steps: how often this process has begun anew because the clock was put back.
        """
        disable_created_metrics()  # type: ignore[no-untyped-call] # gauges that repeat when the process began
        self.registry = registry = CollectorRegistry()
        self._events = Counter(
            "salespulse_events",
            "Records read from the source topics, by what became of them: applied, duplicate, stale, rejected,"
            " misrouted or null.",
            ["type", "outcome"],
            registry=registry,
        )
        self._lag = Gauge(
            "salespulse_consumer_lag",
            "Records of a source partition that are written but not applied yet.",
            ["topic", "partition"],
            registry=registry,
        )
        self._flush_seconds = Histogram(
            "salespulse_flush_seconds",
            "How long the transactions that make changes durable take.",
            buckets=_FLUSH_SECONDS,
            registry=registry,
        )
        self._flushed_records = Counter(
            "salespulse_flushed_records", "Records written by the transactions.", registry=registry
        )
        self._last_flush = Gauge(
            "salespulse_last_flush_timestamp_seconds",
            "When the last transaction of a shard was committed.",
            ["shard"],
            registry=registry,
        )
        self._fenced = Counter(
            "salespulse_fenced_flushes",
            "Transactions refused because another worker owns the shard now.",
            registry=registry,
        )
        self._rebalances = Counter(
            "salespulse_rebalances",
            "How often partitions were shared out anew among the workers, as this one saw it.",
            registry=registry,
        )
        self._dead_letters = Counter(
            "salespulse_dead_letters", "Records sent to the dead-letter topic.", ["type"], registry=registry
        )
        self._recovery_seconds = Gauge(
            "salespulse_recovery_seconds", "How long the last recovery of a shard took.", ["shard"], registry=registry
        )
        self._recovered_entities = Gauge(
            "salespulse_recovered_entities",
            "Entities that the last recovery of a shard loaded.",
            ["shard"],
            registry=registry,
        )
        self._shards = Gauge("salespulse_shards", "Shards that this worker owns.", registry=registry)
        self.clock_steps = clock_steps
        clock_steps_counter(registry).inc(clock_steps)
        self._flushed_at: dict[int, float] = {}
        for source in sources:
            self._dead_letters.labels(source)
            for outcome in OUTCOMES:
                self._events.labels(source, outcome)
        registry.register(self)  # yields what depends on the time of the scrape

    def events(self, source: str, outcome: str, n: int) -> None:
        """Count `n` more records of a source; the rejected ones go to the dead-letter topic."""
        self._events.labels(source, outcome).inc(n)
        if outcome == "rejected":
            self._dead_letters.labels(source).inc(n)

    def lag(self, topic: str, partition: int, n: int) -> None:
        """Set how many records of a partition wait."""
        self._lag.labels(topic, str(partition)).set(n)

    def flushed(self, shard: int, seconds: float, records: int) -> None:
        """Count a transaction of `records` records that was committed just now and took `seconds`."""
        self._flush_seconds.observe(seconds)
        self._flushed_records.inc(records)
        self._last_flush.labels(str(shard)).set_to_current_time()
        self._flushed_at[shard] = time.monotonic()

    def fenced(self) -> None:
        """Count a transaction that was refused because the shard has a new owner."""
        self._fenced.inc()

    def rebalanced(self, shards: int) -> None:
        """Count a rebalance, and set how many shards this worker owns now."""
        self._rebalances.inc()
        self._shards.set(shards)

    def recovered(self, shard: int, seconds: float, entities: int) -> None:
        """Set how long the recovery of a shard took, and what it loaded; the shard's flush age begins now."""
        self._recovery_seconds.labels(str(shard)).set(seconds)
        self._recovered_entities.labels(str(shard)).set(entities)
        self._flushed_at[shard] = time.monotonic()

    def released(self, shard: int, partitions: tuple[tuple[str, int], ...] = ()) -> None:
        """Drop the series of a shard that another worker takes over, and the lag of its partitions."""
        self._flushed_at.pop(shard, None)
        for gauge in (self._last_flush, self._recovery_seconds, self._recovered_entities):
            gauge.remove_by_labels({"shard": str(shard)})
        for topic, partition in partitions:
            self._lag.remove_by_labels({"topic": topic, "partition": str(partition)})

    def flush_age(self) -> float:
        """Return the seconds since the last good flush, or recovery, of the shard that waits longest; 0 without any."""
        return max((time.monotonic() - at for at in self._flushed_at.values()), default=0.0)

    def collect(self) -> list[GaugeMetricFamily]:
        """Return the age of the last flush as of the scrape."""
        age = GaugeMetricFamily(
            "salespulse_flush_age_seconds",
            "Seconds since the last committed transaction of each shard.",
            labels=["shard"],
        )
        for shard, at in sorted(self._flushed_at.items()):
            age.add_metric([str(shard)], time.monotonic() - at)
        return [age]


def worker_app(
    settings: Settings, telemetry: Telemetry, health: Health, entities: Handler | None = None
) -> web.Application:
    """Build the worker's web application: `/metrics`, `/healthz`, `/readyz`, and `/entities` where it is answered."""

    async def metrics(request: web.Request) -> web.StreamResponse:
        return metrics_response(request, telemetry.registry)

    app = web.Application(
        middlewares=[
            measured(telemetry.registry),
            bounded_rate(settings.http_rate, OPEN_PATHS),
            require_token(settings.http_token, signed_path=ENTITIES_PATH),
        ],
        client_max_size=LARGEST_BODY,
    )
    app.on_response_prepare.append(harden)
    app.router.add_get("/metrics", metrics)
    if entities is not None:
        app.router.add_get(ENTITIES_PATH, entities)
    health_routes(app, health)
    return app


async def worker_web(settings: Settings, telemetry: Telemetry, health: Health, entities: Handler) -> web.AppRunner:
    """Serve the worker's web application on `worker_http_port`; close it with `await runner.cleanup()`.

    Raises:
        OSError: the port cannot be listened on.
    """
    app = worker_app(settings, telemetry, health, entities)
    tls = server_context(settings.http_tls)
    return await quiet_runner(app, settings.http_host, settings.worker_http_port, tls)
