"""The command line: help, reports and exit codes."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from streams.cli import COMMANDS, main
from tests.broker import free_port

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
CATALOGUE = str(GOLDEN / "catalogue.yaml")
T1, T3 = "2026-10-25T23:00:00.000Z", "2026-11-10T12:00:00.000Z"


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=dict(environment)).invoke(main, list(arguments), prog_name="salespulse")


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Write the golden events."""
    path = tmp_path / "events.jsonl"
    path.write_text((GOLDEN / "events.jsonl").read_text())
    return path


def arrived_before(events: Path, as_of: str) -> Path:
    path = events.with_name(f"before-{as_of[:10]}.jsonl")
    lines = [line for line in events.read_text().splitlines() if json.loads(line)["arrived_at"] < as_of]
    path.write_text("\n".join(lines))
    return path


# ----------------------------------------------------------------------------------------------------------------- help


def test_help_lists_every_command() -> None:
    result = run("--help")

    assert result.exit_code == 0
    for name, command in COMMANDS.items():
        assert f"  {name} " in result.output
        assert command.summary in result.output


def commands() -> list[tuple[str, ...]]:
    names: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        if isinstance(command, click.Group):
            names += [(name, inner) for inner in command.commands]
        names.append((name,))
    return names


@pytest.mark.parametrize("name", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example(name: tuple[str, ...]) -> None:
    result = run(*name, "--help")

    assert result.exit_code == 0
    assert f"salespulse {name[0]}" in result.output.partition("Example")[2]


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from streams.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'faust', 'aiokafka', 'aiohttp', 'numpy', 'pydantic', 'rich', 'jinja2'} & sys.modules.keys()\n"
        "sys.exit(', '.join(sorted(heavy)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_version_is_shown() -> None:
    result = run("--version")

    assert result.exit_code == 0
    assert result.output.startswith("salespulse ")


@pytest.mark.parametrize("arguments", [["unknown"], ["report"], ["demo", "--pace", "0"], ["serve", "--port", "x"]])
def test_a_usage_error_ends_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("name", ["demo", "worker", "serve", "run", "check", "simulate"])
def test_a_wrong_setting_ends_with_2_and_one_line(name: str) -> None:
    result = run(name, SALESPULSE_PARTITIONS="many")

    assert result.exit_code == 2
    assert result.output.startswith("`SALESPULSE_PARTITIONS` is `many`, but it must be a valid integer")
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("name", ["demo", "worker", "serve"])
def test_a_faulty_declaration_ends_with_1_and_its_place(name: str, tmp_path: Path) -> None:
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text("version: 1\nnonsense: 1\n")

    result = run(name, SALESPULSE_CATALOGUE=str(faulty))

    assert result.exit_code == 1
    assert result.output.startswith(f"{faulty}:2:")


# --------------------------------------------------------------------------------------------------------------- report


@pytest.mark.parametrize("as_of", [T1, T3])
def test_a_report_of_the_golden_events_has_the_golden_values(events: Path, as_of: str) -> None:
    expected = json.loads((GOLDEN / "expected.json").read_text())["as_of"][as_of]
    file = arrived_before(events, as_of)
    result = run("report", str(file), "--as-of", as_of, "--format", "json", "--catalogue", CATALOGUE)
    assert result.exit_code == 0, result.output
    values = {
        f"{r['kpi']}{'_' + r['agg'] if 'agg' in r else ''}|{r['window']}": r["value"]
        for r in json.loads(result.stdout)
        if r.get("agg", "mean") == "mean"
    }

    compared = [key for key in expected if key in values]
    assert len(compared) > 30
    for key in compared:
        assert _near(values[key], expected[key]["value"]), key


def _near(actual: str | None, expected: str | None) -> bool:
    if actual is None or expected is None:
        return actual == expected
    return float(actual) == pytest.approx(float(expected), rel=1e-9, abs=1e-6)


def test_a_report_can_be_narrowed_and_grouped(events: Path) -> None:
    file = arrived_before(events, T1)
    result = run(
        "report", str(file), "--as-of", T1, "--catalogue", CATALOGUE, "--kpi", "revenue", "--window", "mtd",
        "--by", "team", "--format", "csv",
    )  # fmt: skip

    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert {row["dimensions"]: row["value"] for row in rows} == {"team=noord": "17629.63", "team=zuid": "8000.00"}
    assert {(row["kpi"], row["window"], row["grain"], row["currency"]) for row in rows} == {
        ("revenue", "mtd", "team", "EUR")
    }


def test_a_report_as_a_table_has_the_usual_windows(events: Path) -> None:
    file = arrived_before(events, T1)
    result = run("report", str(file), "--as-of", T1, "--catalogue", CATALOGUE, COLUMNS="140")

    assert result.exit_code == 0, result.output
    assert f"events as of {T1}; days in Europe/Amsterdam, money in EUR" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if "Sales revenue" in line]
    assert [cell.strip() for cell in line.strip("│ ").split("│")] == [
        "Sales revenue", "€ 3,000", "€ 11,000", "€ 25,630", "€ 37,630", "€ 25,630", "€ 25,630",
    ]  # fmt: skip
    assert "prev" not in result.stdout


def test_events_that_were_not_known_yet_are_left_out(events: Path) -> None:
    result = run("report", str(events), "--as-of", "2026-09-02T00:00:00Z", "--kpi", "revenue", "--format", "csv")

    assert result.exit_code == 0
    assert "events are dated 2026-09-02T00:00:00.000Z or later and were left out" in result.stderr


def test_events_of_the_future_may_be_read_as_of_the_future(tmp_path: Path) -> None:
    lead = {"event_id": "1", "type": "lead", "entity_id": "l", "updated_at": "2099-01-01T00:00:00Z",
            "data": {"created_at": "2099-01-01T00:00:00Z", "status": "new"}}  # fmt: skip
    file = tmp_path / "future.jsonl"
    file.write_text(json.dumps(lead))

    result = run("report", str(file), "--as-of", "2099-01-01T12:00:00Z", "--kpi", "leads_generated", "--window", "24h",
                 "--format", "json")  # fmt: skip

    assert json.loads(result.stdout)[0]["value"] == "1"


def test_the_settings_clock_is_the_default_instant(events: Path) -> None:
    file = arrived_before(events, T1)
    result = run("report", str(file), "--kpi", "revenue", "--window", "30d", "--format", "json",
                 SALESPULSE_CLOCK=T1, SALESPULSE_CATALOGUE=CATALOGUE)  # fmt: skip

    (reading,) = json.loads(result.stdout)
    assert (reading["as_of"], reading["value"]) == (T1, "25629.63")


def test_refused_events_are_told(tmp_path: Path) -> None:
    file = tmp_path / "some.jsonl"
    lines: list[dict[str, Any]] = [
        {"type": "deal", "entity_id": "d", "updated_at": "2026-01-01T00:00:00Z", "data": {"staage": "x"}},
        {"type": "boat", "entity_id": "b", "updated_at": "2026-01-01T00:00:00Z", "data": {}},
    ]
    file.write_text("\n".join(map(json.dumps, lines)))

    result = run("report", str(file), "--as-of", T1)

    assert result.exit_code == 0
    assert "warning: 2 events were refused:" in result.stderr
    assert "staage" in result.stderr
    assert "boat: unknown type `boat`" in result.stderr


def test_amounts_without_a_rate_are_told(events: Path) -> None:
    file = arrived_before(events, T1)
    file.write_text("\n".join(line for line in file.read_text().splitlines() if '"fx_rate"' not in line))

    result = run("report", str(file), "--as-of", T1)

    assert "warning: amounts in USD without a usable exchange rate were left out; add fx_rate events" in result.stderr


def test_a_broken_line_ends_with_1_and_its_place(tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_text('{"type": "deal", "entity_id": "d", "op": "delete", "updated_at": "2026-01-01T00:00:00Z"}\n{oops\n')

    result = run("report", str(file))

    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {file}:2: the line is not JSON")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kpi", "revenu"], "kpi `revenu` is not declared; use one of "),
        (["--window", "2d"], "window `2d` is not declared; use one of "),
        (["--by", "colour"], "by `colour` is not declared; use one of "),
        (["--as-of", "yesterday"], "`yesterday` is not an instant; write RFC 3339 with an offset"),
    ],
)
def test_what_is_not_known_ends_with_2(events: Path, options: list[str], message: str) -> None:
    result = run("report", str(events), *options)

    assert result.exit_code == 2
    assert message in result.stderr


def test_a_csv_file_needs_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("a,b\n1,2\n")

    result = run("report", str(file))

    assert result.exit_code == 1
    assert f"{file}: a CSV file needs a mapping" in result.stderr


# ------------------------------------------------------------------------------------------------------ real processes


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SALESPULSE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", *arguments],
        cwd=ROOT, env=clean | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def fetch(url: str, patience: float = 10.0) -> str:
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own address
                text: str = response.read().decode()
                return text
        except OSError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.1)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_answers_within_ten_seconds_and_ends_with_0(stop: signal.Signals) -> None:
    port = free_port()
    process = start("demo", "--port", str(port), "--days", "5")
    try:
        assert ">Salespulse</span>" in fetch(f"http://127.0.0.1:{port}/")
        assert "salespulse_kpi_info" in fetch(f"http://127.0.0.1:{port}/metrics")
        process.send_signal(stop)
        output, errors = process.communicate(timeout=5)
    finally:
        process.kill()

    assert (process.returncode, errors) == (0, "")
    assert output == f"salespulse demo on http://127.0.0.1:{port} (Ctrl-C stops it)\n"


def test_a_port_that_is_taken_ends_with_1_and_one_line() -> None:
    port = free_port()
    first = start("demo", "--port", str(port), "--days", "0")
    try:
        fetch(f"http://127.0.0.1:{port}/healthz")
        second = start("demo", "--port", str(port), "--days", "0")
        _, errors = second.communicate(timeout=20)
    finally:
        first.kill()
        first.communicate()

    assert second.returncode == 1
    assert errors.startswith(f"Error: cannot listen on `127.0.0.1:{port}`: ")
    assert errors.count("\n") == 1


def test_run_stops_both_parts_and_ends_with_0() -> None:
    ports = free_port(), free_port()
    process = start(
        "run", SALESPULSE_KAFKA=f"127.0.0.1:{free_port()}", SALESPULSE_HTTP_PORT=str(ports[0]),
        SALESPULSE_WORKER_HTTP_PORT=str(ports[1]),
    )  # fmt: skip
    try:
        for port in ports:
            assert "ok" in fetch(f"http://127.0.0.1:{port}/healthz", 30)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    finally:
        process.kill()

    assert process.returncode == 0
    for port in ports:
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5)


def test_run_ends_with_1_when_a_part_ends() -> None:
    port = free_port()
    process = start(
        "run", SALESPULSE_KAFKA=f"127.0.0.1:{free_port()}", SALESPULSE_HTTP_PORT=str(port),
        SALESPULSE_WORKER_HTTP_PORT=str(port),
    )  # fmt: skip
    try:
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()

    assert process.returncode == 1
    assert "ended with exit code 1; stopped the other one" in errors
