"""Exactly once, whichever step a worker dies after: every step of the numbered commit order, one by one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pytest

from infra.settings import Settings
from infra.store.slo.definitions import StoredSlo, StoredSlos
from models.names import Topic
from models.slo.openslo.read import parse_openslo
from tests.integration.known_samples import SLO, KnownStream
from tests.integration.watch.dying_workers import (
    PARTITIONS,
    World,
    live_and_die,
    stall_and_come_back,
    stand_in,
    states_of_one_run,
)
from tests.unit.streams import model_for

START_S = 1_800_000_000
EVERY = 45
"""Steps of a worker's life: more than loading a partition and one micro-batch take, so that each life gets on."""

STREAM = KnownStream(75, START_S, n_entities=3, first_entity=5, first_incident=40, incident_every=2)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], World]:
    """Makes worlds in which all samples wait to be taken in, a broken record among them."""
    stand_in(monkeypatch)
    settings = Settings(kafka="none:1", home=tmp_path, topic_prefix="t-", snapshot_every_s=1.0)
    slos = StoredSlos(1, tuple(StoredSlo(number, slo) for number, slo in enumerate(parse_openslo(SLO, "test"))))

    def make() -> World:
        made = World(settings, slos, now_ms=START_S * 1000)
        for number, record in enumerate(STREAM.records):
            made.append(Topic.METRICS, 0, record)
            if number % 50 == 0:
                made.append(Topic.METRICS, 0, b"no JSON")
        return made

    return make


EXPECTED_EPISODES = STREAM.episodes(PARTITIONS)


def assert_exact(world: World) -> None:
    assert_minutes_are_exact(world)
    assert world.episodes == EXPECTED_EPISODES


def assert_minutes_are_exact(world: World) -> None:
    found = {minute: (world.minutes[minute, True], world.minutes[minute, False]) for minute, _ in world.minutes}
    assert found == STREAM.slo_minutes()
    assert sorted(world.outbox) == sorted(set(world.outbox)), "an event was put into the outbox twice"


def assert_repeats_say_the_same(world: World) -> None:
    known: dict[str, object] = {}
    for record in world.records(Topic.SCORES):
        score = orjson.loads(record.value)
        assert known.setdefault(score["id"], score) == score
    assert len(known) >= 3 * 70


@pytest.mark.parametrize("first_death", range(1, EVERY + 1))
async def test_a_worker_that_dies_after_any_step_loses_nothing_and_counts_nothing_twice(
    world: Callable[[], World], first_death: int
) -> None:
    here = world()
    last, deaths = await live_and_die(here, first_death, EVERY, seed=first_death)
    assert deaths >= 3
    assert_exact(here)
    assert_repeats_say_the_same(here)
    assert last.states() == states_of_one_run(here)


@pytest.mark.parametrize("stalls_at", range(1, 240, 5))
async def test_a_worker_that_comes_back_after_it_was_replaced_changes_nothing(
    world: Callable[[], World], stalls_at: int
) -> None:
    here = world()
    await stall_and_come_back(here, stalls_at, seed=stalls_at)
    assert_exact(here)
    assert_repeats_say_the_same(here)


@pytest.mark.parametrize("first_death", range(1, EVERY + 1, 2))
async def test_a_replay_changes_models_where_the_first_run_did(world: Callable[[], World], first_death: int) -> None:
    rows = np.random.default_rng(3).normal((100, 0.5), (5, 0.02), (200, 2))
    here = world()
    here.announced, here.announced_after = model_for(rows, ("latency_ms", "cpu_ratio")), 150
    last, _ = await live_and_die(here, first_death, EVERY, seed=first_death)
    assert_minutes_are_exact(here)
    assert {tuple(state.models) for state in last.watch.partitions.values()} == {("shop",)}
    assert last.states() == states_of_one_run(here)
