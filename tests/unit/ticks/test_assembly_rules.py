"""The scalar rules of placing: a sample's fate, what a counter grew by, which interval an entity has."""

import numpy as np
import pytest

from models.fold_state import ENTITIES, SERIES
from models.ticks import assembly
from models.ticks.assembly import ACCEPTED, DUPLICATE, GAPS, LATE, RING

S = 1_000_000_000


def _fresh():
    return SERIES.empty(1)[0], ENTITIES.empty(1)[0]


def _remember(one, entity, second, lateness_s=60):
    fate = assembly._remember(one, entity, second * S, lateness_s * S)
    if fate == ACCEPTED:
        entity["tick_newest_ns"] = max(int(entity["tick_newest_ns"]), second * S)
    return fate


@pytest.mark.parametrize(
    ("seconds", "fates"),
    [
        pytest.param([0, 1, 2], [ACCEPTED] * 3, id="in order"),
        pytest.param([2, 0, 1], [ACCEPTED] * 3, id="out of order, within the lateness"),
        pytest.param([0, 1, 0], [ACCEPTED, ACCEPTED, DUPLICATE], id="a repeat"),
        pytest.param([100, 40, 39], [ACCEPTED, ACCEPTED, LATE], id="sixty seconds are not late, sixty-one are"),
        pytest.param([100, 39, 39], [ACCEPTED, LATE, LATE], id="what is late is not remembered"),
        pytest.param([*range(1, RING + 1), 0], [ACCEPTED] * RING + [LATE], id="older than all that is remembered"),
    ],
)
def test_the_fate_of_a_sample(seconds, fates):
    one, entity = _fresh()
    assert [_remember(one, entity, second) for second in seconds] == fates
    times = one["tick_times_ns"][: int(one["tick_n_times"])].tolist()
    assert times == sorted(set(times)), "remembered in order, each once"


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([(0, 5.0)], (np.nan, np.nan), id="of the first sample nothing is known"),
        pytest.param([(0, 5.0), (10, 25.0)], (20.0, 2.0), id="growth, and by the second"),
        pytest.param([(0, 5.0), (10, 5.0)], (0.0, 0.0), id="no growth"),
        pytest.param([(0, 500.0), (10, 20.0)], (20.0, 2.0), id="a smaller value began again at zero"),
        pytest.param(
            [(0, 5.0), (10, 25.0), (5, 15.0)], (np.nan, np.nan), id="out of order: it is in the growth across"
        ),
    ],
)
def test_what_a_counter_grew_by(samples, expected):
    one, entity = _fresh()
    for second, value in samples:
        _remember(one, entity, second)
        found = assembly._increase(one, second * S, value)
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("spacings_ms", "expected_ms"),
    [
        pytest.param([1000] * GAPS, 1000, id="a second"),
        pytest.param([995, 1005] * (GAPS // 2), 1000, id="a clock that jitters is rounded where that is within 1 %"),
        pytest.param([10_000] * (GAPS - 3) + [70_000] * 3, 10_000, id="gaps do not count"),
        pytest.param([1234] * GAPS, 1234, id="what is not round stays"),
        pytest.param([60_000] * (GAPS - 1), 0, id="not known before sixteen distances"),
    ],
)
def test_the_interval_is_the_median_distance(spacings_ms, expected_ms):
    one, entity = _fresh()
    at_ns = 0
    for spacing in [0, *spacings_ms]:
        at_ns += spacing * 1_000_000
        assert assembly._remember(one, entity, at_ns, 3600 * S) == ACCEPTED
        assembly._learn_interval(one, entity, at_ns)
        entity["tick_newest_ns"] = at_ns
    assert entity["tick_interval_ns"] == expected_ms * 1_000_000


def test_an_entity_is_silent_after_the_lateness_and_ten_intervals():
    _, entity = _fresh()
    entity["tick_heard_ns"], entity["tick_interval_ns"] = 1000 * S, 5 * S
    assert assembly._silent_at(entity, 60 * S) == 1110 * S


def test_whether_a_series_is_waited_for_follows_its_last_ten_rows():
    one, entity = _fresh()
    one["tick_is_awaited"], one["tick_presence_ratio"], entity["tick_n_awaited"] = 1, 1.0, 1
    one["tick_slot_value"][:] = np.nan
    assert [assembly._attend(one, entity, 0) for _ in range(3)] == [False, True, False], "missing twice running"
    assert (int(one["tick_absent_rows"]), int(entity["tick_n_awaited"])) == (3, 0)
    one["tick_slot_value"][0] = 1.0
    back = [assembly._attend(one, entity, 0) for _ in range(20)]
    assert (back.count(True), int(entity["tick_n_awaited"]), int(one["tick_absent_rows"])) == (1, 1, 0)
