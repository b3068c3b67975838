"""Rows are made comparable, whatever their units, tails and time of day."""

import numpy as np

from models.service_model.whitening import HARMONICS, Z_LIMIT, Whitening, waves_at, without_season
from models.timestamps import DAY_NS

HOUR_NS = DAY_NS // 24
ONE = Whitening(np.zeros(1), np.array([10.0]), np.array([2.0]), np.zeros((0, 1)), np.eye(1))


def test_a_value_is_counted_in_deviations_from_the_center_and_cut():
    z = ONE.standardise(np.array([[10.0], [13.0], [1e308], [-1e308], [np.nan]]), np.zeros(5, np.int64))
    assert z[:, 0].tolist() == [0.0, 1.5, Z_LIMIT, -Z_LIMIT, 0.0]


def test_log_compression_brings_a_far_value_near():
    compressed = ONE._replace(log_scale=np.array([1.0])).standardise(np.array([[1e6]]), np.zeros(1, np.int64))
    assert -Z_LIMIT < compressed[0, 0] < Z_LIMIT


def test_the_waves_repeat_every_day():
    at = np.array([5 * HOUR_NS, 5 * HOUR_NS + 400 * DAY_NS])
    first, later = waves_at(at)
    assert first.tolist() == later.tolist()
    assert len(first) == 2 * HARMONICS + 1


def test_what_the_time_of_day_makes_expected_is_taken_off():
    season = np.zeros((2 * HARMONICS + 1, 1))
    season[1] = 3.0
    seasonal = ONE._replace(season=season)
    noon_high = seasonal.standardise(np.array([[16.0], [16.0]]), np.array([6 * HOUR_NS, 18 * HOUR_NS]))
    np.testing.assert_allclose(noon_high[:, 0], [0.0, 6.0], atol=1e-12)


def test_a_missing_value_is_at_the_expectation_of_its_hour():
    season = np.zeros((2 * HARMONICS + 1, 1))
    season[1] = 3.0
    z = ONE._replace(season=season).standardise(np.array([[np.nan]]), np.array([6 * HOUR_NS]))
    assert z[0, 0] == 0.0


def test_a_missing_value_is_what_the_others_make_expected():
    rng = np.random.default_rng(1)
    load = rng.normal(size=5000)
    z = np.column_stack((load, load + 0.1 * rng.normal(size=5000)))
    values, vectors = np.linalg.eigh(np.cov(z.T))
    slope = np.cov(z.T)[0, 1] / np.cov(z.T)[1, 1]
    frame = Whitening(np.zeros(2), np.zeros(2), np.ones(2), np.zeros((0, 2)), vectors / np.sqrt(values))
    missing, expected = frame.whiten(np.array([[np.nan, 2.0], [slope * 2.0, 2.0]]), np.zeros(2, np.int64))
    np.testing.assert_allclose(missing, expected, atol=1e-9)


def test_a_row_of_missing_values_is_in_the_middle():
    frame = Whitening(np.zeros(2), np.zeros(2), np.ones(2), np.zeros((0, 2)), np.ones((2, 2)))
    assert frame.whiten(np.full((1, 2), np.nan), np.zeros(1, np.int64)).tolist() == [[0.0, 0.0]]


def test_whitening_is_the_product_with_the_matrix():
    rng = np.random.default_rng(0)
    x, matrix = rng.normal(size=(20, 4)), rng.normal(size=(4, 3))
    frame = Whitening(np.zeros(4), np.zeros(4), np.ones(4), np.zeros((0, 4)), matrix)
    np.testing.assert_allclose(frame.whiten(x, np.zeros(20, np.int64)), x @ matrix, rtol=1e-12)


def test_step_by_step_rows_get_the_same_bits_as_at_once():
    rng = np.random.default_rng(2)
    x, at = rng.exponential(size=(300, 4)), np.arange(300) * HOUR_NS // 7
    x[::5, 1] = np.nan
    x[::7, 3] = np.nan
    scales = np.array([0.0, 1.0, 0.5, 0.0]), rng.normal(size=4), rng.exponential(size=4)
    season = rng.normal(size=(2 * HARMONICS + 1, 4))
    whole = Whitening(*scales, season, rng.normal(size=(4, 3)))
    plain = whole._replace(season=np.zeros((0, 4))).standardise(x, at)
    z = without_season(x, waves_at(at), season, plain)
    assert z.tolist() == whole.standardise(x, at).tolist()
    assert whole.whiten_standardised(x, z).tolist() == whole.whiten(x, at).tolist()
    assert (plain != z).any()
