"""The alerts about the service itself: declared here once, for the rules, their tests and the runbooks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from config.check_metrics import OURS
from config.declarations import Source
from config.settings import Settings
from metrics.plan import Plan
from streams.rules.promql import once, selector
from streams.series_count import BUDGET

AGE, NUMBER, PERCENT = "{{ $value | humanizeDuration }}", "{{ $value | humanize }}", "{{ $value | humanizePercentage }}"
TYPE, SHARD, CURRENCY, DIMENSION, JOB, INSTANCE = (
    f"{{{{ $labels.{label} }}}}" for label in ("type", "shard", "currency", "dimension", "job", "instance")
)
LAG = "type:salespulse_consumer_lag:sum"
"""The record of how many records of each event type wait."""
_PROBES = 'route!~"/(metrics|healthz|readyz)"'
"""What Prometheus and the probes ask for is no sign of how clients fare."""


class Limits(NamedTuple):
    """What is too much, or too old."""

    stale_seconds: int = 120
    """Of readings: the time since the instant that they are of."""
    lag_records: int = 1_000
    lag_seconds: int = 120
    """Of the newest event that was applied, while records wait."""
    flush_age_seconds: int = 60
    flush_seconds: float = 2.5
    rebalances: int = 6
    """Of a quarter of an hour, as one worker sees them; a rolling restart of three workers makes six."""
    tick_seconds: float = 1.0
    series: int = BUDGET
    dimension_share: float = 0.9
    """Of the values that a dimension may have; at all of them the next one is `other`."""
    error_share: float = 0.05
    requests: int = 10
    """Of five minutes: fewer are no share."""


@dataclass(frozen=True, slots=True)
class ServiceAlert:
    """An alert about the service.

    Attributes:
        short: its name without the prefix that all of them have.
        about: what is wrong, in a sentence.
        for_: how long its expression must hold.
        keep: how long it fires after that has ended.
    """

    short: str
    about: str
    severity: Literal["critical", "warning"]
    expression: str
    for_: str
    keep: str
    summary: str
    description: str

    @property
    def name(self) -> str:
        """Its name."""
        return f"{OURS}{self.short}"


def limits_of(settings: Settings) -> Limits:
    """Return the limits of an installation."""
    return Limits(tick_seconds=settings.tick_interval)


def service_alerts(plan: Plan, settings: Settings) -> tuple[ServiceAlert, ...]:
    """Return all alerts about the service; that a source is silent only where a source says how long it may be."""
    limits = limits_of(settings)
    return (*_down(), *_behind(plan, limits), *_left_out(limits), *_durable(limits), *_served(limits))


def _down() -> Iterator[ServiceAlert]:
    # absent(up == 1) holds when no target is up, and also when they are gone altogether.
    yield ServiceAlert(
        "ServeDown",
        "No serving process answers.",
        "critical",
        'absent(up{job="salespulse-serve"} == 1)',
        "2m",
        "1m",
        "No serving process answers; there are no live KPIs.",
        "Prometheus has reached no `salespulse serve` for two minutes. See whether it runs, and its log for a refused"
        " setting or a Kafka address that does not answer.",
    )
    yield ServiceAlert(
        "WorkerDown",
        "No worker answers.",
        "critical",
        'absent(up{job="salespulse-worker"} == 1)',
        "2m",
        "1m",
        "No worker answers; the KPIs stand still.",
        "Prometheus has reached no `salespulse worker` for two minutes. Events wait in Kafka and nothing is lost; start"
        " a worker again, or read its log for why it ended.",
    )


def _behind(plan: Plan, limits: Limits) -> Iterator[ServiceAlert]:
    evaluated = once("salespulse_last_evaluation_timestamp_seconds")
    yield ServiceAlert(
        "ReadingsStale",
        "The readings are old.",
        "critical",
        f"time() - {evaluated} > {limits.stale_seconds}",
        "1m",
        "2m",
        f"The KPIs are {AGE} old.",
        f"A serving process answers, but the newest readings are those of {AGE} ago. No shard may be silent: see"
        " /readyz of `serve` and of the workers. With a fixed SALESPULSE_CLOCK this alert means nothing.",
    )
    yield ServiceAlert(
        "PipelineStalled",
        "Events wait, and none is handled.",
        "critical",
        f"{LAG} > 0\nand on (type)\nsum by (type) (increase(salespulse_events_total[5m])) == 0",
        "2m",
        "2m",
        f"Events of type {TYPE} wait and none is handled.",
        f"{NUMBER} records wait in Kafka, and no worker has handled one of this type for five minutes. It is not that"
        " there is no traffic: see the workers' logs and their /readyz.",
    )
    newest = once("salespulse_source_last_event_timestamp_seconds")
    yield ServiceAlert(
        "Lagging",
        "Many events wait.",
        "warning",
        f"{LAG} > {limits.lag_records}\nand on (type)\ntime() - {newest} > {limits.lag_seconds}",
        "5m",
        "5m",
        f"The KPIs run behind: {NUMBER} events of type {TYPE} wait.",
        f"For five minutes more than {limits.lag_records:,} records have waited, and the newest that was applied is"
        f" more than {limits.lag_seconds} s old. A backlog after a pause works itself off; if it grows, more workers"
        " are needed.",
    )
    silent = [
        f"time() - {once(selector('salespulse_source_last_event_timestamp_seconds', {'type': source.key}))}"
        f" > {source.silence // 1000}"
        for source in silent_sources(plan)
        if source.silence is not None
    ]
    if silent:
        yield ServiceAlert(
            "SourceSilent",
            "A source sends nothing.",
            "warning",
            "(\n  " + "\nor\n  ".join(silent) + f"\n)\nunless on (type) {LAG} > 0",
            "5m",
            "5m",
            f"No event of type {TYPE} for {AGE}.",
            "The workers have nothing left to read, so what sends these events is silent: ask whoever runs it. The KPIs"
            " are right for what has arrived.",
        )


def silent_sources(plan: Plan) -> tuple[Source, ...]:
    """Return the sources that say how long they may be silent."""
    return tuple(s for s in plan.declarations.sources.values() if s.silence is not None)


def _left_out(limits: Limits) -> Iterator[ServiceAlert]:
    yield ServiceAlert(
        "EventsRejected",
        "Events are refused.",
        "warning",
        "sum by (type) (increase(salespulse_dead_letters_total[15m])) > 0",
        "1m",
        "15m",
        f"Events of type {TYPE} are refused.",
        f"About {NUMBER} events of the last 15 minutes went to the dead-letter topic and count in no KPI. Each record"
        " there says why.",
    )
    yield ServiceAlert(
        "AmountsUnconverted",
        "Amounts have no exchange rate.",
        "warning",
        f"{once('salespulse_unconverted_records')} > 0",
        "15m",
        "5m",
        f"Amounts in {CURRENCY} have no usable exchange rate.",
        f"{NUMBER} sums in {CURRENCY} are left out of every money KPI until a rate arrives on the exchange-rate topic."
        " They are then put in by themselves.",
    )
    yield ServiceAlert(
        "DimensionFull",
        "A dimension has nearly all the values that it may have, or all.",
        "warning",
        "max by (dimension) (salespulse_dimension_values)\n"
        "  / max by (dimension) (salespulse_dimension_limit)\n"
        f"  >= {limits.dimension_share:g}",
        "1m",
        "15m",
        f"Dimension {DIMENSION} has {PERCENT} of the values that it may have.",
        "When it is full, every further value is counted as `other`; totals stay exact. Either a sender invents names,"
        " or there are so many: then raise `dimension_limits`.",
    )


def _durable(limits: Limits) -> Iterator[ServiceAlert]:
    yield ServiceAlert(
        "FlushSlow",
        "Saving takes long.",
        "warning",
        _slow("salespulse_flush_seconds", limits.flush_seconds),
        "15m",
        "5m",
        f"Transactions of worker {INSTANCE} take {AGE}.",
        f"One in a hundred takes longer than {limits.flush_seconds:g} s. The readings are that much older; Kafka or its"
        " disks are slow, or the worker has too little CPU.",
    )
    yield ServiceAlert(
        "FlushFailing",
        "A shard is not saved.",
        "critical",
        f"min by (shard) (salespulse_flush_age_seconds) > {limits.flush_age_seconds}",
        "1m",
        "2m",
        f"Shard {SHARD} has saved nothing for {AGE}.",
        "A shard saves every few seconds, changes or not. While one does not, all readings stand still. The worker's"
        " log says what Kafka answers.",
    )
    yield ServiceAlert(
        "Rebalancing",
        "The workers share out their shards again and again.",
        "warning",
        f"max(increase(salespulse_rebalances_total[15m])) > {limits.rebalances}",
        "1m",
        "15m",
        "The workers share out their shards again and again.",
        f"About {NUMBER} times in 15 minutes; the readings stand still each time. A worker that ends and starts again,"
        " or that is too busy to answer Kafka in time, does this.",
    )


def _served(limits: Limits) -> Iterator[ServiceAlert]:
    yield ServiceAlert(
        "NobodyPublishes",
        "Nobody writes the metric topic.",
        "critical",
        "max(salespulse_publishing) == 0",
        "3m",
        "2m",
        "No serving process writes the metric topic.",
        "Pages and /metrics are right, but whoever reads the KPIs from Kafka or Redis gets nothing new. One of the"
        " serving processes must hold the lease: see their logs, and Redis.",
    )
    yield ServiceAlert(
        "RedisOutOfStep",
        "Redis does not have the newest readings.",
        "warning",
        "max(salespulse_redis_in_step) == 0\nand\nmax(salespulse_publishing) == 1",
        "5m",
        "5m",
        "The readings in Redis are not the newest.",
        "The publishing process cannot write to Redis. The topic, the pages and /metrics are right; whoever reads Redis"
        " gets old values until it is written anew, which happens by itself.",
    )
    yield ServiceAlert(
        "AlertsUndelivered",
        "Alerts do not reach their topic.",
        "warning",
        "sum(increase(salespulse_alert_failures_total[10m])) > 0",
        "1m",
        "10m",
        "Alerts are not written to their topic.",
        f"About {NUMBER} deliveries of Alertmanager in 10 minutes could not be written to Kafka. It tries again; until"
        " then whoever reads the alerts from the topic does not know of them.",
    )
    yield ServiceAlert(
        "TicksSlow",
        "Evaluations take long.",
        "warning",
        _slow("salespulse_tick_seconds", limits.tick_seconds),
        "10m",
        "5m",
        f"Evaluations of {INSTANCE} take {AGE}.",
        f"One in a hundred takes longer than {limits.tick_seconds:g} s, which is how often there is one. The readings"
        " come later than they could; fewer KPIs, grains or windows, or a faster CPU, help.",
    )
    yield ServiceAlert(
        "TooManySeries",
        "There are too many series.",
        "warning",
        f"max(salespulse_exposed_series) > {limits.series}",
        "15m",
        "15m",
        f"{NUMBER} series of KPIs are exposed.",
        f"The budget is {limits.series:,}. `salespulse kpis --series` says which KPIs they are of; declare fewer grains"
        " or windows, or switch groups off with SALESPULSE_GROUPS_OFF.",
    )
    requests = "salespulse_http_requests_total"
    yield ServiceAlert(
        "HttpErrors",
        "Requests fail.",
        "warning",
        f'sum by (job) (rate({requests}{{status=~"5..", {_PROBES}}}[5m]))\n'
        f"  / sum by (job) (rate({requests}{{{_PROBES}}}[5m]))\n"
        f"  > {limits.error_share:g}\n"
        f"and sum by (job) (increase({requests}{{{_PROBES}}}[5m])) >= {limits.requests}",
        "5m",
        "5m",
        f"{PERCENT} of the requests to {JOB} fail.",
        "They are answered with a status of 500 or more. The log has the errors; 503 from `serve` means that a worker"
        " could not be asked for entities.",
    )


def _slow(histogram: str, seconds: float) -> str:
    return f"histogram_quantile(0.99, sum by (instance, le) (rate({histogram}_bucket[5m]))) > {seconds:g}"
