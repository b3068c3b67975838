"""What every detector for one series keeps to, whether the fold uses it or not."""

import numpy as np
import pytest

from models.detectors.catalogue import CHANNELS
from tests.contract.test_detectors import STREAMS
from tests.unit.streams import SECOND_NS, START_NS

MINUTE_NS = 60 * SECOND_NS
N = 3000
TICKS = START_NS + MINUTE_NS * np.arange(N)

channels = pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)


def _values(seed: int = 0) -> np.ndarray:
    """Three series, a fault in the first."""
    values = np.random.default_rng(seed).normal(10, 1, (N, 3))
    values[2500:2560, 0] += 12
    return values


@channels
@pytest.mark.parametrize("name", STREAMS)
def test_finite_values_give_finite_nats_from_zero_up(channel, name):
    values = np.tile(STREAMS[name], 5)[:, None]
    nats = channel.play(channel.fresh(1), values, TICKS[: len(values)])
    assert np.isfinite(nats).all()
    assert (nats >= 0).all()


@channels
@pytest.mark.parametrize("level", [0.0, 7.0, -1e12])
def test_a_constant_is_never_odd(channel, level):
    assert channel.play(channel.fresh(1), np.full((N, 1), level), TICKS).max() == 0


@channels
def test_one_value_is_not_odd(channel):
    assert channel.play(channel.fresh(1), np.ones((1, 1)), TICKS[:1]).tolist() == [[0.0]]


@channels
def test_what_follows_does_not_change_a_prefix(channel):
    whole = channel.play(channel.fresh(3), _values(), TICKS)
    part = channel.play(channel.fresh(3), _values()[:2530], TICKS[:2530])
    assert part.tolist() == whole[:2530].tolist()


@channels
@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_batches_score_as_the_whole(channel, batch):
    values, table = _values(), channel.fresh(3)
    found = [
        channel.play(table, values[start : start + batch], TICKS[start : start + batch]) for start in range(0, N, batch)
    ]
    assert np.concatenate(found).tolist() == channel.play(channel.fresh(3), values, TICKS).tolist()


@channels
def test_series_do_not_know_of_one_another(channel):
    values = _values()
    whole = channel.play(channel.fresh(3), values, TICKS)
    order = [2, 0, 1]
    assert channel.play(channel.fresh(3), values[:, order], TICKS).tolist() == whole[:, order].tolist()
    assert channel.play(channel.fresh(1), values[:, :1], TICKS).tolist() == whole[:, :1].tolist()


@channels
def test_a_snapshot_goes_on_where_it_was_taken(channel):
    values, table = _values(), channel.fresh(3)
    channel.play(table, values[:2530], TICKS[:2530])
    restored = np.frombuffer(table.tobytes(), channel.state).copy()
    rest = values[2530:], TICKS[2530:]
    assert channel.play(restored, *rest).tolist() == channel.play(table, *rest).tolist()


@channels
def test_missing_values_are_not_learnt_as_values(channel):
    values = _values()[:, :1]
    gaps = np.insert(values, range(500, 1500), np.nan, axis=0)
    ticks = np.insert(TICKS, range(500, 1500), TICKS[500:1500])
    there = np.isfinite(gaps[:, 0])
    found = channel.play(channel.fresh(1), gaps, ticks)[there][2500:2510]
    assert np.isfinite(found).all()
    if channel.name != "residual":  # where silence is evidence of its own, regularity is learnt from it
        assert found.tolist() == channel.play(channel.fresh(1), values, TICKS)[2500:2510].tolist()


@channels
def test_a_state_is_no_larger_than_two_kilobytes(channel):
    assert channel.state.itemsize <= 2048


@channels
def test_a_million_values_are_survived(channel):
    values = np.random.default_rng(3).normal(0, 1, (1_000_000, 1))
    ticks = START_NS + MINUTE_NS * np.arange(1_000_000)
    nats = channel.play(channel.fresh(1), values, ticks)
    assert np.isfinite(nats).all()
    # ordinary noise stays ordinary, however long it goes on
    assert np.quantile(nats[500_000:], 0.99) < 9


@channels
def test_what_a_channel_is_for_stands_out(channel):
    rng = np.random.default_rng(5)
    hour = (TICKS // (60 * MINUTE_NS)) % 24
    # a day's peak at night: a value seen every day, at the wrong hour
    at_night = 100.0 * (hour >= 12) * (np.arange(N) < 2690) + 50.0 * (np.arange(N) >= 2690) + rng.normal(0, 1, N)
    values = {
        "residual": np.where(np.arange(N) == 2700, 30.0, rng.normal(10, 1, N)),
        "novelty": np.where(np.arange(N) == 2700, 30.0, rng.normal(10, 1, N)),
        "daily": at_night,
        "seasonal": at_night,
        "level-shift": rng.normal(10, 1, N) + 1.5 * (np.arange(N) >= 2690),
        "variance-change": rng.normal(10, np.where(np.arange(N) >= 2690, 3.0, 1.0), N),
    }[channel.name]
    nats = channel.play(channel.fresh(1), values[:, None], TICKS)[:, 0]
    assert nats[2690:2720].max() > nats[1500:2690].max()
