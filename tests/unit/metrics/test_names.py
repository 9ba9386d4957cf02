"""Metric names are API."""

import pytest

from metrics.names import Role, metric_name


@pytest.mark.parametrize(
    ("key", "agg", "grain", "unit", "currency", "role", "name"),
    [
        ("revenue", None, (), "money", "EUR", "value", "sales_revenue_euros"),
        ("revenue", None, ("team", "product"), "money", "USD", "value", "sales_revenue_by_team_product_dollars"),
        ("revenue", None, (), "money", "SEK", "value", "sales_revenue_sek"),
        ("win_rate", None, ("team",), "ratio", "EUR", "value", "sales_win_rate_by_team_ratio"),
        ("win_rate", None, (), "none", "EUR", "numerator", "sales_win_rate_numerator"),
        (
            "lead_response_time",
            "p90",
            ("rep",),
            "seconds",
            "EUR",
            "value",
            "sales_lead_response_time_p90_by_rep_seconds",
        ),
        ("lead_response_time", None, (), "none", "EUR", "samples", "sales_lead_response_time_samples"),
        ("sales_activities", None, (), "none", "EUR", "value", "sales_activities"),
    ],
)
def test_names(  # noqa: PLR0913, PLR0917 (the columns of the table)
    key: str, agg: str | None, grain: tuple[str, ...], unit: str, currency: str, role: Role, name: str
) -> None:
    assert metric_name(key, agg, grain, unit, currency, role) == name
