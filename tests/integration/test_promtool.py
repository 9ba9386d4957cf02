"""`promtool` on the real `/metrics` of a running demo."""

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker import free_port

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60.0
_SAMPLE = re.compile(r"(?P<name>[a-z0-9_]+)(?P<labels>\{.*\})? (?P<value>\S+)")


@pytest.fixture(scope="module")
def metrics() -> Iterator[str]:
    """Start a demo, wait until its history is loaded, and scrape it as Prometheus does."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "demo", "--port", str(port), "--days", "40", "--seed", "2"],
        cwd=ROOT, env={k: v for k, v in os.environ.items() if not k.startswith("SALESPULSE_")},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/readyz")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
            yield response.read().decode()
    finally:
        process.terminate()
        assert process.wait(10) == 0


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def test_promtool_has_nothing_to_say(metrics: str) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    said = subprocess.run(["promtool", "check", "metrics"], input=metrics.encode(), capture_output=True, check=False)

    assert (said.returncode, said.stdout + said.stderr) == (0, b"")


def test_a_ratio_is_there_exactly_when_its_denominator_is_positive(metrics: str) -> None:
    samples = _samples(metrics)
    denominators = {key: value for key, value in samples.items() if "_denominator" in key[0]}
    assert {value == 0 for value in denominators.values()} == {True, False}, "the demo has no case of both kinds"

    for (name, labels), denominator in denominators.items():
        stem, _, rest = name.partition("_denominator")
        dimensions = re.match(r"(_by_[a-z_]+?)?(_euros|_seconds)?$", rest)
        assert dimensions is not None, name
        value = {unit: (f"{stem}{dimensions[1] or ''}{unit}", labels) in samples for unit in ("_ratio", "_euros", "")}
        assert any(value.values()) == (denominator > 0), (name, labels, denominator)


def test_nothing_is_infinite_or_not_a_number(metrics: str) -> None:
    assert [key for key, value in _samples(metrics).items() if value != value or abs(value) == float("inf")] == []  # noqa: PLR0124


def _samples(text: str) -> dict[tuple[str, str], float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = _SAMPLE.fullmatch(line)
            assert match is not None, line
            found[match["name"], match["labels"] or ""] = float(match["value"])
    return found
