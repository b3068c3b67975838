"""Many texts in one buffer, and how they are cut into parts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.wire.byte_columns import ByteColumn, copy, parts


@given(st.lists(st.none() | st.binary(max_size=20)))
def test_texts_come_back_as_they_were(values: list[bytes | None]) -> None:
    texts = ByteColumn.of(values)
    assert [texts.at(i) for i in range(len(values))] == values


def test_some_of_them_share_the_buffer() -> None:
    texts = ByteColumn.of([b"a", b"bc", None, b""])
    some = texts.chosen(np.array([3, 1, 2]))
    assert [some.at(i) for i in range(3)] == [b"", b"bc", None]
    assert some.data is texts.data


@pytest.mark.parametrize(
    ("sizes", "max_bytes", "max_items", "expected"),
    [
        pytest.param([], 10, 2, [], id="nothing"),
        pytest.param([4, 6, 1], 10, 9, [(0, 2), (2, 3)], id="as many bytes as allowed"),
        pytest.param([1, 1, 1], 10, 2, [(0, 2), (2, 3)], id="as many items as allowed"),
        pytest.param([50, 1, 50], 10, 9, [(0, 1), (1, 2), (2, 3)], id="a large item goes alone"),
        pytest.param([0, 0, 10], 10, 9, [(0, 3)], id="empty items take no room"),
    ],
)
def test_parts_stay_within_both_limits(
    sizes: list[int], max_bytes: int, max_items: int, expected: list[tuple[int, int]]
) -> None:
    found = parts(np.array(sizes, np.int64), max_bytes, max_items)
    assert [(part.start, part.stop) for part in found] == expected


def test_a_copy_touches_nothing_else() -> None:
    target = np.zeros(6, np.uint8)
    assert copy(np.frombuffer(b"abcd", np.uint8), 1, target, 2, 2) == 4
    assert target.tobytes() == b"\0\0bc\0\0"
