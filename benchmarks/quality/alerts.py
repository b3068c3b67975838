"""Alerts that a score would raise: an episode each, at the lowest threshold that keeps to a budget."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

HOLD_ROWS = 10
"""Rows below the threshold that end an episode: one incident is one alert, though its score flickers."""


def episodes(score: NDArray[np.float64], threshold: float, hold_rows: int = HOLD_ROWS) -> NDArray[np.int64]:
    """First and last row of each episode, `(n_episodes, 2)`.

    >>> episodes(np.array([0., 2., 0., 2., 0., 0., 0., 2.]), 1.0, hold_rows=2).tolist()
    [[1, 3], [7, 7]]
    """
    above = np.flatnonzero(score >= threshold)
    if len(above) == 0:
        return np.empty((0, 2), np.int64)
    breaks = np.flatnonzero(np.diff(above) > hold_rows)
    starts, ends = np.concatenate(([0], breaks + 1)), np.concatenate((breaks, [len(above) - 1]))
    return np.column_stack((above[starts], above[ends]))


def onsets(score: NDArray[np.float64], threshold: float, hold_rows: int = HOLD_ROWS) -> NDArray[np.bool_]:
    """The first row of each episode, bool `(n,)`: when somebody would have been told."""
    told = np.zeros(len(score), np.bool_)
    told[episodes(score, threshold, hold_rows)[:, 0]] = True
    return told


def lowest_threshold(score: NDArray[np.float64], budget: float, hold_rows: int = HOLD_ROWS) -> float:
    """The lowest threshold such that it, and every higher one, gives at most `budget` episodes; inf where none does.

    Without "every higher one" the lowest of all would do: it makes the whole stream one episode. For the same reason
    no threshold is taken that half of the rows or more reach.

    >>> lowest_threshold(np.array([0., 5., 0., 4., 0., 3., 0.]), budget=2, hold_rows=1)
    4.0
    """
    order = np.argsort(-score, kind="stable")
    taken: list[int] = []
    count, kept, position = 0, float("inf"), 0
    while position < len(order):
        threshold = float(score[order[position]])
        while position < len(order) and score[order[position]] == threshold:
            count += _joins(taken, int(order[position]), hold_rows)
            position += 1
        if count > budget or 2 * position >= len(order):
            return kept
        kept = threshold
    return kept


def _joins(taken: list[int], row: int, hold_rows: int) -> int:
    """By how much the number of episodes grows when a row is added to the sorted rows above the threshold."""
    at = bisect_left(taken, row)
    before = at > 0 and row - taken[at - 1] <= hold_rows
    after = at < len(taken) and taken[at] - row <= hold_rows
    together = 0 < at < len(taken) and taken[at] - taken[at - 1] <= hold_rows
    taken.insert(at, row)
    return 1 - before - after + together
