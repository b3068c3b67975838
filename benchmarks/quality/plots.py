"""A picture per stream: values with the expected band, the score, what was labelled."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.quality.corpus import Stream
from benchmarks.quality.product import Played

mpl.use("agg")

MOST_METRICS = 3
"""Panels of metrics of an entity: those that were most often the first cause in anomalous rows."""

SHOWN_SCORE = 5.0
"""Scores are cut off here, so that the threshold stays visible."""


def plot(stream: Stream, played: Played, folder: Path) -> Path:
    """Write the picture of a stream into `folder`; its path."""
    panels = _panels(stream, played)
    figure = Figure(figsize=(14, 2.2 * (len(panels) + 1)), layout="constrained")
    axes = figure.subplots(len(panels) + 1, 1, sharex=True, squeeze=False)[:, 0]
    for axis, number in zip(axes, panels, strict=False):
        _draw_metric(axis, stream, played, number)
    score = axes[-1]
    score.plot(_times(played.time_ns), np.minimum(played.score, SHOWN_SCORE), linewidth=0.6, color="tab:purple")
    score.axhline(1.0, linewidth=0.8, color="black")
    score.set_ylabel("score")
    for axis in axes:
        for window in stream.windows:
            axis.axvspan(*_times(np.array([window.start_ns, window.end_ns])), color="tab:red", alpha=0.2, linewidth=0)
        axis.axvline(_times(stream.time_ns[stream.judged])[0], linewidth=0.8, color="grey", linestyle=":")
        axis.margins(x=0)
    figure.suptitle(
        f"{stream.data_set.value}/{stream.entity} ({stream.part.value}); red: labelled; dotted: judged from here"
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stream.data_set.value}-{stream.entity}.png"
    figure.savefig(path, dpi=80)
    return path


def _panels(stream: Stream, played: Played) -> list[int]:
    if stream.values.shape[1] == 1:
        return [0]
    causes = [cause for cause, score in zip(played.cause, played.score, strict=True) if score > 1.0]
    names, counts = np.unique(np.array(causes or played.cause), return_counts=True)
    often = [str(name) for name in names[np.argsort(-counts)]]
    return [stream.metrics.index(name) for name in often if name in stream.metrics][:MOST_METRICS]


def _draw_metric(axis: Axes, stream: Stream, played: Played, number: int) -> None:
    name = stream.metrics[number]
    axis.plot(_times(stream.time_ns), stream.values[:, number], linewidth=0.6, color="tab:blue")
    mine = np.array([cause == name for cause in played.cause])
    # a band is told for a row's first cause only; where another metric was it, there is a gap
    low, high = np.where(mine, played.low, np.nan), np.where(mine, played.high, np.nan)
    axis.fill_between(_times(played.time_ns), low, high, color="tab:blue", alpha=0.2, linewidth=0)
    shown = stream.values[:, number][np.isfinite(stream.values[:, number])]
    room = 0.1 * (shown.max() - shown.min()) + 1e-9
    axis.set_ylim(shown.min() - room, shown.max() + room)
    axis.set_ylabel(name)


def _times(time_ns: NDArray[np.int64]) -> NDArray[np.datetime64]:
    return time_ns.astype("datetime64[ns]")
