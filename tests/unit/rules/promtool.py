"""Run promtool; where it is not installed: skip on a person's machine, fail in CI."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from config.load import load
from config.settings import Settings
from metrics.plan import Plan, compile_plan
from streams.rules.rule_files import rule_files

HERE = Path(__file__).parent
ROOT = Path(__file__).parents[3]
OWN = HERE / "own.yaml"


def promtool(*arguments: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    if shutil.which("promtool") is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("`promtool` is not installed")
    return subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def accepts(*arguments: str, cwd: Path = ROOT) -> None:
    done = promtool(*arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr


def shipped_plan() -> Plan:
    return compile_plan(load(), Settings().timezone, Settings().currency)


def own_plan(*paths: Path) -> Plan:
    return compile_plan(load(paths or [OWN], shipped=False), "Europe/Amsterdam", "EUR")


def write_rules(plan: Plan, folder: Path, settings: Settings | None = None) -> Path:
    """Write the rules and their tests, and return the folder that they are in."""
    for path, text in rule_files(plan, settings or Settings()):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return folder / "config" / "prometheus"
