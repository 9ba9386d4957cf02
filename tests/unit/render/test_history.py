import io
import re
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from config.load import load
from grafana.render.history import DAYS, Kept, metrics_named, write_readings
from grafana.render.life import Life
from metrics.embedded import Embedded
from metrics.exposition import ReadingsCollector
from metrics.plan import Plan, compile_plan
from streams.envelope import parse_instant
from streams.local import feed

pytestmark = pytest.mark.slow

NOW = int(datetime(2026, 11, 24, 16, 0, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 86_400_000
KEPT = Kept(frozenset({"sales_revenue_by_team_euros", "sales_leads_generated"}), {"job": "salespulse-serve"})
_LINE = re.compile(r"(\w+)\{(.*)\} (\S+) (\S+)")

Samples = dict[tuple[str, frozenset[str]], float]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


@pytest.fixture(scope="module")
def life() -> Life:
    return Life(NOW, ZoneInfo("Europe/Amsterdam"), seed=1, days=10)


@pytest.fixture(scope="module")
def written(plan: Plan, life: Life) -> list[tuple[str, frozenset[str], float, float]]:
    out = io.StringIO()
    write_readings(plan, life, KEPT, out, lambda _: None)
    *lines, end = out.getvalue().splitlines()
    assert end == "# EOF"
    matches = [_LINE.fullmatch(line) for line in lines]
    return [(m[1], frozenset(m[2].split(",")), float(m[3]), float(m[4])) for m in matches if m is not None]


@pytest.mark.parametrize("days_ago", [0, 1, 4])
def test_the_past_is_what_was_shown_then(
    plan: Plan, life: Life, written: list[tuple[str, frozenset[str], float, float]], days_ago: int
) -> None:
    at = NOW - days_ago * DAY_MS
    found = {(name, labels): value for name, labels, value, instant in written if instant == at / 1000}

    assert found
    assert found == _shown(plan, life, at)


def test_the_past_is_of_the_days_that_are_compared_with(
    written: list[tuple[str, frozenset[str], float, float]],
) -> None:
    instants = sorted({instant for *_, instant in written})

    assert (instants[0], instants[-1]) == ((NOW - DAYS * DAY_MS) / 1000, NOW / 1000)
    assert max(b - a for a, b in pairwise(instants)) == 3600


def test_metrics_are_found_by_name_with_and_without_what_a_rule_appends() -> None:
    texts = ['max(sales_a_euros{window="1h"}) / sales_b_ratio:fire_level', "rate(salespulse_events_total[5m])"]

    assert metrics_named(texts) == {"sales_a_euros", "sales_b_ratio"}


def _shown(plan: Plan, life: Life, at: int) -> Samples:
    """Return what a service that began empty and has just read what had arrived by then shows."""
    embedded = Embedded(plan, at - 10 * DAY_MS)
    arrived = []
    for event in life.events:
        if parse_instant(event["updated_at"]) >= at:
            break
        arrived.append(event)
    feed(embedded, arrived, at)
    embedded.tick(at)
    return {
        (name, frozenset([*(f'{k}="{v}"' for k, v in labels.items()), 'job="salespulse-serve"'])): value
        for family in ReadingsCollector(embedded.view).collect()
        for name, labels, value, *_ in family.samples
        if name in KEPT.metrics
    }
