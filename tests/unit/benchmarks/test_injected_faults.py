"""Faults put into quiet series: labelled where they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.injected import HISTORY_SHARE, MOST_FAULTS, with_faults

QUIET = np.random.default_rng(1).normal(100, 5, 9000)


def test_values_change_where_the_label_says_and_nowhere_else() -> None:
    value, label = with_faults(QUIET, 7)
    assert (value != QUIET).tolist() == (label == 1).tolist()
    assert label.sum() > 0


def test_the_history_holds_no_fault() -> None:
    _, label = with_faults(QUIET, 7)
    assert label[: int(HISTORY_SHARE * len(QUIET))].sum() == 0


@pytest.mark.parametrize(("rows", "faults"), [(9000, MOST_FAULTS), (1000, 3), (1800, 4)])
def test_a_longer_series_has_more_faults_up_to_a_limit(rows: int, faults: int) -> None:
    _, label = with_faults(QUIET[:rows], 3)
    assert np.count_nonzero(np.diff(label, prepend=0) == 1) == faults


def test_the_same_seed_gives_the_same_faults_and_another_others() -> None:
    assert with_faults(QUIET, 7)[0].tobytes() == with_faults(QUIET, 7)[0].tobytes()
    assert with_faults(QUIET, 8)[0].tobytes() != with_faults(QUIET, 7)[0].tobytes()
