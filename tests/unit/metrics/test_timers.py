"""Timers: an entity that changes often has one, and those that it had before do not pile up."""

from metrics.calendar import from_ms, parse_instant
from metrics.shard import Record, Shard
from tests.unit.metrics.samples import DAY, NOON, event, plan, record

CHANGES = 3_000
LEAVES = parse_instant("2027-03-01T08:00:00Z")


def leaving(rep: str, version: int) -> Record:
    """Return that a colleague of long ago leaves next year, each time at another instant."""
    at = from_ms(LEAVES + version).isoformat()
    employed = {"role": "sales", "team_id": "t", "hired_at": "2020-01-06T08:00:00Z", "left_at": at}
    return record(event("rep", rep, version, op="patch", **employed))


def shard() -> Shard:
    made = Shard(plan(), NOON)
    made.apply("rep", [leaving("steady", 1)])
    made.seal()
    return made


def changed_often() -> Shard:
    made = shard()
    for version in range(1, CHANGES + 1):
        made.apply("rep", [leaving("changing", version)])
        made.seal()
    return made


def test_timers_that_were_replaced_do_not_pile_up() -> None:
    assert 1 < len(vars(changed_often())["_timers"]) < CHANGES / 2


def test_the_newest_timer_of_each_still_fires() -> None:
    made, once = changed_often(), shard()
    once.apply("rep", [leaving("changing", CHANGES)])
    once.seal()
    changed = []
    for day in range(-1, 3):
        for each in (made, once):
            each.advance(LEAVES + day * DAY)
        sealed = made.seal()
        assert sealed == once.seal()
        changed.append(bool(sealed.cells))
    assert any(changed)
