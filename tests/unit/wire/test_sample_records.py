"""Columns to records of `samples` and back: every sample once, in order, whole source offsets together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.ingest.partitioner import Partitioner
from agents.kafka.partitioning import partition_of
from models.limits import MAX_SAMPLES_BYTES
from models.records import SampleColumns
from models.series import EntityRule, SeriesBook
from models.wire import sample_records
from models.wire.sample_records import Decoded, decode, encode, halved, with_identity

RULE = EntityRule(("service",), ("instance",), "host")
SERIES = [f'm{metric}{{instance="i-{i}",service="s"}}' for metric in range(2) for i in range(6)]
BOOK = SeriesBook()
for text in SERIES:
    BOOK.add(text, RULE.identify(text).owner)

samples = st.lists(
    st.tuples(st.integers(0, len(SERIES) - 1), st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 2)),
    max_size=200,
)
"""(series, value, step of the source offset)"""


def columns_of(rows: list[tuple[int, float, int]]) -> tuple[SampleColumns, np.ndarray]:
    offsets = np.cumsum([step for _, _, step in rows], dtype=np.int64)
    return (
        SampleColumns(
            SERIES,
            np.array([series for series, _, _ in rows], np.int32),
            np.arange(len(rows), dtype=np.int64) * 1_000,
            np.array([value for _, value, _ in rows], np.float64),
        ),
        offsets,
    )


def as_rows(part: Decoded) -> list[tuple[str, int, float, int]]:
    columns = part.columns
    names = [columns.series_ids[number] for number in columns.series]
    times, values = columns.event_time_ns.tolist(), columns.values.tolist()
    return list(zip(names, times, values, part.offsets.tolist(), strict=True))


@settings(deadline=None)  # a busy machine is no mistake
@given(samples, st.integers(1, 7))
def test_every_sample_comes_back_once_in_order_in_its_entitys_partition(rows, limit) -> None:
    columns, offsets = columns_of(rows)
    partitions = Partitioner(3)(BOOK, np.arange(len(SERIES), dtype=np.int32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_records, "MAX_SAMPLES", limit)
        encoded = list(encode(columns, partitions, offsets, "metrics:1", 5))
    found: dict[int, list[tuple[str, int, float, int]]] = {0: [], 1: [], 2: []}
    for partition, value in encoded:
        part = decode(value)
        assert (part.source, part.seen_at_ns) == ("metrics:1", 5)
        if found[partition]:  # a source offset is never cut in two: readers skip whole offsets
            assert part.offsets[0] > found[partition][-1][3]
        found[partition].extend(as_rows(part))
    everything = as_rows(Decoded("", 0, columns, offsets))
    for partition, got in found.items():
        assert got == [row for row in everything if partition_of(RULE.identify(row[0]).entity.encode(), 3) == partition]


def test_what_was_folded_is_left_out_by_source_offset() -> None:
    columns, offsets = columns_of([(0, 1.0, 1), (1, 2.0, 0), (2, 3.0, 1)])
    part = Decoded("metrics:0", 0, columns, offsets)
    assert part.after(0) is part
    assert as_rows(part.after(1)) == [(SERIES[2], 2000, 3.0, 2)]
    assert len(part.after(2).offsets) == 0


def test_samples_of_what_is_no_series_can_be_left_out() -> None:
    columns = SampleColumns(["bad", "good{}", "{}"], np.array([1, 0, 2, 1], np.int32), np.arange(4), np.arange(4.0))
    kept = with_identity(columns)
    assert (kept.series_ids, kept.series.tolist(), kept.values.tolist()) == (["good{}"], [0, 0], [0.0, 3.0])


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="JSON"),
        pytest.param(b"\x97\xa1a\x00\x90\xc4\x04\x00\x00\x00\x00\xc4\x00\xc4\x00\xc4\x00", id="columns of two lengths"),
    ],
)
def test_a_record_that_is_none_of_ours_says_so(value: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - msgspec's errors are ValueErrors with texts of their own
        decode(value)


def test_records_of_long_names_stay_under_the_limit_of_their_topic() -> None:
    n = 9_000
    names = [f'm{{n="{number:05}",x="{"日" * 660}"}}' for number in range(n)]
    columns = SampleColumns(names, np.arange(n, dtype=np.int32), np.zeros(n, np.int64), np.zeros(n))
    encoded = list(encode(columns, np.zeros(n, np.int64), np.arange(n), "metrics:0", 5))
    assert max(len(value) for _, value in encoded) <= MAX_SAMPLES_BYTES
    assert [name for _, value in encoded for name, *_ in as_rows(decode(value))] == names


@given(samples)
def test_halves_of_a_record_are_the_record_cut_between_two_source_offsets(rows) -> None:
    columns, offsets = columns_of(rows)
    for _, value in encode(columns, np.zeros(len(SERIES), np.int64), offsets, "metrics:1", 5):
        halves = halved(value)
        assert len(halves) == (2 if offsets[0] < offsets[-1] else 0)
        if halves:
            first, second = map(decode, halves)
            assert as_rows(first) + as_rows(second) == as_rows(decode(value))
            assert first.offsets[-1] < second.offsets[0]
