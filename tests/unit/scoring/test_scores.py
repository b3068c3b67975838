"""Room for results, and some rows of them."""

import numpy as np

from models.scoring.scores import TOP, empty_scores, selected_scores


def test_room_says_nothing_yet():
    scores = empty_scores(3, 5)
    assert (scores.score.tolist(), scores.cause.tolist()) == ([0.0] * 3, [[-1] * TOP] * 3)
    assert np.isnan(scores.value).all()
    assert (len(scores.departure), np.isnan(scores.drift).all()) == (5, True)


def test_some_rows_keep_all_cells():
    some = selected_scores(empty_scores(3, 5), np.array([2]))
    assert (len(some.score), len(some.onset_score), len(some.departure)) == (1, 5, 5)
