"""What may be committed follows from the batches that were acknowledged, in any order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.stream.offsets import PartitionLedger

lengths = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 50)), min_size=1, max_size=30)
"""(missing offsets before the batch, offsets in it)"""


@settings(deadline=None)  # a busy machine is no mistake
@given(lengths, st.randoms(use_true_random=False), st.integers(0, 1000))
def test_the_commit_is_the_end_of_the_acknowledged_prefix_whatever_the_order(lengths, random, start) -> None:
    ledger = PartitionLedger(start)
    spans, at = [], start
    for gap, length in lengths:
        spans.append(ledger.hand_out(at + gap, at + gap + length - 1))
        at += gap + length
    order = list(spans)
    random.shuffle(order)
    done: set[int] = set()
    for span in order:
        ledger.acknowledge(span)
        done.add(id(span))
        prefix = start
        for candidate in spans:
            if id(candidate) not in done:
                break
            prefix = candidate.last + 1
        assert ledger.committable == prefix
    assert ledger.committable == ledger.position == at


@settings(deadline=None)  # a busy machine is no mistake
@given(lengths)
def test_one_batch_without_acknowledgement_holds_every_later_one_back(lengths) -> None:
    ledger = PartitionLedger(0)
    held = ledger.hand_out(0, 4)
    at = 5
    for gap, length in lengths:
        ledger.acknowledge(ledger.hand_out(at + gap, at + gap + length - 1))
        at += gap + length
        assert ledger.committable == 0
    ledger.acknowledge(held)
    assert ledger.committable == at


def test_acknowledging_twice_changes_nothing() -> None:
    ledger = PartitionLedger(0)
    first, second = ledger.hand_out(0, 4), ledger.hand_out(5, 9)
    ledger.acknowledge(first)
    ledger.acknowledge(first)
    assert ledger.committable == 5
    ledger.acknowledge(second)
    assert ledger.committable == 10


def test_batches_that_go_back_are_a_mistake() -> None:
    ledger = PartitionLedger(10)
    with pytest.raises(ValueError, match="do not follow"):
        ledger.hand_out(9, 12)
    ledger.hand_out(10, 12)
    with pytest.raises(ValueError, match="do not follow"):
        ledger.hand_out(12, 15)
