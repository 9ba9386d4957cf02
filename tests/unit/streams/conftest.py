"""What is served, for every test of what serves it."""

import pytest

from metrics.plan import Plan
from tests.unit.streams.boards import Board, golden_board, golden_plan


@pytest.fixture(scope="session")
def served_plan() -> Plan:
    return golden_plan()


@pytest.fixture
def board(served_plan: Plan) -> Board:
    """Give a board over the golden events."""
    return golden_board(served_plan)
