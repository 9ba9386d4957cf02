"""`salespulse check` as a person runs it."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from config.load import load
from metrics.plan import compile_plan
from streams.check_command import check

BROKEN = "kpis:\n  - key: revenue\n    type: mesure\nsource: []\n"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SALESPULSE_")]:
        monkeypatch.delenv(name)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(check, [str(argument) for argument in arguments])


def test_sound_declarations_are_counted_in_one_line() -> None:
    result = run()
    series = compile_plan(load(), "Europe/Amsterdam", "EUR").series
    windows = sum(len(s.windows) for s in series)
    assert result.output == f"ok: 12 sources, 74 KPIs, {len(series)} series grains ({windows} with their windows)\n"
    assert result.exit_code == 0


def test_every_fault_is_printed_with_its_place_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text(BROKEN)
    result = run(path)
    assert result.output.splitlines() == [
        f"{path}:3:11: kpi `revenue`: type `mesure` is not known; did you mean `measure`?",
        f"{path}:4:1: unknown key `source`; did you mean `sources`?",
        "2 faults",
    ]
    assert result.exit_code == 1


def test_one_fault_is_one_fault(tmp_path: Path) -> None:
    result = run(tmp_path / "none.yaml")
    assert result.output.splitlines()[-1] == "1 fault"
    assert result.exit_code == 1


def test_the_catalogue_of_the_settings_is_checked_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.yaml").write_text(BROKEN)
    monkeypatch.setenv("SALESPULSE_CATALOGUE", str(tmp_path))
    assert f"{tmp_path}/a.yaml:3:11: kpi `revenue`" in run().output


def test_a_wrong_setting_is_said_and_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESPULSE_CURRENCY", "euros")
    result = run()
    assert "SALESPULSE_CURRENCY" in result.output
    assert result.exit_code == 2


def test_the_help_has_an_example() -> None:
    assert "salespulse check my-kpis.yaml" in run("--help").output


def test_a_group_that_another_one_needs_cannot_be_switched_off_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESPULSE_GROUPS_OFF", "revenue")
    result = run()
    assert result.exit_code == 1
    assert "kpi `market_share`: kpi `revenue` is switched off with the group `revenue`" in result.output
