"""A series goes to the partition of its entity, whatever book numbers it."""

from __future__ import annotations

import numpy as np

from agents.ingest.partitioner import Partitioner
from agents.kafka.partitioning import partition_of
from models.series import EntityRule, SeriesBook

RULE = EntityRule(("service",), ("instance",), "host")


def book(*texts: str) -> SeriesBook:
    made = SeriesBook()
    for text in texts:
        made.add(text, RULE.identify(text).owner)
    return made


def test_series_of_an_entity_share_its_partition_and_a_new_book_is_numbered_anew() -> None:
    names = [f'm{metric}{{instance="i-{i}",service="s"}}' for i in range(6) for metric in range(2)]
    partitioner = Partitioner(3)
    found = partitioner(book(*names), np.arange(12, dtype=np.int32)).tolist()
    assert found == [partition_of(f"s/i-{i}".encode(), 3) for i in range(6) for _ in range(2)]
    assert len(set(found)) > 1
    backwards = partitioner(book(*reversed(names)), np.arange(12, dtype=np.int32)).tolist()
    assert backwards == found[::-1]
