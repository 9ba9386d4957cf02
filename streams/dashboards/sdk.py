"""The Grafana Foundation SDK, imported in this one place: an extra, which warns of the classic schema that we want.

Its faults are dealt with in `streams.dashboards.document`.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import bargauge, gauge, piechart, prometheus, stat, table, timeseries
    from grafana_foundation_sdk.builders import common as look
    from grafana_foundation_sdk.builders import dashboard as build
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common as kinds
    from grafana_foundation_sdk.models import dashboard as model
    from grafana_foundation_sdk.models.piechart import PieChartLegendValues, PieChartType
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = [
    "JSONEncoder",
    "PieChartLegendValues",
    "PieChartType",
    "PromQueryFormat",
    "bargauge",
    "build",
    "gauge",
    "kinds",
    "look",
    "model",
    "piechart",
    "prometheus",
    "stat",
    "table",
    "timeseries",
]
