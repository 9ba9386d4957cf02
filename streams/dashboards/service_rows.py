"""What the dashboard of the service shows, row by row.

In expressions `{*}` stands for the matchers of the jobs and instances that people chose.
"""

from collections.abc import Mapping
from typing import NamedTuple

from streams.dashboards.colours import GOOD, NEUTRAL, Step
from streams.dashboards.form import Form

_SECONDS, _BRIEF, _COUNT = Form("s", 1), Form("s", 3), Form("locale", 0)
_RATE, _REQUESTS, _WRITES = Form("eps", 1), Form("reqps", 1), Form("suffix:rec/s", 0)
_SHARE, _BYTES, _CORES = Form("percentunit", 1), Form("bytes", 0), Form("none", 2)
_PLAIN = (Step(None, NEUTRAL),)
_FRESH = (Step(None, GOOD), Step(30, "orange"), Step(120, "red"))
_NONE_GOOD = (Step(None, GOOD), Step(1, "orange"))
SOME_GOOD = (Step(None, "red"), Step(1, GOOD))


class Told(NamedTuple):
    """A panel: its title, what that means, unit, expressions by the name of their lines, colours, least axis."""

    title: str
    about: str
    form: Form
    lines: Mapping[str, str]
    colours: tuple[Step, ...] = _PLAIN
    at_least: float | None = None


def _quantiles(histogram: str) -> dict[str, str]:
    rates = f"sum by (le) (rate({histogram}_bucket{{*}}[$__rate_interval]))"
    return {
        "half take less than": f"histogram_quantile(0.5, {rates})",
        "99 of 100 take less than": f"histogram_quantile(0.99, {rates})",
    }


OVERVIEW = (
    Told(
        "Age of the readings",
        "How long ago the KPIs were computed.",
        _SECONDS,
        {"age": "time() - max(salespulse_last_evaluation_timestamp_seconds{*})"},
        _FRESH,
    ),
    Told(
        "Events waiting",
        "Events that are in Kafka and not in the KPIs yet.",
        _COUNT,
        {"lag": "sum(max by (topic, partition) (salespulse_consumer_lag{*}))"},
    ),
    Told(
        "Events per second",
        "Events that the workers read.",
        _RATE,
        {"events": "sum(rate(salespulse_events_total{*}[$__rate_interval]))"},
    ),
    Told(
        "Workers up",
        "Workers that Prometheus reaches.",
        _COUNT,
        {"workers": 'sum(up{*, job="salespulse-worker"})'},
        SOME_GOOD,
    ),
    Told(
        "Shards owned",
        "Shards of all workers: as many as there are partitions when all is well.",
        _COUNT,
        {"shards": "sum(salespulse_shards{*})"},
    ),
    Told(
        "Dead letters, over the time shown",
        "Events that were refused; `salespulse dead-letters` shows why.",
        _COUNT,
        {"refused": "sum(increase(salespulse_dead_letters_total{*}[$__range]))"},
        _NONE_GOOD,
    ),
)
"""The figures at the top."""

PROCESSES = "Processes"
ROWS: Mapping[str, tuple[Told, ...]] = {
    "Freshness": (
        Told(
            "Age of the newest event",
            "Time since the newest event of each type. A quiet source is old, and nothing is wrong with it.",
            _SECONDS,
            {"{{type}}": "time() - max by (type) (salespulse_source_last_event_timestamp_seconds{*})"},
        ),
        Told(
            "Events waiting by topic",
            "Events that are in Kafka and not in the KPIs yet.",
            _COUNT,
            {"{{topic}}": "sum by (topic) (max by (topic, partition) (salespulse_consumer_lag{*}))"},
        ),
        Told(
            "Entities left out",
            "Entities, or parts of them, that count nowhere because a field is missing or wrong;"
            " `salespulse_incomplete_entities` has them by type and reason.",
            _COUNT,
            {"entities": "sum(max without (instance, job) (salespulse_incomplete_entities{*})) or vector(0)"},
        ),
        Told(
            "Amounts without a rate",
            "Sums that are left out until a usable exchange rate of their currency is known.",
            _COUNT,
            {"records": "sum(max without (instance, job) (salespulse_unconverted_records{*})) or vector(0)"},
        ),
    ),
    "Worker: rate, errors, duration": (
        Told(
            "Events by outcome",
            "What becomes of the events that are read.",
            _RATE,
            {"{{outcome}}": "sum by (outcome) (rate(salespulse_events_total{*}[$__rate_interval]))"},
        ),
        Told(
            "Refused events by type",
            "Events that go to the dead-letter topic.",
            _RATE,
            {"{{type}}": 'sum by (type) (rate(salespulse_events_total{*, outcome="rejected"}[$__rate_interval]))'},
            at_least=1,
        ),
        Told(
            "Duration of flushes",
            "How long the transactions take that make changes durable.",
            _BRIEF,
            _quantiles("salespulse_flush_seconds"),
        ),
        Told(
            "Records flushed",
            "Records that the transactions write.",
            _WRITES,
            {"records": "sum(rate(salespulse_flushed_records_total{*}[$__rate_interval]))"},
        ),
        Told(
            "Age of the last flush by shard",
            "It grows while nothing changes, and also while nothing can be written.",
            _SECONDS,
            {"shard {{shard}}": "max by (shard) (salespulse_flush_age_seconds{*})"},
        ),
    ),
    "HTTP: rate, errors, duration": (
        Told(
            "Requests by route",
            "Requests that were answered.",
            _REQUESTS,
            {"{{route}}": "sum by (route) (rate(salespulse_http_requests_total{*}[$__rate_interval]))"},
        ),
        Told(
            "Requests by status",
            "Requests that were answered, by the first digit of the status.",
            _REQUESTS,
            {
                "{{class}}": "sum by (class) (label_replace("
                'rate(salespulse_http_requests_total{*}[$__rate_interval]), "class", "${1}xx", "status", "(.).*"))'
            },
        ),
        Told(
            "Failed requests",
            "Share of the requests that ended with a fault of ours: a status of 500 or more.",
            _SHARE,
            {
                "failed": '(sum(rate(salespulse_http_requests_total{*, status=~"5.."}[$__rate_interval])) or vector(0))'
                " / sum(rate(salespulse_http_requests_total{*}[$__rate_interval]))"
            },
            at_least=0.05,
        ),
        Told(
            "Duration by route",
            "What 99 of 100 answers took less than; event streams are left out.",
            _BRIEF,
            {
                "{{route}}": "histogram_quantile(0.99,"
                " sum by (le, route) (rate(salespulse_http_request_seconds_bucket{*}[$__rate_interval]))) >= 0"
            },
        ),
    ),
    "View": (
        Told(
            "Duration of evaluations",
            "How long it takes to compute the KPIs anew.",
            _BRIEF,
            _quantiles("salespulse_tick_seconds"),
        ),
        Told(
            "Duration of publishing",
            "How long it takes to write what changed to the metric topic.",
            _BRIEF,
            _quantiles("salespulse_publish_seconds"),
        ),
        Told(
            "Readings published",
            "Readings that are written to the metric topic.",
            _WRITES,
            {"readings": "sum(rate(salespulse_published_readings_total{*}[$__rate_interval]))"},
        ),
        Told(
            "Who publishes",
            "1 for the view that writes the metric topic, and for one whose Redis holds the readings of its last tick.",
            _COUNT,
            {
                "{{instance}} publishes": "max by (instance) (salespulse_publishing{*})",
                "{{instance}}, Redis in step": "max by (instance) (salespulse_redis_in_step{*})",
            },
        ),
        Told(
            "Clients of the stream",
            "Programs and pages that hear of every change.",
            _COUNT,
            {"{{instance}}": "max by (instance) (salespulse_stream_clients{*})"},
        ),
        Told(
            "Series exposed",
            "Series of KPIs that Prometheus reads.",
            _COUNT,
            {"series": "max without (instance, job) (salespulse_exposed_series{*})"},
        ),
        Told(
            "Values of dimensions",
            "Share of the values that a dimension may have, of the fullest ones; further ones are counted as `other`.",
            _SHARE,
            {
                "{{dimension}}": "topk(5, max by (dimension) (salespulse_dimension_values{*})"
                " / max by (dimension) (salespulse_dimension_limit{*}))"
            },
            at_least=1,
        ),
        Told(
            "Rows counted as other",
            "How often something was counted as `other` because its dimension was full.",
            _RATE,
            {
                "{{dimension}}": "sum by (dimension)"
                ' (rate(salespulse_dimension_folded_total{*, job="salespulse-worker"}[$__rate_interval]))'
            },
            at_least=1,
        ),
    ),
    "Recovery and rebalances": (
        Told(
            "Duration of recovery by shard",
            "How long the last recovery took.",
            _SECONDS,
            {"shard {{shard}}": "max by (shard) (salespulse_recovery_seconds{*})"},
        ),
        Told(
            "Entities recovered by shard",
            "How many entities the last recovery loaded.",
            _COUNT,
            {"shard {{shard}}": "max by (shard) (salespulse_recovered_entities{*})"},
        ),
        Told(
            "Rebalances and fenced flushes",
            "How often partitions moved, and how many flushes came after that and were refused.",
            _COUNT,
            {
                "rebalances, {{instance}}": (
                    "sum by (instance) (increase(salespulse_rebalances_total{*}[$__rate_interval]))"
                ),
                "fenced, {{instance}}": (
                    "sum by (instance) (increase(salespulse_fenced_flushes_total{*}[$__rate_interval]))"
                ),
            },
        ),
    ),
    PROCESSES: (
        Told(
            "CPU",
            "Cores that each process uses.",
            _CORES,
            {"{{job}} {{instance}}": "sum by (job, instance) (rate(process_cpu_seconds_total{*}[$__rate_interval]))"},
        ),
        Told(
            "Memory",
            "Resident memory of each process.",
            _BYTES,
            {"{{job}} {{instance}}": "max by (job, instance) (process_resident_memory_bytes{*})"},
        ),
        Told(
            "Open files",
            "Files and connections that each process has open; `process_max_fds` is how many it may have.",
            _COUNT,
            {"{{job}} {{instance}}": "max by (job, instance) (process_open_fds{*})"},
        ),
        Told(
            "Up for",
            "Time since each process began.",
            _SECONDS,
            {"{{job}} {{instance}}": "time() - max by (job, instance) (process_start_time_seconds{*})"},
        ),
    ),
}
"""The charts, by the title of their row."""
