"""Which partition a key belongs to, as every Kafka client decides it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from aiokafka.partitioner import murmur2

MAX_CACHED_KEYS: Final = 200_000
"""Keys whose partition is remembered, 150 bytes each: murmur2 in Python takes 10 us for a key."""


@lru_cache(MAX_CACHED_KEYS)
def partition_of(key: bytes, partitions: int) -> int:
    """Partition that Kafka's default partitioner gives to a key.

    >>> partition_of(b"checkout/i-1", 4)
    0
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
