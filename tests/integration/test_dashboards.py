"""Every dashboard on a real Prometheus that scrapes a real service, which works on what the simulator wrote."""

import asyncio
import copy
import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import SecretStr

from config.settings import Settings
from metrics.calendar import DAY_MS, parse_instant
from metrics.embedded import Embedded
from metrics.exposition import ReadingsCollector
from streams.envelope import Event
from streams.event_writer import EventWriter
from streams.render_dashboards import dashboard_files
from streams.simulate.organisation import Organisation
from tests.broker import Broker
from tests.dashboard_queries import Asker
from tests.dashboard_rules import Json, faults_of, panels_of, targets_of
from tests.integration.cluster import (
    RedisServer,
    ServeProcess,
    WorkerProcess,
    make_topics,
    plan_of,
    wait_until_applied,
)
from tests.integration.conftest import settings_for
from tests.integration.watching import PrometheusServer, program

ROOT = Path(__file__).parents[2]
CLOCK = "2026-05-20T14:30:00+02:00"
"""A working hour in the middle of a week, a month and a quarter: no window is empty."""
DAYS, SEED, WEEK_MS = 75, 1, 7 * DAY_MS
TRICKLE, WATCHED_SECONDS, SCRAPE_SECONDS = 600, 14.0, 2
"""So many of the last events come while Prometheus watches, that there are rates to see."""
_STEPS = [{"value": value, "color": "red"} for value in (2, 1)]
FUNNEL, SERVICE, OVERVIEW = "funnel.json", "service.json", "overview.json"


def _dashboards() -> dict[str, Json]:
    settings = Settings()
    return {name.rpartition("/")[2]: json.loads(text) for name, text in dashboard_files(plan_of(settings), settings)}


@pytest.fixture(scope="module")
def dashboards() -> dict[str, Json]:
    return _dashboards()


@pytest.fixture(scope="module")
def asker(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    with watched(broker, tmp_path_factory.mktemp("dashboards")) as prometheus:
        (good,) = prometheus.until("count(up == 1) == 2")
        yield Asker(prometheus.get, float(good["value"][0]))


@contextmanager
def watched(broker: Broker, folder: Path) -> Iterator[PrometheusServer]:
    """Run worker, view and Prometheus until there is something to ask, with a past of a week before."""
    with ExitStack() as running:
        redis = RedisServer(folder)
        running.callback(redis.close)
        changes = {"clock": CLOCK, "partitions": 2, "redis_url": SecretStr(redis.url)}
        settings = settings_for(broker.address).model_copy(update=changes)
        events = list(Organisation(SEED, parse_instant(CLOCK), ZoneInfo(settings.timezone)).history(DAYS))
        asyncio.run(make_topics(settings))
        worker, serve = WorkerProcess(settings, folder / "worker.log"), ServeProcess(settings, folder / "serve.log")
        running.callback(worker.close)
        running.callback(serve.close)
        asyncio.run(_write(settings, events[:-TRICKLE]))
        past = _week_before(settings, events, folder)
        asyncio.run(wait_until_applied(settings))
        asyncio.run(serve.until_ready())
        targets = {"salespulse-serve": [f"127.0.0.1:{serve.port}"], "salespulse-worker": [f"127.0.0.1:{worker.port}"]}
        prometheus = running.enter_context(
            PrometheusServer(folder / "prometheus", targets, _rules(folder), data=past, seconds=SCRAPE_SECONDS)
        )
        prometheus.until("sales_revenue_euros and on () (count(up == 1) == 2)")
        live = threading.Thread(target=lambda: asyncio.run(_write(settings, events[-TRICKLE:], WATCHED_SECONDS)))
        live.start()
        live.join()
        yield prometheus


def _rules(folder: Path) -> Iterator[Path]:
    """Yield the shipped rules, evaluated as often as Prometheus scrapes and not at intervals of their own."""
    for path in sorted((ROOT / "config/prometheus/rules").glob("*.yml")):
        hurried = folder / path.name
        hurried.write_text(re.sub(r"^ +interval: .*\n", "", path.read_text("utf-8"), flags=re.MULTILINE), "utf-8")
        yield hurried


async def _write(settings: Settings, events: list[Event], seconds: float = 0.0) -> None:
    """Write events, spread over so many seconds."""
    async with EventWriter(settings) as writer:
        for event in events:
            await writer.write(event)
            await asyncio.sleep(seconds / len(events))
        await writer.flush()


def _week_before(settings: Settings, events: list[Event], folder: Path) -> Path:
    """Return a folder of Prometheus with what was exposed a week before, as of then, of what dashboards ask for."""
    asked = json.dumps(list(_dashboards().values()))
    names = set(re.findall(r"(\w+)\{[^}]*\} offset 1w", asked))
    as_of = parse_instant(CLOCK) - WEEK_MS
    embedded = Embedded(plan_of(settings), as_of)
    embedded.apply([event for event in events if parse_instant(event["updated_at"]) < as_of], as_of)
    embedded.tick(as_of)
    registry = CollectorRegistry()
    registry.register(ReadingsCollector(embedded.view))
    exposed = [line for line in generate_latest(registry).decode().splitlines() if line.partition("{")[0] in names]
    then = round(time.time() - WEEK_MS / 1000)
    text = "\n".join(f"{line} {then + second}" for line in exposed for second in range(-60, 300, 15))
    (folder / "past.om").write_text(f"{text}\n# EOF\n", "utf-8")
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics"]
    subprocess.run([*command, str(folder / "past.om"), str(folder / "data")], check=True, capture_output=True)
    return folder / "data"


def test_every_expression_of_every_dashboard_has_values(asker: Asker, dashboards: dict[str, Json]) -> None:
    assert {name: faults for name, made in dashboards.items() if (faults := asker.faults(made))} == {}
    assert asker.asked > 900


def _expr(old: str, new: str) -> Callable[[Json], None]:
    def plant(dashboard: Json) -> None:
        target = next(target for _, target in targets_of(dashboard) if old in target["expr"])
        target["expr"] = target["expr"].replace(old, new, 1)

    return plant


def _legend(old: str, new: str) -> Callable[[Json], None]:
    def plant(dashboard: Json) -> None:
        target = next(target for _, target in targets_of(dashboard) if old in target.get("legendFormat", ""))
        target["legendFormat"] = target["legendFormat"].replace(old, new)

    return plant


def _variable(old: str, new: str) -> Callable[[Json], None]:
    def plant(dashboard: Json) -> None:
        variable = next(v for v in dashboard["templating"]["list"] if v["type"] == "query" and old in v["definition"])
        variable["query"]["query"] = variable["query"]["query"].replace(old, new)

    return plant


@pytest.mark.parametrize(
    ("name", "plant", "said"),
    [
        (OVERVIEW, _expr("sales_revenue_euros", "sales_revenue_euro"), "nothing from"),
        (OVERVIEW, _expr("offset 1w", "offset 2w"), "nothing from"),
        (OVERVIEW, _expr(" * 1000", " / (0 * 1000)"), "no finite number"),
        (FUNNEL, _expr(":fire_level", ":level"), "nothing from"),
        (FUNNEL, _expr(":target_ratio", ":target"), "nothing from"),
        (FUNNEL, _expr('window="$window"', 'span="$window"'), "nothing from"),
        (FUNNEL, _expr('window="$window"', 'window="1w"'), "nothing from"),
        (FUNNEL, _expr('team=~"$team"', 'team="$team"'), "nothing from"),
        (FUNNEL, _expr('team=~"$team"', 'team=~"$squad"'), "is not defined"),
        (FUNNEL, _expr("max without (instance, job) (", "max without instance, job) ("), "parse error"),
        (FUNNEL, _legend("{{team}}", "{{squad}}"), "no label squad"),
        (FUNNEL, _variable("by_team", "by_squad"), "its query finds nothing"),
        (SERVICE, _expr("salespulse_consumer_lag", "salespulse_lag"), "nothing from"),
        (SERVICE, _expr("sum by (outcome)", "sum by (outcomes)"), "no label outcome"),
        (SERVICE, lambda d: d["annotations"]["list"][0].update(expr="ALERTS{"), "parse error"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_planted_fault_is_found(
    asker: Asker, dashboards: dict[str, Json], name: str, plant: Callable[[Json], None], said: str
) -> None:
    broken = copy.deepcopy(dashboards[name])
    plant(broken)
    found = set(asker.faults(broken)) - set(asker.faults(dashboards[name]))
    assert [fault for fault in found if said in fault] != [], found


@pytest.mark.parametrize(
    ("rule", "plant"),
    [
        ("panel-units", lambda d: panels_of(d)[0]["fieldConfig"]["defaults"].update(unit="euros")),
        ("grid", lambda d: d["panels"][2]["gridPos"].update(x=0)),
        ("thresholds", lambda d: panels_of(d)[0]["fieldConfig"]["defaults"]["thresholds"]["steps"].extend(_STEPS)),
        ("variables", _expr('window="$window"', 'window="$windows"')),
    ],
)
def test_a_planted_fault_that_no_query_shows_is_found_by_the_rules(
    dashboards: dict[str, Json], rule: str, plant: Callable[[Json], object]
) -> None:
    broken = copy.deepcopy(dashboards[FUNNEL])
    plant(broken)
    assert faults_of(rule, dashboards[FUNNEL]) == []
    assert faults_of(rule, broken) != []
