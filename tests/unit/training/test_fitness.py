"""Figures of a model on held-back rows."""

from __future__ import annotations

import math

import numpy as np

from models.training.fitness import Fitness, deviations, with_faults
from tests.unit.training.test_fit import table


def test_deviations_are_those_of_the_values_that_are_there() -> None:
    random = np.random.default_rng(1)
    x = random.standard_t(2, (501, 4))
    x[random.random(x.shape) < 0.3] = np.nan
    x[:, 3] = 0.0
    lower, upper = np.nanquantile(x, (0.25, 0.75), axis=0)
    expected = np.maximum((upper - lower) / 1.349, np.nanstd(x, axis=0))
    x[:, 3] = np.nan
    assert deviations(x).tolist() == expected.tolist()


def test_faults_move_one_feature_of_each_row_by_four_deviations_at_least_and_are_the_same_twice() -> None:
    quiet = table(400, seed=2)
    faulty = with_faults(quiet, 7)
    sigma = deviations(quiet.x)
    moved = np.abs(faulty.x - quiet.x) / np.where(sigma > 0, sigma, 1.0)
    assert ((moved > 0).sum(axis=1) == 1).all()
    assert moved.max(axis=1).min() >= 4.0 - 1e-9
    assert moved.max() <= 8.0 + 1e-9
    assert (with_faults(quiet, 7).x == faulty.x).all()


def test_figures_are_those_that_are_known() -> None:
    known = Fitness(1.0, 1.1, True, 0.9, 0.7, 1.0, 2_000_000_000)
    assert known.worst_separation == 0.7
    assert (known.figures["separation_incidents"], known.figures["unfit_since_s"]) == (0.7, 2.0)
    unknown = Fitness(1.0, 1.1, True, 0.9, math.nan, 1.0)
    assert unknown.worst_separation == 0.9
    assert set(unknown.figures) == {"alarm_ratio", "surprise", "fits", "separation", "coverage"}
