"""What every test may use."""

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--overwrite-golden", action="store_true", help="rewrite the golden files with what the code gives now"
    )


@pytest.fixture
def overwrite_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--overwrite-golden"))


@pytest.fixture(autouse=True)
def _default_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own settings out of the tests; `broker` has read its address before this."""
    for name in list(os.environ):
        if name.upper().startswith("SALESPULSE_"):
            monkeypatch.delenv(name)
