"""Batches that are made at once, as aiokafka's reader and ours take them apart."""

from __future__ import annotations

import numpy as np
import pytest
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from agents.kafka.aiokafka_seams import RecordBatch
from agents.kafka.record_batch import MAX_BODY_BYTES, pack, unpack
from agents.kafka.records import Packed
from models.wire.byte_columns import ByteColumn

TEXTS = st.lists(st.tuples(st.none() | st.binary(max_size=200), st.none() | st.binary(max_size=20_000)), max_size=300)
Pair = tuple[bytes | None, bytes | None]

NOW_MS = 1_780_000_020_250


def packed(pairs: list[Pair], partitions: list[int] | None = None) -> list[Packed]:
    keys, values = ByteColumn.of([key for key, _ in pairs]), ByteColumn.of([value for _, value in pairs])
    return list(pack("scores", np.array(partitions or [0] * len(pairs), np.int64), keys, values, NOW_MS))


def read(one: Packed, producer: tuple[int, int, int] | None = None) -> DefaultRecordBatch:
    batch = RecordBatch(one)
    if producer:
        batch._set_producer_state(*producer)
    body = batch._build()
    assert (len(body), one.n_records) == (batch.size(), batch.record_count())
    found = DefaultRecordBatch(body)
    assert found.validate_crc()
    return found


@given(TEXTS.filter(len))
def test_records_come_back_in_their_order(pairs: list[Pair]) -> None:
    found = [record for one in packed(pairs) for record in read(one)]
    assert [(record.key, record.value) for record in found] == pairs


@given(TEXTS.filter(len))
def test_what_was_packed_can_be_sent_record_by_record(pairs: list[Pair]) -> None:
    found: list[Pair] = []
    for one in packed(pairs):
        keys, values = unpack(one)
        found += [(keys.at(i), values.at(i)) for i in range(one.n_records)]
    assert found == pairs


def test_each_partition_has_batches_of_its_own() -> None:
    pairs: list[Pair] = [(b"%d" % i, b"v") for i in range(9)]
    found = packed(pairs, [2, 0, 2, 1, 0, 2, 2, 1, 0])
    assert [(one.topic, one.partition, one.n_records) for one in found] == [
        ("scores", 0, 3),
        ("scores", 1, 2),
        ("scores", 2, 4),
    ]
    assert [record.key for record in read(found[2])] == [b"0", b"2", b"5", b"6"]


@pytest.mark.parametrize("size", [MAX_BODY_BYTES // 10, MAX_BODY_BYTES - 1, 3 * MAX_BODY_BYTES])
def test_a_batch_is_no_larger_than_brokers_take_where_its_records_are_not(size: int) -> None:
    found = packed([(b"k", bytes(size))] * 25)
    assert sum(one.n_records for one in found) == 25
    assert max(one.n_records for one in found) == max(MAX_BODY_BYTES // (size + 1), 1)


def test_an_idempotent_producer_finds_its_number_in_the_header() -> None:
    found = read(packed([(None, b"a"), (None, b"b")])[0], (123456789012, 3, 77))
    assert (found.producer_id, found.producer_epoch, found.base_sequence) == (123456789012, 3, 77)
    assert (found.magic, found.last_offset_delta, found.is_transactional) == (2, 1, False)
    assert {record.timestamp for record in found} == {found.first_timestamp} == {found.max_timestamp}


def test_no_records_are_no_batch() -> None:
    assert packed([]) == []
