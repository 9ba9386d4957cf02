"""Where alerts fire and where they end."""

from decimal import Decimal

import pytest

from config.declarations import Alert, Kpi
from config.load import load
from metrics.thresholds import Threshold, thresholds


def of(kpi: str, **declared: object) -> Threshold:
    return thresholds(load().kpis[kpi], Alert.model_validate({"name": "A", "window": "30d", **declared}))[-1]


@pytest.mark.parametrize(
    ("declared", "fires", "clears"),
    [
        ({"below": 5000}, "5000", "5500.0"),
        ({"above": 5000}, "5000", "4500.0"),
        ({"below": 0}, "0", "0.0"),
        ({"below": -0.2}, "-0.2", "-0.18"),
        ({"above": -0.2}, "-0.2", "-0.22"),
        ({"below": 5000, "clear": 5000}, "5000", "5000"),
        ({"above": 0.3, "clear": 0.1}, "0.3", "0.1"),
    ],
)
def test_an_alert_ends_a_tenth_beyond_its_threshold_or_where_it_says(
    declared: dict[str, float], fires: str, clears: str
) -> None:
    assert of("revenue", **declared) == Threshold({}, Decimal(fires), Decimal(clears))


@pytest.mark.parametrize(("fires", "clears"), [(0.15, "0.165"), (0.9, "0.95"), (0.98, "0.99"), (1, "1.1"), (2, "2.2")])
def test_a_share_need_not_come_back_to_more_than_half_of_what_is_left_to_one(fires: float, clears: str) -> None:
    assert of("win_rate", below=fires).clears == Decimal(clears)


def test_a_level_that_is_no_binary_fraction_stays_what_was_written() -> None:
    assert str(of("win_rate", above=0.1).fires) == "0.1"


def test_single_rows_have_their_own_threshold_before_that_of_all_others() -> None:
    levels = [{"where": {"team": "noord"}, "at": 0.1}, {"where": {"team": "zuid"}, "at": 0.2, "clear": 0.3}]
    alert = Alert.model_validate(
        {"name": "A", "window": "30d", "grain": ("team",), "below": 0.15, "levels": levels}, strict=False
    )
    assert thresholds(load().kpis["win_rate"], alert) == (
        Threshold({"team": "noord"}, Decimal("0.1"), Decimal("0.11")),
        Threshold({"team": "zuid"}, Decimal("0.2"), Decimal("0.3")),
        Threshold({}, Decimal("0.15"), Decimal("0.165")),
    )


def every_alert() -> list[tuple[Kpi, Alert]]:
    return [(kpi, alert) for kpi in load().kpis.values() for alert in kpi.alerts]


@pytest.mark.parametrize(("kpi", "alert"), every_alert(), ids=[alert.name for _, alert in every_alert()])
def test_no_shipped_alert_asks_for_more_than_there_can_be(kpi: Kpi, alert: Alert) -> None:
    for threshold in thresholds(kpi, alert):
        assert (threshold.clears >= threshold.fires) == (alert.below is not None or threshold.clears == threshold.fires)
        if kpi.display is not None and kpi.display.format == "percent" and threshold.fires < 1:
            assert threshold.clears < 1
