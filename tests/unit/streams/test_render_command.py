"""`salespulse render`: the generated files are what the declarations say, and a stale one is told."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.load import load
from metrics.exposition import exposed_gauges
from metrics.plan import Plan, compile_plan
from streams.cli import main
from streams.render_command import RENDERERS
from streams.render_docs import kpi_reference

ROOT = Path(__file__).parents[3]
LEADS = """
version: 1
kpis:
  - key: leads_generated
    type: measure
    title: {en: "Leads | all", nl: Alle leads}
    group: funnel
    from: lead
    at: created_at
    agg: count
    unit: none
    windows: [30d]
    grains: [[]]
"""


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=dict(environment)).invoke(main, ["render", *arguments], prog_name="salespulse")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return compile_plan(load(), "Europe/Amsterdam", "EUR")


@pytest.fixture(scope="module")
def page(plan: Plan) -> str:
    return kpi_reference(plan)


def test_the_committed_files_are_up_to_date() -> None:
    result = run("--check", "--root", str(ROOT))

    assert (result.exit_code, result.stderr) == (0, "")
    files = [line.removesuffix(" is up to date") for line in result.stdout.splitlines()]
    assert {"docs/kpis.md", "docs/schemas/openapi.json", "config/prometheus/rules/kpis.yml"} < set(files)
    assert {"grafana/dashboards/Sales/overview.json", "docs/runbooks/kpis.md"} < set(files)
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_what_was_written_is_up_to_date(tmp_path: Path) -> None:
    assert run("docs", "--root", str(tmp_path)).stdout == "docs/kpis.md is written\n"
    assert run("docs", "--check", "--root", str(tmp_path)).exit_code == 0
    assert run("docs", "--root", str(tmp_path)).stdout == "docs/kpis.md is up to date\n"


def test_a_changed_declaration_makes_the_check_fail(tmp_path: Path) -> None:
    run("docs", "--root", str(tmp_path))
    before = (tmp_path / "docs" / "kpis.md").read_text()
    changed = tmp_path / "changed.yaml"
    changed.write_text(LEADS)

    result = run("docs", "--check", "--root", str(tmp_path), SALESPULSE_CATALOGUE=str(changed))

    assert result.exit_code == 1
    assert result.stderr == "docs/kpis.md is stale; run `salespulse render docs`\n"
    assert (tmp_path / "docs" / "kpis.md").read_text() == before


def test_a_changed_field_makes_the_contract_stale(tmp_path: Path) -> None:
    run("schemas", "--root", str(tmp_path))
    changed = tmp_path / "changed.yaml"
    changed.write_text((ROOT / "docs/examples/tickets.yaml").read_text())

    result = run("schemas", "--check", "--root", str(tmp_path), SALESPULSE_CATALOGUE=str(changed))

    stale = [line.partition(" is stale")[0] for line in result.stderr.splitlines()]
    assert result.exit_code == 1
    assert stale == [f"docs/schemas/{name}.json" for name in ("events/ticket", "dead-letter", "asyncapi", "openapi")]


def test_a_file_that_is_not_there_is_stale(tmp_path: Path) -> None:
    assert run("--check", "--root", str(tmp_path)).exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_made_any_more_is_told_and_removed_but_nothing_that_others_made(tmp_path: Path) -> None:
    folder = tmp_path / "grafana/dashboards/Sales"
    run("grafana", "--root", str(tmp_path))
    (folder / "own.json").write_text('{"title": "Ours"}')
    name = "grafana/dashboards/Sales/hospitality.json"

    told = run("grafana", "--check", "--root", str(tmp_path), SALESPULSE_GROUPS_OFF="hospitality")
    assert told.exit_code == 1
    assert f"{name} is not made any more; run `salespulse render grafana`\n" in told.stderr
    assert (tmp_path / name).is_file()

    assert f"{name} is removed\n" in run("grafana", "--root", str(tmp_path), SALESPULSE_GROUPS_OFF="hospitality").stdout
    assert not (tmp_path / name).exists()
    assert (folder / "own.json").is_file()
    assert run("grafana", "--check", "--root", str(tmp_path), SALESPULSE_GROUPS_OFF="hospitality").exit_code == 0


def test_what_cannot_be_rendered_ends_with_2() -> None:
    result = run("graphana")

    assert result.exit_code == 2
    assert "'graphana' is not " in result.stderr
    assert "docs" in RENDERERS


# --------------------------------------------------------------------------------------------------------------- page


def test_every_kpi_has_its_titles_and_place(plan: Plan, page: str) -> None:
    headings = re.findall(r"^### (.*)$", page, re.MULTILINE)

    assert sorted(headings) == sorted(f"{k.title.en} · {k.title.nl}" for k in plan.declarations.kpis.values())
    assert re.findall(r"^## (.*) · (.*)$", page, re.MULTILINE) == [
        (group.title.en, group.title.nl) for group in plan.declarations.groups.values()
    ]


def test_every_link_has_an_anchor_and_only_one(page: str) -> None:
    anchors = re.findall(r'<a id="([^"]+)">', page)

    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= set(anchors)


def test_every_metric_is_named(plan: Plan, page: str) -> None:
    names = {gauge.name for _, gauges in exposed_gauges(plan) for gauge in gauges}

    assert names <= set(re.findall(r"`(sales_[a-z0-9_]+)`", page))


def test_every_row_of_a_table_has_as_many_cells_as_its_head(page: str) -> None:
    cells = None
    for line in page.splitlines():
        if not line.startswith("|"):
            cells = None
            continue
        count = len(re.findall(r"(?<!\\)\|", line))
        assert count == (cells or count), line
        cells = count


def test_every_kpi_says_how_it_is_computed_in_words(plan: Plan) -> None:
    assert [k.key for k in plan.declarations.kpis.values() if not (k.formula and k.description)] == []


def test_a_bar_in_a_title_does_not_break_a_table(tmp_path: Path) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(LEADS + "    description: This | that.\n    formula: One | two.\n")
    page = kpi_reference(compile_plan(load([changed]), "Europe/Amsterdam", "EUR"))

    assert r"| formula | One \| two. |" in page
    test_every_row_of_a_table_has_as_many_cells_as_its_head(page)


def test_the_page_is_the_same_every_time(page: str) -> None:
    assert kpi_reference(compile_plan(load(), "Europe/Amsterdam", "EUR")) == page
    assert page.endswith("|\n")
    assert "\n\n\n" not in page
