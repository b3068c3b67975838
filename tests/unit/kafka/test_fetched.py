"""Record batches as a broker sends them, against what aiokafka's own reader makes of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher, MemoryRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from faust.types import TP

from agents.kafka.aiokafka_seams import Batches, hand_over_batches
from agents.kafka.fetched import Fetched
from agents.kafka.records import FetchedRecord

PLACE = TP("metrics", 3)
RECORDS = [
    (b"key", b"value", []),
    (None, b"", [("h", b"x"), ("empty", None)]),
    (b"", None, []),
    (b"k" * 300, b"v" * 70_000, [("long", b"y" * 200)]),
    (None, b"last", []),
]


def batch(base_offset: int, codec: int = 0, records: list[tuple[bytes | None, bytes | None, list]] = RECORDS) -> bytes:
    builder = DefaultRecordBatchBuilder(
        2, codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=10**9
    )
    for offset, (key, value, headers) in enumerate(records):
        builder.append(offset, timestamp=1_700_000_000_000 + 7 * offset, key=key, value=value, headers=headers)
    return base_offset.to_bytes(8, "big") + bytes(builder.build())[8:]


def fetched(data: bytes, position: int = 0) -> Fetched:
    batches, found = Batches(data), []
    while batches.has_next():
        found.append(batches.next_batch())
    return Fetched.of_batches(PLACE, found, position)


def expected(data: bytes) -> list[FetchedRecord]:
    return [FetchedRecord(*PLACE, r.offset, r.timestamp, r.key, r.value) for r in DefaultRecordBatch(data)]


@pytest.mark.parametrize("codec", range(5), ids=["plain", "gzip", "snappy", "lz4", "zstd"])
def test_records_are_those_that_the_client_library_reads(codec: int) -> None:
    first, second = batch(40, codec), batch(45, codec, RECORDS[:2])
    assert list(fetched(first + second)) == expected(first) + expected(second)


def test_a_batch_that_the_broker_cut_off_is_left_for_the_next_fetch() -> None:
    whole, cut = batch(0), batch(5)
    for missing in (1, 100, len(cut) - 17, len(cut) - 5):
        assert [r.offset for r in fetched(whole + cut[:-missing])] == [0, 1, 2, 3, 4]


def test_a_batch_that_was_read_in_part_goes_on_from_there() -> None:
    assert [r.offset for r in fetched(batch(40) + batch(45), position=43)] == [43, 44, 45, 46, 47, 48, 49]


def test_what_lies_before_or_after_the_position_is_handed_over_for_the_consumer_to_judge() -> None:
    assert next(iter(fetched(batch(40), position=100))).offset == 40
    assert next(iter(fetched(batch(40), position=7))).offset == 40


def test_the_brokers_stamp_counts_for_the_whole_batch() -> None:
    data = bytearray(batch(0))
    data[22] |= 0x08
    assert {r.timestamp for r in fetched(bytes(data))} == {r.timestamp for r in DefaultRecordBatch(bytes(data))}


def test_batches_of_the_old_format_are_read_too() -> None:
    old = LegacyRecordBatchBuilder(1, 0, 10**6)
    old.append(0, timestamp=5, key=b"k", value=b"v")
    assert list(fetched(bytes(old.build()) + batch(1)))[:2] == [
        FetchedRecord(*PLACE, 0, 5, b"k", b"v"),
        FetchedRecord(*PLACE, 1, 1_700_000_000_000, b"key", b"value"),
    ]


@pytest.mark.parametrize("at", [61, 65, 69])
def test_bytes_that_are_no_records_are_refused(at: int) -> None:
    data = bytearray(batch(0, records=RECORDS[:1]))
    data[at] = 0x7F
    with pytest.raises(CorruptRecordException, match="metrics:3"):
        fetched(bytes(data))


def test_parts_keep_both_limits_and_every_record() -> None:
    records = fetched(batch(0) + batch(5))
    parts = list(records.parts(max_records=3, max_bytes=1000))
    assert [r for part in parts for r in part] == list(records)
    assert [len(part) for part in parts] == [3, 1, 3, 1, 1, 1]
    for part in parts:
        assert len(part) == 1 or np.maximum(part.layout.value_length, 0).sum() <= 1000


def test_only_the_fetcher_that_was_asked_hands_over_batches() -> None:
    asked, other = Fetcher.__new__(Fetcher), Fetcher.__new__(Fetcher)
    hand_over_batches(cast(AIOKafkaConsumer, SimpleNamespace(_fetcher=asked)))
    names = [one._proc_fetch_request.__func__.__globals__["MemoryRecords"] for one in (asked, other)]
    assert names == [Batches, MemoryRecords]
    asked._closed = other._closed = True
