"""The simulated organisation leaves no KPI empty."""

from functools import cache
from zoneinfo import ZoneInfo

from config.load import load
from metrics.embedded import Embedded
from metrics.plan import Plan, compile_plan
from streams.envelope import parse_instant
from streams.local import feed
from streams.simulate.organisation import Organisation

DAYS = 120
START = parse_instant("2026-11-24T12:00:00Z")
Series = tuple[str, tuple[str, ...], str]
MAY_BE_ABSENT = {"1h": "an hour may pass without an order or an answered lead"}
"""Windows over which a KPI may have no value."""


@cache
def _plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


@cache
def _simulated() -> Embedded:
    embedded = Embedded(_plan(), START)
    feed(embedded, list(Organisation(1, START, ZoneInfo("Europe/Amsterdam")).history(DAYS)), START)
    embedded.tick(START)
    return embedded


def test_nothing_is_rejected() -> None:
    assert _simulated().rejected == []


def test_every_kpi_has_a_value_by_every_grain_and_over_every_window() -> None:
    reasons: dict[Series, set[str | None]] = {}
    for reading in _simulated().view.all_readings():
        kpi, grain, window = reading.series.kpi, reading.series.grain, reading.window
        reasons.setdefault((kpi.key, grain, window.token), set()).add(reading.result.reason)
    declared = {
        (key, grain, window)
        for key, kpi in _plan().declarations.kpis.items()
        for grain in kpi.grains
        for window in kpi.grain_windows(grain)
    }
    assert reasons.keys() == declared
    absent = {series: found for series, found in reasons.items() if None not in found}
    assert {series: found for series, found in absent.items() if series[2] not in MAY_BE_ABSENT} == {}
