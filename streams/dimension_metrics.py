"""The worker's metrics about the values of dimensions, made at the scrape."""

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from metrics.exposition import dimension_metrics
from metrics.plan import Plan


class DimensionMetrics(Collector):
    """How many values the open dimensions of a plan have in this process."""

    def __init__(self, plan: Plan) -> None:
        """Look at the values that the rows of `plan` name."""
        self._plan = plan

    def collect(self) -> Iterator[Metric]:
        """Yield them as they are now."""
        return dimension_metrics(self._plan.admitted)
