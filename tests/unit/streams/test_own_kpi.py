"""docs/own-kpi.md: its files are loaded, computed and equal to what the page shows."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from config.load import load
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.evaluate import Result
from metrics.plan import compile_plan
from streams.cli import main

DOCS = Path(__file__).parents[3] / "docs"
EXAMPLES = DOCS / "examples"
PAGE = (DOCS / "own-kpi.md").read_text(encoding="utf-8")
AT = "2026-11-10T12:00:00Z"


def read(catalogue: str, events: list[dict[str, object]]) -> dict[tuple[str, str | None, str, tuple[str, ...]], Result]:
    at = parse_instant(AT)
    embedded = Embedded(compile_plan(load([EXAMPLES / catalogue]), "Europe/Amsterdam", "EUR"), at)
    embedded.apply([{"event_id": str(i), **event} for i, event in enumerate(events)], at)
    embedded.tick(at)
    assert embedded.rejected == []
    return {(r.series.kpi.key, r.series.agg, r.window.token, r.dims): r.result for r in embedded.view.all_readings()}


def test_the_page_shows_the_files() -> None:
    shown = dict(re.findall(r"<!-- docs/examples/(.*?) -->\n```yaml\n(.*?)```", PAGE, re.DOTALL))

    assert shown == {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.yaml")}
    assert PAGE.count("```yaml") == len(shown)


def test_the_files_that_are_linked_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", PAGE)

    assert [link for link in links if not (DOCS / link).exists()] == []
    assert "examples/tickets.yaml" in links


def test_a_source_of_its_own_is_computed() -> None:
    events = [json.loads(line) for line in (EXAMPLES / "tickets.jsonl").read_text().splitlines()]
    readings = read("tickets.yaml", events)

    def seconds(agg: str, *team: str) -> float | None:
        value = readings["ticket_solution_time", agg, "7d", team].value
        return None if value is None else float(value)

    assert seconds("mean") == 7_200
    assert seconds("mean", "noord") == 3_600
    assert seconds("mean", "zuid") == 10_800  # the open ticket counts nowhere
    assert seconds("max") == 10_800


def test_the_report_of_the_page_shows_two_hours() -> None:
    (command,) = re.findall(r"^salespulse (report .*)$", PAGE, re.MULTILINE)
    result = CliRunner(env={"SALESPULSE_CATALOGUE": str(EXAMPLES / "tickets.yaml"), "COLUMNS": "150"}).invoke(
        main, command.replace("docs/", f"{DOCS}/").split()
    )

    assert result.exit_code == 0, result.output
    shown = [line.strip("│ ").split("│") for line in result.stdout.splitlines() if "Time to solve" in line]
    assert {row[0].strip(): row[1].strip() for row in shown} == {
        "Time to solve a ticket (mean)": "2 h",
        "Time to solve a ticket (max)": "3 h",
    }


def deal(number: int, status: str, deal_type: str | None) -> dict[str, object]:
    lines = [{"line_id": "1", "product_id": "P1", "amount_minor": 100}]
    data = {
        "customer_id": "c", "pipeline_id": "new_business", "stage": "proposal", "status": status, "currency": "EUR",
        "lines": lines, "owner_id": "r", "team_id": "noord", "deal_type": deal_type,
        "created_at": "2026-11-01T10:00:00Z", "closed_at": "2026-11-05T10:00:00Z",
    }  # fmt: skip
    return {"type": "deal", "entity_id": f"D-{number}", "updated_at": "2026-11-05T10:00:00Z", "data": data}


def test_a_shipped_kpi_is_replaced() -> None:
    won, lost, other = ("won", "new_business"), ("lost", "new_business"), ("lost", "renewal")
    two = [deal(i, *kind) for i, kind in enumerate([won, won, other, other])]
    three = [*two, deal(9, *lost)]

    assert read("win_rate.yaml", two)["win_rate", None, "30d", ()].reason == "below_min_samples"
    found = read("win_rate.yaml", three)
    assert float(found["win_rate", None, "30d", ()].value or 0) == pytest.approx(2 / 3)
    assert float(found["win_rate", None, "30d", ("noord",)].value or 0) == pytest.approx(2 / 3)
    assert {window for key, _, window, _ in found if key == "win_rate"} == {"30d", "90d", "mtd"}
    assert found["opportunities_lost", None, "30d", ()].value == 3  # the others are as they were


def test_groups_can_be_switched_off() -> None:
    (off,) = re.findall(r"^export SALESPULSE_GROUPS_OFF=(.*)$", PAGE, re.MULTILINE)
    result = CliRunner(env={"SALESPULSE_GROUPS_OFF": off}).invoke(main, ["kpis", "--format", "json"])

    left = {row["group"] for row in json.loads(result.stdout)}
    assert left == set(load().groups) - set(off.split(","))
