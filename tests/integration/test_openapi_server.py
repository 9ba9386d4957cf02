"""The API does what its OpenAPI document says: requests made from the document, thousands of odd ones among them."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from config.settings import Settings
from tests.broker import free_port
from tests.integration.cluster import ROOT, environment_of

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 60
pytestmark = pytest.mark.slow


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Run a simulated organisation, and give its address once it has readings."""
    port = free_port()
    with (tmp_path / "demo.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "demo", "--days", "10", "--port", str(port)],
            cwd=ROOT, env=environment_of(Settings(http_rate=0)), stdout=log, stderr=log,
        )  # fmt: skip
    found = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    while not _ready(found):
        assert time.monotonic() < deadline, (tmp_path / "demo.log").read_text()
        time.sleep(0.2)
    yield found
    process.terminate()
    assert process.wait(10) == 0


def _ready(address: str) -> bool:
    try:
        with urlopen(f"{address}/readyz", timeout=2) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def test_the_server_keeps_to_its_document(address: str, tmp_path: Path) -> None:
    # The stream has no end, and the tests would wait for it. That valid data is always accepted is more than a document
    # can say: a KPI with one aggregate has no `agg`, and windows of days are known as of midnights only.
    done = subprocess.run(
        [
            SCHEMATHESIS, "run", f"{address}/api/v1/openapi.json", "--exclude-path", "/api/v1/stream",
            "--checks", "all", "--exclude-checks", "positive_data_acceptance",
            "--max-examples", str(EXAMPLES), "--seed", "1", "--no-color",
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert re.search(r"(\d{3,}) generated, \1 passed", done.stdout), done.stdout[-2000:]
