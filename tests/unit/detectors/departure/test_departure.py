"""A departure is told each time, until it is a level, a clock, a schedule or frequent."""

import math

import numpy as np
import pytest

from models.detectors.departure import departure
from tests.unit.detectors.departure.weeks import at, fresh

NATS = 12.0


def _play(values, minutes=5.0, series=None, first=0):
    """Shares of an alarm, row by row."""
    series = fresh() if series is None else series
    shares = []
    for row, value in enumerate(values, first):
        tick_ns = at(0, row * minutes / 60)
        shares.append(departure.excess(series, value, tick_ns, NATS))
        departure.learn(series, value, tick_ns, NATS)
    return series, np.array(shares)


def _noise(days, seed=0, level=100.0):
    return level + 3 * np.random.default_rng(seed).standard_normal(int(days * 288))


def test_the_same_incident_is_told_each_time_and_leaves_the_band_as_it_was():
    values = _noise(12)
    for day in (4.1, 6.7, 9.2):
        begin = int(day * 288)
        values[begin : begin + 6] *= 4
    series, shares = _play(values)
    for day in (4.1, 6.7, 9.2):
        begin = int(day * 288)
        assert (shares[begin : begin + 6] > 1.0).all()
    assert (shares > 1.0).sum() <= 20
    expected, low, high = departure.band(series, at(12), NATS)
    assert low < expected < high
    assert high - low < 60.0


def test_a_level_that_lasts_is_learnt_within_hours():
    values = _noise(8)
    values[5 * 288 :] += 60
    _, shares = _play(values)
    assert (shares[5 * 288 : 5 * 288 + 36] > 1.0).all()
    assert shares[5 * 288 + 72 :].max() < 1.0


def test_what_goes_on_growing_is_no_level():
    values = _noise(8)
    values[5 * 288 : 7 * 288] += np.linspace(0, 300, 2 * 288)
    _, shares = _play(values)
    assert (shares[5 * 288 + 100 : 7 * 288] > departure.HOLD).mean() > 0.95


def test_a_departure_every_night_is_told_on_the_first_nights_only():
    values = _noise(10)
    for night in range(10):
        values[night * 288 + 24 : night * 288 + 32] = 300.0
    _, shares = _play(values)
    told = [night for night in range(10) if shares[night * 288 + 24 : night * 288 + 32].max() >= 1.0]
    assert told in ([0, 1], [1, 2])


def test_departures_several_times_a_day_become_part_of_what_is_usual():
    values = _noise(14)
    begins = np.random.default_rng(5).permutation(14 * 48)[: 14 * 4] * 6
    for begin in begins:
        values[begin : begin + 2] += 100.0
    _, shares = _play(values)
    late = begins[begins > 7 * 288]
    assert np.mean([shares[begin] >= 1.0 for begin in late]) < 0.2


def test_clocks_that_go_back_are_told_once_and_followed():
    hour = np.arange(28 * 288) / 12.0
    shift = np.where(hour >= 20 * 24, 1.0, 0.0)
    values = 100 + 80 * ((hour - shift) % 24 > 12) + np.random.default_rng(1).standard_normal(len(hour))
    series, shares = _play(values)
    assert series["profile_shift_h"] == -1
    assert shares[22 * 288 :].max() < 1.0


def test_a_missing_value_is_no_departure_and_is_not_learnt():
    series, _ = _play(_noise(2))
    before = series.tobytes()
    assert departure.excess(series, math.nan, at(2), NATS) == 0.0
    departure.learn(series, math.nan, at(2), NATS)
    assert series.tobytes() == before


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e15, -1.0])
def test_a_verdict_does_not_depend_on_the_unit(scale):
    values = _noise(5)
    values[4 * 288 + 10 : 4 * 288 + 20] += 60
    _, shares = _play(values * scale)
    _, plain = _play(values)
    np.testing.assert_allclose(shares, plain, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("most", "level", "expected"),
    [(100.0, 99.0, (0.0, 100.0)), (0.0, 99.0, (0.0, math.inf)), (0.0, -5.0, (-math.inf, math.inf))],
    ids=["a percentage", "a count", "a level that was below zero"],
)
def test_a_band_stays_within_the_unit(most, level, expected):
    series, _ = _play(np.full(50, level))
    series["rule_most"] = most
    _, low, high = departure.within_unit(series, level, -1e9, 1e9)
    assert (max(low, expected[0]), min(high, expected[1])) == (low, high)


def test_a_model_knows_a_level_once_it_was_trained_on_half_a_day_of_it():
    values = _noise(8)
    values[5 * 288 :] += 60
    series, _ = _play(values)
    assert departure.is_unknown_to_model(series)
    assert not departure.is_unknown_to_model(fresh())
