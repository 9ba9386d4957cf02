"""Each listed mistake, made in a copy of the product, makes at least one test fail; the copy without one passes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.mutations.mistakes import MISTAKES, Mistake

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
COPIED = ("config", "metrics", "streams", "tests", "bench", "sample", "pyproject.toml")
QUICK = ("tests/scenarios", "tests/golden", "-k", "scenarios or whole or shipped")
JUDGES = (
    "tests/golden",
    "tests/unit/metrics",
    "--ignore=tests/unit/metrics/test_history.py",
    "--ignore=tests/unit/metrics/test_contributors.py",
)
"""The tests that are asked when the quick ones notice nothing; not those of what is told about readings."""
_PLAIN = ("-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", "--no-header")
PASSED, FAILED, REFUSED = 0, 1, -1
RIGHT = Mistake("none", "metrics/__init__.py", "", "")


def _copy(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "integration"))
        else:
            shutil.copy(ROOT / name, folder / name)


def _judge(mistake: Mistake, folder: Path) -> tuple[int, str]:
    """Make the mistake in a copy and run the tests on it; return pytest's exit code and its last lines."""
    _copy(folder)
    file = folder / mistake.file
    file.write_text(
        file.read_text("utf-8").replace(mistake.right, mistake.wrong) if mistake.right else file.read_text()
    )
    done = _run(folder, "streams.cli", "check")  # a declaration that is refused would show nothing
    if done.returncode != PASSED:
        done.returncode = REFUSED
    for judges in (QUICK, JUDGES):
        if done.returncode == PASSED:
            done = _run(folder, "pytest", "-x", "-q", *_PLAIN, *judges)
    shutil.rmtree(folder)
    return done.returncode, "\n".join((done.stdout + done.stderr).splitlines()[-15:])


def _run(folder: Path, *module: str) -> subprocess.CompletedProcess[str]:
    # Loading the plugins that no judge needs would take a quarter of the time.
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[tuple[int, str]]]]:
    """Judge all mistakes, as many at a time as there are cores."""
    folder = tmp_path_factory.mktemp("mistakes")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield {m.name: pool.submit(_judge, m, folder / str(i)) for i, m in enumerate((RIGHT, *MISTAKES))}


def test_every_mistake_can_be_made() -> None:
    assert len({m.name for m in MISTAKES}) == len(MISTAKES) >= 40
    for mistake in MISTAKES:
        assert (ROOT / mistake.file).read_text("utf-8").count(mistake.right) == 1, mistake.name


def test_without_a_mistake_all_is_well(verdicts: Mapping[str, Future[tuple[int, str]]]) -> None:
    code, said = verdicts[RIGHT.name].result()
    assert code == PASSED, said


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_a_mistake_is_noticed(mistake: Mistake, verdicts: Mapping[str, Future[tuple[int, str]]]) -> None:
    code, said = verdicts[mistake.name].result()
    assert code == FAILED, f"the tests did not fail: {said}"
