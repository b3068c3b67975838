"""Every situation with its first seed; `make ordinary` plays five of each."""

from __future__ import annotations

import pytest

from tests.ordinary.judge import judge
from tests.ordinary.known import load_known
from tests.ordinary.play import play
from tests.ordinary.table.all import SITUATIONS
from tests.ordinary.weeks import Situation

SEED = 1

KNOWN = load_known()


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_on_call_is_told_what_they_expect_and_nothing_else(situation: Situation) -> None:
    w = situation.weeks(SEED)
    complaints = [f"{c.about}: {c.text}" for c in judge(w, play(w))]
    if SEED in KNOWN.get(situation.name, {}):
        assert complaints, "this run passes now: take it off known_failures.toml"
    else:
        assert complaints == []


def test_the_list_of_known_failures_names_situations_that_exist() -> None:
    assert set(KNOWN) <= {situation.name for situation in SITUATIONS}


def test_a_story_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    def values(seed: int) -> list[float]:
        return next(iter(SITUATIONS[0].weeks(seed).feeds[0].metrics.values())).value.tolist()

    assert values(1) == values(1)
    assert (
        SITUATIONS[4].weeks(1).feeds[0].metrics["p95_ms"].value[0]
        != SITUATIONS[4].weeks(2).feeds[0].metrics["p95_ms"].value[0]
    )
