"""A model file gives back the model, or says why not."""

import io
from dataclasses import replace

import numpy as np
import pytest

from models.service_model.calibration import Calibration
from models.service_model.model import ModelUnusable, ServiceModel
from tests.unit.streams import model_for

ROWS = np.random.default_rng(0).normal((5.0, 100.0), (1.0, 10.0), (400, 2))
AT = np.arange(400) * 60_000_000_000
MODEL = model_for(ROWS, ("cpu", "latency"))


def test_a_model_file_scores_as_the_model_that_was_written():
    again = ServiceModel.from_bytes(MODEL.with_version("7").to_bytes())
    assert (again.service, again.version, again.features) == ("shop", "7", ("cpu", "latency"))
    assert again.raw(ROWS, AT).tolist() == MODEL.raw(ROWS, AT).tolist()
    assert again.surprise(ROWS, AT)[0].tolist() == MODEL.surprise(ROWS, AT)[0].tolist()
    again.check_probe()


def test_the_surprise_has_the_same_bits_where_nobody_asks_for_the_parts():
    assert MODEL.nats(ROWS, AT).tolist() == MODEL.surprise(ROWS, AT)[0].tolist()


def _with(name: str, array: np.ndarray) -> bytes:
    with np.load(io.BytesIO(MODEL.to_bytes())) as file:
        arrays = {key: file[key] for key in file.files}
    buffer = io.BytesIO()
    np.savez(buffer, **{**arrays, name: array})
    return buffer.getvalue()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not a zip at all", id="text"),
        pytest.param(MODEL.to_bytes()[:-100], id="cut short"),
        pytest.param(MODEL.to_bytes()[:3000] + b"\0" * 50 + MODEL.to_bytes()[3050:], id="overwritten in the middle"),
        pytest.param(
            _with("forest_left", np.full(len(MODEL.forest.left), 10**6, np.int32)), id="child outside the forest"
        ),
        pytest.param(_with("forest_left", np.zeros(len(MODEL.forest.left), np.int32)), id="walk without an end"),
        pytest.param(_with("whitening_center", np.zeros(5)), id="wrong number of features"),
        pytest.param(_with("whitening_scale", np.zeros(2)), id="scale of zero"),
        pytest.param(_with("reference", np.zeros((5, 3), np.float32)), id="reference rows of another width"),
        pytest.param(_with("reference", np.zeros((0, 2), np.float32)), id="no reference row"),
        pytest.param(_with("whitening_season", np.zeros((2, 2))), id="season of other waves"),
        pytest.param(_with("head", np.frombuffer(b'{"format": 99}', np.uint8)), id="format of the future"),
    ],
)
def test_a_damaged_file_is_refused(body):
    with pytest.raises(ModelUnusable):
        ServiceModel.from_bytes(body)


def test_a_model_whose_probe_does_not_reproduce_is_refused():
    shifted = MODEL.whitening._replace(center=MODEL.whitening.center + 1)
    with pytest.raises(ModelUnusable, match="probe"):
        replace(MODEL, whitening=shifted).check_probe()


def test_a_missing_value_counts_as_the_center():
    missing, center = np.array([[np.nan, 100.0]]), np.array([[MODEL.whitening.center[0], 100.0]])
    assert MODEL.raw(missing, AT[:1]).tolist() == MODEL.raw(center, AT[:1]).tolist()


def test_a_row_scores_the_same_alone_and_among_others():
    together, share = MODEL.surprise(ROWS, AT)
    for i in range(20):
        alone = MODEL.surprise(ROWS[i : i + 1], AT[i : i + 1])
        assert (alone[0].tolist(), alone[1].tolist()) == ([together[i]], [share[i].tolist()])


def test_the_features_parts_sum_to_one():
    _, share = MODEL.surprise(ROWS, AT)
    assert (share >= 0).all()
    np.testing.assert_allclose(share.sum(axis=1), 1.0)


def test_each_channel_is_more_surprised_the_further_a_row_is_from_normal():
    further = MODEL.raw(np.array([[5.0, 100.0], [7.5, 100.0], [9.5, 140.0]]), AT[:3])
    assert (np.diff(further, axis=0) > 0).all()


def test_a_calibration_gives_the_share_of_normal_rows_that_score_higher():
    raw = np.random.default_rng(1).exponential(0.02, 20_000) + 0.4
    surprise = Calibration.fit(raw).surprise_of(np.quantile(raw, [0.5, 0.9, 0.99, 0.999]))
    np.testing.assert_allclose(surprise, -np.log([0.5, 0.1, 0.01, 0.001]), rtol=0.02)


def test_a_calibration_goes_on_beyond_the_highest_score_seen():
    raw = np.random.default_rng(1).exponential(0.02, 5_000) + 0.4
    beyond = Calibration.fit(raw).surprise_of(np.array([0.4 + 0.02 * 12]))[0]
    assert 9 < beyond < 16


def test_a_calibration_needs_rows():
    with pytest.raises(ValueError, match="at least 20"):
        Calibration.fit(np.ones(19))
