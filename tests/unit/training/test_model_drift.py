"""Since when a champion no longer fits."""

import numpy as np
import pytest

from models.training.model_drift import misfit_since_ns

N = 600
TICKS = 1_000_000_000 * np.arange(N)


def _nats(*levels, seed=0):
    """Surprise around one level after another, in equal parts."""
    level = np.repeat(levels, N // len(levels))
    return np.random.default_rng(seed).exponential(1.0, N) * level


@pytest.mark.parametrize(
    ("levels", "expected_s"),
    [
        pytest.param((1.0, 1.0), None, id="as ever"),
        pytest.param((1.0, 4.0), 300, id="worse from the middle on"),
        pytest.param((4.0, 1.0), None, id="better from the middle on"),
        pytest.param((1.0, 1.0, 6.0), 400, id="worse in the last third"),
    ],
)
def test_it_is_since_the_change_that_lasts(levels, expected_s):
    found = misfit_since_ns(_nats(*levels), TICKS)
    if expected_s is None:
        assert found is None
    else:
        # ADWIN cuts its window at a bucket's end: within 32 rows
        assert found == pytest.approx(expected_s * 1e9, abs=33e9)


def test_of_no_rows_nothing_is_known():
    assert misfit_since_ns(np.zeros(0), np.zeros(0, np.int64)) is None
