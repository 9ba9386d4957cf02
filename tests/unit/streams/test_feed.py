"""The feed: what changed at each tick, kept for those who are slow, and told whole when it cannot be continued."""

import asyncio
import time
from typing import Any

import pytest

import streams.feed
from config.load import load
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.plan import Plan, compile_plan
from streams.feed import Feed, merged

NOON = parse_instant("2026-10-26T11:00:00Z")
SECOND, DAY = 1_000, 86_400_000


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


class Told:
    """A view with deals in it, and the feed that it tells."""

    def __init__(self, plan: Plan) -> None:
        self.embedded = Embedded(plan, NOON)
        self.feed = Feed()
        self.tick(NOON)

    def tick(self, at: int, **amounts: int) -> None:
        self.embedded.apply([_won(name, amount) for name, amount in amounts.items()], at)
        self.feed.tell(self.embedded.view, self.embedded.tick(at))


def _won(deal_id: str, amount: int) -> dict[str, Any]:
    at = "2026-10-26T10:00:00.000Z"
    line = {"line_id": "1", "product_id": "p", "quantity": "1", "amount_minor": amount}
    return {
        "event_id": f"{deal_id}{amount}", "type": "deal", "entity_id": deal_id, "version": amount, "updated_at": at,
        "data": {
            "customer_id": "c", "pipeline_id": "new_business", "stage": "won", "status": "won", "currency": "EUR",
            "lines": [line], "owner_id": "r1", "team_id": "north", "deal_type": "new_business", "created_at": at,
            "closed_at": at,
        },
    }  # fmt: skip


def _revenue(told: Told, since: int) -> list[str | None]:
    changes = told.feed.since(since)
    assert changes is not None
    return [m.value for c in changes for key, m in c.updates.items() if key == "revenue|24h|"]


def test_each_tick_tells_what_it_changed(plan: Plan) -> None:
    told = Told(plan)
    told.tick(NOON + SECOND, a=100)
    told.tick(NOON + 2 * SECOND, a=150, b=1)
    told.tick(NOON + 3 * SECOND)

    assert told.feed.number == 4
    assert _revenue(told, since=1) == ["1.00", "1.51"]
    assert _revenue(told, since=2) == ["1.51"]
    assert _revenue(told, since=3) == []
    changes = told.feed.since(1)
    assert changes is not None
    assert merged(changes)["revenue|24h|"].value == "1.51"


def test_numbers_of_another_time_cannot_be_continued(plan: Plan) -> None:
    told = Told(plan)
    told.tick(NOON + SECOND)

    assert told.feed.since(0) is None
    assert told.feed.since(-1) is None
    assert told.feed.since(3) is None
    assert told.feed.since(2) == []
    epoch = told.feed.epoch
    told.feed.begin_anew()
    assert told.feed.number == 0
    assert told.feed.epoch != epoch


def test_only_so_much_is_kept(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams.feed, "KEPT_TICKS", 3)
    told = Told(plan)
    for n in range(1, 6):
        told.tick(NOON + n * SECOND, a=n)

    assert told.feed.since(2) is None
    assert _revenue(told, since=3) == ["0.03", "0.04", "0.05"]

    monkeypatch.setattr(streams.feed, "KEPT_READINGS", 1)
    told.tick(NOON + 6 * SECOND, a=6)
    assert told.feed.since(6) is not None  # the newest one is kept whatever its size
    assert told.feed.since(5) is None


def test_on_a_new_day_all_readings_are_told(plan: Plan) -> None:
    told = Told(plan)
    told.tick(NOON + SECOND, a=100)
    told.tick(NOON + DAY)

    (change,) = told.feed.since(2) or []
    assert len(change.updates) == sum(1 for _ in told.embedded.view.all_readings())
    assert change.updates["revenue|wtd|"].value == "1.00"  # as it was, but of a week that has another day


def test_a_series_that_is_no_more_is_told_as_gone(plan: Plan) -> None:
    told = Told(plan)
    told.tick(NOON + SECOND, a=100)
    gone = _won("a", 101) | {"op": "delete", "data": None}
    told.embedded.apply([gone], NOON + SECOND)
    told.tick(NOON + 2 * SECOND)

    (change,) = told.feed.since(2) or []
    assert change.updates["revenue|24h|team=north"].gone
    assert not change.updates["revenue|24h|"].gone


async def test_waiting_ends_at_the_next_tick_and_not_before(plan: Plan) -> None:
    told = Told(plan)
    begun = time.monotonic()
    await told.feed.wait(0.05)
    assert time.monotonic() - begun >= 0.05

    waiting = asyncio.ensure_future(told.feed.wait(30))
    await asyncio.sleep(0)
    assert not waiting.done()
    told.tick(NOON + SECOND)
    await asyncio.wait_for(waiting, 1)

    await asyncio.wait_for(told.feed.wait(30, after=1), 1)  # that tick has been already


@pytest.mark.parametrize("steps", range(4))
async def test_a_reader_that_is_cancelled_just_when_a_tick_comes_is_cancelled(steps: int) -> None:
    feed = Feed()
    waiting = asyncio.create_task(feed.wait(60))
    for _ in range(3):
        await asyncio.sleep(0)
    feed.begin_anew()  # rings
    for _ in range(steps):
        await asyncio.sleep(0)
    was_cancelled = waiting.cancel()  # False: it has ended already
    await asyncio.wait({waiting})
    assert waiting.cancelled() == was_cancelled
