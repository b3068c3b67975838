"""Closed rows as columns: pieces become one, and rows are picked."""

import numpy as np
import pytest

from models.state import rows as state_rows
from models.state.rows import Rows


def rows(*cells, first_entity=0):
    """Rows with these numbers of cells; cell values count on from the entity's number."""
    n = len(cells)
    start = np.concatenate(([0], np.cumsum(cells))).astype(np.int64)
    return Rows(
        np.arange(first_entity, first_entity + n, dtype=np.int32),
        np.arange(n, dtype=np.int64) * 10,
        np.full(n, 7, np.int64),
        start,
        np.arange(start[-1], dtype=np.int32),
        np.arange(start[-1], dtype=np.float64) + 100 * first_entity,
    )


def listed(some):
    """Entity, and its cells' values."""
    return [
        (entity, some.value[start:end].tolist())
        for entity, start, end in zip(some.entity.tolist(), some.start[:-1], some.start[1:], strict=True)
    ]


def test_pieces_joined_are_rows_one_after_the_other():
    one = state_rows.joined_rows([rows(2, 0), rows(), rows(1, 3, first_entity=2)])
    assert listed(one) == [(0, [0.0, 1.0]), (1, []), (2, [200.0]), (3, [201.0, 202.0, 203.0])]
    assert one.start.tolist() == [0, 2, 2, 3, 6]


def test_one_piece_joined_is_itself():
    assert listed(state_rows.joined_rows([rows(1, 2)])) == listed(rows(1, 2))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        pytest.param((1, 0, 2), [0, 2], id="a silence between rows"),
        pytest.param((0, 0), [], id="silences only"),
        pytest.param((1, 1), [0, 1], id="rows only"),
    ],
)
def test_rows_with_cells_are_told_from_silences(cells, expected):
    assert state_rows.with_cells(rows(*cells)).tolist() == expected


def test_rows_without_the_silences_keep_their_cells():
    some = rows(2, 0, 1)
    assert listed(state_rows.selected_rows(some, np.array([0, 2]))) == [(0, [0.0, 1.0]), (2, [2.0])]
