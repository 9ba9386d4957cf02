"""The real broker, and settings that keep one test out of the way of the next."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest

from config.settings import Settings
from tests.broker import Broker, NoBrokerError, free_port

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """Start the broker of the whole run; a test that ends or pauses one takes `private_broker` instead."""
    broker = _had(private=False)
    _start(broker)
    yield broker
    broker.close()


@pytest.fixture
def idle_broker() -> Iterator[Broker]:
    """Make a broker of the test's own that is not started yet."""
    broker = _had(private=True)
    yield broker
    broker.close()


@pytest.fixture
def private_broker(idle_broker: Broker) -> Broker:
    """Start a broker of the test's own, which it may stop, kill, pause and start again."""
    _start(idle_broker)
    return idle_broker


@pytest.fixture
def fresh_settings(broker: Broker) -> Settings:
    """Give a namespace on the broker, and ports, that no other test uses."""
    return settings_for(broker.address)


def _had(*, private: bool) -> Broker:
    try:
        return Broker(private=private)
    except NoBrokerError as error:
        do_without(error)


def _start(broker: Broker) -> None:
    try:
        broker.start()
    except NoBrokerError as error:
        broker.close()
        do_without(error)


def do_without(error: NoBrokerError) -> NoReturn:
    """Skip here, but fail in CI, where a skip would pass for a success."""
    if os.environ.get("CI"):
        pytest.fail(str(error))
    pytest.skip(str(error))


def settings_for(address: str) -> Settings:
    """Return settings with names and ports of their own for the broker at `address`."""
    token = uuid4().hex[:12]
    return Settings(
        kafka=address,
        app_id=f"salespulse-{token}",
        topic_prefix=f"sales-{token}",
        http_port=free_port(),
        worker_http_port=free_port(),
    )
