"""Rows of entity ticks from a history of samples, formed by the fold's own placing."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.fold_state import new_state
from models.records import SampleColumns
from models.series import EntityRule
from models.sli.counts import bind
from models.state.rows import Rows, Samples
from models.state.tables import State
from models.ticks.assembly import assemble, close_all
from models.timestamps import SECOND_NS
from models.training.table import TrainingTable
from models.training.tick_grid import HEAD_TICKS, grid_rows, grid_ticks, keeps_its_ticks

SAMPLES_AT_ONCE: Final = 100_000
"""Bounds the memory of one pass of the placing, which makes room for the most that these could close."""


def tick_table(samples: SampleColumns, service: str, rule: EntityRule, lateness_s: float) -> TrainingTable:
    """The rows of a service's entities, as the fold forms them from the same samples in the same order.

    It is the fold's own placing: duplicates, late samples, resets of counters and the closing of ticks are decided by
    the same code. A history that is ordered by event time has no late samples. One that is a whole grid is read as such
    (`models/training/tick_grid.py`), which gives the same.

    Raises:
        Rejected: one of the series is not a series.
    """
    state = new_state(rule)
    state.add_all(samples.series_ids, [rule.identify(text) for text in samples.series_ids])
    tick_ns = grid_ticks(samples) if lateness_s > 0 else None
    if tick_ns is not None:
        head = HEAD_TICKS * len(samples.series_ids)
        parts = _placed(state, samples, (0, head), lateness_s)
        if keeps_its_ticks(tick_ns, state):
            return from_grid(state, service, samples, tick_ns)
        parts += _placed(state, samples, (head, len(samples)), lateness_s)
    else:
        parts = _placed(state, samples, (0, len(samples)), lateness_s)
    parts.append(close_all(state))
    return _from_rows(state, service, parts)


def _placed(state: State, samples: SampleColumns, part: tuple[int, int], lateness_s: float) -> list[Rows]:
    """Rows that the samples from the first to the second number close; the state's series are those of the samples."""
    bindings, lateness_ns, parts = bind(state, ()), int(lateness_s * SECOND_NS), list[Rows]()
    for start in range(*part, SAMPLES_AT_ONCE):
        end = min(start + SAMPLES_AT_ONCE, part[1])
        piece = Samples(samples.series[start:end], samples.event_time_ns[start:end], samples.values[start:end])
        parts += [_copy(placed.rows) for placed in assemble(state, bindings, piece, lateness_ns)]
    return parts


def _copy(rows: Rows) -> Rows:
    """The same rows, free of the arrays they are cut from, which are as large as the most that could have closed."""
    return Rows(
        rows.entity.copy(),
        rows.tick_ns.copy(),
        rows.interval_ns.copy(),
        rows.start.copy(),
        rows.series.copy(),
        rows.value.copy(),
    )


class _Frame(NamedTuple):
    """What the table of a service looks like.

    Attributes:
        features: names of the columns. column: int64 `(n_series,)`, column of each series of the service, else any.
        mine: bool `(n_entities,)`, the service's. interval_s: seconds between two ticks of them.
    """

    features: tuple[str, ...]
    column: NDArray[np.int64]
    of_service: NDArray[np.bool_]
    interval_s: float


def _frame(state: State, service: str) -> _Frame:
    of_service = np.array([name.service == service for name in state.entity_names], dtype=bool)
    features = tuple(sorted({identity.feature for identity in state.identities if identity.service == service}))
    position = {name: index for index, name in enumerate(features)}
    column = np.array([position.get(identity.feature, 0) for identity in state.identities], dtype=np.int64)
    known = state.entities["tick_interval_ns"][: len(of_service)][of_service]
    interval_s = float(np.median(known[known > 0])) / SECOND_NS if (known > 0).any() else 1.0
    return _Frame(features, column, of_service, interval_s)


def from_grid(state: State, service: str, samples: SampleColumns, tick_ns: NDArray[np.int64]) -> TrainingTable:
    """The table of samples that lie on a grid of ticks."""
    features, column, of_service, interval_s = _frame(state, service)
    entities = tuple(name.entity for name in state.entity_names)
    if not features:
        return TrainingTable((), entities, np.empty((0, 0)), np.empty(0, np.int32), np.empty(0, np.int64), interval_s)
    x, entity, tick_ns = grid_rows(samples, tick_ns, state, column, len(features))
    table = TrainingTable(features, entities, x, entity, tick_ns, interval_s)
    return table if of_service.all() else table.take(of_service[entity])


def _from_rows(state: State, service: str, parts: list[Rows]) -> TrainingTable:
    features, column, of_service, interval_s = _frame(state, service)
    entity = np.concatenate([part.entity for part in parts])
    tick_ns = np.concatenate([part.tick_ns for part in parts])
    x = np.full((len(entity), len(features)), np.nan)
    first = 0
    for part in parts:
        row = first + np.repeat(np.arange(len(part.entity)), np.diff(part.start))
        inside = of_service[entity[row]]
        x[row[inside], column[part.series[inside]]] = part.value[inside]
        first += len(part.entity)
    order = np.lexsort((entity, tick_ns))
    order = order[
        (of_service[entity[order]] if len(of_service) else np.zeros(0, bool)) & np.isfinite(x[order]).any(axis=1)
    ]
    entities = tuple(name.entity for name in state.entity_names)
    return TrainingTable(features, entities, x[order], entity[order], tick_ns[order], interval_s)
