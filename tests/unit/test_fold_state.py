"""The tables of the fold: every field has one owner and begins with its owner's word."""

import numpy as np
import pytest

from models import fold_state
from models.series import EntityRule
from models.state.tables import LONG_AGO

WORDS = {
    "link",
    "rule",
    "sli",
    "tick",
    "residual",
    "novelty",
    "hour",
    "profile",
    "scatter",
    "schedule",
    "standstill",
    "departure",
    "score",
    "drift",
}
ENTITY_WORDS = {"link", "tick", "threshold", "score", "calibration", "episode", "latest"}


@pytest.mark.parametrize(("layout", "words"), [(fold_state.SERIES, WORDS), (fold_state.ENTITIES, ENTITY_WORDS)])
def test_fields_begin_with_their_owners_word_and_lie_together(layout, words):
    found = [name.split("_")[0] for name in layout.dtype.names]
    assert set(found) == words
    blocks = [word for k, word in enumerate(found) if k == 0 or found[k - 1] != word]
    assert len(blocks) == len(words)


def test_a_new_series_has_seen_nothing():
    state = fold_state.new_state(EntityRule(("service",), ("instance",), "host"))
    number = state.register('requests_total{instance="a",service="shop"}')
    series, entity = state.series[number], state.entities[0]
    assert np.isnan(series["tick_slot_value"]).all()
    assert np.isnan([series["tick_counter_value"], series["drift_ref_level"]]).all()
    assert (series["link_column"], series["link_next"], series["rule_is_counter"]) == (-1, -1, 1)
    assert (entity["link_first"], entity["link_n_series"], entity["latest_cause"]) == (number, 1, -1)
    assert (entity["tick_newest_ns"], entity["tick_closed_key_ns"]) == (LONG_AGO, LONG_AGO)
    assert entity["tick_open_slot"].tolist() == list(range(16))
