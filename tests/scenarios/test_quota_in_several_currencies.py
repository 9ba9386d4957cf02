"""Quotas by the quarter for reps who sell in several currencies, with late rates, as in AdventureWorks' sales.

The third quarter of 2026 is over as of T; the business time zone is Amsterdam's, the reporting currency the euro.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest

from config.load import load
from metrics.calendar import Window, parse_instant
from metrics.embedded import Embedded
from metrics.plan import compile_plan

NOW = parse_instant("2026-10-15T12:00:00Z")
PLAN = compile_plan(load(), "Europe/Amsterdam", "EUR")
Event = dict[str, Any]


def event(source: str, entity_id: str, version: int = 1, **fields: Any) -> Event:
    return {
        "event_id": f"{entity_id}-{version}",
        "type": source,
        "entity_id": entity_id,
        "version": version,
        "updated_at": "2026-10-01T00:00:00Z",
        "data": fields,
    }


def rep(name: str, team: str, hired: str = "2025-01-06T08:00:00Z", left: str | None = None) -> Event:
    return event("rep", name, role="sales", team_id=team, hired_at=hired, left_at=left)


def quota(name: str, period: str, amount_minor: int, currency: str) -> Event:
    fields: dict[str, Any] = {
        "period": period,
        "rep_id": name,
        "team_id": "north",
        "amount_minor": amount_minor,
        "currency": currency,
    }
    return event(
        "plan", f"{name}-{period}", kind="quota", metric="revenue", submitted_at="2026-06-20T09:00:00Z", **fields
    )


def won(deal: str, owner: str, at: str, amount_minor: int, currency: str, version: int = 1) -> Event:
    line = {"line_id": "1", "product_id": "bike", "amount_minor": amount_minor}
    told: dict[str, Any] = {
        "customer_id": "c1",
        "pipeline_id": "new_business",
        "stage": "won",
        "status": "won",
        "lines": [line],
    }
    created = "2026-05-01T08:00:00Z"
    return event("deal", deal, version, **told, owner_id=owner, currency=currency, created_at=created, closed_at=at)


def rate(quote: str, day: str, value: str, version: int = 1) -> Event:
    return event("fx_rate", f"EUR/{quote}:{day}", version, base="EUR", quote=quote, rate_date=day, rate=value)


PEOPLE = [
    rep("ana", "north"),
    rep("ben", "north"),
    rep("cleo", "south"),
    rep("dan", "south", hired="2026-10-05T08:00:00Z"),  # not there yet when the quarter ended
    rep("eve", "south", left="2026-09-30T15:00:00Z"),  # left on its last day
    rep("fay", "north"),  # has no quota
]
QUOTAS = [
    quota("ana", "2026-Q3", 30_000_00, "EUR"),
    quota("ben", "2026-Q3", 22_000_00, "USD"),  # 20,000 euros at the rate of the quarter's first day
    quota("cleo", "2026-Q3", 3_000_01, "EUR"),
    quota("cleo", "2026-Q4", 15_000_00, "CAD"),
    quota("eve", "2026-Q3", 1_00, "EUR"),
]
DEALS = [
    won("d1", "ana", "2026-07-10T10:00:00Z", 12_000_00, "USD"),  # 10,000 euros
    won("d2", "ana", "2026-07-11T10:00:00Z", 16_000_00, "GBP"),  # 20,000 euros
    won("d3", "ben", "2026-08-21T10:00:00Z", 25_000_00, "USD"),  # 20,000 euros, once the rate is known
    won("d4", "cleo", "2026-09-30T22:30:00Z", 15_000_00, "CAD"),  # half past midnight of the fourth quarter
    won("d5", "cleo", "2026-09-30T21:59:59Z", 3_000_00, "EUR"),  # the last second of the third
    won("d6", "eve", "2026-07-01T10:00:00Z", 9_000_00, "EUR"),
]
RATES = [
    rate("USD", "2026-06-30", "1.10"),
    rate("USD", "2026-07-09", "1.20"),
    rate("GBP", "2026-07-09", "0.80"),
    rate("CAD", "2026-09-29", "1.50"),
]
LATE = rate("USD", "2026-08-20", "1.25")
EVERYTHING = [*PEOPLE, *QUOTAS, *DEALS, *RATES, LATE]

Share = tuple[int, int]


def shares(*batches: list[Event], shards: int = 3) -> dict[tuple[str, str], Share]:
    """Return (reached, with a quota) by window and team, `all` for the total."""
    core = Embedded(PLAN, NOW, shards)
    for batch in batches:
        core.apply(batch, NOW)
        core.tick(NOW)
    assert core.rejected == []
    found = {}
    for reading in core.view.all_readings():
        result = reading.result
        if reading.series.kpi.key == "quota_attainment" and result.value is not None:
            assert result.numerator is not None
            assert result.denominator is not None
            assert result.value == result.numerator / result.denominator
            team = reading.dims[0] if reading.series.grain == ("team",) else "all"
            found[reading.window.token, team] = int(result.numerator), int(result.denominator)
    return found


def of_quarter(found: Mapping[tuple[str, str], Share]) -> dict[str, Share]:
    return {team: share for (window, team), share in found.items() if window == "prev_quarter"}


def test_a_rate_that_comes_late_makes_a_quota_reached() -> None:
    known, late = EVERYTHING[:-1], [LATE]
    assert of_quarter(shares(known)) == {"all": (1, 3), "north": (1, 2), "south": (0, 1)}
    assert of_quarter(shares(known, late)) == {"all": (2, 3), "north": (2, 2), "south": (0, 1)}
    assert of_quarter(shares(late, known)) == of_quarter(shares(EVERYTHING[::-1], shards=1))


def test_the_running_quarter_has_its_own_deals_and_quotas() -> None:
    assert {k: v for k, v in shares(EVERYTHING).items() if k[0] == "qtd"} == {
        ("qtd", "all"): (1, 1),
        ("qtd", "south"): (1, 1),
    }


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ([won("d2", "ana", "2026-07-11T10:00:00Z", 15_999_99, "GBP", 2)], (1, 2)),  # 29,999.9875 rounds to 29,999.99
        ([rate("USD", "2026-07-09", "1.25", 2)], (1, 2)),  # a corrected rate: 9,600 + 20,000
        ([rate("USD", "2026-06-30", "1.00", 2)], (1, 2)),  # ben's quota is 22,000 euros then
        ([rate("USD", "2026-06-30", "0", 2)], (1, 1)),  # no usable rate: no quota
        ([won("d3", "ana", "2026-08-21T10:00:00Z", 25_000_00, "USD", 2)], (1, 2)),  # credit goes to the new owner
        ([{**event("deal", "d1", 2), "op": "delete"}], (1, 2)),
        ([quota("ben", "2026-Q3", 0, "USD") | {"version": 2, "event_id": "ben-2"}], (1, 1)),  # a quota of 0 is none
    ],
)
def test_what_changes_afterwards_changes_the_quarter(more: list[Event], expected: Share) -> None:
    assert of_quarter(shares(EVERYTHING, more))["north"] == expected
    assert of_quarter(shares(EVERYTHING + more, shards=1))["north"] == expected


def test_each_rep_against_the_quota() -> None:
    core = Embedded(PLAN, NOW, 2)
    core.apply(EVERYTHING, NOW)
    core.tick(NOW)
    found = {
        r.dims[0]: r.result
        for r in core.view.all_readings()
        if r.series.kpi.key == "quota_attainment_rep" and r.window == Window("prev_quarter")
    }
    assert {name: result.value for name, result in found.items()} == {
        "ana": Fraction(1),
        "ben": Fraction(1),
        "cleo": Fraction(3_000_00, 3_000_01),
        "eve": Fraction(9_000),
    }
