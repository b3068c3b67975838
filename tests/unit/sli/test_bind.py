"""Binding new series only gives what binding all of them anew does."""

from __future__ import annotations

import numpy as np

from models.fold_state import new_state
from models.series import EntityRule
from models.sli.binding import LabelMatcher, MatchOp, Role, SloBinding, ThresholdOp
from models.sli.counts import bind, bind_new
from models.state.tables import State

RULE = EntityRule(("service",), ("instance",), "host")
SLOS = (
    SloBinding(1, "a", (), Role.THRESHOLD, ThresholdOp.LT, 5.0),
    SloBinding(2, "a", (LabelMatcher("service", MatchOp.EQUAL, "s"),), Role.TOTAL, counter=True),
    SloBinding(3, "b", (), Role.GOOD),
)
TEXTS = ['a{service="s"}', "c{}", 'b{service="t"}', 'a{service="t"}', 'a{k="1",service="s"}', "d{}"]


def added(state: State, texts: list[str]) -> int:
    return state.add_all(texts, [RULE.identify(text) for text in texts])


def test_new_series_are_bound_as_if_all_were_bound_anew() -> None:
    state = new_state(RULE)
    added(state, TEXTS[:2])
    bound = bind(state, SLOS)
    for new in (TEXTS[2:3], TEXTS[3:], ["e{}"]):
        bound = bind_new(added(state, new), state, SLOS, bound)
    rows = state.series[: len(state.identities)].copy()
    anew = bind(state, SLOS)
    for column, expected in zip(bound, anew, strict=True):
        np.testing.assert_array_equal(column, expected)
    for name in ("sli_first_binding", "sli_n_bindings"):
        np.testing.assert_array_equal(rows[name], state.series[name][: len(rows)])
    assert rows["sli_n_bindings"].tolist() == [2, 0, 1, 1, 2, 0, 0]
