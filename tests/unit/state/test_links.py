"""Series of an entity are linked in order of feature, whatever order they come in, and cost the same however many."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.fold_state import new_state
from models.series import EntityRule, format_series
from models.state.tables import State

RULE = EntityRule(("service",), ("instance",), "host")


def chain(state: State, entity: int) -> list[int]:
    """Numbers of an entity's series as the compiled loops walk them."""
    numbers, here = [], int(state.entities["link_first"][entity])
    while here >= 0:
        numbers.append(here)
        here = int(state.series["link_next"][here])
    return numbers


def add(state: State, names: list[tuple[str, str]]) -> None:
    texts = [format_series("m", {"instance": instance, "k": key}) for instance, key in names]
    fresh = [text for text in dict.fromkeys(texts) if text not in state.series_number]
    state.add_all(fresh, [RULE.identify(text) for text in fresh])


names = st.lists(st.tuples(st.sampled_from("xyz"), st.text("ab", min_size=1, max_size=4)), max_size=30)


@given(st.lists(names, max_size=5))
def test_every_entitys_series_are_linked_in_order_of_feature(batches: list[list[tuple[str, str]]]) -> None:
    state = new_state(RULE)
    for batch in batches:
        add(state, batch)
    for name, entity in state.entity_number.items():
        mine = [number for number, identity in enumerate(state.identities) if identity.entity == name]
        assert chain(state, entity) == sorted(mine, key=lambda number: state.features[number])
        assert state.entities["link_n_series"][entity] == len(mine)


def test_series_of_one_feature_stand_newest_first_as_they_always_did() -> None:
    rule = EntityRule(("service", "job"), (), "host")
    state = new_state(rule)
    for text in ('m{service="s"}', 'm{job="s"}'):
        state.add(text, rule.identify(text))
    assert chain(state, 0) == [1, 0]


@pytest.mark.parametrize("order", [1, -1, 7919], ids=["rising", "falling", "mixed"])
def test_a_new_series_costs_microseconds_however_many_there_are(order: int) -> None:
    """8,000 of one entity took 2.3 s here, and each of the next 8,000 three times as much."""
    state, n = new_state(RULE), 8_000
    spent_s = []
    for start in (0, n):
        keys = [f"{start + order * k % n:06}" for k in range(n)]
        texts = [f'm{{instance="i",k="{key}"}}' for key in keys]
        identities = [RULE.identify(text) for text in texts]
        began_s = time.process_time()
        state.add_all(texts, identities)
        spent_s.append(time.process_time() - began_s)
    assert min(spent_s) < 0.1
    assert len(chain(state, 0)) == 2 * n
