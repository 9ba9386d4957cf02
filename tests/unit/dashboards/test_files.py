"""The files of the dashboards."""

import json
import sys
from pathlib import Path

import click
import pytest

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.dashboards.links import group_uid
from streams.render_dashboards import FOLDER, dashboard_files
from tests.unit.dashboards.catalogues import ROOT, TICKETS, ZONE, dashboards_of, files_of, plan_of


def test_there_is_a_dashboard_of_each_group_and_three_more() -> None:
    groups = plan_of("shipped").declarations.groups
    names = {f"Sales/{group_uid(group).removeprefix('sales-')}.json" for group in groups}
    assert set(files_of("shipped")) == names | {
        "Sales/overview.json", "Sales/rep-team.json", "Salespulse/service.json"
    }  # fmt: skip


def test_a_group_that_is_off_has_no_dashboard_and_no_link_leads_there() -> None:
    gone = set(dashboards_of("shipped")) - set(dashboards_of("groups off"))
    assert gone == {f"Sales/{group}.json" for group in ("speed", "saas", "hospitality", "market")}
    text = "".join(files_of("groups off").values())
    assert [name for name in gone if f"/d/sales-{Path(name).stem}" in text] == []


def test_the_committed_files_are_what_is_made_now_and_there_are_no_others() -> None:
    folder = ROOT / FOLDER
    committed = {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}
    assert committed.keys() == files_of("shipped").keys()
    stale = [name for name, text in files_of("shipped").items() if committed[name] != text]
    assert stale == [], "run `salespulse render grafana`"


def test_the_same_declarations_give_the_same_bytes() -> None:
    again = compile_plan(load(), ZONE, "EUR")
    assert dict(dashboard_files(again, Settings())) == {f"{FOLDER}/{n}": t for n, t in files_of("shipped").items()}


def test_uids_stay_and_titles_say_the_folder() -> None:
    found = {name: (made["uid"], made["title"]) for name, made in dashboards_of("shipped").items()}
    assert found["Sales/overview.json"] == ("sales-overview", "Sales / Overview")
    assert found["Sales/revenue.json"] == ("sales-revenue", "Sales / Revenue and growth")
    assert found["Sales/rep-team.json"] == ("sales-rep-team", "Sales / Rep and team")
    assert found["Salespulse/service.json"] == ("salespulse-service", "Salespulse / Service")
    assert [title for name, (_, title) in found.items() if not title.startswith(f"{Path(name).parent} / ")] == []


def test_ids_do_not_depend_on_what_else_is_declared() -> None:
    ids = [
        {panel["id"] for panel in dashboards_of(catalogue)["Sales/revenue.json"]["panels"]}
        for catalogue in ("shipped", "no overview")
    ]
    assert ids[0] == ids[1]


def test_links_lead_to_where_people_reach_the_view() -> None:
    settings = Settings(public_url="https://sales.example.com/live")
    made = [json.loads(text) for _, text in dashboard_files(plan_of("one kpi"), settings)]
    text = json.dumps(made)
    assert "https://sales.example.com/live/kpi/ticket_solution_time" in text
    assert "127.0.0.1" not in text


def test_the_time_zone_is_that_of_the_business() -> None:
    plan = compile_plan(load([TICKETS], shipped=False), "Asia/Tokyo", "JPY")
    zones = {json.loads(text)["timezone"] for _, text in dashboard_files(plan, Settings())}
    assert zones == {"Asia/Tokyo"}


def test_without_the_sdk_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("streams.dashboards", "grafana_foundation_sdk"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "grafana_foundation_sdk", None)
    with pytest.raises(click.ClickException) as refused:
        list(dashboard_files(plan_of("one kpi"), Settings()))
    assert str(refused.value) == (
        "`grafana-foundation-sdk`, which makes the dashboards, is not installed; install `salespulse[dashboards]`"
    )


def test_a_group_may_not_have_the_address_of_another_dashboard(tmp_path: Path) -> None:
    path = tmp_path / "tickets.yaml"
    text = TICKETS.read_text("utf-8").replace("group: service", "group: overview").replace("  service:", "  overview:")
    path.write_text(text, "utf-8")
    plan = compile_plan(load([path], shipped=False), ZONE, "EUR")
    with pytest.raises(click.ClickException) as refused:
        list(dashboard_files(plan, Settings()))
    assert str(refused.value) == (
        "two dashboards would be `grafana/dashboards/Sales/overview.json`; give the group another key"
    )
