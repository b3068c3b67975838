"""Tidewatch's detectors for one series, each alone: the largest surprise of a row's metrics."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.corpus import Stream
from models.detectors.catalogue import Channel


def score(channel: Channel, stream: Stream) -> NDArray[np.float64]:
    """Nats `(n,)`; what follows of an episode is not suppressed."""
    table = channel.fresh(stream.values.shape[1])
    return np.asarray(channel.play(table, stream.values, stream.time_ns).max(axis=1))
