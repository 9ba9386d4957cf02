"""The internal topics of two shards after the golden example, and how they are kept in a file."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path

import msgspec

from metrics.calendar import parse_instant
from metrics.records import RECORD_VERSION
from streams.internal import encode_link
from tests.golden.comparison import golden_events, golden_expectations, golden_plan
from tests.properties.cluster import Cluster

HERE = Path(__file__).parent
SHARDS = 2
AS_OF = max(golden_expectations())
NOW = parse_instant(AS_OF)


class State(msgspec.Struct):
    """What the topics hold: by shard the newest record of each key, and the links as they were sent."""

    version: int
    entities: list[dict[bytes, bytes]]
    cells: list[dict[bytes, bytes]]
    links: list[bytes]


class _Texts(msgspec.Struct):
    version: int
    entities: list[dict[str, str]]
    cells: list[dict[str, str]]
    links: list[str]


def file_of(version: int = RECORD_VERSION) -> Path:
    """Return where the state of a record version is kept."""
    return HERE / f"state-{version}.json"


def grow() -> State:
    """Have this release make the state."""
    plan = golden_plan()
    cluster = Cluster(plan, NOW, SHARDS)
    cluster.apply(event for at, event in golden_events(plan.sources) if at < NOW)
    sent = [encode_link(link)[1] for link in cluster.sent]
    return State(RECORD_VERSION, cluster.entities, cluster.cells, sent)


def write(state: State) -> None:
    """Keep a state in its file."""
    texts = _Texts(
        state.version,
        [_as_texts(table) for table in state.entities],
        [_as_texts(table) for table in state.cells],
        [b64encode(link).decode() for link in state.links],
    )
    file_of(state.version).write_bytes(msgspec.json.format(msgspec.json.encode(texts)) + b"\n")


def read(path: Path) -> State:
    """Read a state that was kept."""
    texts = msgspec.json.decode(path.read_bytes(), type=_Texts)
    return State(
        texts.version,
        [_as_bytes(table) for table in texts.entities],
        [_as_bytes(table) for table in texts.cells],
        [b64decode(link) for link in texts.links],
    )


def _as_texts(table: Mapping[bytes, bytes]) -> dict[str, str]:
    return {b64encode(key).decode(): b64encode(value).decode() for key, value in sorted(table.items())}


def _as_bytes(table: Mapping[str, str]) -> dict[bytes, bytes]:
    return {b64decode(key): b64decode(value) for key, value in table.items()}
