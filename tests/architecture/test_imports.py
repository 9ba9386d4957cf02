"""Imports point one way: streams → metrics, config; metrics → config.declarations; config → nothing of ours."""

import ast
import importlib
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("config", "metrics", "streams", "tests", "bench")
MAY_IMPORT = {
    "config": ("config",),
    "metrics": ("metrics", "config.declarations"),
    "streams": ("streams", "metrics", "config"),
}
# What would let the world into metrics/: I/O, the time of day, chance, threads.
IMPURE = {
    *("faust", "mode", "aiokafka", "redis", "aiohttp", "click", "rich", "structlog", "prometheus_client"),
    *("asyncio", "threading", "multiprocessing", "concurrent", "socket", "http", "urllib", "subprocess", "os", "time"),
    *("random", "secrets", "uuid", "logging"),
}
EXCEPTIONS = {"metrics/exposition.py": {"prometheus_client"}}
CLOCKS = {"now", "utcnow", "today"}


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of each import; `from a import b` yields `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module or ''}.{alias.name}") for alias in node.names)


def is_within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def wrong_way(package: str, source: str) -> list[str]:
    ours = [(line, name) for line, name in imported(ast.parse(source)) if name.split(".")[0] in OURS]
    return [f"{line}: {name}" for line, name in ours if not any(is_within(name, ok) for ok in MAY_IMPORT[package])]


def impure(path: str, source: str) -> list[str]:
    tree = ast.parse(source)
    banned = IMPURE - EXCEPTIONS.get(path, set())
    found = [f"{line}: {name}" for line, name in imported(tree) if name.split(".")[0] in banned]
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    names = ((call.lineno, call.func.attr) for call in calls if isinstance(call.func, ast.Attribute))
    return found + [f"{line}: .{name}()" for line, name in names if name in CLOCKS]


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_one_way(package: str) -> None:
    faults = [f"{path}:{fault}" for path in sources(package) for fault in wrong_way(package, path.read_text("utf-8"))]
    assert faults == []


def test_metrics_is_pure() -> None:
    paths = [(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in sources("metrics")]
    assert [f"{path}:{fault}" for path, source in paths for fault in impure(path, source)] == []


@pytest.mark.parametrize(
    ("package", "source", "faults"),
    [
        ("config", "from metrics import plan", ["1: metrics.plan"]),
        ("metrics", "from config.settings import Settings", ["1: config.settings.Settings"]),
        ("metrics", "from config import declarations", []),
        ("metrics", "from config.declarations import Kpi", []),
        ("streams", "import metrics.plan\nimport tests.broker", ["2: tests.broker"]),
    ],
)
def test_a_wrong_import_is_found(package: str, source: str, faults: list[str]) -> None:
    assert wrong_way(package, source) == faults


@pytest.mark.parametrize(
    ("path", "source", "faults"),
    [
        ("metrics/plan.py", "from aiokafka import AIOKafkaConsumer", ["1: aiokafka.AIOKafkaConsumer"]),
        ("metrics/plan.py", "import time", ["1: time"]),
        ("metrics/plan.py", "t = datetime.now()", ["1: .now()"]),
        ("metrics/plan.py", "import prometheus_client", ["1: prometheus_client"]),
        ("metrics/exposition.py", "import prometheus_client", []),
    ],
)
def test_an_impure_module_is_found(path: str, source: str, faults: list[str]) -> None:
    assert impure(path, source) == faults


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_the_package_is_ours(package: str) -> None:
    """Generic names: what is imported must be this repository's, and no installed distribution may own the name too."""
    owners = importlib.metadata.packages_distributions().get(package, [])
    assert set(owners) <= {"salespulse"}
    module = importlib.import_module(package)
    assert Path(next(iter(module.__path__))).resolve() == ROOT / package


def test_no_test_folder_shadows_a_package() -> None:
    assert [path for package in MAY_IMPORT for path in (ROOT / "tests").rglob(f"{package}/__init__.py")] == []
