"""A shard notices that records were left out before those it is given, and that the clock was put back."""

from collections.abc import AsyncIterator, Iterable
from typing import Self

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import OutOfOrderSequenceNumber

from config.load import load
from config.settings import Settings
from metrics.plan import compile_plan
from streams.clock import ClockPutBackError
from streams.kafka import TransactionLostError
from streams.owned import OwnedShard

DEALS = "sales.deals"


def _records(offsets: Iterable[int]) -> list[ConsumerRecord]:
    return [ConsumerRecord(DEALS, 0, n, 0, 0, None, b"", None, 0, 0, ()) for n in offsets]


@pytest.fixture
async def owned() -> AsyncIterator[OwnedShard]:
    settings = Settings()
    owned = OwnedShard(0, compile_plan(load(), settings.timezone, settings.currency), settings, lambda: 0)
    owned.begin_at({DEALS: 100})
    yield owned
    await owned.close()


@pytest.mark.parametrize("offsets", [range(100, 105), range(90, 101)], ids=["the next ones", "known ones and the next"])
async def test_records_from_the_position_on_follow(owned: OwnedShard, offsets: range) -> None:
    assert owned.follows(_records(offsets))


async def test_records_after_a_gap_follow_only_when_reading_again_shows_them_again(owned: OwnedShard) -> None:
    assert not owned.follows(_records(range(103, 110)))
    assert not owned.follows(_records(range(110, 120)))  # was on its way when the topic was sought back
    assert owned.follows(_records(range(103, 120)))


async def test_records_that_come_again_after_those_before_them_tell_of_no_gap(owned: OwnedShard) -> None:
    assert not owned.follows(_records(range(103, 110)))
    assert not owned.follows(_records(range(110, 120)))
    assert owned.follows(_records(range(95, 100)))  # read again, from a position before ours
    assert not owned.follows(_records(range(103, 110)))  # what lay between was thrown away, or is yet to come


async def test_known_records_prove_nothing(owned: OwnedShard) -> None:
    known = _records(range(90, 100))
    assert owned.follows(known)
    assert owned.apply(known) == 0
    assert not owned.follows(_records(range(103, 110)))


async def test_what_followed_once_is_trusted_until_the_next_doubt(owned: OwnedShard) -> None:
    owned.apply(_records(range(100, 103)))
    assert owned.follows(_records(range(103, 105)))
    assert owned.follows(_records(range(110, 112)))
    owned.doubt()
    assert not owned.follows(_records(range(112, 113)))
    assert owned.positions == {DEALS: 103}


async def test_a_shard_whose_clock_was_put_back_writes_nothing_any_more() -> None:
    settings, told = Settings(), [1_700_003_600_000]
    owned = OwnedShard(0, compile_plan(load(), settings.timezone, settings.currency), settings, lambda: told[0])
    told[0] -= 3_600_000
    with pytest.raises(ClockPutBackError, match=r"put back by 3600 s, from 2023-11-14T23:13:20\+00:00"):
        await owned.flush()
    assert owned.shard.now == 1_700_003_600_000
    await owned.close()


class _Batch:
    def append(self, **_: object) -> bool:
        return True


class _FailsOnce:
    """A producer whose first transaction fails, as when the cluster has aborted it, and whose next one would not."""

    def __init__(self) -> None:
        self.begun = 0

    def transaction(self) -> Self:
        return self

    async def __aenter__(self) -> None:
        self.begun += 1

    async def __aexit__(self, *_: object) -> None:
        pass

    def create_batch(self) -> _Batch:
        return _Batch()

    async def send_batch(self, *_: object, **__: object) -> None:
        if self.begun == 1:
            raise OutOfOrderSequenceNumber

    async def stop(self) -> None:
        pass


async def test_after_a_flush_that_failed_none_commits_the_offsets_of_what_was_lost_with_it(owned: OwnedShard) -> None:
    await owned.close()
    producer = owned._producer = _FailsOnce()  # noqa: SLF001 - there is no broker
    with pytest.raises(OutOfOrderSequenceNumber):
        await owned.flush()
    with pytest.raises(TransactionLostError, match="the flush before this one failed"):
        await owned.flush()
    assert producer.begun == 1
