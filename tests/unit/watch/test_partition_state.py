"""How far one stretch of a replay goes."""

from __future__ import annotations

from collections import deque

import pytest

from agents.watch.partition_state import PartitionState
from infra.store.progress import ModelSwap, ThresholdChange
from tests.unit.streams import make

SWAP, CHANGE = ModelSwap(7, "shop", "1", "", ""), ThresholdChange(6, "shop", 1.1)


@pytest.mark.parametrize(
    ("swaps", "thresholds", "end"),
    [
        pytest.param([], [], 10, id="to the end where nothing changed"),
        pytest.param([SWAP], [], 7, id="to a change of the model"),
        pytest.param([], [CHANGE], 6, id="to a change of the threshold"),
        pytest.param([SWAP], [CHANGE], 6, id="to whichever comes first"),
    ],
)
def test_a_stretch_of_a_replay_goes(swaps: list[ModelSwap], thresholds: list[ThresholdChange], end: int) -> None:
    state = PartitionState(0, make(), 5, 10, 0, swaps=deque(swaps), thresholds=deque(thresholds))
    assert state.replays
    assert state.replay_end() == end
