"""The home partition of a key: murmur2, as Kafka's own producers compute it."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return the 32-bit murmur2 hash of `data` with Kafka's seed (org.apache.kafka.common.utils.Utils.murmur2)."""
    length = len(data)
    h = 0x9747B28C ^ length
    whole = length & ~3
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ (k >> 24)) * _M & _MASK)
    if length > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ (h >> 13)) * _M & _MASK
    return h ^ (h >> 15)


def home_partition(key: bytes, partitions: int) -> int:
    """Return the partition that Kafka's default partitioner gives `key`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def home_partitions(keys: Sequence[bytes], partitions: int) -> list[int]:
    """Return the home partitions of many keys: `home_partition` over arrays of keys of one length."""
    homes = [0] * len(keys)
    by_length: dict[int, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        by_length[len(key)].append(position)
    for length, positions in by_length.items():
        hashes = _hashes(b"".join([keys[i] for i in positions]), len(positions), length)
        for position, home in zip(positions, ((hashes & 0x7FFFFFFF) % partitions).tolist(), strict=True):
            homes[position] = home
    return homes


def _hashes(joined: bytes, count: int, length: int) -> NDArray[np.uint32]:
    """Return `murmur2` of `count` keys of one length; 32-bit arrays wrap as the algorithm wants."""
    data = np.frombuffer(joined, np.uint8).reshape(count, length)
    m = np.uint32(_M)
    h = np.full(count, 0x9747B28C ^ length, np.uint32)
    whole = length & ~3
    words = np.ascontiguousarray(data[:, :whole]).view("<u4")
    for column in range(whole // 4):
        k = words[:, column] * m
        h = (h * m) ^ ((k ^ (k >> np.uint32(24))) * m)
    if length > whole:
        tail = np.zeros(count, np.uint32)
        for place in range(length - whole):
            tail |= data[:, whole + place].astype(np.uint32) << np.uint32(8 * place)
        h = (h ^ tail) * m
    h = (h ^ (h >> np.uint32(13))) * m
    result: NDArray[np.uint32] = h ^ (h >> np.uint32(15))
    return result
