"""Waits double up to a limit, and begin anew after a success."""

from __future__ import annotations

from infra.backoff import Backoff


def test_waits_double_up_to_the_longest() -> None:
    waits = Backoff(first_s=0.5, most_s=3.0)
    assert [waits.next_s() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_after_a_success_they_begin_anew() -> None:
    waits = Backoff(first_s=0.5, most_s=3.0)
    for _ in range(4):
        waits.next_s()
    waits.reset()
    assert [waits.next_s(), waits.next_s()] == [0.5, 1.0]
