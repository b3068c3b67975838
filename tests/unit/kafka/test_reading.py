"""What a consumer waits for, from joining its group to the fetches that follow."""

from __future__ import annotations

from faust.types import TP

from agents.kafka.reading import SILENT_AFTER_S, Reading

ONE, TWO = TP("samples", 1), TP("samples", 2)


def reading(*, fetches: bool = True) -> Reading:
    """A consumer that has joined at second 0."""
    joined = Reading()
    joined.joined(0.0)
    if fetches:
        joined.fetches()
    return joined


def test_nothing_is_read_before_the_group_has_given_partitions_and_nobody_asks_for_them() -> None:
    def assigned() -> list[TP]:
        raise AssertionError("the consumer is not there yet")

    assert Reading().waits_for(assigned, [], 0.0) == ["partitions"]


def test_a_partition_without_a_position_is_named() -> None:
    assert reading().waits_for(lambda: [ONE, TWO], [TWO], 0.0) == ["samples:1"]


def test_it_reads_once_all_partitions_have_a_position_and_the_broker_is_asked() -> None:
    assert reading(fetches=False).waits_for(lambda: [ONE], [ONE], 0.0) == ["first-fetch"]
    assert reading().waits_for(lambda: [ONE], [ONE], 0.0) == []


def test_who_has_no_partition_waits_for_nothing_however_long() -> None:
    assert reading(fetches=False).waits_for(list, [], 1000.0) == []


def test_a_broker_that_no_longer_answers_is_named_until_it_does() -> None:
    silent = reading()
    assert silent.waits_for(lambda: [ONE], [ONE], SILENT_AFTER_S) == []
    assert silent.waits_for(lambda: [ONE], [ONE], SILENT_AFTER_S + 1) == ["kafka"]
    silent.heard(SILENT_AFTER_S)
    assert silent.waits_for(lambda: [ONE], [ONE], SILENT_AFTER_S + 1) == []


def test_a_rebalance_begins_anew() -> None:
    rebalanced = reading()
    rebalanced.left()
    assert rebalanced.waits_for(lambda: [ONE], [ONE], 0.0) == ["partitions"]
    rebalanced.joined(0.0)
    assert rebalanced.waits_for(lambda: [ONE], [ONE], 0.0) == ["first-fetch"]
