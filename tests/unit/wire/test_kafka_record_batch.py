"""Records of a batch: written at once, found again, and refused where the bytes are no records."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.wire.byte_columns import ByteColumn
from models.wire.kafka_record_batch import RecordLayout, RecordSpan, laid_out, lay_out

TEXTS = st.lists(st.tuples(st.none() | st.binary(max_size=200), st.none() | st.binary(max_size=20_000)), max_size=300)
Pair = tuple[bytes | None, bytes | None]


@given(TEXTS)
def test_what_is_laid_out_is_where_the_reader_finds_it(pairs: list[Pair]) -> None:
    keys, values = ByteColumn.of([key for key, _ in pairs]), ByteColumn.of([value for _, value in pairs])
    data, layout = laid_out(keys, values), RecordLayout.room(len(pairs))
    assert lay_out(data, RecordSpan(0, len(data), 0, len(pairs), 7, 1000, -1), layout)
    assert layout.offset.tolist() == list(range(7, 7 + len(pairs)))
    assert set(layout.time_ms.tolist()) <= {1000}
    found_keys = ByteColumn(data, layout.key_start, layout.key_length)
    found_values = ByteColumn(data, layout.value_start, layout.value_length)
    assert [(found_keys.at(i), found_values.at(i)) for i in range(len(pairs))] == pairs


def found(data: bytes, n_records: int = 1, append_ms: int = -1) -> RecordLayout | None:
    layout = RecordLayout.room(n_records)
    span = RecordSpan(0, len(data), 0, n_records, 100, 5000, append_ms)
    return layout if lay_out(np.frombuffer(data, np.uint8), span, layout) else None


# length 9, attributes, time +3 ms, offset +2, key of 1, value of 2, no headers; numbers are zigzag coded
RECORD = bytes((18, 0, 6, 4, 2, 75, 4, 86, 87, 0))


def test_a_record_is_its_offset_time_and_places() -> None:
    layout = found(RECORD)
    assert layout is not None
    assert [column.tolist() for column in layout] == [[102], [5003], [5], [1], [7], [2]]


def test_a_batch_that_the_broker_stamped_has_one_time() -> None:
    layout = found(RECORD + RECORD, n_records=2, append_ms=9000)
    assert layout is not None
    assert layout.time_ms.tolist() == [9000, 9000]


def test_headers_are_left_out() -> None:
    headers = bytes((2, 2, 104, 2, 120))  # one: h = x
    layout = found(bytes((26,)) + RECORD[1:-1] + headers)
    assert layout is not None
    assert (layout.value_start.tolist(), layout.value_length.tolist()) == ([7], [2])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(RECORD[:-1], id="cut short"),
        pytest.param(bytes((0,)), id="a record without a length"),
        pytest.param(bytes((1,)), id="a negative length"),
        pytest.param(RECORD[:4] + bytes((40,)) + RECORD[5:], id="a key that is longer than its record"),
        pytest.param(RECORD[:6] + bytes((40,)) + RECORD[7:], id="a value that is longer than its record"),
        pytest.param(RECORD[:4] + bytes((3,)) + RECORD[5:], id="a key shorter than null"),
        pytest.param(bytes((255,) * 11), id="a number that does not end"),
    ],
)
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    assert found(data) is None
