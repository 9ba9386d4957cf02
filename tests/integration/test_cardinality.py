"""A sender that invents names makes no more series than a dimension may have, and harms no other reading."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.declarations import Declarations
from config.load import load
from config.settings import Settings
from metrics.admitted import OTHER
from metrics.plan import compile_plan
from metrics.shard import Record, Shard
from metrics.view import View
from streams.series_count import count_series, full_dimensions
from tests.integration.cluster import (
    ServeProcess,
    WorkerProcess,
    committed_view,
    make_topics,
    plan_of,
    produce,
    wait_until_applied,
)
from tests.integration.invented import CLOCK, CLOCK_MS, Watched, attack, base, invented_deal, peak_mib, series_in

HONEST, INVENTED = 2_000, 15_000
LIMITS = {"team": 20, "rep": 250, "product": 40}
"""The company has 12 teams, 200 reps and 30 products."""
MOST_MIB = 400
Spelling = tuple[Any, ...]
Spelt = Mapping[Spelling, Any]


@pytest.fixture
def settings(fresh_settings: Settings, tmp_path: Path) -> Settings:
    limits = tmp_path / "limits.yaml"
    limits.write_text(f"defaults: {{dimension_limits: {{{', '.join(f'{d}: {n}' for d, n in LIMITS.items())}}}}}\n")
    return fresh_settings.model_copy(update={"clock": CLOCK, "catalogue": (limits,)})


def without_limits(declarations: Declarations) -> Declarations:
    defaults = declarations.defaults.model_copy(update={"dimension_limit": 10**9, "dimension_limits": {}})
    return declarations.model_copy(update={"defaults": defaults})


def recomputed(settings: Settings, events: Iterable[dict[str, Any]]) -> View:
    """Return the readings of events, where every name is named."""
    plan = compile_plan(without_limits(load()), settings.timezone, settings.currency)
    shard, view, given = Shard(plan, CLOCK_MS), View(plan), list(events)
    for source in plan.sources:
        shard.apply(source, [Record(msgspec.json.encode(e), CLOCK_MS * 2) for e in given if e["type"] == source])
    while sealed := shard.seal():
        for key, value in sealed.cells:
            view.apply(0, key, value)
        shard.apply_links(sealed.links)
    view.tick(CLOCK_MS)
    return view


def spelt(view: View) -> Spelt:
    found = view.all_readings()
    return {(r.series.kpi.key, r.series.agg, r.series.grain, r.window.token, r.dims): r.result for r in found}


async def full(process: WorkerProcess | ServeProcess) -> dict[str, float]:
    """Return the share of its limit that each attacked dimension has."""
    _, text = await process.get("/metrics")
    values, limits = (
        dict(re.findall(rf'^salespulse_dimension_{what}\{{dimension="(\w+)"\}} (\S+)$', text, re.MULTILINE))
        for what in ("values", "limit")
    )
    return {name: float(values[name]) / float(limits[name]) for name in LIMITS}


@pytest.mark.alone  # that both stay ready is a promise about time
async def test_invented_names_harm_nothing_but_the_row_of_the_others(settings: Settings, tmp_path: Path) -> None:
    await make_topics(settings)
    await produce(settings, base(HONEST))
    worker = WorkerProcess(settings, tmp_path / "worker.log")
    serve = ServeProcess(settings, tmp_path / "serve.log")
    again = None
    try:
        await worker.until_ready()
        await wait_until_applied(settings)
        await serve.until_ready()
        watched = Watched([])
        watching = asyncio.create_task(watched.watch(worker, serve))
        await attack(settings, range(INVENTED))
        await wait_until_applied(settings)
        _, page = await serve.get("/metrics")
        watching.cancel()

        assert watched.unready == []
        assert await full(worker) == dict.fromkeys(LIMITS, 1.0)
        plan = plan_of(settings)
        assert series_in(page) <= sum(c.series for c in count_series(plan, full_dimensions(plan)))
        assert peak_mib(worker.process.pid) < MOST_MIB
        assert peak_mib(serve.process.pid) < MOST_MIB

        honest = spelt(recomputed(settings, base(HONEST))).keys()
        everything = spelt(recomputed(settings, [*base(HONEST), *map(invented_deal, range(INVENTED))]))
        the_rest_is_exact(spelt(await committed_view(settings, CLOCK_MS)), everything, honest)
        worker.kill()
        again = WorkerProcess(settings, tmp_path / "again.log")
        await again.until_ready()
        assert await full(again) == dict.fromkeys(LIMITS, 1.0)
        the_rest_is_exact(spelt(await committed_view(settings, CLOCK_MS)), everything, honest)
    finally:
        for process in (worker, serve, again):
            if process is not None:
                process.close()


def the_rest_is_exact(found: Spelt, everything: Spelt, honest: AbstractSet[Spelling]) -> None:
    """Compare readings, but for those of `other`, with those of a plan without limits; no `honest` one is gone."""
    named = {key: result for key, result in found.items() if OTHER not in key[4]}
    assert named == {key: everything[key] for key in named}
    assert found.keys() >= honest
    total, others = (found["revenue", None, grain, "30d", row] for grain, row in (((), ()), (("team",), (OTHER,))))
    teams = [r.value for key, r in named.items() if key[:4] == ("revenue", None, ("team",), "30d") and r.value]
    assert total.value == others.value + sum(teams)
