"""What looks as if it counted and does not: each value would be another one if it did."""

from fractions import Fraction
from typing import Any

import pytest

from config.load import load
from metrics.calendar import Window, parse_instant
from metrics.embedded import Embedded
from metrics.plan import compile_plan

NOW = parse_instant("2026-06-10T10:00:00Z")
PLAN = compile_plan(load(), "Europe/Amsterdam", "EUR")
DAY = "2026-06-09T09:00:00Z"
EMAIL = {
    "kind": "email", "direction": "outbound", "actor": "human", "status": "completed", "created_at": DAY,
    "occurred_at": DAY, "delivered_at": DAY,
}  # fmt: skip
PHASE = {"from": DAY, "amount_minor": 1_000, "currency": "EUR", "interval": "month", "interval_count": 1}
TRIED = {"customer_id": "c1", "trial_started_at": "2026-05-26T09:00:00Z", "trial_ended_at": DAY}
TRAINING = {"kind": "training", "direction": "internal", "actor": "human", "created_at": DAY, "due_at": DAY}


@pytest.mark.parametrize(
    ("kpi", "window", "source", "entities", "expected"),
    [
        (
            "email_open_rate", "7d", "activity",
            [
                {**EMAIL, "opened_at": DAY},
                EMAIL,
                {**EMAIL, "opened_at": "2026-06-11T09:00:00Z"},  # only tomorrow
                {**EMAIL, "opened_at": DAY, "open_unreliable": True},  # in neither side
                {**EMAIL, "kind": "call", "opened_at": DAY},
            ],
            Fraction(1, 3),
        ),
        (
            "trial_conversion_rate", "7d", "subscription",
            [
                {**TRIED, "phases": [PHASE]},
                {**TRIED, "phases": []},
                {**TRIED, "phases": [{**PHASE, "amount_minor": 0}]},  # a free phase is not paid
                {"customer_id": "c2", "phases": [PHASE]},  # never tried
                {"customer_id": "c2", "trial_started_at": DAY, "phases": []},  # still trying
            ],
            Fraction(1, 3),
        ),
        (
            "csat", "7d", "feedback",
            [
                {"kind": "csat", "score": 4, "scale_max": 5, "responded_at": DAY},  # exactly 80 %
                {"kind": "csat", "score": 7, "scale_max": 10, "responded_at": DAY},
                {"kind": "csat", "score": 79, "scale_max": 100, "responded_at": DAY},
                {"kind": "nps", "score": 10, "scale_max": 10, "responded_at": DAY},
            ],
            Fraction(1, 3),
        ),
        (
            "training_completion_rate", "30d", "activity",
            [
                {**TRAINING, "status": "completed", "occurred_at": "2026-06-09T20:00:00Z"},  # late is completed
                {**TRAINING, "status": "completed", "occurred_at": "2026-06-12T09:00:00Z"},  # not yet
                {**TRAINING, "status": "planned"},
                {**TRAINING, "status": "cancelled"},
            ],
            Fraction(1, 3),
        ),
    ],
)  # fmt: skip
def test_what_does_not_count(
    kpi: str, window: str, source: str, entities: list[dict[str, Any]], expected: Fraction
) -> None:
    core = Embedded(PLAN, NOW, 2)
    events = [
        {"event_id": str(i), "type": source, "entity_id": str(i), "version": 1, "updated_at": DAY, "data": data}
        for i, data in enumerate(entities)
    ]
    core.apply(events, NOW)
    core.tick(NOW)
    assert core.rejected == []
    (found,) = [
        r.result
        for r in core.view.all_readings()
        if (r.series.kpi.key, r.series.grain, r.window) == (kpi, (), Window(window))
    ]
    assert found.value == expected
