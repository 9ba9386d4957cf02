"""What the tests of the declarations have in common."""

from functools import lru_cache

import pytest

from config.document import read

_read_once = lru_cache(maxsize=4)(read)


@pytest.fixture(autouse=True)
def _the_shop_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most of the time would go into reading the same small shop for each test; nothing changes what is read."""
    monkeypatch.setattr("config.load.read", _read_once)
