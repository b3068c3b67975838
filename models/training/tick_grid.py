"""A history that is a grid, every series with a value in every tick, as the table that placing its samples would give.

Most recorded histories are one, and then there is nothing to decide about a sample: placing them one by one was a sixth
of a training. Whether the two give the same is held by `tests/property/training/test_tick_grid.py`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.records import SampleColumns
from models.state.tables import State
from models.ticks.assembly import GAPS

HEAD_TICKS: Final = GAPS + 4
"""Ticks that are placed in any case: after them an entity's interval is known."""


def grid_ticks(samples: SampleColumns) -> NDArray[np.int64] | None:
    """Event times `(n_ticks,)` of a history that may be a grid: every series once a tick, in the same order, all of a
    tick at the same time; None for any other."""
    width = len(samples.series_ids)
    if width == 0 or len(samples) < HEAD_TICKS * width or len(samples) % width:
        return None
    order, times = samples.series.reshape(-1, width), samples.event_time_ns.reshape(-1, width)
    if len(np.unique(order[0])) < width or (order != order[0]).any() or (times != times[:, :1]).any():
        return None
    tick_ns = times[:, 0].copy()
    return tick_ns if (np.diff(tick_ns) > 0).all() and np.isfinite(samples.values).all() else None


def keeps_its_ticks(tick_ns: NDArray[np.int64], state: State) -> bool:
    """Whether placing would leave these ticks as they are, given the state after `HEAD_TICKS` of them: no series is a
    counter, and every tick lies where its entity's interval expects one."""
    interval_ns = state.entities["tick_interval_ns"][: len(state.entity_names)]
    if (interval_ns <= 0).any() or state.series["rule_is_counter"][: len(state.identities)].any():
        return False
    return all(not ((tick_ns - tick_ns[0]) % interval).any() for interval in np.unique(interval_ns).tolist())


def grid_rows(
    samples: SampleColumns, tick_ns: NDArray[np.int64], state: State, column: NDArray[np.int64], n_features: int
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int64]]:
    """The grid's values `(n_ticks * n_entities, n_features)`, ordered by tick and then by entity, NaN for a feature
    that the entity does not have; with each row's entity and tick.

    Args:
        column: int64 `(n_series,)`, the feature that each series of the state is.
    """
    n_entities = len(state.entity_names)
    x = np.full((len(tick_ns), n_entities, n_features), np.nan)
    order = samples.series[: len(samples.series_ids)]
    x[:, state.series["link_entity"][order], column[order]] = samples.values.reshape(len(tick_ns), -1)
    entity = np.tile(np.arange(n_entities, dtype=np.int32), len(tick_ns))
    return x.reshape(-1, n_features), entity, np.repeat(tick_ns, n_entities)
