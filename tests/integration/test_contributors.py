"""The deals behind a revenue, asked of two workers that hold them, and of the one that is left."""

import asyncio
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from metrics.calendar import parse_instant
from metrics.view import View
from streams.contributors import EntitiesPage, WorkersUnreachableError, ask_workers, parse_question
from streams.envelope import format_instant
from tests.integration.cluster import (
    PATIENCE_SECONDS,
    WorkerProcess,
    committed_view,
    make_topics,
    produce,
    wait_until_applied,
)

CLOCK = "2026-11-01T12:00:00Z"
NOW = parse_instant(CLOCK)
DEALS = 400
Shown = list[tuple[str, str]]


def _deal(number: int) -> dict[str, Any]:
    """Return a deal that was won `number` minutes before now; every tenth is lost, every seventh in the south."""
    at = format_instant(NOW - 60_000 * (number + 1))
    lines = [
        {"line_id": f"{i}", "product_id": f"p{i}", "amount_minor": 1_000 * number + i} for i in range(1 + number % 3)
    ]
    return {
        "event_id": f"e{number}",
        "type": "deal",
        "entity_id": f"deal-{number:04}",
        "updated_at": at,
        "data": {
            "customer_id": f"c{number % 9}", "pipeline_id": "new_business", "stage": "closed",
            "status": "won" if number % 10 else "lost", "currency": "EUR", "lines": lines, "owner_id": "r1",
            "team_id": "north" if number % 7 else "south", "created_at": at, "closed_at": at,
        },
    }  # fmt: skip


def _won_in_the_south() -> Shown:
    """Return (id, amount in euros) of the deals that are asked for, newest first."""
    return [
        (deal["entity_id"], f"{Decimal(sum(line['amount_minor'] for line in deal['data']['lines'])) / 100:.2f}")
        for deal in map(_deal, range(DEALS))
        if deal["data"]["team_id"] == "south" and deal["data"]["status"] == "won"
    ]


async def _all_pages(view: View) -> tuple[Shown, EntitiesPage]:
    """Return (id, amount) of all deals of the southern revenue, and the last page."""
    shown: Shown = []
    params = {"window": "30d", "where": "team:south", "limit": "11"}
    while True:
        page = await ask_workers(view, parse_question(view.plan, "revenue", params))
        shown += [(entity.entity_id, entity.contributions[0].value) for entity in page.entities]
        if page.next is None:
            return shown, page
        params["before"] = page.next


def _is_the_reading(shown: Shown, page: EntitiesPage) -> None:
    assert shown == _won_in_the_south()
    assert page.totals.entities == len(shown) > 40
    (total,) = page.totals.contributions
    assert (total.role, total.currency) == ("value", "EUR")
    assert page.value == total.value == f"{sum(Decimal(amount) for _, amount in shown)}"


async def test_the_deals_of_a_revenue_are_found_on_all_workers_also_after_one_of_them_died(
    fresh_settings: Settings, tmp_path: Path
) -> None:
    settings = fresh_settings.model_copy(update={"clock": CLOCK})
    await make_topics(settings)
    workers = [WorkerProcess(settings, tmp_path / f"worker-{i}.log") for i in range(2)]
    addresses = [f"http://127.0.0.1:{worker.port}" for worker in workers]
    try:
        for worker in workers:
            await worker.until_ready()
        await produce(settings, map(_deal, range(DEALS)))
        await wait_until_applied(settings)
        view = await _view_of(settings, {*addresses})
        _is_the_reading(*await _all_pages(view))

        workers[0].kill()
        with pytest.raises(WorkersUnreachableError, match=f"the worker at {addresses[0]} cannot be reached"):
            await _all_pages(view)
        _is_the_reading(*await _first_answer(settings))
        assert await _owners(settings) == {addresses[1]}
    finally:
        for worker in workers:
            worker.close()


async def _view_of(settings: Settings, addresses: set[str]) -> View:
    """Return a view of what is committed, once these workers own all shards between them."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (told := await _owners(settings)) != addresses:
        assert time.monotonic() < deadline, f"{told} own the shards"
        await asyncio.sleep(0.5)
    return await committed_view(settings, NOW)


async def _owners(settings: Settings) -> set[str | None]:
    view = await committed_view(settings, NOW)
    assert len(view.progress) == settings.partitions
    return {progress.address for progress in view.progress.values()}


async def _first_answer(settings: Settings) -> tuple[Shown, EntitiesPage]:
    """Ask until there is an answer: while shards move there is none, and never a part of one."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await _all_pages(await committed_view(settings, NOW))
        except WorkersUnreachableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.3)
