"""The band that is shown: that of a calm value, and that of what made a row anomalous."""

import numpy as np
import pytest

from models.scoring.explain import fill_bands, fill_causes
from models.scoring.scores import RowQuestion, empty_scores
from models.state.rows import Rows
from tests.unit.streams import SECOND_NS, START_NS, make, noise, series, table

ASKED = RowQuestion(0, 2, 60.0, 1, 9.2, 1.0, 9.9, 11.9)


def _row(value):
    """A row of two series, the first of which has this value, after a past of 10 +- 1."""
    pipeline = make()
    pipeline.fold(table({series(f"m{k}"): noise(600, k) for k in range(2)}, interval_ns=60 * SECOND_NS))
    pipeline.finish()
    rows = Rows(
        np.zeros(1, np.int32),
        np.array([START_NS + 600 * 60 * SECOND_NS]),
        np.array([60 * SECOND_NS]),
        np.array([0, 2]),
        np.arange(2, dtype=np.int32),
        np.array([value, 10.0]),
    )
    return pipeline.state.tables, rows, empty_scores(1, 2)


def test_causes_are_the_series_that_stand_out_most_and_share_the_score():
    _, rows, out = _row(50.0)
    out.score[0], out.departure[:], out.onset_score[:] = 2.0, [1.5, 0.1], [9.0, 1.0]
    fill_causes(rows, 0, np.zeros(2), 0.0, out)
    assert out.cause[0].tolist() == [0, 1, -1]
    assert out.part[0].sum() == pytest.approx(2.0)
    assert out.part[0, 0] > 1.9


@pytest.mark.parametrize(
    ("value", "score"),
    [
        pytest.param(10.0, 0.1, id="a calm value lies inside"),
        pytest.param(50.0, 3.0, id="a departure lies outside"),
        pytest.param(13.5, 1.2, id="so does an onset nearer to what is usual"),
    ],
)
def test_a_value_lies_inside_of_its_band_where_the_row_is_calm_and_outside_where_not(value, score):
    tables, rows, out = _row(value)
    out.score[0], out.cause[0] = score, [0, 1, -1]
    fill_bands(tables, rows, ASKED, 0.7, out)
    low, high = out.lower[0, 0], out.upper[0, 0]
    assert low < out.expected[0, 0] < high
    assert bool(low <= value <= high) is (score < 1.0)
    assert (tables.entities[0]["latest_cause"], tables.entities[0]["latest_upper"]) == (0, high)


def test_only_the_first_cause_of_a_calm_row_has_a_band():
    tables, rows, out = _row(10.0)
    out.score[0], out.cause[0] = 0.1, [0, 1, -1]
    fill_bands(tables, rows, ASKED, 0.7, out)
    assert np.isfinite(out.expected[0]).tolist() == [True, False, False]
