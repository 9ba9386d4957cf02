"""Scenes in which an alert about the service fires: from when to when its cause is there, and what it says."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from config.settings import Settings
from metrics.plan import Plan
from streams.rules.humanize import humanize, humanize_duration, humanize_percentage
from streams.rules.service_alerts import (
    AGE,
    CURRENCY,
    DIMENSION,
    INSTANCE,
    JOB,
    NUMBER,
    PERCENT,
    SHARD,
    TYPE,
    Limits,
    limits_of,
    silent_sources,
)
from streams.rules.service_scenes import (
    OTHER_SERVE,
    OTHER_WORKER,
    SERVE,
    STEP_SECONDS,
    WORKER,
    Series,
    histogram,
    http,
    lag_series,
)


class Incident(NamedTuple):
    """A scene in which an alert fires.

    Attributes:
        alert: the name of the alert without its prefix.
        series: what Prometheus sees.
        begins: the first step at which the cause is there.
        ends: the first at which it is gone.
        labels: what the alert is about.
        said: what the templates of its annotations stand for at the first step at which it fires.
        slack: by how many steps Prometheus may differ: whether a range holds its beginning depends on the version.
    """

    alert: str
    series: tuple[Series, ...]
    begins: int
    ends: int
    labels: Mapping[str, str] = {}
    said: Mapping[str, str] = {}
    slack: int = 0


def incidents(plan: Plan, settings: Settings) -> Iterator[Incident]:
    """Yield at least one scene for each alert."""
    limits = limits_of(settings)
    yield from _gone("ServeDown", SERVE)
    yield from _gone("WorkerDown", WORKER)
    yield from _behind(plan, settings, limits)
    yield from _left_out(next(iter(plan.sources)), limits)
    yield from _durable(limits)
    yield from _served(limits)


def _gone(alert: str, process: Mapping[str, str]) -> Iterator[Incident]:
    yield Incident(alert, (("up", process, "1x9 0x9 1x20"),), begins=10, ends=20)
    yield Incident(alert, (("up", process, "1x9 stale _x9 1x20"),), begins=10, ends=20)  # taken out of the targets


def _behind(plan: Plan, settings: Settings, limits: Limits) -> Iterator[Incident]:
    first, *others = plan.sources
    topic = settings.input_topic(plan.sources[first].source.topic)
    frozen = 10 + limits.stale_seconds // STEP_SECONDS
    evaluated = "salespulse_last_evaluation_timestamp_seconds"
    yield Incident(
        "ReadingsStale",
        ((evaluated, SERVE, "0+30x9 270x19 900+30x20"), (evaluated, OTHER_SERVE, "0+30x9 270x19 900+30x20")),
        begins=frozen,
        ends=30,
        said={AGE: humanize_duration((frozen + 2) * STEP_SECONDS - 270)},
    )
    yield Incident(
        "PipelineStalled",
        (
            # Two partitions, of which one has just changed hands.
            lag_series(settings, plan, first, "0x9 15x19 0x20"),
            lag_series(settings, plan, first, "0x9 25x19 0x20", partition=1),
            lag_series(settings, plan, first, "0x9 25x19 0x20", OTHER_WORKER, partition=1),
            ("salespulse_events_total", {"type": first, "outcome": "applied", **WORKER}, "0+10x9 90x19 100+10x20"),
            ("salespulse_events_total", {"type": first, "outcome": "rejected", **WORKER}, "0x49"),
            # Another type is busy, and a third is quiet: neither is stalled.
            *(lag_series(settings, plan, other, "500x49") for other in others[:1]),
            *(("salespulse_events_total", {"type": t, "outcome": "applied", **WORKER}, "0+9x49") for t in others[:1]),
            *(lag_series(settings, plan, other, "0x49") for other in others[1:2]),
            *(("salespulse_events_total", {"type": t, "outcome": "applied", **WORKER}, "9x49") for t in others[1:2]),
        ),
        begins=19,
        ends=30,
        labels={"type": first, "topic": topic},
        said={TYPE: first, NUMBER: "40"},
        slack=1,
    )
    newest = "salespulse_source_last_event_timestamp_seconds"
    many = limits.lag_records * 2
    yield Incident(
        "Lagging",
        (
            lag_series(settings, plan, first, f"0x9 {many}x19 0x20"),
            (newest, {"type": first, **SERVE}, f"{-limits.lag_seconds}x49"),
            # Many records wait, and are handled as fast as they come.
            *(lag_series(settings, plan, other, f"{many}x49") for other in others[:1]),
            *((newest, {"type": other, **SERVE}, "0+30x49") for other in others[:1]),
        ),
        begins=10,
        ends=30,
        labels={"type": first, "topic": topic},
        said={TYPE: first, NUMBER: humanize(many)},
    )
    for source in silent_sources(plan):
        silence = (source.silence or 0) // 1000
        yield Incident(
            "SourceSilent",
            (
                (newest, {"type": source.key, **SERVE}, f"{10 * STEP_SECONDS - silence - 1}x29 900+30x20"),
                lag_series(settings, plan, source.key, "0x49"),
            ),
            begins=10,
            ends=30,
            labels={"type": source.key},
            said={TYPE: source.key, AGE: humanize_duration(silence + 1 + 10 * STEP_SECONDS)},
        )


def _left_out(first: str, limits: Limits) -> Iterator[Incident]:
    yield Incident(
        "EventsRejected",
        (("salespulse_dead_letters_total", {"type": first, **WORKER}, "0x9 3x90"),),
        begins=10,
        ends=40,
        labels={"type": first},
        said={TYPE: first, NUMBER: "3"},
        slack=1,
    )
    unconverted = "salespulse_unconverted_records"
    yield Incident(
        "AmountsUnconverted",
        tuple((unconverted, {"currency": "USD", **serve}, "0x9 3x49 0x20") for serve in (SERVE, OTHER_SERVE)),
        begins=10,
        ends=60,
        labels={"currency": "USD"},
        said={CURRENCY: "USD", NUMBER: "3"},
    )
    limit, near = 200, round(200 * limits.dimension_share)
    values, limits_of_values = "salespulse_dimension_values", "salespulse_dimension_limit"
    yield Incident(
        "DimensionFull",
        (
            (values, {"dimension": "team", **WORKER}, f"12x9 {near}x49 12x40"),
            (values, {"dimension": "team", **OTHER_WORKER}, "12x99"),
            (values, {"dimension": "region", **WORKER}, f"{near - 1}x99"),
            *((limits_of_values, {"dimension": name, **WORKER}, f"{limit}x99") for name in ("team", "region")),
        ),
        begins=10,
        ends=60,
        labels={"dimension": "team"},
        said={DIMENSION: "team", PERCENT: humanize_percentage(near / limit)},
    )


def _slow(alert: str, name: str, seconds: float, ill: Mapping[str, str], well: Mapping[str, str]) -> Incident:
    """Return that one of two processes is slow for 40 steps: all takes up to twice as long as it should."""
    bounds = seconds, 2 * seconds
    return Incident(
        alert,
        (
            *histogram(name, ill, fast="0x40 10+10x40", all_="0+10x81", bounds=bounds),
            *histogram(name, well, fast="0+10x81", all_="0+10x81", bounds=bounds),
        ),
        begins=1,
        ends=50,
        labels={"instance": ill["instance"]},
        said={INSTANCE: ill["instance"], AGE: humanize_duration(1.99 * seconds)},
        slack=1,
    )


def _durable(limits: Limits) -> Iterator[Incident]:
    yield _slow("FlushSlow", "salespulse_flush_seconds", limits.flush_seconds, WORKER, OTHER_WORKER)
    old = 10 + limits.flush_age_seconds // STEP_SECONDS
    age = "salespulse_flush_age_seconds"
    yield Incident(
        "FlushFailing",
        (
            (age, {"shard": "1", **WORKER}, "1x9 30+30x19 1x20"),
            (age, {"shard": "0", **WORKER}, "1x49"),
            (age, {"shard": "0", **OTHER_WORKER}, "300+30x49"),
        ),
        begins=old,
        ends=30,
        labels={"shard": "1"},
        said={SHARD: "1", AGE: humanize_duration((old + 2 - 9) * STEP_SECONDS)},
    )
    many = limits.rebalances
    yield Incident(
        "Rebalancing",
        (
            ("salespulse_rebalances_total", WORKER, f"0x9 1+1x{many + 2} {many + 3}x80"),
            ("salespulse_rebalances_total", OTHER_WORKER, "2x99"),
        ),
        begins=10 + many,
        ends=43,
        said={NUMBER: humanize(many + 3)},
        slack=1,
    )


def _served(limits: Limits) -> Iterator[Incident]:
    yield Incident(
        "NobodyPublishes",
        (("salespulse_publishing", SERVE, "1x9 0x19 1x20"), ("salespulse_publishing", OTHER_SERVE, "0x49")),
        begins=10,
        ends=30,
    )
    yield Incident(
        "RedisOutOfStep",
        (
            ("salespulse_redis_in_step", SERVE, "1x9 0x19 1x20"),
            ("salespulse_redis_in_step", OTHER_SERVE, "0x49"),
            ("salespulse_publishing", SERVE, "1x49"),
            ("salespulse_publishing", OTHER_SERVE, "0x49"),
        ),
        begins=10,
        ends=30,
    )
    yield Incident(
        "AlertsUndelivered",
        (
            ("salespulse_alert_failures_total", SERVE, "0x9 2x90"),
            ("salespulse_alert_failures_total", OTHER_SERVE, "5x99"),
        ),
        begins=10,
        ends=30,
        said={NUMBER: "2"},
        slack=1,
    )
    yield _slow("TicksSlow", "salespulse_tick_seconds", limits.tick_seconds, SERVE, OTHER_SERVE)
    many = limits.series + 1_000
    yield Incident(
        "TooManySeries",
        tuple(("salespulse_exposed_series", serve, f"9000x9 {many}x49 9000x40") for serve in (SERVE, OTHER_SERVE)),
        begins=10,
        ends=60,
        said={NUMBER: humanize(many)},
    )
    yield Incident(
        "HttpErrors",
        (
            *http(SERVE, "/", "200", "0+9x79"),
            *http(SERVE, "/", "500", "0x9 1+1x29 30x40"),
            *http(SERVE, "/readyz", "503", "0+90x79"),
            *http(WORKER, "/entities", "200", "0+9x79"),
        ),
        begins=14,
        ends=45,
        labels={"job": "salespulse-serve"},
        said={JOB: "salespulse-serve", PERCENT: humanize_percentage(0.1)},
        slack=1,
    )
