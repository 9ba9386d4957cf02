"""The parts of the page that can be tested without a browser have their tests beside them, in its own language."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "grafana" / "render"


def test_the_tests_of_the_page_pass() -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("node is not installed; install Debian's package `nodejs`")
        pytest.skip("node is not installed; install Debian's package `nodejs`")
    tests = sorted(str(path) for path in (PAGE / "test").glob("*.test.js"))
    said = subprocess.run([node, "--test", *tests], capture_output=True, text=True, check=False)

    assert tests
    assert said.returncode == 0, said.stdout


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (PAGE / "package-lock.json").read_text()
