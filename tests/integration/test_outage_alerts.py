"""While the only broker is away probes, readings and alerts say so, and once it is back all end without help.

The rules are those that are rendered, in a hurry: see `hurried`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from config.settings import Settings
from streams.clock import wall_clock
from streams.envelope import format_instant
from tests.broker import Broker
from tests.integration.cluster import ServeProcess, WorkerProcess, make_topics, produce
from tests.integration.conftest import settings_for
from tests.integration.hurried import HurriedWatch

STALE, KPI_ALERT = "SalespulseReadingsStale", "TooManyDeals"
GAUGE = 'sales_deals_in_hand_by_team{team="noord"}'
DECLARED = f"""
version: 1
kpis:
  - key: deals_in_hand
    type: state
    title: {{en: Deals in hand, nl: Deals in behandeling}}
    group: pipeline
    from: deal
    where: {{status: open}}
    agg: count
    unit: none
    grains: [[team]]
    alerts:
      - {{name: {KPI_ALERT}, grain: [team], above: 5, clear: 3, for: 20s, keep_firing_for: 1s, severity: warning}}
"""
UNREADY_SECONDS = 15.0
PATIENCE_SECONDS = 60.0


class Scene(NamedTuple):
    """All that takes part."""

    settings: Settings
    broker: Broker
    worker: WorkerProcess
    view: ServeProcess
    watch: HurriedWatch

    async def until(self, found: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not await asyncio.to_thread(found):
            assert time.monotonic() < deadline, f"line {found.__code__.co_firstlineno}: not in time"
            await asyncio.sleep(0.2)

    async def as_of(self) -> set[str]:
        """Return the instants that the view's readings are of."""
        return {reading["as_of"] for reading in json.loads((await self.view.get("/api/v1/readings"))[1])}


@pytest.fixture
async def scene(private_broker: Broker, tmp_path: Path) -> AsyncIterator[Scene]:
    declared = tmp_path / "declared.yaml"
    declared.write_text(DECLARED, "utf-8")
    settings = settings_for(private_broker.address).model_copy(update={"catalogue": (declared,), "partitions": 2})
    await make_topics(settings)
    async with AsyncExitStack() as stack:
        worker = stack.enter_context(closing(WorkerProcess(settings, tmp_path / "worker.log")))
        view = stack.enter_context(closing(ServeProcess(settings, tmp_path / "view.log")))
        watch = stack.enter_context(closing(HurriedWatch(tmp_path, settings, view.address, worker.address)))
        yield Scene(settings, private_broker, worker, view, watch)


async def test_an_outage_is_told_and_its_end_too(scene: Scene) -> None:
    watch, broker = scene.watch, scene.broker
    await asyncio.gather(scene.worker.until_ready(), scene.view.until_ready())
    await produce(scene.settings, [_open_deal(number) for number in range(6)])
    await scene.until(lambda: watch.stays(GAUGE, 6, seconds=1))
    watch.begin()
    await scene.until(lambda: watch.was("pending", alertname=KPI_ALERT))

    await asyncio.to_thread(broker.kill)
    said = await asyncio.gather(
        *(process.until_ready(ready=False, within=UNREADY_SECONDS) for process in (scene.worker, scene.view))
    )
    assert "the last good flush is" in said[0]
    assert "no worker has reported on shards 0, 1" in said[1]
    frozen = await scene.as_of()
    await scene.until(lambda: watch.fires(STALE))
    assert not watch.fires("SalespulseServeDown")  # it answers, and says what it knows
    assert not watch.fires("SalespulseWorkerDown")
    # The number stays beyond the threshold, and is told of nobody: old readings are no cause to wake anybody.
    await scene.until(lambda: watch.fires(KPI_ALERT))
    await scene.until(lambda: watch.mutes(alertname=KPI_ALERT, team="noord"))
    assert await scene.as_of() == frozen

    await asyncio.to_thread(broker.start)
    await asyncio.gather(scene.worker.until_ready(), scene.view.until_ready())
    await produce(scene.settings, [_open_deal(number, won=True) for number in range(6)])
    await scene.until(lambda: not watch.fires(STALE) and not watch.fires(KPI_ALERT))
    assert min(await scene.as_of()) > max(frozen)


def _open_deal(number: int, *, won: bool = False) -> dict[str, Any]:
    at = format_instant(wall_clock())
    data = {
        "customer_id": "c", "pipeline_id": "new_business", "currency": "EUR", "owner_id": "r1", "team_id": "noord",
        "lines": [{"line_id": "1", "product_id": "p", "quantity": "1", "amount_minor": 100}],
        "deal_type": "new_business", "created_at": at, "status": "won" if won else "open",
        "stage": "won" if won else "proposal", **({"closed_at": at} if won else {}),
    }  # fmt: skip
    return {"event_id": f"{number}-{at}", "type": "deal", "entity_id": f"d{number}", "updated_at": at, "data": data}
