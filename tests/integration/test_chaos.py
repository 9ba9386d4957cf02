"""A short run of the chaos of `make chaos`: all kinds of faults, few of each, with few events."""

import subprocess
import sys
from pathlib import Path

from tests.integration.cluster import ROOT

SEED = 232
"""One that has every kind of fault, and events out of order."""
EVENTS = 10_000


def test_every_number_is_exact_after_workers_views_broker_and_redis_were_killed_and_stopped(tmp_path: Path) -> None:
    command = ["--short", "--seed", str(SEED), "--events", str(EVENTS), "--folder", str(tmp_path / "runs")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
