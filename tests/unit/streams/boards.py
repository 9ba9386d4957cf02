"""A board over the golden events, for tests of what is served."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from config.load import load
from config.settings import Settings
from metrics.calendar import parse_instant
from metrics.embedded import Embedded
from metrics.plan import Plan, compile_plan
from metrics.view import Progress, View
from streams.contributors import EntitiesPage, Question, ask_shards
from streams.feed import Feed
from streams.web import view_app

GOLDEN = Path(__file__).parents[2] / "golden"
T = "2026-10-25T23:00:00.000Z"
SECOND, DAY = 1_000, 86_400_000

Client = TestClient[Any, Any]


def golden_plan() -> Plan:
    return compile_plan(load([GOLDEN / "catalogue.yaml"]), "Europe/Amsterdam", "EUR")


class Board:
    """What a test says it is; the golden events are in it from the first instant on."""

    def __init__(self, plan: Plan) -> None:
        self.embedded = Embedded(plan, parse_instant(T))
        self.view = self.embedded.view
        self.feed = Feed()
        self.registry = CollectorRegistry()
        self.state = (True, "live")

    def ready(self) -> tuple[bool, str]:
        return self.state

    async def entities(self, question: Question) -> EntitiesPage:
        return await ask_shards(self.embedded.shards, self.view, question)

    def tick(self, later_ms: int = 0) -> None:
        shard = self.embedded.shards[0]
        self.view.progress[0] = Progress(shard.now, shard.now, shard.watermarks)
        self.feed.tell(self.view, self.embedded.tick(parse_instant(T) + later_ms))

    def win(self, deal_id: str, amount: int, team: str = "noord") -> None:
        """Let a deal be won two hours before the first instant."""
        at = "2026-10-25T21:00:00.000Z"
        data = {
            "customer_id": "c", "pipeline_id": "new_business", "stage": "won", "status": "won", "currency": "EUR",
            "lines": [{"line_id": "1", "product_id": "p", "quantity": "1", "amount_minor": amount}],
            "owner_id": "r1", "team_id": team, "deal_type": "new_business", "created_at": at, "closed_at": at,
        }  # fmt: skip
        event = {"event_id": deal_id, "type": "deal", "entity_id": deal_id, "updated_at": at, "data": data}
        self.embedded.apply([event], parse_instant(T))


def golden_board(plan: Plan) -> Board:
    """Return a board with the golden events, evaluated once."""
    board = Board(plan)
    events = [json.loads(line) for line in (GOLDEN / "events.jsonl").read_text().splitlines()]
    board.embedded.apply([e for e in events if e.pop("arrived_at") < T and e["type"] in plan.sources], parse_instant(T))
    board.tick()
    return board


def empty_board(plan: Plan) -> Board:
    """Return a board before its first evaluation."""
    board = Board(plan)
    board.view = View(plan)
    board.state = (False, "loading")
    return board


@asynccontextmanager
async def serving(board: Board, **settings: Any) -> AsyncIterator[Client]:
    async with TestClient(TestServer(view_app(Settings(**settings), board))) as client:
        yield client


async def get_json(client: Client, path: str, status: int = 200) -> Any:
    async with client.get(path) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def get_text(client: Client, path: str) -> str:
    async with client.get(path) as response:
        assert response.status == 200
        return await response.text()
