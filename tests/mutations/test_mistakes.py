"""Each listed mistake, made in a copy of the product, is noticed by the test that is named for it."""

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
_PLAIN = ("-p", "pytest_asyncio.plugin", "-p", "no:cacheprovider", "--no-header")
_QUICKLY = {"HYPOTHESIS_PROFILE": "quick"}
"""A history that shows a mistake need not be made smaller."""
PASSED, FAILED, REFUSED = 0, 1, -1


def _copy(folder: Path) -> None:
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "integration"))
        else:
            shutil.copy(ROOT / name, folder / name)


def _judge(mistake: Mistake | None, folder: Path) -> tuple[int, str]:
    """Run the test named for a mistake on a copy with it, or all of them on one without; return exit code and words."""
    _copy(folder)
    judges = {m.noticed_by for m in (MISTAKES if mistake is None else (mistake,))}
    if mistake is not None:
        file = folder / mistake.file
        file.write_text(file.read_text("utf-8").replace(mistake.right, mistake.wrong), "utf-8")
    done = _run(folder, "streams.cli", "check")  # a declaration that is refused would show nothing
    if done.returncode == PASSED:
        done = _run(folder, "pytest", "-x", "-q", *_PLAIN, *sorted(judges))
    else:
        done.returncode = REFUSED
    shutil.rmtree(folder)
    return done.returncode, "\n".join((done.stdout + done.stderr).splitlines()[-15:])


def _run(folder: Path, *module: str) -> subprocess.CompletedProcess[str]:
    # Loading the plugins that no judge needs would take a quarter of the time.
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **_QUICKLY}
    command = [sys.executable, "-m", *module]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Future[tuple[int, str]]]]:
    """Judge all mistakes, as many at a time as there are cores."""
    folder = tmp_path_factory.mktemp("mistakes")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        judged = {m.name: pool.submit(_judge, m, folder / str(i)) for i, m in enumerate(MISTAKES)}
        yield {**judged, "none": pool.submit(_judge, None, folder / "none")}


def test_every_mistake_can_be_made() -> None:
    assert len({m.name for m in MISTAKES}) == len(MISTAKES) >= 40
    for mistake in MISTAKES:
        assert (ROOT / mistake.file).read_text("utf-8").count(mistake.right) == 1, mistake.name


def test_without_a_mistake_all_is_well(verdicts: Mapping[str, Future[tuple[int, str]]]) -> None:
    code, said = verdicts["none"].result()
    assert code == PASSED, said


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: m.name)
def test_a_mistake_is_noticed(mistake: Mistake, verdicts: Mapping[str, Future[tuple[int, str]]]) -> None:
    code, said = verdicts[mistake.name].result()
    assert code == FAILED, f"`{mistake.noticed_by}` did not fail: {said}"
