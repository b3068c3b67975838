"""What a scrape sees, also while a fold takes its time."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from agents.watch.metrics import LatestScoresCollector
from agents.watch.partition_state import PartitionState
from models.pipeline.config import PipelineConfig
from models.pipeline.pipeline import Pipeline
from models.records import SampleColumns
from models.series import EntityRule

CONFIG = PipelineConfig(EntityRule(("service",), ("instance",), "host"))
SECOND_NS = 10**9


def partition(number: int, service: str) -> PartitionState:
    state = PartitionState(number, Pipeline(CONFIG), position=0, stored=None, start=None)
    n = 20
    columns = SampleColumns(
        [f'm{{service="{service}"}}'], np.zeros(n, np.int32), np.arange(n) * SECOND_NS, np.arange(n, dtype=float)
    )
    state.pipeline.fold(columns)
    return state


@pytest.fixture
def states() -> list[PartitionState]:
    return [partition(0, "a"), partition(1, "b")]


@pytest.fixture
def registry(states: list[PartitionState]) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(LatestScoresCollector(lambda: states))
    return registry


def test_a_scrape_shows_every_partition(registry: CollectorRegistry) -> None:
    assert registry.get_sample_value("tidewatch_entities") == 2
    assert registry.get_sample_value("tidewatch_value", {"service": "a", "entity": "a"}) is not None
    assert registry.get_sample_value("tidewatch_value", {"service": "b", "entity": "b"}) is not None


def test_a_scrape_answers_within_a_second_while_a_fold_goes_on_and_shows_what_was_seen_last(
    registry: CollectorRegistry, states: list[PartitionState]
) -> None:
    before = generate_latest(registry)
    with held(states[0].lock):
        started_s = time.monotonic()
        during = generate_latest(registry)
        assert time.monotonic() - started_s < 1.0
    assert during == before


def test_a_partition_that_no_scrape_has_seen_is_left_out_while_it_is_folded(
    registry: CollectorRegistry, states: list[PartitionState]
) -> None:
    with held(states[0].lock):
        assert registry.get_sample_value("tidewatch_entities") == 1
    assert registry.get_sample_value("tidewatch_entities") == 2


class held:
    """A lock in the hands of another thread, as a fold has it."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock, self._taken, self._done = lock, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def _hold(self) -> None:
        with self._lock:
            self._taken.set()
            self._done.wait(10)

    def __enter__(self) -> None:
        self._thread.start()
        self._taken.wait(10)

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(10)
