"""Streaming tails and the scale of the score."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.detectors.pareto_tail import ParetoTail, learn_tail, tail_surprise, tail_value

positive = st.floats(0.01, 100)


@settings(deadline=None)  # the first call compiles
@given(st.floats(0, 60), positive, positive, st.floats(1, 6), st.floats(0, 300))
def test_the_value_of_a_surprise_has_that_surprise(nats, cut, excess, ratio, beyond):
    tail = ParetoTail(cut, excess, ratio * excess**2, beyond)
    assert math.isclose(tail_surprise(tail_value(nats, tail, 0.05), tail, 0.05), nats, rel_tol=1e-6, abs_tol=1e-9)


def _learnt(values):
    tail = ParetoTail(3.0, 1.0, 2.0, 0.0)
    for n, value in enumerate(values):
        tail = learn_tail(value, tail, 0.05, float(n), 1.0)
    return tail


def test_of_an_exponential_stream_the_tail_knows_the_probabilities_it_has_not_seen():
    values = np.random.default_rng(0).exponential(2.0, 20_000)
    # e^-13 is once in five days at one second
    assert 10 < tail_surprise(26.0, _learnt(values), 0.05) < 14


def test_a_tail_known_from_little_is_more_careful_than_one_known_from_much():
    values = np.random.default_rng(1).exponential(1.0, 20_000)
    assert tail_surprise(12.0, _learnt(values[:60]), 0.05) < tail_surprise(12.0, _learnt(values), 0.05)


def test_one_outlier_in_a_long_history_changes_little():
    values = np.random.default_rng(2).exponential(1.0, 5_000)
    before, after = _learnt(values), _learnt(np.append(values, 1e9))
    assert abs(tail_surprise(12.0, before, 0.05) - tail_surprise(12.0, after, 0.05)) < 1.0
