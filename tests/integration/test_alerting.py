"""From the event to who is told: worker, view, Prometheus, Alertmanager and the topic `sales.alerts`.

The rules are those that are rendered and the configuration is the one that is shipped, but in a hurry: see `hurried`.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from config.settings import Settings
from streams.clock import wall_clock
from streams.dashboards.links import alert_panel_id
from streams.envelope import Event, format_instant
from streams.kafka import client_options
from tests.integration.cluster import ServeProcess, WorkerProcess, make_topics
from tests.integration.hurried import HurriedWatch

Found = TypeVar("Found")
Json = dict[str, Any]
GAUGE, ALERT = "sales_deals_in_hand_by_team", "TooManyDeals"
NOORD, ZUID = "noord & co", "zuid"
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
      - {{name: {ALERT}, grain: [team], above: 5, clear: 3, for: 3s, keep_firing_for: 3s, severity: warning}}
"""
PATIENCE_SECONDS = 30.0


# ---------------------------------------------------------------------------------------------------- who takes part


class Business:
    """Deals of teams, as many open ones as a test wants."""

    def __init__(self, producer: Any, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def has_open(self, team: str, number: int) -> None:
        """Let so many of the team's eight deals be open, and the others won."""
        at = format_instant(wall_clock())
        for i in range(8):
            event = _deal(f"{team}-{i}", team, at, won=i >= number)
            await self._producer.send(self._topic, json.dumps(event).encode(), event["entity_id"].encode())
        await self._producer.flush()


def _deal(deal_id: str, team: str, at: str, *, won: bool) -> Event:
    data = {
        "customer_id": "c", "pipeline_id": "new_business", "currency": "EUR", "owner_id": "r1", "team_id": team,
        "lines": [{"line_id": "1", "product_id": "p", "quantity": "1", "amount_minor": 100}],
        "deal_type": "new_business", "created_at": at, "status": "won" if won else "open",
        "stage": "won" if won else "proposal", **({"closed_at": at} if won else {}),
    }  # fmt: skip
    return {"event_id": f"{deal_id}-{at}", "type": "deal", "entity_id": deal_id, "updated_at": at, "data": data}


class Told:
    """What came by on the topic of the alerts."""

    def __init__(self) -> None:
        self.alerts: list[Json] = []

    def of(self, team: str) -> list[Json]:
        return [alert for alert in self.alerts if alert["alert"] == ALERT and alert["dimensions"] == {"team": team}]

    def states(self, team: str) -> list[str]:
        return [alert["status"] for alert in self.of(team)]


@asynccontextmanager
async def told_on_the_topic(settings: Settings) -> AsyncIterator[Told]:
    """Follow the topic of the alerts."""
    told = Told()
    consumer: Any = AIOKafkaConsumer(
        settings.alerts_topic, **client_options(settings), auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()

    async def follow() -> None:
        async for record in consumer:
            told.alerts.append(json.loads(record.value))

    task = asyncio.ensure_future(follow())
    try:
        yield told
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await consumer.stop()


@asynccontextmanager
async def doing_business(settings: Settings) -> AsyncIterator[Business]:
    producer = AIOKafkaProducer(**client_options(settings), enable_idempotence=True)
    await producer.start()
    try:
        yield Business(producer, settings.input_topic("deals"))
    finally:
        await producer.stop()


async def until(found: Callable[[], Found], within: float = PATIENCE_SECONDS) -> Found:
    """Wait until `found` returns something, and return that."""
    deadline = time.monotonic() + within
    while not (value := await asyncio.to_thread(found)):
        assert time.monotonic() < deadline, f"line {found.__code__.co_firstlineno}: not within {within:.0f} s"
        await asyncio.sleep(0.1)
    return value


class Scene(NamedTuple):
    """All that takes part."""

    settings: Settings
    folder: Path
    worker: WorkerProcess
    view: ServeProcess
    watch: HurriedWatch
    business: Business
    told: Told

    async def lets(self, team: str, number: int, seconds: int = 1) -> None:
        """Let a team have so many open deals, until Prometheus has seen it for so long."""
        await self.business.has_open(team, number)
        await until(lambda: self.sees(team, number, seconds))

    def sees(self, team: str, number: int, seconds: int = 1) -> bool:
        """Return whether Prometheus has seen so many open deals of a team for so long."""
        return self.watch.stays(f'{GAUGE}{{team="{team}"}}', number, seconds)

    def was(self, state: str, team: str) -> bool:
        """Return whether the alert about a team was ever pending, or firing."""
        return self.watch.was(state, alertname=ALERT, team=team)


@pytest.fixture
async def scene(fresh_settings: Settings, tmp_path: Path) -> AsyncIterator[Scene]:
    declared = tmp_path / "declared.yaml"
    declared.write_text(DECLARED, "utf-8")
    settings = fresh_settings.model_copy(update={"catalogue": (declared,), "partitions": 2})
    await make_topics(settings)
    async with AsyncExitStack() as stack:
        worker = stack.enter_context(closing(WorkerProcess(settings, tmp_path / "worker.log")))
        view = stack.enter_context(closing(ServeProcess(settings, tmp_path / "view.log")))
        watch = stack.enter_context(closing(HurriedWatch(tmp_path, settings, view.address, worker.address)))
        business = await stack.enter_async_context(doing_business(settings))
        told = await stack.enter_async_context(told_on_the_topic(settings))
        yield Scene(settings, tmp_path, worker, view, watch, business, told)


# ------------------------------------------------------------------------------------------------------------ the test


async def test_an_alert_from_the_event_to_who_is_told(scene: Scene) -> None:
    await _hovering_before_it_fires_is_nothing(scene)
    await _beyond_the_threshold_it_fires_and_is_told(scene)
    await _hovering_while_it_fires_tells_nothing_new(scene)
    await _recovery_ends_it(scene)
    await _without_a_worker_it_is_muted(scene)
    await _with_a_worker_again_all_is_told_and_ends(scene)


async def _hovering_before_it_fires_is_nothing(scene: Scene) -> None:
    """Stay between 3, where it would end, and more than 5, where it begins."""
    await scene.business.has_open(NOORD, 5)
    await scene.business.has_open(ZUID, 1)
    await until(lambda: scene.sees(NOORD, 5) and scene.sees(ZUID, 1), within=60)

    scene.watch.begin()
    await until(lambda: scene.watch.stays(f'{GAUGE}:fire_level{{team="{NOORD}"}}', 5, seconds=5))
    assert not scene.was("pending", NOORD)
    assert not scene.was("firing", NOORD)


async def _beyond_the_threshold_it_fires_and_is_told(scene: Scene) -> None:
    await scene.lets(NOORD, 6)
    await until(lambda: scene.told.of(NOORD))

    assert scene.was("pending", NOORD)
    assert 'salespulse_alerts_total{status="firing"} ' in (await scene.view.get("/metrics"))[1]
    alert = dict(scene.told.of(NOORD)[0])
    assert alert.pop("starts_at")
    assert re.fullmatch(r"[0-9a-f]{16}", alert.pop("fingerprint"))
    assert f"{NOORD}: 6" in alert.pop("summary")
    assert "above 5" in alert.pop("description")
    panel = f"{scene.settings.grafana_url}/d/sales-pipeline?viewPanel=panel-{alert_panel_id(ALERT)}"
    about = {"severity": "warning", "kind": "threshold", "kpi": "deals_in_hand", "group": "pipeline"}
    assert alert == {
        "status": "firing",
        "alert": ALERT,
        **about,
        "dimensions": {"team": NOORD},
        "reading": f"deals_in_hand|now|team={NOORD}",
        "runbook_url": f"{scene.settings.public_url}/runbooks/{ALERT}",
        "dashboard_url": f"{panel}&var-team=noord+%26+co",
        "ends_at": None,
        "labels": {"alertname": ALERT, "service": "salespulse", "team": NOORD, **about},
    }


async def _hovering_while_it_fires_tells_nothing_new(scene: Scene) -> None:
    """Go back below what fires it, but not to what ends it, then beyond, then back again."""
    await scene.lets(NOORD, 4, seconds=6)
    await scene.lets(NOORD, 6)
    await scene.lets(NOORD, 4, seconds=2)

    assert scene.watch.fires(ALERT)
    assert scene.told.states(NOORD) == ["firing"]


async def _recovery_ends_it(scene: Scene) -> None:
    await scene.lets(NOORD, 3)
    await until(lambda: len(scene.told.of(NOORD)) > 1)

    fired, over = scene.told.of(NOORD)
    assert (over["status"], over["starts_at"]) == ("resolved", fired["starts_at"])
    assert over["ends_at"] > over["starts_at"]


async def _without_a_worker_it_is_muted(scene: Scene) -> None:
    """Let it fire again, and then end the worker, just when the other team crosses the threshold too."""
    watch, told = scene.watch, scene.told
    await scene.lets(NOORD, 6)
    await until(lambda: told.states(NOORD) == ["firing", "resolved", "firing"])
    assert told.of(NOORD)[2]["starts_at"] > told.of(NOORD)[1]["ends_at"]
    await scene.lets(ZUID, 6)
    assert (await asyncio.to_thread(scene.worker.terminate))[0] == 0

    await until(lambda: watch.fires("SalespulseWorkerDown") and watch.fires("SalespulseReadingsStale"))
    await until(lambda: watch.mutes(alertname=ALERT, team=NOORD) and watch.mutes(alertname=ALERT, team=ZUID))
    assert scene.was("firing", ZUID)
    assert (told.states(NOORD), told.states(ZUID)) == (["firing", "resolved", "firing"], [])
    assert [alert["alert"] for alert in told.alerts if alert["kind"] == "service"] == ["SalespulseWorkerDown"]


async def _with_a_worker_again_all_is_told_and_ends(scene: Scene) -> None:
    watch, told = scene.watch, scene.told
    port = str(scene.worker.port)
    with closing(WorkerProcess(scene.settings, scene.folder / "again.log", SALESPULSE_WORKER_HTTP_PORT=port)):
        await until(lambda: told.states(ZUID) == ["firing"])
        await scene.business.has_open(NOORD, 3)
        await scene.business.has_open(ZUID, 3)
        await until(lambda: told.states(NOORD)[3:] == told.states(ZUID)[1:] == ["resolved"])
        assert [n for n in (ALERT, "SalespulseWorkerDown", "SalespulseReadingsStale") if watch.fires(n)] == []
