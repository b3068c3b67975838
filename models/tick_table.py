"""Rows of entity ticks from a history of samples, formed by the fold's own placing."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.counting import bind
from models.placing import close_all, place
from models.records import SampleColumns
from models.rows import Rows, Samples
from models.series import EntityRule
from models.state import State
from models.training_table import TrainingTable

SAMPLES_AT_ONCE: Final = 100_000
"""Bounds the memory of one pass of the placing, which makes room for the most that these could close."""


def tick_table(samples: SampleColumns, service: str, rule: EntityRule, lateness_s: float) -> TrainingTable:
    """The rows of a service's entities, as the fold forms them from the same samples in the same order.

    It is the fold's own placing: duplicates, late samples, resets of counters and the closing of ticks are decided by
    the same code. A history that is ordered by event time has no late samples.

    Raises:
        Rejected: one of the series is not a series.
    """
    state = State(rule)
    first = state.add_all(samples.series_ids, [rule.identify(text) for text in samples.series_ids])
    numbers = np.arange(first, first + len(samples.series_ids), dtype=np.int32)
    bindings, lateness_ns = bind(state, ()), int(lateness_s * 1e9)
    parts: list[Rows] = []
    for start in range(0, len(samples), SAMPLES_AT_ONCE):
        end = start + SAMPLES_AT_ONCE
        piece = Samples(numbers[samples.series[start:end]], samples.event_time_ns[start:end], samples.values[start:end])
        parts += [_copy(placed.rows) for placed in place(state, bindings, piece, lateness_ns)]
    parts.append(close_all(state))
    return _from_rows(state, service, parts)


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


def _from_rows(state: State, service: str, parts: list[Rows]) -> TrainingTable:
    entities = tuple(name.entity for name in state.entity_names)
    mine = np.array([name.service == service for name in state.entity_names], dtype=bool)
    members = [n for n, identity in enumerate(state.identities) if identity.service == service]
    features = tuple(sorted({state.identities[n].feature for n in members}))
    position = {name: index for index, name in enumerate(features)}
    column = np.array([position.get(identity.feature, 0) for identity in state.identities], dtype=np.int64)
    entity = np.concatenate([part.entity for part in parts])
    tick_ns = np.concatenate([part.tick_ns for part in parts])
    x = np.full((len(entity), len(features)), np.nan)
    first = 0
    for part in parts:
        row = first + np.repeat(np.arange(len(part.entity)), np.diff(part.start))
        inside = mine[entity[row]]
        x[row[inside], column[part.series[inside]]] = part.value[inside]
        first += len(part.entity)
    order = np.lexsort((entity, tick_ns))
    order = order[(mine[entity[order]] if len(mine) else np.zeros(0, bool)) & np.isfinite(x[order]).any(axis=1)]
    known = state.entities["interval_ns"][: len(entities)][mine]
    interval_s = float(np.median(known[known > 0])) / 1e9 if (known > 0).any() else 1.0
    return TrainingTable(features, entities, x[order], entity[order], tick_ns[order], interval_s)
