"""The scalar rules of the score: which side of 1, what is held, and what a departure adds."""

import pytest

from models.scoring import fusion


@pytest.mark.parametrize(
    ("severity", "alarm", "expected"),
    [
        pytest.param(0.5, False, 0.49, id="a calm row is its severity, a little less"),
        pytest.param(2.0, False, 0.99, id="severe in general, but not for its entity: below 1"),
        pytest.param(1e9, False, 1.0, id="however severe: no farther than 1"),
        pytest.param(0.5, True, 1.0005, id="an alarm of its entity that is not severe in general: above 1"),
        pytest.param(3.0, True, 3.0, id="an alarm that is severe is its severity"),
    ],
)
def test_a_score_is_severity_on_the_side_of_one_that_the_threshold_says(severity, alarm, expected):
    assert fusion.onset_score(severity, alarm) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("nats", "own", "expected"),
    [
        pytest.param(0.0, 18.0, 0.0, id="nothing"),
        pytest.param(3.375, 18.0, 0.375, id="a half of what holds an alarm"),
        pytest.param(6.75, 18.0, 0.75, id="three quarters of what is asked in general holds an alarm"),
        pytest.param(12.375, 18.0, 0.875, id="halfway from there to the entity's own threshold"),
        pytest.param(18.0, 18.0, 1.0, id="the entity's own threshold"),
        pytest.param(36.0, 18.0, 2.0, id="twice that"),
        pytest.param(4.5, 6.0, 0.75, id="a threshold below what is asked"),
    ],
)
def test_a_row_as_a_whole_scores_on_straight_lines_to_its_own_threshold(nats, own, expected):
    assert fusion.model_score(nats, 9.0, own, 0.75) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        pytest.param(0.0, 0.0, id="not odd at all"),
        pytest.param(9.0, 0.35, id="half of the evidence that holds an episode"),
        pytest.param(18.0, 0.7, id="as much as holds one"),
        pytest.param(36.0, 0.725, id="twice as much"),
        pytest.param(1e9, 0.75, id="all there is stays below the threshold"),
    ],
)
def test_what_is_odd_without_news_ranks_below_the_threshold(odd, expected):
    assert fusion.held_score(odd, 0.7) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("score", "departed", "is_open", "expected"),
    [
        pytest.param(0.2, 0.9, False, 0.2, id="less than an alarm, and nothing to hold"),
        pytest.param(0.2, 0.9, True, 0.7 + 0.28 * 0.262, id="less than an alarm holds an episode that is open"),
        pytest.param(0.2, 9.0, True, 0.98, id="far more holds one and is no alarm anew"),
        pytest.param(0.2, 0.6, True, 0.2, id="less than what holds one"),
        pytest.param(0.2, 1.4, False, 1.4, id="an alarm"),
        pytest.param(2.0, 1.4, False, 2.0, id="an alarm, and a larger one beside it"),
        pytest.param(0.2, 99.0, False, 5.0, id="farther than far is no worse"),
    ],
)
def test_a_departure_is_an_alarm_from_one_and_holds_from_less(score, departed, is_open, expected):
    assert fusion.with_departure(score, departed, is_open, 0.7) == pytest.approx(expected)
