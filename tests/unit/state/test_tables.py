"""Series, entities and services by number, with room to grow."""

import numpy as np
import pytest

from models.errors import Rejected
from models.fold_state import new_state
from models.series import EntityRule
from models.state.metric_kinds import is_counter
from models.state.metric_rules import Direction, MetricRule
from models.state.tables import LONG_AGO

RULE = EntityRule(("service",), ("instance",), "host")


def series(metric, instance="a", service="shop"):
    return f'{metric}{{instance="{instance}",service="{service}"}}'


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("requests_total", True),
        ("latency_seconds_count", True),
        ("latency_seconds_sum", True),
        ("latency_seconds_bucket", True),
        ("total", False),
        ("latency_ms", False),
    ],
)
def test_a_metric_is_cumulative_by_its_name(metric, expected):
    assert is_counter(metric) is expected


def test_numbers_are_given_in_order_of_appearance_and_kept():
    state = new_state(RULE)
    names = [series("m"), series("m", "b"), series("m", "a", "pay"), series("m")]
    assert [state.register(name) for name in names] == [0, 1, 2, 0]
    assert state.services == ["shop", "pay"]
    assert [name.entity for name in state.entity_names] == ["shop/a", "shop/b", "pay/a"]
    assert state.series["link_entity"][:3].tolist() == [0, 1, 2]
    assert state.entities["link_service"][:3].tolist() == [0, 0, 1]


def test_a_text_that_is_no_series_is_rejected_and_takes_no_number():
    state = new_state(RULE)
    with pytest.raises(Rejected):
        state.register("not a series")
    assert state.register(series("m")) == 0


def test_tables_grow_and_keep_what_they_hold():
    state = new_state(RULE)
    for number in range(200):  # more than the first tables have room for
        assert state.register(series("m", f"i-{number}")) == number
        state.series["residual_n"][number] = state.entities["threshold_n"][number] = number
    assert state.tables.series["residual_n"][:200].tolist() == list(range(200))
    assert state.tables.entities["threshold_n"].tolist() == list(range(200)), "entities end with the last known one"


def test_a_new_series_has_heard_nothing():
    state = new_state(RULE)
    state.register(series("m"))
    one, entity = state.series[0], state.entities[0]
    assert np.isnan(one["tick_slot_value"]).all()
    assert np.isnan([one["tick_counter_value"]]).all()
    assert (one["link_column"], one["rule_is_counter"], entity["tick_newest_ns"], entity["tick_closed_key_ns"]) == (
        -1,
        0,
        LONG_AGO,
        LONG_AGO,
    )


def test_series_of_an_entity_are_linked_by_name_whoever_came_first():
    state = new_state(RULE)
    for metric in ("queue", "cpu", "latency_ms"):
        state.register(series(metric))
    found, member = [], int(state.entities["link_first"][0])
    while member >= 0:
        found.append(state.features[member])
        member = int(state.series["link_next"][member])
    assert found == ["cpu", "latency_ms", "queue"]
    assert state.entities["link_n_series"][0] == 3


def test_columns_are_those_of_the_service_s_model():
    state = new_state(RULE)
    for name in (series("queue"), series("cpu"), series("cpu", "b"), series("cpu", "a", "pay")):
        state.register(name)
    state.assign_columns(state.service("shop"), ["cpu", "latency_ms"])
    assert state.series["link_column"][:4].tolist() == [-1, 0, 0, -1]


def test_the_first_rule_that_names_a_metric_counts_for_its_series():
    state = new_state(RULE, (MetricRule("latency_*", Direction.UP, 5.0, 0.1), MetricRule("*", Direction.DOWN)))
    for metric in ("latency_ms", "cpu"):
        state.register(series(metric))
    fields = ("rule_direction", "rule_least_effect", "rule_least_effect_ratio")
    assert [tuple(state.series[name][k].item() for name in fields) for k in (0, 1)] == [(1, 5.0, 0.1), (-1, 0.0, 0.0)]


def test_labels_that_an_entity_s_series_share_are_kept_once():
    state = new_state(RULE)
    for metric in ("cpu", "latency_ms"):
        state.register(series(metric))
    assert state.identities[0].labels is state.identities[1].labels


def test_a_service_has_the_threshold_that_the_rate_asks_for():
    state = new_state(RULE)
    assert [state.service(name) for name in ("shop", "pay", "shop")] == [0, 1, 0]
    assert state.thresholds.tolist() == [1.0, 1.0]
