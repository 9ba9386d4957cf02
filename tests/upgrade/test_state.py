"""State that an earlier release has written is read, or made anew, or refused by its version: never misread."""

import re
from pathlib import Path

import pytest

from metrics.records import RECORD_VERSION, UnreadableRecordError
from metrics.shard import Link
from metrics.view import View
from streams.internal import decode_internal
from tests.golden.comparison import Comparison, compare, golden_plan, results_of
from tests.golden.test_golden import COMPARED
from tests.properties.cluster import Cluster
from tests.upgrade.state import AS_OF, HERE, NOW, SHARDS, State, file_of, grow, read

KEPT = sorted(HERE.glob("state-*.json"))


def cluster_of(state: State) -> Cluster:
    """Have this release take over the shards of a state."""
    cluster = Cluster(golden_plan(), NOW, SHARDS)
    cluster.entities, cluster.cells = state.entities, state.cells
    cluster.upgrade(cluster.plan)
    return cluster


def assert_golden(view: View) -> None:
    view.tick(NOW)
    assert compare(results_of(view), AS_OF, golden_plan().declarations) == Comparison(*COMPARED[AS_OF], [])


def test_the_state_of_this_release_is_kept() -> None:
    assert file_of() in KEPT, "another record version: keep its state with `python -m tests.upgrade`"
    assert [read(path).version for path in KEPT] == [int(re.sub(r"\D", "", path.name)) for path in KEPT]


@pytest.mark.parametrize("path", KEPT, ids=lambda p: p.stem)
def test_entities_of_an_earlier_release_give_the_golden_values(path: Path) -> None:
    state = read(path)
    assert sum(map(len, state.entities)) > 50
    assert_golden(cluster_of(state).view)


@pytest.mark.parametrize("path", KEPT, ids=lambda p: p.stem)
def test_cells_and_links_of_an_earlier_release_are_read_or_refused(path: Path) -> None:
    state = read(path)
    view = View(golden_plan())
    if state.version == RECORD_VERSION:
        for shard, cells in enumerate(state.cells):
            for key, value in cells.items():
                view.apply(shard, key, value)
        assert_golden(view)
        assert all(isinstance(decode_internal(link), Link) for link in state.links)
        return
    for value in (value for cells in state.cells for value in cells.values()):
        with pytest.raises(UnreadableRecordError, match=f"version `{state.version}`"):
            view.apply(0, next(iter(state.cells[0])), value)
    for link in state.links:
        with pytest.raises(UnreadableRecordError, match=f"version `{state.version}`"):
            decode_internal(link)


def test_what_is_written_changes_only_with_the_version_or_with_what_is_declared() -> None:
    kept, now = read(file_of()), grow()
    assert kept == now, (
        "records differ from those kept: raise RECORD_VERSION if they mean something else, then keep them"
    )
