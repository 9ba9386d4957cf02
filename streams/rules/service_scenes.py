"""Scenes of a service that needs nobody: all is well, a replica is down, a process begins anew."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from config.settings import Settings
from metrics.plan import Plan
from streams.rules.service_alerts import silent_sources

STEP_SECONDS = 30
"""From one sample, and one evaluation, to the next."""
Series = tuple[str, Mapping[str, str], str]
"""The name of a metric, labels, and its values as promtool spells them: `1x9` is ten times 1, `0+5x9` goes up by 5."""
SERVE, OTHER_SERVE = (
    {"job": "salespulse-serve", "instance": "serve-1"},
    {"job": "salespulse-serve", "instance": "serve-2"},
)
WORKER, OTHER_WORKER = (
    {"job": "salespulse-worker", "instance": "worker-1"},
    {"job": "salespulse-worker", "instance": "worker-2"},
)


class Calm(NamedTuple):
    """A scene in which nothing fires.

    Attributes:
        name: what it shows.
        series: what Prometheus sees.
        never: the selector of what there must not be.
        steps: when it is looked at.
    """

    name: str
    series: tuple[Series, ...]
    never: str
    steps: tuple[int, ...]


def calm_scenes(plan: Plan, settings: Settings) -> Iterator[Calm]:
    """Yield the scenes."""
    types = list(plan.sources)
    yield Calm("by day and in a quiet night all is well", tuple(_well(plan, settings)), "ALERTS", (20, 60, 119))
    yield Calm("one of two replicas is enough", tuple(_one_of_two(types)), "ALERTS", (20, 60))
    yield Calm(
        "a process that is back within 30 seconds is no emergency",
        tuple(_restarted(plan, settings)),
        'ALERTS{severity="critical", alertstate="firing"}',
        (20, 21, 22, 23, 24, 26, 30, 40),
    )
    for source in silent_sources(plan)[:1]:
        yield Calm(
            "a source whose events wait is not silent",
            (
                ("salespulse_source_last_event_timestamp_seconds", {"type": source.key, **SERVE}, "-9000000x40"),
                lag_series(settings, plan, source.key, "1x40"),
            ),
            'ALERTS{alertname="SalespulseSourceSilent"}',
            (20, 40),
        )


def lag_series(
    settings: Settings, plan: Plan, source: str, values: str, worker: Mapping[str, str] = WORKER, partition: int = 0
) -> Series:
    """Return the lag of one partition of the topic of a source."""
    topic = settings.input_topic(plan.sources[source].source.topic)
    return "salespulse_consumer_lag", {"topic": topic, "partition": str(partition), **worker}, values


def _well(plan: Plan, settings: Settings) -> Iterator[Series]:
    """Yield an hour of which the last half is without traffic."""
    for replica in (SERVE, OTHER_SERVE):
        yield "up", replica, "1x120"
        yield "salespulse_last_evaluation_timestamp_seconds", replica, "0+30x120"
        yield "salespulse_unconverted_records", {"currency": "USD", **replica}, "0x120"
        yield "salespulse_exposed_series", replica, "9000x120"
        yield "salespulse_dimension_values", {"dimension": "team", **replica}, "12x120"
        yield "salespulse_dimension_limit", {"dimension": "team", **replica}, "200x120"
        yield from histogram("salespulse_tick_seconds", replica, fast="0+30x120", all_="0+30x120")
    yield "salespulse_alert_failures_total", SERVE, "3x120"
    yield "salespulse_publishing", SERVE, "1x120"
    yield "salespulse_publishing", OTHER_SERVE, "0x120"
    yield "salespulse_redis_in_step", SERVE, "1x120"
    yield "salespulse_redis_in_step", OTHER_SERVE, "0x120"
    yield from http(SERVE, "/", "200", "0+20x120")
    yield from http(SERVE, "/readyz", "503", "0+20x120")
    yield from http(WORKER, "/entities", "503", "0x50 3x69")  # too few to be a share
    yield "up", WORKER, "1x120"
    for source in plan.sources:
        yield lag_series(settings, plan, source, "0x120")
        yield "salespulse_events_total", {"type": source, "outcome": "applied", **WORKER}, "0+50x59 2950x60"
        yield "salespulse_dead_letters_total", {"type": source, **WORKER}, "7x120"
        yield "salespulse_source_last_event_timestamp_seconds", {"type": source, **SERVE}, "0+30x59 1770x60"
    yield "salespulse_flush_age_seconds", {"shard": "0", **WORKER}, "1x120"
    yield "salespulse_rebalances_total", WORKER, "4x29 5+1x5 10x84"  # three workers, one after the other
    yield from histogram("salespulse_flush_seconds", WORKER, fast="0+99x120", all_="0+100x120")


def _one_of_two(types: list[str]) -> Iterator[Series]:
    for well, ill in ((SERVE, OTHER_SERVE), (WORKER, OTHER_WORKER)):
        yield "up", well, "1x60"
        yield "up", ill, "0x60"
    yield "salespulse_last_evaluation_timestamp_seconds", SERVE, "0+30x60"
    yield "salespulse_last_evaluation_timestamp_seconds", OTHER_SERVE, "0x60"
    yield "salespulse_publishing", SERVE, "1x60"
    yield "salespulse_publishing", OTHER_SERVE, "0x60"
    # A worker that has lost its shard, and does not know yet.
    yield "salespulse_flush_age_seconds", {"shard": "0", **WORKER}, "1x60"
    yield "salespulse_flush_age_seconds", {"shard": "0", **OTHER_WORKER}, "0+30x60"
    yield "salespulse_events_total", {"type": types[0], "outcome": "applied", **WORKER}, "0+50x60"
    yield "salespulse_events_total", {"type": types[0], "outcome": "applied", **OTHER_WORKER}, "50x60"


def _restarted(plan: Plan, settings: Settings) -> Iterator[Series]:
    """Yield what is seen when all processes are gone for a sample, and a backlog has come up meanwhile."""
    source = next(iter(plan.sources))
    for process in (SERVE, WORKER):
        yield "up", process, "1x19 0 1x30"
    yield "salespulse_last_evaluation_timestamp_seconds", SERVE, "0+30x19 stale 600x1 660+30x28"
    yield "salespulse_publishing", SERVE, "1x19 stale 0x1 1x28"
    yield "salespulse_redis_in_step", SERVE, "1x19 stale 0x1 1x28"
    yield lag_series(settings, plan, source, "0x19 stale 4000x1 100x1 0x26")
    yield "salespulse_events_total", {"type": source, "outcome": "applied", **WORKER}, "0+50x19 stale 0x1 4000+50x28"
    yield "salespulse_flush_age_seconds", {"shard": "0", **WORKER}, "1x19 stale 20x1 1x28"
    yield from http(SERVE, "/", "503", "0x19 stale 3x29")


def http(process: Mapping[str, str], route: str, status: str, values: str) -> Iterator[Series]:
    """Yield the requests of a route that were answered with a status."""
    yield "salespulse_http_requests_total", {"route": route, "method": "GET", "status": status, **process}, values


def histogram(
    name: str, process: Mapping[str, str], fast: str, all_: str, bounds: tuple[float, float] = (0.1, 1.0)
) -> Iterator[Series]:
    """Yield the buckets of what took at most the lower, and at most the upper bound."""
    for bound, values in ((f"{bounds[0]:g}", fast), (f"{bounds[1]:g}", all_), ("+Inf", all_)):
        yield f"{name}_bucket", {"le": bound, **process}, values
