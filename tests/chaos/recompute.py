"""Recompute a feed in one shard, and keep what must come of it in a file.

python -m tests.chaos.recompute '{"mix": 1, "events": 1000, "declared": "shipped"}' FILE
"""

import json
import pickle
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from bench.mix import Wire
from config.settings import Settings
from metrics.plan import Plan
from metrics.shard import Record, Sealed, Shard
from metrics.view import View
from streams.messages import Messages
from tests.cells import cells_in, references_in
from tests.chaos.expected import Expected, Letter, spell
from tests.chaos.feed import Feed
from tests.chaos.scenario import CLOCK, CLOCK_MS, DECLARED, Declared
from tests.entities import entities_in
from tests.integration.cluster import plan_of

_AT_ONCE = 20_000


def published_by(view: View, plan: Plan) -> dict[str, dict[str, Any]]:
    """Return all readings of a view as JSON has them, by their keys on the topic."""
    messages = Messages(plan)
    return {
        messages.key(r): msgspec.json.decode(msgspec.json.encode(messages.message(r, CLOCK_MS)))
        for r in view.all_readings()
    }


def recompute(wires: Iterable[Wire], declared: Declared) -> Expected:
    """Apply every event in one shard, in its order, and evaluate."""
    plan = plan_of(Settings(clock=CLOCK, **DECLARED[declared]))
    shard, view = Shard(plan, CLOCK_MS), View(plan)
    records: dict[bytes, bytes | None] = {}
    letters: list[Letter] = []

    def take(sealed: Sealed) -> None:
        records.update(sealed.cells)
        letters.extend((r.source, r.record.value or b"", r.reason) for r in sealed.rejected)
        shard.apply_links(sealed.links)

    left = iter(wires)
    while chunk := list(islice(left, _AT_ONCE)):
        by_source: dict[str, list[Record]] = defaultdict(list)
        for source, _, value in chunk:
            by_source[source].append(Record(value, 2 * CLOCK_MS))
        for source, theirs in by_source.items():
            shard.apply(source, theirs)
        take(shard.seal())
    while sealed := shard.seal():
        take(sealed)
    for key, last in records.items():
        view.apply(0, key, last)
    view.tick(CLOCK_MS)
    return Expected(
        {spell(r): r.result for r in view.all_readings()},
        cells_in(plan, records),
        entities_in(shard),
        {key: value for key, value in references_in(records).items() if value is not None},
        published_by(view, plan),
        frozenset(letters),
    )


def main() -> None:
    """Write a recomputation to a file; it appears whole or not at all."""
    told = json.loads(sys.argv[1])
    file = Path(sys.argv[2])
    expected = recompute(Feed(told["mix"], told["events"], shuffled=False).distinct(), told["declared"])
    unfinished = file.with_suffix(".unfinished")
    with unfinished.open("wb") as stored:
        pickle.dump(expected, stored)
    unfinished.rename(file)


if __name__ == "__main__":
    main()
