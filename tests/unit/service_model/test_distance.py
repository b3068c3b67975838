"""Distances of whitened rows, and which feature is behind them."""

import numpy as np
import pytest

from models.service_model.distance import mean_square, nearest_mean_squares, shares


def share_of(matrix: np.ndarray, z: np.ndarray) -> np.ndarray:
    share = np.empty(len(z))
    shares(matrix, z @ matrix, share)
    return share


def test_the_middle_is_zero_away_and_others_their_mean_square():
    assert mean_square(np.zeros(3)) == 0.0
    assert mean_square(np.array([3.0, 0.0, 4.0])) == pytest.approx(25 / 3)


def test_the_nearest_of_the_reference_rows_counts():
    reference = np.array([[0, 0], [10, 10], [3, 4]], np.float32)
    nearest = np.empty(2)
    nearest_mean_squares(np.array([[3, 6], [10, 10]], np.float32), reference, nearest)
    assert nearest.tolist() == [pytest.approx(2.0), 0.0]


def test_the_nearest_is_found_among_any_number_of_rows():
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(50, 7)).astype(np.float32)
    for n in (1, 2, 3, 31, 256):
        reference = rng.normal(size=(n, 7)).astype(np.float32)
        nearest = np.empty(50)
        nearest_mean_squares(rows, reference, nearest)
        squares = (rows[:, None] - reference) ** 2
        np.testing.assert_allclose(nearest, squares.mean(axis=2).min(axis=1), rtol=1e-6)


def test_no_feature_that_merely_goes_with_the_faulty_one_has_a_larger_part():
    rng = np.random.default_rng(3)
    for _ in range(50):
        mixed = rng.normal(size=(400, 3)) @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(400, 6))
        values, vectors = np.linalg.eigh(np.cov(mixed.T))
        matrix = vectors / np.sqrt(values)
        for faulty in range(6):
            fault = np.zeros(6)
            fault[faulty] = 4.0
            assert share_of(matrix, fault).argmax() == faulty


def test_parts_sum_to_one_and_to_nothing_in_the_middle():
    matrix = np.random.default_rng(0).normal(size=(4, 4))
    assert share_of(matrix, np.array([1.0, -2.0, 0.5, 0.0])).sum() == pytest.approx(1.0)
    assert share_of(matrix, np.zeros(4)).tolist() == [0.0] * 4


def test_a_feature_that_the_matrix_leaves_out_has_no_part():
    matrix = np.array([[1.0, 0.0], [0.0, 0.0]])
    assert share_of(matrix, np.array([2.0, 9.0])).tolist() == [1.0, 0.0]
