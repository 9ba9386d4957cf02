"""What an audit of the dependencies reads is complete and true: every package, at one version, by its hash."""

import re
from collections.abc import Iterator
from importlib.metadata import distributions, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
LOCKS = ("runtime", "build", "dev")


def locked(lock: str) -> Iterator[tuple[Requirement, list[str]]]:
    """Yield each requirement of a lock with its hashes; a line that is something else is an error."""
    text = (ROOT / f"requirements/{lock}.txt").read_text("utf-8").replace("\\\n", " ")
    for line in (line.strip() for line in text.splitlines()):
        if line and not line.startswith("#"):
            spec, *hashes = re.split(r"\s+--hash=", line)
            yield Requirement(spec), hashes


def versions(lock: str) -> dict[str, str]:
    """Return the locked version of each package that is for this machine."""
    found: dict[str, str] = {}
    for requirement, _ in locked(lock):
        if requirement.marker is None or requirement.marker.evaluate():
            (specifier,) = requirement.specifier
            found[canonicalize_name(requirement.name)] = specifier.version
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_one_version_and_its_hashes(lock: str) -> None:
    entries = list(locked(lock))
    assert len(entries) > 1
    for requirement, hashes in entries:
        assert requirement.url is None, requirement
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert "*" not in str(requirement.specifier), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", found) for found in hashes), requirement
    names = [(canonicalize_name(r.name), str(r.marker)) for r, _ in entries]
    assert len(names) == len(set(names))


def test_what_is_installed_is_what_is_locked() -> None:
    """So what the tests have run with is what an audit of the lock speaks of."""
    found = versions("dev")
    assert {name: Version(version(name)) for name in found} == {name: Version(text) for name, text in found.items()}


def test_the_locks_agree() -> None:
    runtime, dev = versions("runtime"), versions("dev")
    assert {name: dev.get(name) for name in runtime} == runtime


def test_nothing_that_runs_is_left_out_of_the_lock() -> None:
    """Go through what the installed packages ask for, from ours on."""
    runtime = versions("runtime")
    waiting, seen = [Requirement("salespulse")], set[str]()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        for text in requires(name) or []:
            found = Requirement(text)
            extras = ["", *requirement.extras]
            if found.marker is None or any(found.marker.evaluate({"extra": extra}) for extra in extras):
                needed = canonicalize_name(found.name)
                assert needed in runtime, f"`{name}` needs `{needed}`"
                if needed not in seen:
                    seen.add(needed)
                    waiting.append(found)
    assert seen == set(runtime)


def test_nothing_else_is_installed() -> None:
    """A package that nobody locked would be tested, and not audited; pip and setuptools come with Python's venv."""
    installed = {canonicalize_name(found.metadata["Name"]) for found in distributions()}
    assert installed - versions("dev").keys() <= {"pip", "setuptools", "salespulse"}
