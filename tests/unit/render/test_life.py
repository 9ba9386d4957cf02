import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from grafana.render.life import Life
from grafana.render.moved import moved
from streams.envelope import parse_instant

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MONDAY = datetime(2026, 11, 23, 20, tzinfo=UTC)
DAY_MS = 86_400_000
BUSY = 300
"""Events of a working day; a Sunday has a few dozen."""


@pytest.mark.parametrize("day", range(7))
def test_the_last_day_is_a_working_day_whenever_pictures_are_made(day: int) -> None:
    now = int((MONDAY + timedelta(days=day)).timestamp() * 1000)
    life = Life(now, AMSTERDAM, seed=1, days=4)

    last_day = [e for e in life.events if now - DAY_MS <= parse_instant(e["updated_at"]) < now]
    assert len(last_day) > BUSY


def test_life_goes_on_from_the_present() -> None:
    now = int((MONDAY + timedelta(days=6)).timestamp() * 1000)
    life = Life(now, AMSTERDAM, seed=1, days=2)

    later = life.go_on(now + DAY_MS)
    assert len(later) > 0
    assert max(parse_instant(e["updated_at"]) for e in life.events) <= now
    assert now < max(parse_instant(e["updated_at"]) for e in later) <= now + DAY_MS


def test_dates_and_instants_are_moved_and_names_that_hold_a_date_stay() -> None:
    event = {
        "entity_id": "EUR/USD:2026-02-27",
        "updated_at": "2026-02-27T15:00:00.000Z",
        "version": 20260227,
        "source": "2026-02-27-fair",
        "data": {"rate_date": "2026-02-27", "period": "2026-02", "phases": [{"from": "2026-02-28T23:59:59.999Z"}]},
    }

    assert moved(event, 2) == {
        "entity_id": "EUR/USD:2026-02-27",
        "updated_at": "2026-03-01T15:00:00.000Z",
        "version": 20260227,
        "source": "2026-02-27-fair",
        "data": {"rate_date": "2026-03-01", "period": "2026-02", "phases": [{"from": "2026-03-02T23:59:59.999Z"}]},
    }
    assert moved(event, 0) == event


def test_every_date_that_the_simulation_writes_is_of_a_form_that_is_moved() -> None:
    life = Life(int(MONDAY.timestamp() * 1000), AMSTERDAM, seed=1, days=10)

    dated = {text for event in life.events for text in _texts(event) if re.match(r"\d{4}-\d\d-\d\d", text)}
    assert [text for text in dated if moved(text, 1) == text] == []


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inside in value.values() if isinstance(value, dict) else value:
            yield from _texts(inside)
    elif isinstance(value, str):
        yield value
