"""The home partition is the one that Kafka's own producers choose."""

import pytest
from aiokafka.partitioner import murmur2 as published
from hypothesis import given
from hypothesis import strategies as st

from metrics.partitions import home_partition, home_partitions, murmur2


@pytest.mark.parametrize(
    ("key", "expected"),
    [  # org.apache.kafka.common.utils.UtilsTest.testMurmur2
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_hashes_of_kafkas_own_test(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected % 2**32


@given(st.binary(max_size=40), st.integers(1, 64))
def test_hashes_are_those_of_the_client(key: bytes, partitions: int) -> None:
    assert murmur2(key) == published(key) % 2**32
    assert home_partition(key, partitions) == (published(key) & 0x7FFFFFFF) % partitions


@given(st.lists(st.binary(max_size=20)), st.integers(1, 64))
def test_homes_of_many_keys_are_those_of_each(keys: list[bytes], partitions: int) -> None:
    assert home_partitions(keys, partitions) == [home_partition(key, partitions) for key in keys]
