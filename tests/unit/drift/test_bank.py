"""Drift is a change that lasts and leads somewhere new."""

import numpy as np
import pytest

from models.drift.bank import DriftBank, StateUnusable


def _bank() -> DriftBank:
    return DriftBank(delta=0.002, confirm_rows=90, min_effect=2.0)


def _found(values, bank=None):
    return (bank or _bank()).update(np.zeros(len(values), np.int32), np.asarray(values, float))


def _noise(n, seed=0):
    return np.random.default_rng(seed).normal(0, 1, n)


def test_a_shift_that_lasts_is_drift_once():
    values = _noise(2000)
    values[1000:] += 5
    (found,) = _found(values)
    assert 1090 <= found.index <= 1250
    assert 4 < found.moved < 6


def test_a_shift_of_a_minute_is_not():
    values = _noise(2000)
    values[1000:1060] += 8
    assert _found(values) == []


def test_stationary_noise_is_not():
    assert [len(_found(_noise(20_000, seed))) for seed in range(5)] == [0] * 5


def test_a_wave_that_has_been_seen_is_not():
    wave = 4 * np.sin(np.arange(30_000) * 2 * np.pi / 3000) + _noise(30_000)
    assert [f.index for f in _found(wave) if f.index > 3500] == []


def test_a_level_that_has_been_seen_before_is_not():
    values = _noise(6000)
    values[1000:2000] += 6
    values[3000:4000] += 6
    assert [f.index // 1000 for f in _found(values)] == [1]


def test_detectors_by_number_do_not_touch_each_other():
    values = _noise(2000)
    values[1000:] += 5
    both = np.column_stack((values, _noise(2000, 1)))
    found = _bank().update(np.tile(np.array([0, 1], np.int32), 2000), both.ravel())
    assert [f.index % 2 for f in found] == [0]


def test_missing_values_are_skipped():
    values = np.repeat(_noise(2000), 2)
    values[::2] = np.nan
    assert _found(values) == []


def test_a_bank_goes_on_from_its_arrays():
    values = _noise(2000)
    values[1000:] += 5
    bank, again = _bank(), _bank()
    _found(values[:1040], bank)
    again.load(bank.to_arrays())
    assert _found(values[1040:], again) == _found(values[1040:], bank) != []


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        pytest.param("windows", "older", 10**6, id="a window's level that is not there"),
        pytest.param("levels", "older", -1, id="a level's successor that is not there"),
        pytest.param("levels", "n", 6, id="more buckets than there is room for"),
    ],
)
def test_arrays_that_would_lead_a_loop_astray_are_refused(name, field, value):
    bank = _bank()
    _found(_noise(200), bank)
    arrays = bank.to_arrays()
    arrays[name][field][0] = value
    with pytest.raises(StateUnusable, match="fit together"):
        _bank().load(arrays)


def test_arrays_of_another_format_are_refused():
    arrays = _bank().to_arrays()
    with pytest.raises(StateUnusable, match="format"):
        _bank().load(arrays | {"windows": np.zeros(3)})


def test_detectors_take_as_much_as_their_windows_need():
    bank = _bank()
    bank.update(np.tile(np.arange(1000, dtype=np.int32), 130), _noise(130_000))
    assert sum(array.nbytes for array in bank.to_arrays().values()) < 500 * 1000


def test_a_change_gives_back_what_the_window_took():
    bank = _bank()
    values = _noise(40_000)
    values += 8 * (np.arange(40_000) // 2000 % 2)
    _found(values[:4000], bank)
    early = len(bank.to_arrays()["levels"])
    _found(values[4000:], bank)
    assert len(bank.to_arrays()["levels"]) <= early + 1
