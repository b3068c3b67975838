"""Compiles the loops that only a training calls: those of the fold work on one row, these on many."""

from __future__ import annotations

import numpy as np

from models.service_model.numpy_seams import permutation
from models.service_model.whitening import HARMONICS, Whitening, waves_at, without_season


def warm_up_training() -> None:
    """Make a few made-up rows comparable, as a training does, and forget them."""
    x, tick_ns, one = np.array([[1.0], [2.0]]), np.zeros(2, np.int64), np.ones(1)
    whitening = Whitening(0 * one, 0 * one, one, np.zeros((2 * HARMONICS + 1, 1)), np.eye(1))
    z = whitening.standardise(x, tick_ns)
    without_season(x, waves_at(tick_ns), whitening.season, z)
    whitening.whiten_standardised(x, z)
    whitening.whiten(x, tick_ns)
    permutation(0, 2)
