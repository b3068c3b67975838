"""What a fold hands back: columns that know their length and their causes."""

import numpy as np

from models.state.results import ScoredRows, SloCounts


def rows(causes, parts):
    n = len(causes)
    nothing = np.full(n, np.nan)
    return ScoredRows(
        np.zeros(n, np.int32),
        np.zeros(n, np.int64),
        np.ones(n),
        np.ones(n, np.bool_),
        nothing,
        nothing,
        nothing,
        nothing,
        np.array(causes, np.int32),
        np.array(parts),
        np.zeros(n, np.int8),
        [""] * n,
        ["cpu", "latency", "queue"],
    )


def test_a_row_names_its_first_cause_and_all_that_contributed():
    some = rows([[1, 0, -1], [-1, -1, -1]], [[1.5, 0.5, 0.0], [0.0, 0.0, 0.0]])
    assert len(some) == 2
    assert some.cause == ["latency", ""]
    assert some.contributions_of(0) == [("latency", 1.5), ("cpu", 0.5)]
    assert some.contributions_of(1) == []


def test_counts_are_as_many_as_their_minutes():
    nothing = np.zeros(0)
    assert len(SloCounts(np.zeros(0, np.int32), np.zeros(0, np.int64), nothing, nothing)) == 0
